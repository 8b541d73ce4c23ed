import { describe, expect, it } from 'vitest';
import type { ControlAction } from '../../src/call/inputs.ts';
import type { LlmEvent } from '../../src/providers/ports.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { Exchange, type Luck, type Post } from './exchange.ts';
import { createWorld, type World } from './harness.ts';

/** A call of a caller whose people do what the test says, and a Telnyx that obeys. */
class Line {
  readonly world: World = createWorld({ greeting: 'Hello.', idle: { afterSeconds: 0 } });
  readonly exchange: Exchange;

  constructor(posts: readonly Post[] = [], lucks: readonly Luck[] = []) {
    this.exchange = new Exchange(this.world, posts, lucks);
    this.exchange.calm(true);
    this.exchange.rings();
  }

  async passes(ms: number): Promise<this> {
    for (let left = ms; left > 0; left -= 20) {
      this.exchange.breathes();
      this.world.clock.advance(Math.min(left, 20));
      for (let n = 0; n < 3; n++) await Promise.resolve();
    }
    return this;
  }

  order(action: ControlAction): void {
    this.world.session().post({ type: 'control', action, by: 'test' });
  }

  outcomes(): string[] {
    return this.world.events.flatMap((event) => (event.type === 'transfer.ended' ? [event.data.outcome] : []));
  }

  /** When `event` of the target comes in. */
  toldAt(type: TelnyxEvent['type']): number {
    const told = this.world.records.find(
      (one) => one.k === 'in' && one.leg === 'target1' && (one.d['event'] as TelnyxEvent | undefined)?.type === type,
    );
    return told?.k === 'in' ? told.t : NaN;
  }
}

const BLIND: ControlAction = { type: 'transfer', target: 'sales', to: '+15105550200' };
const ATTENDED: ControlAction = { ...BLIND, mode: 'attended', announce: 'It is about a quote.' };

async function put(action: ControlAction): Promise<Line> {
  const line = new Line();
  await line.passes(2_000);
  line.order(action);
  return line.passes(500);
}

const ringing = { blind: () => put(BLIND), attended: () => put(ATTENDED) } as const;

const asked = async (): Promise<Line> => {
  const line = await put(ATTENDED);
  line.exchange.picksUp(line.exchange.target);
  return line.passes(9_000);
};

/** A good model and a good voice. */
const MODEL_MS = 400;
const VOICE_MS = 300;
const THOUGHT: readonly LlmEvent[] = [
  { type: 'llmDelta', text: 'They are not there. Can I help you?' },
  { type: 'llmDone', finish: 'stop' },
];

describe('a transfer that fails', () => {
  const busy = (line: Line): void => line.exchange.leaves(line.exchange.target, 'user_busy');
  it.each<[string, () => Promise<Line>, (line: Line) => void, TelnyxEvent['type'], string]>([
    ['blind, and busy', ringing.blind, busy, 'call.hangup', 'busy'],
    ['attended, and busy', ringing.attended, busy, 'call.hangup', 'busy'],
    [
      'attended, and declined',
      asked,
      ({ exchange }) => exchange.presses(exchange.target, '2'),
      'call.dtmf.received',
      'declined',
    ],
    ['attended, and hung up on', asked, ({ exchange }) => exchange.leaves(exchange.target), 'call.hangup', 'declined'],
    [
      'attended, and a machine',
      asked,
      ({ exchange }) => exchange.isMachine(exchange.target),
      'call.machine.detection.ended',
      'voicemail',
    ],
  ])('%s: the caller hears the agent within a second', async (_how, begin, fails, word, outcome) => {
    const line = await begin();
    const { world } = line;
    const [phone] = world.phones;
    world.llm.latencyMs = MODEL_MS;
    world.tts.latencyMs = VOICE_MS;
    world.llm.script = () => THOUGHT;
    fails(line);
    await line.passes(1_500);

    expect(line.outcomes()).toEqual([outcome]);
    const told = line.toldAt(word);
    const heard = world.records.find((one) => one.k === 'ev' && one.d.type === 'turn.started' && one.t >= told);
    const heardAt = heard?.k === 'ev' ? heard.t : NaN;
    expect(world.tts.texts.at(-1)).toBe('They are not there. Can I help you?');
    // No earlier than can be: it is this answer's audio, not the end of the music.
    expect(heardAt - told).toBeGreaterThanOrEqual(MODEL_MS + VOICE_MS);
    expect(heardAt - told).toBeLessThanOrEqual(1000);
    expect(phone?.messages.filter(({ t, event }) => event === 'media' && t === heardAt + 1000)).not.toEqual([]);
  });
});

/** Where a transfer can be when somebody leaves. */
const PHASES: Readonly<Record<string, () => Promise<Line>>> = {
  'the line before it is being said': async () => {
    const line = new Line();
    await line.passes(2_000);
    line.order({ ...BLIND, message: 'One moment, I am putting you through to sales.' });
    return line.passes(100);
  },
  'blind: ordered, and nothing is known of it': async () => {
    const line = new Line([[0, 0]], ['answer lost']);
    await line.passes(2_000);
    line.exchange.calm(false);
    line.order(BLIND);
    await line.passes(100);
    line.exchange.calm(true);
    return line;
  },
  'blind: the target rings': ringing.blind,
  'blind: the two talk': async () => {
    const line = await put(BLIND);
    line.exchange.picksUp(line.exchange.target);
    return line.passes(100);
  },
  'blind: the target answered, and call.bridged is lost': async () => {
    const line = await put(BLIND);
    line.exchange.loseNext(['call.bridged', 'call.bridged']);
    line.exchange.picksUp(line.exchange.target);
    return line.passes(100);
  },
  'blind: it failed': async () => {
    const line = await put(BLIND);
    line.exchange.leaves(line.exchange.target, 'user_busy');
    return line.passes(100);
  },
  'attended: dialled, and nothing is known of it': async () => {
    const line = new Line([[0, 0]], ['answer lost']);
    await line.passes(2_000);
    line.exchange.calm(false);
    line.order(ATTENDED);
    await line.passes(100);
    line.exchange.calm(true);
    return line;
  },
  'attended: the target rings': ringing.attended,
  'attended: the target is told': async () => {
    const line = await put(ATTENDED);
    line.exchange.picksUp(line.exchange.target);
    return line.passes(1_000);
  },
  'attended: the target is asked': asked,
  'attended: the target said yes': async () => {
    const line = await asked();
    line.exchange.loseNext(['call.bridged', 'call.bridged']);
    line.exchange.presses(line.exchange.target, '1');
    return line.passes(20);
  },
  'attended: the two talk': async () => {
    const line = await asked();
    line.exchange.presses(line.exchange.target, '1');
    return line.passes(500);
  },
  'attended: it failed': async () => {
    const line = await asked();
    line.exchange.presses(line.exchange.target, '2');
    return line.passes(20);
  },
};
const LEAVERS: Readonly<Record<string, (line: Line) => void>> = {
  'the caller hangs up': ({ exchange }) => exchange.leaves(exchange.caller),
  'the caller hangs up, and nothing says so': ({ exchange }) => {
    exchange.loseNext(['call.hangup']);
    exchange.leaves(exchange.caller);
  },
  'the target hangs up, then the caller': ({ exchange, world }) => {
    exchange.leaves(exchange.target);
    world.clock.after(10_000, () => exchange.leaves(exchange.caller));
  },
  'both hang up': ({ exchange }) => {
    exchange.leaves(exchange.target);
    exchange.leaves(exchange.caller);
  },
  'the API hangs up': (line) => line.order({ type: 'hangup' }),
  'the gateway must close at once': ({ world, exchange }) => {
    world.session().post({ type: 'drain', now: true });
    // A pair that talks is left alone until one of the two has enough.
    world.clock.after(10_000, () => exchange.leaves(exchange.caller));
  },
};
const rows = Object.entries(PHASES).flatMap(([phase, begin]) =>
  Object.entries(LEAVERS).map(([who, leaves]) => ({ phase, who, begin, leaves })),
);

describe('somebody leaves while a transfer is under way', () => {
  it.each(rows)('$phase; $who: no leg is left', async ({ begin, leaves }) => {
    const line = await begin();
    const { exchange, world } = line;
    leaves(line);
    for (let n = 0; n < 60 && world.registry.sessions.size > 0; n++) {
      exchange.breathes();
      world.clock.advance(5_000);
      for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    }
    world.clock.advance(120_000);

    const up = exchange.legs.filter((leg) => leg.up && (leg.told || leg.by === 'dial'));
    expect([up, exchange.violations, world.late]).toEqual([[], [], []]);
    expect(world.types().filter((type) => type === 'call.ended')).toHaveLength(1);
    expect(world.types().at(-1)).toBe('call.ended');
    expect(line.outcomes()).toHaveLength(world.types().filter((type) => type === 'transfer.started').length);
    expect(world.phones.filter(({ closed }) => !closed)).toEqual([]);
    expect(world.clock.pending).toBe(0);
  });
});
