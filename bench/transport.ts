import type { BenchRow } from './row.ts';
import { printRows } from './row.ts';
import type { Child, Usage } from './load/child.ts';
import { median } from './load/quantiles.ts';
import type { Traffic } from './load/phones-process.ts';
import { echoServer, gatewayUnderLoad, untilEmpty } from './load/setup.ts';

const SIZES = [300, 100] as const;
const ROUNDS = 5;
const WARM_MS = 2000;
const MEASURE_MS = 4000;
/** Longer than a round, so that the agent is never out of words. */
const UTTERANCE_MS = 20_000;

interface Round {
  readonly msPerCallSecond: number;
  readonly traffic: Traffic;
}

type Server = Child<{ usage: (collect: boolean) => Usage }>;

/** The gateway's whole media path against a bare `ws` echo server, taking turns. */
export async function run(): Promise<BenchRow[]> {
  const { echo, url } = await echoServer();
  const { gateway, phones, close } = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS });

  const measure = async (server: Server, calls: number): Promise<Round> => {
    await new Promise((resolve) => setTimeout(resolve, WARM_MS));
    const before = await server.ask('usage', false);
    const from = performance.now();
    const traffic = await phones.ask('measure', MEASURE_MS);
    const after = await server.ask('usage', false);
    const seconds = (performance.now() - from) / 1000;
    return { msPerCallSecond: (after.cpuMs - before.cpuMs) / (calls * seconds), traffic };
  };
  const throughEcho = async (calls: number): Promise<Round> => {
    await phones.ask('dial', { url, count: calls });
    const round = await measure(echo, calls);
    await phones.ask('end');
    return round;
  };
  const throughGateway = async (calls: number): Promise<Round> => {
    await phones.ask('call', calls);
    const round = await measure(gateway, calls);
    await phones.ask('end');
    await untilEmpty(gateway);
    return round;
  };

  const rows: BenchRow[] = [];
  const traffic: Traffic[] = [];
  for (const calls of SIZES) {
    const rounds: { echo: Round; gateway: Round }[] = [];
    // The first round warms both up.
    for (let n = 0; n <= ROUNDS; n++) {
      const pair = { echo: await throughEcho(calls), gateway: await throughGateway(calls) };
      if (n > 0) rounds.push(pair);
    }
    traffic.push(...rounds.map((pair) => pair.gateway.traffic));
    rows.push(costRow(calls, rounds));
  }
  const heard = await gateway.ask('heard');
  await close();
  await echo.stop();
  const [lost, doubled] = [heard?.lost ?? Number.NaN, heard?.doubled ?? Number.NaN];
  const [lostOut, doubledOut] = [sum(traffic, 'lost'), sum(traffic, 'doubled')];
  rows.push({
    name: 'frames lost, doubled or out of order',
    goal: '0',
    measured:
      `in ${lost} lost, ${doubled} doubled of ${heard?.frames ?? 0}; ` +
      `out ${lostOut} lost, ${doubledOut} doubled of ${sum(traffic, 'received')}`,
    ok: lost + doubled + lostOut + doubledOut === 0,
  });
  return rows;
}

function costRow(calls: number, rounds: readonly { echo: Round; gateway: Round }[]): BenchRow {
  const ours = median(rounds.map(({ gateway }) => gateway.msPerCallSecond));
  const bare = median(rounds.map(({ echo }) => echo.msPerCallSecond));
  const ratios = rounds
    .map(({ echo, gateway }) => gateway.msPerCallSecond / echo.msPerCallSecond)
    .sort((a, b) => a - b);
  const ratio = median(ratios);
  const pace = Math.min(...rounds.flatMap(({ echo, gateway }) => [echo.traffic.pace, gateway.traffic.pace]));
  return {
    name: `CPU of the media path, ${calls} calls`,
    goal: '<= 1.45x a bare ws echo server',
    measured: `${ours.toFixed(2)} against ${bare.toFixed(2)} ms per call-second`,
    ratio: `${ratio.toFixed(2)}x (${ratios[0]?.toFixed(2) ?? '?'} to ${ratios.at(-1)?.toFixed(2) ?? '?'})`,
    // A load that falls behind measures itself.
    ok: pace < 0.98 ? 'not judged' : ratio <= 1.45,
  };
}

function sum(traffic: readonly Traffic[], what: 'lost' | 'doubled' | 'received'): number {
  return traffic.reduce((total, one) => total + one[what], 0);
}

if (import.meta.main) printRows(await run());
