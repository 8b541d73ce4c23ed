import type { Child, Usage } from './load/child.ts';
import type { Traffic } from './load/phones-process.ts';
import { median } from './load/quantiles.ts';
import { echoServer, gatewayUnderLoad, untilEmpty, type GatewayUnderLoad } from './load/setup.ts';
import { printRows, type BenchRow } from './row.ts';

const SIZES = [300, 100] as const;
const ROUNDS = 7;
/** Fewer good rounds than this are no median. */
const MIN_ROUNDS = 3;
const WARM_MS = 1500;
const MEASURE_MS = 4000;
/** Longer than a round, so that the agent is never out of words. */
const UTTERANCE_MS = 20_000;
const GOAL = 1.45;

interface Round {
  readonly msPerCallSecond: number;
  readonly traffic: Traffic;
}

type Server = Child<{ usage: (collect: boolean) => Usage }>;

/**
 * CPU of the gateway's whole media path, all threads: 50 frames a second in and 50 out per call, with pacing, journal,
 * VAD, marks and metrics, against a bare `ws` server that echoes every frame. The servers take turns under the same load.
 */
export async function run(): Promise<BenchRow[]> {
  const { echo, url } = await echoServer();
  const plain = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS });
  const recording = await gatewayUnderLoad({ utteranceMs: UTTERANCE_MS, recording: true });

  const throughEcho = async (calls: number): Promise<Round> => {
    await plain.phones.ask('dial', { url, count: calls });
    const round = await measure(echo, plain, calls);
    await plain.phones.ask('end');
    return round;
  };
  const throughGateway = async (world: GatewayUnderLoad, calls: number): Promise<Round> => {
    await world.phones.ask('call', calls);
    const round = await measure(world.gateway, world, calls);
    await world.phones.ask('end');
    await untilEmpty(world.gateway);
    return round;
  };

  const rows: BenchRow[] = [];
  const traffic: Traffic[] = [];
  for (const calls of SIZES) {
    const rounds: { bare: Round; plain: Round; recording: Round }[] = [];
    // The first round warms all of them up.
    for (let n = 0; n <= ROUNDS; n++) {
      const round = {
        bare: await throughEcho(calls),
        plain: await throughGateway(plain, calls),
        recording: await throughGateway(recording, calls),
      };
      if (n > 0) rounds.push(round);
    }
    traffic.push(...rounds.flatMap((round) => [round.plain.traffic, round.recording.traffic]));
    const of = (which: 'plain' | 'recording'): Pair[] =>
      rounds.map((round) => ({ bare: round.bare, ours: round[which] }));
    rows.push(costRow(`CPU of the media path, ${calls} calls`, of('plain')));
    rows.push({
      ...costRow(`the same with recording on, ${calls} calls`, of('recording')),
      goal: 'none',
      ok: 'not judged',
    });
  }
  rows.push(await framesRow([plain, recording], traffic));
  await Promise.all([plain.close(), recording.close(), echo.stop()]);
  return rows;
}

async function measure(server: Server, { phones }: GatewayUnderLoad, calls: number): Promise<Round> {
  await new Promise((resolve) => setTimeout(resolve, WARM_MS));
  const before = await server.ask('usage', false);
  const from = performance.now();
  const traffic = await phones.ask('measure', MEASURE_MS);
  const after = await server.ask('usage', false);
  const seconds = (performance.now() - from) / 1000;
  return { msPerCallSecond: (after.cpuMs - before.cpuMs) / (calls * seconds), traffic };
}

interface Pair {
  readonly bare: Round;
  readonly ours: Round;
}

/** A machine that gives the load or the server too little CPU makes the frames come in lumps, which are cheap. */
function isSteady({ traffic }: Round): boolean {
  return traffic.pace > 0.98 && traffic.received > 0.98 * traffic.sent;
}

function costRow(name: string, all: readonly Pair[]): BenchRow {
  const pairs = all.filter(({ bare, ours }) => isSteady(bare) && isSteady(ours));
  const ours = median(pairs.map((pair) => pair.ours.msPerCallSecond));
  const bare = median(pairs.map((pair) => pair.bare.msPerCallSecond));
  const ratios = pairs.map((pair) => pair.ours.msPerCallSecond / pair.bare.msPerCallSecond).sort((a, b) => a - b);
  const ratio = median(ratios);
  const range = `${ratios[0]?.toFixed(2) ?? '?'} to ${ratios.at(-1)?.toFixed(2) ?? '?'}`;
  return {
    name,
    goal: `<= ${GOAL}x a bare ws echo server`,
    measured: `${ours.toFixed(2)} against ${bare.toFixed(2)} ms per call-second`,
    ratio: `${ratio.toFixed(2)}x (${range}, ${pairs.length} of ${all.length} rounds steady)`,
    ok: pairs.length < MIN_ROUNDS ? 'not judged' : ratio <= GOAL,
  };
}

async function framesRow(worlds: readonly GatewayUnderLoad[], traffic: readonly Traffic[]): Promise<BenchRow> {
  const sum = (what: 'lost' | 'doubled' | 'received'): number => traffic.reduce((total, one) => total + one[what], 0);
  const inbound = { frames: 0, lost: 0, doubled: 0 };
  for (const { gateway } of worlds) {
    const heard = await gateway.ask('heard');
    inbound.frames += heard?.frames ?? 0;
    inbound.lost += heard?.lost ?? 0;
    inbound.doubled += heard?.doubled ?? 0;
  }
  const out = { frames: sum('received'), lost: sum('lost'), doubled: sum('doubled') };
  return {
    name: 'frames lost, doubled or out of order',
    goal: '0',
    measured:
      `in ${inbound.lost + inbound.doubled} of ${inbound.frames}, ` + `out ${out.lost + out.doubled} of ${out.frames}`,
    ok: inbound.lost + inbound.doubled + out.lost + out.doubled === 0,
  };
}

if (import.meta.main) printRows(await run());
