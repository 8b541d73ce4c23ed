import { echoServer, gatewayUnderLoad, untilEmpty } from './load/setup.ts';
import { printRows, type BenchRow } from './row.ts';

const CALLS = 300;
const WARM_CALLS = 20;
const SETTLE_MS = 10_000;
const KIB = 1024;
const MIB = 1024 * KIB;
/** The heap has grown to its working size and the 10,000 kept events are all there. */
const WARM_SHORT_CALLS = 1500;
const SHORT_CALLS = 2000;
/** Allowed growth per 10,000 calls. */
const GROWTH_MIB = 10;

/** Resident memory: what a call costs while it is up, and what stays behind when many have come and gone. */
export async function run(): Promise<BenchRow[]> {
  return [await idleRow(), await queuedRow(), await growthRow(SHORT_CALLS)];
}

/** Callers are there and send their 50 frames a second, the agent is silent. */
async function idleRow(): Promise<BenchRow> {
  const ours = await perCall(0);
  const { echo, url } = await echoServer();
  const { phones, close } = await gatewayUnderLoad({});
  await phones.ask('dial', { url, count: WARM_CALLS });
  await phones.ask('measure', SETTLE_MS / 2);
  await phones.ask('end');
  const before = await echo.ask('usage', false);
  await phones.ask('dial', { url, count: CALLS });
  await phones.ask('measure', SETTLE_MS);
  const bare = ((await echo.ask('usage', false)).rss - before.rss) / CALLS;
  await close();
  await echo.stop();
  return {
    name: `resident memory per idle media call, ${CALLS} calls`,
    goal: '<= 110 KiB',
    measured: `${(ours / KIB).toFixed(0)} KiB`,
    ratio: `bare ws echo ${(bare / KIB).toFixed(0)} KiB`,
    ok: ours <= 110 * KIB,
  };
}

async function queuedRow(): Promise<BenchRow> {
  const ours = await perCall(60_000);
  return {
    name: `resident memory per call with 60 s queued and recorded, ${CALLS} calls`,
    goal: '<= 1024 KiB',
    measured: `${(ours / KIB).toFixed(0)} KiB`,
    ok: ours <= MIB,
  };
}

/** Growth of a process that has had a few calls before, per further call. */
async function perCall(utteranceMs: number): Promise<number> {
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs, recording: utteranceMs > 0 });
  await phones.ask('call', WARM_CALLS);
  await phones.ask('measure', SETTLE_MS / 2);
  await phones.ask('end');
  await untilEmpty(gateway);
  const before = await gateway.ask('usage', false);
  await phones.ask('call', CALLS);
  await phones.ask('measure', SETTLE_MS);
  const after = await gateway.ask('usage', false);
  await close();
  return (after.rss - before.rss) / CALLS;
}

/** Short calls through the real server, one after the other and many at once; garbage is collected before each look. */
export async function growthRow(calls: number): Promise<BenchRow> {
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs: 1000 }, ['--expose-gc']);
  const load = { everyMs: 25, talkMs: 300 };
  await phones.ask('churn', { ...load, count: WARM_SHORT_CALLS });
  await untilEmpty(gateway);
  const before = await gateway.ask('usage', true);
  const { refused } = await phones.ask('churn', { ...load, count: calls });
  await untilEmpty(gateway);
  const after = await gateway.ask('usage', true);
  const left = await phones.ask('live');
  await close();
  const allowed = (GROWTH_MIB * calls) / 10_000;
  const grown = (after.rss - before.rss) / MIB;
  const heap = (after.heapUsed - before.heapUsed) / MIB;
  return {
    name: `growth over ${calls} short calls`,
    goal: `<= ${allowed.toFixed(0)} MiB (${GROWTH_MIB} MiB per 10,000), no leg left`,
    measured: `resident ${grown.toFixed(1)} MiB, heap ${heap.toFixed(1)} MiB; ${left} legs left, ${refused} webhooks refused`,
    ok: grown <= allowed && left === 0,
  };
}

if (import.meta.main) printRows(await run());
