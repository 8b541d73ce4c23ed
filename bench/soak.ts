import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Truth, type Step } from '../test/call/truth.ts';
import { growthRow } from './memory.ts';
import { printRows, type BenchRow } from './row.ts';

/*
 * The long versions (`npm run soak -- [calls] [seed]`): thousands of calls through the real session on the virtual clock, each with its
 * own faults, and as many short ones through the real server; then a gateway that is killed 50 times, and one whose database
 * is gone for a minute.
 */
const CALLS = 10_000;
const MIB = 1024 * 1024;
const VITEST = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const DRILLS = ['test/gateway/kills.test.ts', 'test/gateway/outage.test.ts'];
/** Allowed growth per 10,000 calls. */
const GROWTH_MIB = 10;

type End = Parameters<Truth['end']>[0];
const ENDS: readonly End[] = ['silent', 'webhook', 'api', 'drain', 'drain now'];
const WEBHOOKS = ['call.initiated', 'call.answered', 'streaming.started', 'streaming.failed', 'call.hangup'] as const;
const TARGET_WEBHOOKS = ['call.initiated', 'call.answered', 'call.bridged', 'call.hangup'] as const;
const COMMANDS = ['answer', 'hangup', 'hangup', 'transfer', 'streamingStart'] as const;
const OUTCOMES = ['truth', 'refused', 'unknown', 'unknown but done', 'never'] as const;
const WAITS_MS = [1, 20, 300, 1000, 3000, 12_000, 41_000] as const;

const BEGINNING: readonly Step[] = [
  { do: 'webhook', of: 'caller', type: 'call.initiated', times: 1 },
  { do: 'wait', ms: 20 },
  { do: 'webhook', of: 'caller', type: 'call.answered', times: 1 },
  { do: 'open', back: 0 },
  { do: 'start', how: 'good' },
  { do: 'media', frames: 30 },
];

/** Every step comes from the seed: a call that broke a law can be had again. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  one<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

function fault(dice: Dice): Step {
  switch (dice.below(10)) {
    case 0:
      return { do: 'webhook', of: 'caller', type: dice.one(WEBHOOKS), times: 1 + dice.below(3) };
    case 1:
      return { do: 'webhook', of: 'target', type: dice.one(TARGET_WEBHOOKS), times: 1 + dice.below(2) };
    case 2:
      return { do: 'outcome', of: dice.one(COMMANDS), is: dice.one(OUTCOMES), times: 1 + dice.below(3), afterMs: 1 };
    case 3:
      return { do: dice.one(['stop', 'drop']) };
    case 4:
      return { do: 'open', back: dice.below(2) };
    case 5:
      return { do: 'start', how: dice.one(['good', 'good', 'again', 'other call', 'OPUS']) };
    case 6:
      return { do: 'say', answer: dice.one(['words', 'hang_up', 'transfer', 'dtmf', 'nothing']) };
    case 7:
      return { do: 'fail', provider: dice.one(['stt', 'tts', 'llm']), retryable: dice.below(2) === 0 };
    case 8:
      return { do: 'media', frames: 1 + dice.below(50) };
    default:
      return { do: 'wait', ms: dice.one(WAITS_MS) };
  }
}

async function faultedRows(calls: number, seed: number): Promise<BenchRow[]> {
  let legsLeft = 0;
  const broken: string[] = [];
  const looks: { calls: number; rss: number }[] = [];
  for (let n = 0; n < calls; n++) {
    const dice = new Dice(seed + n);
    const steps = Array.from({ length: 1 + dice.below(12) }, () => fault(dice));
    const truth = new Truth({ fallbackTarget: 'sales' });
    try {
      await truth.run([...(dice.below(4) === 0 ? [] : BEGINNING), ...steps]);
      await truth.end(dice.one(ENDS));
    } catch (thrown) {
      broken.push(`call ${n}: ${thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown)}`);
    }
    legsLeft += Object.values(truth.legs).filter((leg) => leg.told && leg.up).length;
    if (n % 100 === 99) {
      globalThis.gc?.();
      looks.push({ calls: n + 1, rss: process.memoryUsage.rss() });
    }
  }
  for (const line of broken.slice(0, 10)) process.stderr.write(`${line}\n`);
  return [
    {
      name: `legs left up by ${calls} faulted calls on the virtual clock, seed ${seed}`,
      goal: '0, and no other law broken',
      measured: `${legsLeft} left; ${broken.length} calls broke a law`,
      ok: legsLeft === 0 && broken.length === 0,
    },
    slopeRow(looks),
  ];
}

/** Least squares over the second half: the first one warms the heap up. */
function slopeRow(looks: readonly { calls: number; rss: number }[]): BenchRow {
  const late = looks.slice(looks.length >> 1);
  const mean = (of: (look: { calls: number; rss: number }) => number): number =>
    late.reduce((sum, look) => sum + of(look), 0) / late.length;
  const [x, y] = [mean((look) => look.calls), mean((look) => look.rss)];
  const over = late.reduce((sum, look) => sum + (look.calls - x) * (look.rss - y), 0);
  const under = late.reduce((sum, look) => sum + (look.calls - x) ** 2, 0);
  const slope = ((over / under) * 10_000) / MIB;
  return {
    name: 'slope of resident memory over them',
    goal: `<= ${GROWTH_MIB} MiB per 10,000 calls`,
    measured: `${slope.toFixed(1)} MiB per 10,000 calls`,
    // A few calls make no slope.
    ok: late.length < 10 ? 'not judged' : slope <= GROWTH_MIB,
  };
}

/** Drills that are tests as well, only longer here. */
function drillRow(): BenchRow {
  const { status } = spawnSync(process.execPath, [VITEST, 'run', ...DRILLS], {
    cwd: new URL('..', import.meta.url),
    env: { ...process.env, LANDLINE_SOAK: '1' },
    stdio: ['ignore', 2, 2],
  });
  return {
    name: 'a gateway killed 50 times, a database gone for 60 s',
    goal: 'one complete record of every call',
    measured: status === 0 ? 'so it is' : 'not so: see above',
    ok: status === 0,
  };
}

const calls = Number(process.argv[2] ?? CALLS);
const seed = Number(process.argv[3] ?? 1);
printRows([...(await faultedRows(calls, seed)), await growthRow(calls), drillRow()]);
