/**
 * Test audio whose bytes say where they belong, so that a listener can tell lost, doubled and swapped audio apart to the
 * byte. Every four bytes name their own index, lowest digit first, each digit in a range of codes of its own:
 *
 *     byte       0            1            2            3
 *            0x80..0xA9   0xAA..0xD3   0x00..0x3E   0x3F..0x7D      index = d0 + 42 * (d1 + 42 * (d2 + 63 * d3))
 *
 * All are G.711 codes that survive decoding and encoding in either law (mu-law 0x7F would not), and neither 0xFF nor
 * 0xD5 (silence) occurs.
 */
const FIRST: readonly number[] = [0x80, 0xaa, 0x00, 0x3f];
const RADIX: readonly number[] = [42, 42, 63, 63];
const GROUP = FIRST.length;

/** `length` bytes of the ramp, from byte `from` on. It repeats after 28,005,264 bytes, 58 minutes of G.711. */
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

/**
 * Reads what a listener heard. Pieces that hold no whole group of 4 bytes cannot be told from other sound. Where a cut
 * lies inside a group and both sides of it agree, it is placed up to 3 bytes off; the counts are exact all the same.
 */
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
    for (let next = group + 1; groupAt(bytes, end) === next; next++) end += GROUP;
    // A whole group that says something else begins the next run, unless it stands alone: then a cut inside a group has
    // joined the head of ours to the tail of another.
    const other = groupAt(bytes, end);
    const afterOther = groupAt(bytes, end + GROUP);
    if (other === undefined || (afterOther !== undefined && afterOther !== other + 1)) {
      while (end < bytes.length && bytes[end] === rampByte(from + end - start)) end++;
    }
    runs.push({ at: start, from, length: end - start });
    at = end;
  }
  return { runs, ...account(runs), foreign: bytes.length - total(runs) };
}

function rampByte(index: number): number {
  const place = index % GROUP;
  let rest = Math.floor(index / GROUP);
  for (let digit = 0; digit < place; digit++) rest = Math.floor(rest / (RADIX[digit] as number));
  return (FIRST[place] as number) + (rest % (RADIX[place] as number));
}

function groupAt(bytes: Uint8Array, at: number): number | undefined {
  if (at + GROUP > bytes.length) return undefined;
  let group = 0;
  for (let place = GROUP - 1; place >= 0; place--) {
    const digit = (bytes[at + place] as number) - (FIRST[place] as number);
    if (digit < 0 || digit >= (RADIX[place] as number)) return undefined;
    group = group * (RADIX[place] as number) + digit;
  }
  return group;
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
