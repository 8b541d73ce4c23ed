import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ControlAction } from '../../src/call/inputs.ts';
import { recoverCall } from '../../src/call/recovery.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeRecord, parseRecord, type JournalRecord } from '../../src/journal/format.ts';
import type { LlmEvent } from '../../src/providers/ports.ts';
import { Exchange, type Luck, type Post } from './exchange.ts';
import { createWorld, type World } from './harness.ts';

const CONFIG = { greeting: 'Hi.', idle: { afterSeconds: 0 }, tools: ['transfer_call', 'hang_up', 'send_dtmf'] };
const SALES = { target: 'sales', to: '+15105550200' };

const ACTIONS: readonly ControlAction[] = [
  { type: 'hangup' },
  { type: 'transfer', ...SALES },
  { type: 'transfer', ...SALES, message: 'One moment.' },
  { type: 'transfer', ...SALES, mode: 'attended', announce: 'A call.' },
  { type: 'transfer', ...SALES, mode: 'attended', announce: 'A call.' },
  { type: 'transferCancel' },
  { type: 'dtmf', digits: '1w2' },
  { type: 'say', text: 'A word.', interrupt: true },
  { type: 'say', text: 'A word.', interrupt: false },
  { type: 'play', sound: 'gong', interruptible: true },
  { type: 'mute', on: true },
  { type: 'mute', on: false },
  { type: 'hold', music: true },
  { type: 'resume' },
  ...(['start', 'stop', 'pause', 'resume'] as const).map((what) => ({ type: 'record', do: what }) as const),
];

type Deed =
  | { readonly act: ControlAction }
  | { readonly waits: number }
  | { readonly says: 'words' | 'hang_up' | 'transfer_call' | 'send_dtmf' }
  | { readonly target: 'picks up' | 'is busy' | 'leaves' | 'accepts' | 'declines' | 'is a machine' | 'is lost' }
  | { readonly caller: 'leaves' | 'presses' | 'is lost' }
  | { readonly gateway: 'is killed' | 'drains' };

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...ACTIONS).map((act) => ({ act })) },
  { weight: 4, arbitrary: fc.constantFrom(5, 5, 500, 2_000, 6_000, 41_000).map((waits) => ({ waits })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Deed>(
      ...(['words', 'hang_up', 'transfer_call', 'send_dtmf'] as const).map((says) => ({ says })),
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('picks up', 'picks up', 'accepts', 'is busy', 'leaves', 'declines', 'is a machine', 'is lost')
      .map((target) => ({ target })),
  },
  { weight: 1, arbitrary: fc.constantFrom('leaves', 'presses', 'is lost').map((caller) => ({ caller })) },
  { weight: 1, arbitrary: fc.constantFrom('is killed', 'is killed', 'drains').map((gateway) => ({ gateway })) },
);
const ATTENDED: readonly Deed[] = [
  { waits: 600 },
  { act: { type: 'transfer', ...SALES, mode: 'attended', announce: 'A call.' } },
];
const ASKED: readonly Deed[] = [...ATTENDED, { target: 'picks up' }, { waits: 1_500 }];
const BLIND: readonly Deed[] = [{ waits: 600 }, { act: { type: 'transfer', ...SALES } }, { waits: 300 }];
/** Where a script begins: more can go wrong further on. */
const SCENES: readonly (readonly Deed[])[] = [
  [],
  [{ waits: 600 }],
  [{ waits: 600 }, { act: { type: 'hold', music: true } }],
  ATTENDED,
  ASKED,
  ASKED,
  [...ASKED, { target: 'accepts' }],
  [...ASKED, { target: 'accepts' }, { waits: 200 }],
  BLIND,
  [...BLIND, { target: 'picks up' }],
];

/** Most of what Telnyx says arrives, and most of what it is told is done. */
const post = fc.constantFrom<Post>([1, 1], [1, 1], [1, 1], [1, 700], [2, 3], [0, 0]);
const luck = fc.constantFrom<Luck>('ok', 'ok', 'ok', 'ok', 'late', 'refused', 'lost', 'answer lost');

/** How often what happened, over all runs. */
type Tally = Map<string, number>;

interface Script {
  /** Goes well; from there on luck rules. */
  readonly scene: readonly Deed[];
  readonly deeds: readonly Deed[];
  readonly posts: readonly Post[];
  readonly lucks: readonly Luck[];
  readonly end: 'caller leaves' | 'API' | 'drain';
}

const script: fc.Arbitrary<Script> = fc.record({
  scene: fc.constantFrom(...SCENES),
  deeds: fc.array(deed, { minLength: 1, maxLength: 7 }),
  posts: fc.array(post, { maxLength: 6 }),
  lucks: fc.array(luck, { maxLength: 6 }),
  end: fc.constantFrom('caller leaves', 'API', 'drain'),
});

/** One call, the processes that had it one after the other, and what Telnyx knows. */
class Run {
  readonly exchange: Exchange;
  world: World;
  readonly #tally: Tally;
  /** What earlier processes have written. */
  readonly #before: JournalRecord[] = [];
  readonly #worlds: World[] = [];
  /** From here on a process had nothing to say. */
  readonly #bridgedAt = new Map<World, number>();
  #name: readonly [callId: string, seed: string] = ['', ''];

  constructor({ posts, lucks }: Script, tally: Tally) {
    this.#tally = tally;
    this.world = this.#begin();
    this.exchange = new Exchange(this.world, posts, lucks);
    this.exchange.rings();
  }

  async does(what: Deed): Promise<void> {
    const { exchange, world } = this;
    exchange.breathes();
    if ('act' in what) this.#posts({ type: 'control', action: what.act, by: 'test' });
    else if ('waits' in what) await this.passes(what.waits);
    else if ('says' in what) {
      let once: typeof what.says = what.says;
      world.llm.script = () => {
        const events = answer(once);
        once = 'words';
        return events;
      };
      world.stt.emit({ type: 'sttEndOfTurn', text: 'please' });
    } else if ('target' in what) this.#target(what.target);
    else if ('caller' in what) {
      if (what.caller === 'leaves') exchange.leaves(exchange.caller);
      else if (what.caller === 'presses') exchange.presses(exchange.caller, '5');
      else exchange.loses(exchange.caller);
    } else if (what.gateway === 'drains') this.#posts({ type: 'drain', now: false });
    else await this.#killed();
    await this.passes(5);
  }

  async passes(ms: number): Promise<void> {
    // Audio keeps coming, or every wait would be the end.
    for (let left = ms; left > 0; left -= 5_000) {
      this.exchange.breathes();
      this.world.clock.advance(Math.min(left, 5_000));
      for (let n = 0; n < 3; n++) await Promise.resolve();
    }
  }

  /** Whatever was going on: from here on Telnyx works, and in bounded time nothing is left. */
  async ends(how: Script['end']): Promise<void> {
    const { exchange } = this;
    exchange.calm(true);
    if (how === 'API') this.#posts({ type: 'control', action: { type: 'hangup' }, by: 'test' });
    else if (how === 'drain') this.#posts({ type: 'drain', now: false });
    else exchange.leaves(exchange.caller);
    for (let n = 0; n < 40 && this.world.registry.sessions.size > 0; n++) {
      await this.passes(5_000);
      // Two people who talk are left alone; then one of them leaves.
      if (n === 8) exchange.leaves(exchange.caller);
    }
    this.world.clock.advance(120_000);
    for (let n = 0; n < 3; n++) await Promise.resolve();
    this.world.clock.advance(120_000);
  }

  check(): void {
    const { exchange, world } = this;
    const wrong = [...exchange.violations];
    for (const leg of exchange.legs) {
      // A leg of Telnyx' own making that nobody was told of is known to Telnyx alone.
      if (leg.up && (leg.told || leg.by === 'dial')) wrong.push(`${leg.id} was left up`);
    }
    const records = [...this.#before, ...world.records];
    const events = records.flatMap((record) => (record.k === 'ev' ? [record] : []));
    const types = events.map((event) => event.d.type);
    const ended = types.filter((type) => type === 'call.ended').length;
    if (ended !== 1) wrong.push(`call.ended ${ended} times`);
    if (types.at(-1) !== 'call.ended') wrong.push(`${types.at(-1)} was the last event`);
    const begun = types.filter((type) => type === 'transfer.started').length;
    const over = types.filter((type) => type === 'transfer.ended').length;
    if (begun !== over) wrong.push(`${begun} transfers began and ${over} ended`);
    if (records.filter((record) => record.k === 'end').length !== 1) wrong.push('not one end in the journal');
    if (records.some((record) => record.k === 'in' && record.d.type === 'fault')) wrong.push('a fault of our own');
    if (world.registry.sessions.size > 0) wrong.push('a session was left');
    if (world.stt.opened !== world.stt.closedStreams) wrong.push('a recogniser was left open');
    if (world.tts.opened !== world.tts.closedSessions) wrong.push('a voice was left open');
    if (world.phones.some(({ closed }) => !closed)) wrong.push('a media socket was left open');
    if (world.clock.pending > 0) wrong.push(`${world.clock.pending} timers were left`);
    for (const one of this.#worlds) {
      if (one.late.length > 0) wrong.push(`written after the end: ${one.late.join()}`);
      const bridged = this.#bridgedAt.get(one);
      if (bridged === undefined) continue;
      const after = one.phones
        .flatMap(({ messages }) => messages)
        .filter(({ t, event }) => event === 'media' && t > bridged);
      if (after.length > 0) wrong.push(`${after.length} frames of ours after the bridge`);
    }
    expect(wrong).toEqual([]);
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  #begin(): World {
    const world: World = createWorld(CONFIG, {
      onEvent: (event) => {
        const what = event.type === 'transfer.ended' ? `${event.data.mode} ${event.data.outcome}` : event.type;
        this.#count(what);
        if (event.type === 'transfer.ended' && event.data.outcome === 'answered')
          this.#bridgedAt.set(world, world.clock.mono());
      },
    });
    // Whatever is said is said soon.
    world.tts.msPerChar = 6;
    this.#worlds.push(world);
    return world;
  }

  #posts(input: Parameters<ReturnType<World['session']>['post']>[0]): void {
    for (const session of [...this.world.registry.sessions.values()]) session.post(input);
  }

  #target(what: Extract<Deed, { target: unknown }>['target']): void {
    const { exchange } = this;
    const { target } = exchange;
    if (what === 'picks up') exchange.picksUp(target);
    else if (what === 'leaves') exchange.leaves(target);
    else if (what === 'is busy') exchange.leaves(target?.answered === false ? target : undefined, 'user_busy');
    else if (what === 'is a machine') exchange.isMachine(target);
    else if (what === 'is lost') exchange.loses(target);
    else exchange.presses(target, what === 'accepts' ? '1' : '2');
  }

  /** The process is gone; the next one finds the journal. */
  async #killed(): Promise<void> {
    const old = this.world;
    const [callId, seed] = [...old.seeds].at(-1) ?? this.#name;
    this.#name = [callId, seed];
    const kept = this.#before.length;
    this.#before.push(...old.records);
    if (old.finished.length > 0 || old.registry.sessions.size === 0) {
      this.#before.length = kept;
      return;
    }
    for (const session of [...old.registry.sessions.values()]) session.leave();
    const next = this.#begin();
    const isBridged = this.#bridgedAt.has(old);
    if (isBridged) this.#bridgedAt.set(next, 0);
    this.#count('taken over');
    this.world = next;
    this.exchange.serve(next);
    const records = this.#before.map((record) => {
      const parsed = parseRecord(encodeRecord(record).trimEnd());
      if (!parsed.ok) throw new Error(parsed.reason);
      return parsed.record;
    });
    const head = {
      k: 'head',
      format: 'landline-journal',
      version: 1,
      callId,
      seed,
      createdAt: '',
      software: '',
    } as const;
    await recoverCall(
      { path: '', head: { ...head, wallMs: 0, monoMs: 0 }, records, damaged: [], tornBytes: 0, ended: false },
      {
        log: silentLog,
        telnyx: next.telnyx,
        registry: next.registry,
        agents: next.agents,
        codec: 'g711',
        wallSince: () => 1000,
        open: (id) => next.open(id),
      },
    );
  }
}

function answer(what: 'words' | 'hang_up' | 'transfer_call' | 'send_dtmf'): readonly LlmEvent[] {
  if (what === 'words') {
    return [
      { type: 'llmDelta', text: 'Yes.' },
      { type: 'llmDone', finish: 'stop' },
    ];
  }
  const args = { hang_up: '{}', transfer_call: '{"target":"sales"}', send_dtmf: '{"digits":"12"}' }[what];
  return [
    { type: 'llmToolCall', call: { id: 'c1', name: what, arguments: args } },
    { type: 'llmDone', finish: 'tool_calls' },
  ];
}

it('10,000 interleavings of orders, webhooks and hangups: one end, nothing after it, no leg left', async () => {
  const tally: Tally = new Map();
  await fc.assert(
    fc.asyncProperty(script, async (what) => {
      const run = new Run(what, tally);
      run.exchange.calm(what.scene.length > 0);
      for (const one of what.scene) await run.does(one);
      run.exchange.calm(false);
      for (const one of what.deeds) await run.does(one);
      await run.ends(what.end);
      run.check();
    }),
    { numRuns: 10_000 },
  );
  // Luck and chance have led everywhere.
  const outcomes = ['answered', 'busy', 'cancelled', 'caller_left', 'failed'] as const;
  const wanted = outcomes.flatMap((outcome) => [`blind ${outcome}`, `attended ${outcome}`]);
  const seen = [...wanted, 'attended declined', 'attended voicemail', 'attended no_answer', 'taken over'];
  expect(seen.filter((what) => (tally.get(what) ?? 0) < 20)).toEqual([]);
}, 240_000);
