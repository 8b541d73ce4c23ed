import type { LatenessReport } from './load/lateness.ts';
import { median, type Quantiles } from './load/quantiles.ts';
import { gatewayUnderLoad, untilEmpty } from './load/setup.ts';
import { bareWheel, ourWheel } from './load/wheels.ts';
import { printRows, type BenchRow } from './row.ts';

const SIZES = [1, 100, 300] as const;
const ROUNDS = 3;
const WARM_MS = 1000;
const MEASURE_MS = 6000;
const WHEEL_MEMBERS = 1000;
const WHEEL_ROUNDS = 5;
const UTTERANCE_MS = 20_000;
/** Most that a caller's 200 ms of lead should ever be asked to cover. */
const GOAL_MS = 10;
const WHEEL_GOAL = 1.5;

/** How punctual agent audio is, through the whole gateway and on the wheel alone, against a bare loop of 1 ms. */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const calls of SIZES) rows.push(await callsRow(calls));
  rows.push(await wheelRow());
  return rows;
}

async function callsRow(calls: number): Promise<BenchRow> {
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS, timesFrames: true });
  const rounds: { ours: LatenessReport; bare: Quantiles }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = await bareWheel(calls, MEASURE_MS / 2);
    await gateway.ask('forgetLateness');
    await phones.ask('call', calls);
    await new Promise((resolve) => setTimeout(resolve, WARM_MS));
    await gateway.ask('beginLateness');
    await phones.ask('measure', MEASURE_MS);
    const ours = await gateway.ask('lateness');
    await phones.ask('end');
    await untilEmpty(gateway);
    // The first round warms up.
    if (round > 0) rounds.push({ ours, bare });
  }
  await close();
  const ours = (of: keyof LatenessReport): number => median(rounds.map((round) => round.ours[of]));
  const bare = median(rounds.map((round) => round.bare.p99));
  const percent = Math.min(...rounds.map((round) => round.ours.percent));
  return {
    name: `pacing through the gateway, ${calls} ${calls === 1 ? 'call' : 'calls'}`,
    goal: `p99 <= ${GOAL_MS} ms, 100.0 % of frames`,
    measured: `p50 ${ms(ours('p50'))}, p99 ${ms(ours('p99'))}, p99.9 ${ms(ours('p999'))} ms; ${percent.toFixed(2)} %`,
    ratio: `p99 ${(ours('p99') / bare).toFixed(1)}x a bare wheel (${ms(bare)} ms)`,
    timing: true,
    ok: ours('p99') <= GOAL_MS && percent > 99.95,
  };
}

async function wheelRow(): Promise<BenchRow> {
  const rounds: { ours: Quantiles; bare: Quantiles }[] = [];
  for (let round = 0; round < WHEEL_ROUNDS; round++) {
    rounds.push({ bare: await bareWheel(WHEEL_MEMBERS, 3000), ours: await ourWheel(WHEEL_MEMBERS, 3000) });
  }
  const ours = (of: keyof Quantiles): number => median(rounds.map((round) => round.ours[of]));
  const ratio = median(rounds.map((round) => round.ours.p99 / round.bare.p99));
  return {
    name: `the wheel alone, ${WHEEL_MEMBERS} members`,
    goal: `p99 <= ${WHEEL_GOAL}x a bare wheel`,
    measured: `p50 ${ms(ours('p50'))}, p99 ${ms(ours('p99'))}, p99.9 ${ms(ours('p999'))} ms`,
    ratio: `${ratio.toFixed(2)}x (bare p99 ${ms(median(rounds.map((round) => round.bare.p99)))} ms)`,
    ok: ratio <= WHEEL_GOAL,
  };
}

function ms(value: number): string {
  return value.toFixed(2);
}

if (import.meta.main) printRows(await run());
