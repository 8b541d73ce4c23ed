/**
 * Test audio whose bytes say where they belong, so that a listener can tell lost, doubled and swapped audio apart to the
 * byte. Every four bytes name their own index, in digits of base 100; only the first has its top bit set:
 *
 *     byte        0          1        2        3
 *               0x80 + a     b        c        d        index = ((a * 100 + b) * 100 + c) * 100 + d
 *
 * All are G.711 codes that survive decoding and encoding in either law (mu-law 0x7F would not), and neither 0xFF nor
 * 0xD5 (silence) can be read as part of a ramp.
 */
const GROUP = 4;
const BASE = 100;

/** `length` bytes of the ramp, from byte `from` on. It is good for 80 million groups: eleven hours of G.711. */
export function ramp(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => rampByte(from + i));
}

/** A stretch of unbroken ramp: `length` bytes at `at` in what was read, which are bytes `from` and on of the ramp. */
export interface RampRun {
  readonly at: number;
  readonly from: number;
  readonly length: number;
}

export interface RampReport {
  /** In the order in which they were heard. One run from 0 with the full length means: nothing happened. */
  readonly runs: readonly RampRun[];
  /** Bytes missing between the lowest and the highest that were heard. */
  readonly lost: number;
  /** Bytes heard again. */
  readonly repeated: number;
  /** Runs that begin before the end of an earlier one. */
  readonly backwards: number;
  /** Bytes that are no ramp: silence, concealment, other sound. */
  readonly foreign: number;
}

/** Reads what a listener heard. Pieces of less than 4 bytes that hold no whole group cannot be told from other sound. */
export function readRamp(bytes: Uint8Array): RampReport {
  const runs: RampRun[] = [];
  let end = 0;
  for (let at = 0; at + GROUP <= bytes.length;) {
    const group = groupAt(bytes, at);
    if (group === undefined) {
      at++;
      continue;
    }
    // Grow from the group both ways: a cut may have left parts of a group at either end.
    let start = at;
    let from = group * GROUP;
    while (start > end && from > 0 && bytes[start - 1] === rampByte(from - 1)) {
      start--;
      from--;
    }
    end = at + GROUP;
    while (end < bytes.length && bytes[end] === rampByte(from + end - start)) end++;
    runs.push({ at: start, from, length: end - start });
    at = end;
  }
  return { runs, ...account(runs), foreign: bytes.length - total(runs) };
}

function rampByte(index: number): number {
  const group = Math.floor(index / GROUP);
  switch (index % GROUP) {
    case 0:
      return 0x80 + Math.floor(group / BASE ** 3);
    case 1:
      return Math.floor(group / BASE ** 2) % BASE;
    case 2:
      return Math.floor(group / BASE) % BASE;
    default:
      return group % BASE;
  }
}

function groupAt(bytes: Uint8Array, at: number): number | undefined {
  const first = (bytes[at] as number) - 0x80;
  const [b, c, d] = [bytes[at + 1] as number, bytes[at + 2] as number, bytes[at + 3] as number];
  // The first digit stays below 0xD5, so that a ramp never contains silence.
  if (first < 0 || first >= 0xd5 - 0x80 || b >= BASE || c >= BASE || d >= BASE) return undefined;
  return ((first * BASE + b) * BASE + c) * BASE + d;
}

function account(runs: readonly RampRun[]): { lost: number; repeated: number; backwards: number } {
  let backwards = 0;
  let highest = 0;
  for (const run of runs) {
    if (run.from < highest) backwards++;
    highest = Math.max(highest, run.from + run.length);
  }
  const sorted = runs.toSorted((a, b) => a.from - b.from);
  let lost = 0;
  let repeated = 0;
  let covered = sorted[0]?.from ?? 0;
  for (const run of sorted) {
    const runEnd = run.from + run.length;
    if (run.from > covered) lost += run.from - covered;
    repeated += Math.max(0, Math.min(covered, runEnd) - run.from);
    covered = Math.max(covered, runEnd);
  }
  return { lost, repeated, backwards };
}

function total(runs: readonly RampRun[]): number {
  return runs.reduce((sum, run) => sum + run.length, 0);
}
