/** One line of the table that `npm run bench` prints. */
export interface BenchRow {
  /** What was measured. */
  readonly name: string;
  /** What it should be, with its unit. */
  readonly goal: string;
  readonly measured: string;
  /** Against the named reference, taken side by side in the same run. */
  readonly ratio?: string;
  /** The goal is in milliseconds of latency: on a machine that is too noisy it is not judged. */
  readonly timing?: true;
  readonly ok: boolean | 'not judged';
}

/** Prints rows of a bench that is run alone, and says by the exit code whether all goals were met. */
export function printRows(rows: readonly BenchRow[]): void {
  for (const { name, goal, measured, ratio, ok } of rows) {
    const verdict = ok === 'not judged' ? 'not judged' : ok ? 'ok' : 'MISSED';
    process.stdout.write(`${name}: ${measured}${ratio ? `, ${ratio}` : ''} (goal ${goal}): ${verdict}\n`);
  }
  if (rows.some(({ ok }) => ok === false)) process.exitCode = 1;
}

/**
 * Nanoseconds per call of each candidate: medians over rounds in which the candidates take turns, so that a busy machine
 * burdens all of them alike and the ratios hold. What a candidate returns is kept, so that no work can be optimised away.
 */
export function sideBySide(candidates: readonly (() => unknown)[], callsPerRound: number, rounds = 9): number[] {
  const times = candidates.map((): number[] => []);
  const kept: unknown[] = [];
  // The first two rounds warm up.
  for (let round = -2; round < rounds; round++) {
    candidates.forEach((run, which) => {
      const start = process.hrtime.bigint();
      for (let call = 0; call < callsPerRound; call++) kept[which] = run();
      if (round >= 0) times[which]?.push(Number(process.hrtime.bigint() - start) / callsPerRound);
    });
  }
  return times.map((all) => all.sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN);
}
