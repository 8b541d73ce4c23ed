import { quantiles, type Quantiles } from './load/quantiles.ts';
import { gatewayUnderLoad, untilEmpty } from './load/setup.ts';
import { printRows, type BenchRow } from './row.ts';

const SIZES = [1, 50] as const;
const CONVERSE_MS = 30_000;
const CYCLE_MS: Readonly<Record<(typeof SIZES)[number], number>> = { 1: 400, 50: 2000 };
/** Longer than a cycle: there is always something to interrupt. */
const UTTERANCE_MS = 4000;
const WEBHOOKS_PER_S = 50;
/** `call.initiated`, `call.answered`, `streaming.started`, `call.hangup`. */
const WEBHOOKS_PER_CALL = 4;
const CHURN_S = 20;

/**
 * What the gateway itself adds to a conversation. The clock starts in the caller's process when the 20 ms frame that
 * carries the event is written, and stops there when the answer is read: two trips through the kernel and both event
 * loops are in it. The providers answer at once, so there is nothing to subtract.
 */
export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const calls of SIZES) rows.push(...(await turnRows(calls)));
  rows.push(await webhookRow());
  return rows;
}

async function turnRows(calls: (typeof SIZES)[number]): Promise<BenchRow[]> {
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS, interruptible: true });
  await phones.ask('call', calls);
  await phones.ask('converse', { ms: 5000, cycleMs: CYCLE_MS[calls] });
  const times = await phones.ask('converse', { ms: CONVERSE_MS, cycleMs: CYCLE_MS[calls] });
  await phones.ask('end');
  await untilEmpty(gateway);
  await close();
  const at = calls === 1 ? '1 call' : `${calls} calls`;
  const row = (name: string, values: number[], of: 'p95' | 'p99', goalMs: number): BenchRow => {
    const q = quantiles(values);
    return {
      name: `${name}, ${at}`,
      goal: `${of} <= ${goalMs} ms`,
      measured: `p50 ${q.p50.toFixed(2)}, p95 ${q.p95.toFixed(2)}, p99 ${q.p99.toFixed(2)} ms of ${q.count}`,
      timing: true,
      ok: q[of] <= goalMs,
    };
  };
  return [
    row('end of turn -> first frame of the answer', times.answers, 'p95', 10),
    row('accepted barge-in -> clear', times.clears, 'p99', 20),
    row('first TTS byte -> first media frame', times.firstFrames, 'p99', 20),
  ];
}

async function webhookRow(): Promise<BenchRow> {
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS });
  const everyMs = (1000 * WEBHOOKS_PER_CALL) / WEBHOOKS_PER_S;
  const load = (seconds: number): { count: number; everyMs: number; talkMs: number } => ({
    count: Math.round((seconds * 1000) / everyMs),
    everyMs,
    talkMs: 2000,
  });
  await phones.ask('churn', load(3));
  const { replies, refused, seconds } = await phones.ask('churn', load(CHURN_S));
  await untilEmpty(gateway);
  await close();
  const q: Quantiles = quantiles(replies);
  return {
    name: `webhook reply at ${(replies.length / seconds).toFixed(0)}/s, calls coming and going`,
    goal: 'p99 <= 100 ms',
    measured: `p50 ${q.p50.toFixed(1)}, p99 ${q.p99.toFixed(1)}, max ${q.max.toFixed(1)} ms of ${q.count}, ${refused} refused`,
    timing: true,
    ok: q.p99 <= 100 && refused === 0,
  };
}

if (import.meta.main) printRows(await run());
