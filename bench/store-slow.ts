import { startPostgres } from '../test/store/postgres.ts';
import type { LatenessReport } from './load/lateness.ts';
import { median } from './load/quantiles.ts';
import { gatewayUnderLoad, untilEmpty } from './load/setup.ts';
import { slowDatabase } from './load/slow-database.ts';
import { printRows, type BenchRow } from './row.ts';

const CALLS = 50;
const ROUNDS = 3;
const WARM_MS = 1_000;
const MEASURE_MS = 6_000;
const UTTERANCE_MS = 20_000;
const ASK_EVERY_MS = 100;
const GOAL_MS = 10;
/** Against the store that is fast, whatever the machine does meanwhile. */
const GOAL_RATIO = 1.5;
/** Below this a ratio says only what the machine did. */
const FLOOR_MS = 4;

const STORES = [
  { name: 'answers at once', delayMs: 0 },
  { name: 'answers in 1.5 s', delayMs: 1_500 },
  { name: 'answers in 2 s, later than we wait', delayMs: 2_000 },
  { name: 'hangs', delayMs: Infinity },
] as const;

/**
 * What a store does to the sound: 50 calls that are recorded, their agents speaking, readers asking for lists all the time,
 * against the same with a store that is fast; the four take turns.
 */
export async function run(): Promise<BenchRow[]> {
  const postgres = await startPostgres();
  const database = await slowDatabase(await postgres.database());
  const load = { utteranceMs: UTTERANCE_MS, timesFrames: true, recording: true, databaseUrl: database.url };
  const { gateway, phones, close, url } = await gatewayUnderLoad(load);
  const rounds = STORES.map((): { late: LatenessReport; lost: number; held: number }[] => []);
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [which, { delayMs }] of STORES.entries()) {
        await gateway.ask('forgetLateness');
        database.slow(delayMs);
        const heldBefore = database.held;
        await phones.ask('call', CALLS);
        await new Promise((resolve) => setTimeout(resolve, WARM_MS));
        await gateway.ask('beginLateness');
        const stopAsking = keepAsking(new URL('/v1/calls', url));
        const { lost } = await phones.ask('measure', MEASURE_MS);
        const late = await gateway.ask('lateness');
        await stopAsking();
        await phones.ask('end');
        await untilEmpty(gateway);
        database.slow(0);
        // The first round warms up.
        if (round > 0) rounds[which]?.push({ late, lost, held: database.held - heldBefore });
      }
    }
  } finally {
    await close();
    await database.close();
    await postgres.stop();
  }
  const p99Of = (which: number): number => median((rounds[which] ?? []).map(({ late }) => late.p99));
  return STORES.map(({ name, delayMs }, which): BenchRow => {
    const mine = rounds[which] ?? [];
    const p99 = p99Of(which);
    const percent = Math.min(...mine.map(({ late }) => late.percent));
    const lost = mine.reduce((sum, { lost: some }) => sum + some, 0);
    const held = mine.reduce((sum, { held: some }) => sum + some, 0);
    const ratio = median(mine.map(({ late }, round) => late.p99 / (rounds[0]?.[round]?.late.p99 ?? Number.NaN)));
    const isSlow = delayMs > 0;
    return {
      name: `pacing, ${CALLS} calls, a store that ${name}`,
      goal: `p99 <= ${GOAL_MS} ms${isSlow ? ` and <= ${GOAL_RATIO}x` : ''}, 100.0 % of frames, none lost`,
      measured:
        `p50 ${median(mine.map(({ late }) => late.p50)).toFixed(2)}, p99 ${p99.toFixed(2)}, ` +
        `max ${Math.max(...mine.map(({ late }) => late.max)).toFixed(1)} ms; ${percent.toFixed(2)} %, ${lost} lost` +
        (isSlow ? `; ${held} answers held up` : ''),
      ...(isSlow ? { ratio: `p99 ${ratio.toFixed(2)}x a store that answers at once` } : {}),
      timing: true,
      ok:
        p99 <= GOAL_MS &&
        percent > 99.95 &&
        lost === 0 &&
        (!isSlow || (held > 0 && (ratio <= GOAL_RATIO || p99 <= FLOOR_MS))),
    };
  });
}

/** Readers who want lists, whether or not they get them. */
function keepAsking(url: URL): () => Promise<void> {
  const asked = new Set<Promise<void>>();
  const abort = new AbortController();
  const timer = setInterval(() => {
    const one = fetch(url, { signal: abort.signal })
      .then((response) => response.arrayBuffer())
      .then(
        () => undefined,
        () => undefined,
      );
    asked.add(one);
    void one.then(() => asked.delete(one));
  }, ASK_EVERY_MS);
  return async () => {
    clearInterval(timer);
    abort.abort();
    await Promise.all(asked);
  };
}

if (import.meta.main) printRows(await run());
