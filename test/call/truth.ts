import { expect } from 'vitest';
import type { ControlAction, LegName } from '../../src/call/inputs.ts';
import type { JournalRecord } from '../../src/journal/format.ts';
import type { LlmEvent } from '../../src/providers/ports.ts';
import type { CommandOutcome, TelnyxCommand } from '../../src/telnyx/commands.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { createWorld, FakePhone, GONE, OK, REFUSED, type World, type WorldOptions } from './harness.ts';

export type Party = 'caller' | 'target' | 'second';
export type Outcome = 'truth' | 'refused' | 'unknown' | 'unknown but done' | 'never';

export type Step =
  | { readonly do: 'webhook'; readonly of: Party; readonly type: WebhookType; readonly times: number }
  /** The party leaves; its webhook is a step of its own, or lost. */
  | { readonly do: 'leave'; readonly of: Party }
  /** Telnyx opens the socket of a token; `back` 1 is an older one. */
  | { readonly do: 'open'; readonly back: number }
  | { readonly do: 'start'; readonly how: 'good' | 'again' | 'other call' | 'OPUS' }
  | { readonly do: 'media'; readonly frames: number }
  | { readonly do: 'stop' | 'drop' }
  /** How the next `times` commands of a name end, and when their answer comes. */
  | {
      readonly do: 'outcome';
      readonly of: TelnyxCommand['name'];
      readonly is: Outcome;
      readonly times: number;
      readonly afterMs: number;
    }
  | { readonly do: 'status'; readonly known: boolean }
  | { readonly do: 'control'; readonly action: ControlAction }
  | { readonly do: 'drain'; readonly now: boolean }
  | { readonly do: 'say'; readonly answer: Answer }
  | { readonly do: 'fail'; readonly provider: 'stt' | 'tts' | 'llm'; readonly retryable: boolean }
  | { readonly do: 'wait'; readonly ms: number };

/** What the model does. It does a thing once, except `dtmf again`. */
export type Answer = 'words' | 'hang_up' | 'transfer' | 'dtmf' | 'dtmf again' | 'nothing';

export type WebhookType =
  | 'call.initiated'
  | 'call.answered'
  | 'streaming.started'
  | 'streaming.stopped'
  | 'streaming.failed'
  | 'call.bridged'
  | 'call.hangup'
  | 'call.speak.ended'
  | 'call.dtmf.received';

const UNKNOWN: CommandOutcome = { ok: false, kind: 'unknown', message: 'no answer' };

export interface TruthSnapshot {
  readonly up: Readonly<Record<Party, boolean>>;
  readonly transfers: number;
}

interface TruthLeg {
  readonly id: string;
  up: boolean;
  was: boolean;
  /** The gateway was told that it exists. */
  told: boolean;
  /** The gateway was told that it is over. */
  endTold: boolean;
  hangups: number;
  hangupsAfterEnd: number;
}

/**
 * A small model of what is true at Telnyx (which legs are up), beside the gateway under test: it decides what commands and
 * status queries answer, and knows at the end which legs should have been hung up.
 */
export class Truth {
  readonly world: World;
  readonly legs: Record<Party, TruthLeg>;
  readonly violations: string[] = [];
  readonly #answers = new Map<string, Set<string>>();
  readonly #outcomes: { of: TelnyxCommand['name']; is: Outcome; times: number; afterMs: number }[] = [];
  readonly #sockets: { phone: FakePhone; leg: LegName; epoch: number; started: boolean; closes: number }[] = [];
  #statusKnown = true;
  #before: readonly JournalRecord[] = [];
  /** Caller and target talk to each other, and the gateway knows; nobody has ordered the call down since. */
  #paired = false;
  #transfers = 0;
  #chunk = 0;
  #streams = 0;

  constructor(config: Record<string, unknown> = {}, options: WorldOptions = {}) {
    this.world = createWorld(config, options);
    const leg = (id: string): TruthLeg => ({
      id,
      up: false,
      was: false,
      told: false,
      endTold: false,
      hangups: 0,
      hangupsAfterEnd: 0,
    });
    this.legs = { caller: leg('caller'), target: leg('target'), second: leg('second') };
    const { telnyx } = this.world;
    telnyx.answers = (command, callControlId) => this.#command(command, callControlId);
    telnyx.alive = (callControlId) => {
      if (!this.#statusKnown) return { known: false, message: 'HTTP 503' };
      const leg = this.#byId(callControlId);
      if (!leg.up) leg.endTold = true;
      return { known: true, isAlive: leg.up };
    };
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      this.step(step);
      await this.#breathe();
    }
  }

  /**
   * The far side is gone and nobody says so (or, by `how`, the gateway ends the call): from here on Telnyx answers
   * truthfully, and within bounded time nothing may be left.
   */
  async end(how: 'silent' | 'webhook' | 'api' | 'drain' | 'drain now' | 'decided'): Promise<void> {
    const { world, legs } = this;
    const sessions = [...world.registry.sessions.values()];
    // What has been decided ends the call, though the caller stays on the line.
    if (sessions.some(({ state }) => state.endReason !== undefined)) how = 'decided';
    if (how === 'silent' || how === 'webhook') this.step({ do: 'leave', of: 'caller' });
    if (how === 'webhook') this.step({ do: 'webhook', of: 'caller', type: 'call.hangup', times: 1 });
    if (how === 'api') this.#paired = false;
    for (const session of sessions) {
      if (how === 'api') session.post({ type: 'control', action: { type: 'hangup' }, by: 'test' });
      if (how === 'drain' || how === 'drain now') session.post({ type: 'drain', now: how === 'drain now' });
    }
    this.#outcomes.length = 0;
    this.#statusKnown = true;
    for (let second = 0; second < 400 && world.registry.sessions.size > 0; second++) {
      world.clock.advance(1000);
      await this.#breathe();
      // A bridged pair lives on by itself until one of the two leaves.
      const phases = [...world.registry.sessions.values()].map((session) => session.talkingLeg?.phase);
      if (phases.includes('bridged')) legs.caller.up = false;
    }
    for (let n = 0; n < 24; n++) {
      world.clock.advance(5000);
      await this.#breathe();
    }
    this.#verify();
  }

  step(step: Step): void {
    const { world } = this;
    switch (step.do) {
      case 'webhook':
        for (let n = 0; n < step.times; n++) this.#webhook(step.of, step.type);
        return;
      case 'leave':
        this.legs[step.of].up = false;
        return;
      case 'open':
        this.#open(world.tokens.at(-1 - step.back));
        return;
      case 'start':
        this.#start(step.how);
        return;
      case 'media':
        for (let n = 0; n < step.frames; n++) {
          const payload = Buffer.alloc(160, 0xff).toString('base64');
          this.#send({
            event: 'media',
            stream_id: 's',
            media: { track: 'inbound', chunk: String(++this.#chunk), timestamp: '0', payload },
          });
          world.clock.advance(20);
        }
        return;
      case 'stop':
        this.#send({ event: 'stop', stream_id: 's', stop: {} });
        return;
      case 'drop':
        this.#drop();
        return;
      case 'outcome':
        this.#outcomes.push({ ...step });
        return;
      case 'status':
        this.#statusKnown = step.known;
        return;
      case 'control':
        if (step.action.type === 'hangup') this.#paired = false;
        for (const session of [...world.registry.sessions.values()])
          session.post({ type: 'control', action: step.action, by: 'test' });
        return;
      case 'drain':
        for (const session of [...world.registry.sessions.values()]) session.post({ type: 'drain', now: step.now });
        return;
      case 'say':
        world.llm.script = ({ messages }) =>
          answerOf(step.answer !== 'dtmf again' && messages.at(-1)?.role === 'tool' ? 'words' : step.answer);
        world.stt.emit({ type: 'sttEndOfTurn', text: 'please do it' });
        return;
      case 'fail': {
        const failure = { kind: 'server', message: 'gone', retryable: step.retryable } as const;
        if (step.provider === 'stt') world.stt.emit({ type: 'sttFailed', failure });
        else if (step.provider === 'tts') world.tts.failure = world.tts.failure ? undefined : failure;
        else world.llm.script = () => [{ type: 'llmFailed', failure }];
        return;
      }
      case 'wait':
        world.clock.advance(step.ms);
    }
  }

  #webhook(of: Party, type: WebhookType): void {
    const leg = this.legs[of];
    if (of !== 'caller' && this.#transfers < (of === 'target' ? 1 : 2)) return; // Telnyx dialled nobody yet
    if (type === 'call.hangup') {
      leg.up = false;
      leg.was = true;
    } else if (!leg.was) {
      leg.was = leg.up = true;
    }
    const more = {
      callControlId: `cc-${leg.id}`,
      callLegId: `leg-${leg.id}`,
      ...(of !== 'caller' && type === 'call.initiated' ? { direction: 'outgoing' } : {}),
      ...(type === 'call.dtmf.received' ? { digit: '1' } : {}),
      ...(type === 'call.speak.ended' ? { status: 'completed' } : {}),
      ...(type === 'streaming.failed' ? { reason: 'connection_failed', streamId: undefined } : {}),
    } as Partial<TelnyxEvent>;
    if (type === 'call.hangup') leg.endTold = true;
    if (type === 'call.initiated' || (of !== 'caller' && tellsTarget(type))) leg.told = true;
    this.world.webhook(type, more);
    const talking = [...this.world.registry.sessions.values()].at(-1)?.talkingLeg;
    if (type === 'call.bridged' && talking?.phase === 'bridged') this.#paired = true;
  }

  #open(token: string | undefined): void {
    const ticket = token === undefined ? undefined : this.world.registry.redeem(token);
    if (!ticket) return;
    const { session, leg, epoch } = ticket;
    const socket = { leg, epoch, started: false, closes: 0, phone: undefined as unknown as FakePhone };
    socket.phone = new FakePhone(
      this.world.clock,
      (text) => session.mediaMessage(leg, epoch, Buffer.from(text)),
      (code) => {
        socket.closes++;
        session.mediaClosed(leg, epoch, code, '');
      },
    );
    this.#sockets.push(socket);
    session.mediaOpened(leg, epoch, socket.phone);
  }

  #start(how: 'good' | 'again' | 'other call' | 'OPUS'): void {
    const socket = this.#sockets.at(-1);
    if (!socket || (socket.started && how === 'good')) return;
    socket.started = true;
    if (how !== 'other call') this.legs.caller.was ||= true;
    this.#send({
      event: 'start',
      sequence_number: '1',
      stream_id: `stream-${how === 'again' ? 'x' : ++this.#streams}`,
      start: {
        call_control_id: how === 'other call' ? 'cc-somebody' : 'cc-caller',
        media_format: { encoding: how === 'OPUS' ? 'OPUS' : 'PCMU', sample_rate: 8000, channels: 1 },
      },
    });
  }

  #send(message: object): void {
    const socket = this.#sockets.at(-1);
    const session = [...this.world.registry.sessions.values()].at(-1);
    if (!socket || socket.phone.closed || !session) return;
    session.mediaMessage(socket.leg, socket.epoch, Buffer.from(JSON.stringify(message)));
  }

  #drop(): void {
    const socket = this.#sockets.at(-1);
    if (!socket || socket.phone.closed) return;
    socket.phone.closed = { code: 1006, reason: '' };
    socket.closes++;
    for (const session of this.world.registry.sessions.values())
      session.mediaClosed(socket.leg, socket.epoch, 1006, '');
  }

  /** Notes a command and answers it, at once or much later. */
  #command(command: TelnyxCommand, callControlId: string): undefined {
    const leg = this.#byId(callControlId);
    const sent = this.world.telnyx.sent.at(-1);
    if (leg.endTold) {
      if (command.name !== 'hangup') this.violations.push(`${command.name} to ${leg.id} after its end was known`);
      else if (++leg.hangupsAfterEnd > 1) this.violations.push(`a second hangup to ${leg.id} after its end was known`);
    }
    if (command.name === 'answer') {
      const ids = this.#answers.get(leg.id) ?? new Set();
      this.#answers.set(leg.id, ids.add(sent?.commandId ?? ''));
      if (ids.size > 1) this.violations.push(`${leg.id} was answered twice`);
    }
    if (command.name === 'hangup') {
      leg.hangups++;
      if (this.#paired && this.legs.caller.up && this.legs.target.up) this.violations.push('a bridged pair was cut');
    }
    const policy = this.#outcomes.find((one) => one.of === command.name && one.times > 0);
    if (policy) policy.times--;
    const is = policy?.is ?? 'truth';
    const outcome = this.#outcome(command, leg, is);
    const isOver = !outcome.ok && outcome.kind === 'gone';
    // All attempts of a command are over after a minute; of a call's own hangup not even that is taken for granted.
    const owned = this.world.registry.sessions.size > 0;
    const lost = command.name === 'hangup' && owned ? Infinity : 60_000;
    const afterMs = is === 'never' ? lost : (policy?.afterMs ?? 1);
    if (afterMs === Infinity || !sent) return undefined;
    this.world.clock.after(afterMs, () => {
      // The gateway knows of the end when the answer arrives.
      if (isOver) leg.endTold = true;
      sent.done(outcome);
    });
    return undefined;
  }

  #outcome(command: TelnyxCommand, leg: TruthLeg, is: Outcome): CommandOutcome {
    if (!leg.up) return is === 'truth' ? GONE : UNKNOWN;
    if (is === 'refused') return REFUSED;
    if (is === 'unknown' || is === 'never') return UNKNOWN;
    if (command.name === 'hangup' || command.name === 'reject') leg.up = false;
    if (command.name === 'transfer') this.#transfers++;
    return is === 'truth' ? OK : UNKNOWN;
  }

  #byId(callControlId: string): TruthLeg {
    const leg = Object.values(this.legs).find((one) => `cc-${one.id}` === callControlId);
    if (!leg) throw new Error(`command for an unknown leg ${callControlId}`);
    return leg;
  }

  async #breathe(): Promise<void> {
    for (let n = 0; n < 3; n++) await Promise.resolve();
  }

  /** Which legs are up, and what Telnyx has dialled: what a process that takes over finds. */
  snapshot(): TruthSnapshot {
    const up = (party: Party): boolean => this.legs[party].up;
    return { up: { caller: up('caller'), target: up('target'), second: up('second') }, transfers: this.#transfers };
  }

  /** Goes on where another process was killed: Telnyx is as it was, `records` are on file. */
  takeOver(snapshot: TruthSnapshot, records: readonly JournalRecord[]): void {
    this.#transfers = snapshot.transfers;
    this.#before = records;
    const known = new Set(records.flatMap((record) => ('leg' in record ? record.leg : undefined) ?? []));
    for (const [party, leg] of Object.entries(this.legs)) {
      leg.up = snapshot.up[party as Party];
      leg.was = leg.up;
      leg.told = party === 'caller' ? known.has('caller') : false;
    }
    for (const record of records) {
      if (record.k !== 'in' || record.d.type !== 'webhook') continue;
      const { callControlId } = record.d['event'] as { callControlId: string };
      this.#byId(callControlId).told = true;
    }
  }

  #verify(): void {
    const { world, legs, violations } = this;
    const told = this.#before.flatMap((record) => (record.k === 'ev' ? [record.d.type] : []));
    const phases = [...world.registry.sessions.values()].map((one) => JSON.stringify(one.state.legs));
    expect(phases, 'sessions left').toEqual([]);
    for (const leg of Object.values(legs)) {
      if (leg.told && leg.up) violations.push(`${leg.id} was left up; it was told to hang up ${leg.hangups} times`);
    }
    for (const { closes, phone } of this.#sockets) {
      if (!phone.closed) violations.push('a media socket was left open');
      if (closes > 1) violations.push('a media socket was closed twice');
    }
    const calls = new Set(world.seeds.size > 0 ? world.seeds.keys() : world.finished);
    for (const callId of calls) {
      const now = world.events.filter((event) => event.callId === callId).map((event) => event.type);
      const types: string[] = [...told, ...now];
      if (types.filter((type) => type === 'call.ended').length !== 1) violations.push('not exactly one call.ended');
      if (types.at(-1) !== 'call.ended') violations.push(`${types.at(-1)} came after call.ended`);
    }
    const ends = world.records.filter((record) => record.k === 'end').length;
    if (ends !== calls.size || (ends > 0 && world.records.at(-1)?.k !== 'end'))
      violations.push(`${ends} ends in the journal`);
    if (world.records.some((record) => record.k === 'in' && record.d.type === 'fault'))
      violations.push('a fault of our own');
    if (world.stt.opened !== world.stt.closedStreams) violations.push('a recogniser was left open');
    if (world.tts.opened !== world.tts.closedSessions) violations.push('a voice was left open');
    if (world.late.length > 0) violations.push(`written after the end: ${world.late.join(', ')}`);
    if (world.clock.pending > 0) violations.push(`${world.clock.pending} timers were left`);
    expect(violations).toEqual([]);
  }
}

/** Whatever comes first of a target tells the gateway that it exists. */
function tellsTarget(type: WebhookType): boolean {
  return type === 'call.answered' || type === 'call.bridged' || type === 'call.hangup';
}

function answerOf(answer: Answer): readonly LlmEvent[] {
  if (answer === 'nothing') return [{ type: 'llmDone', finish: 'stop' }];
  if (answer === 'words')
    return [
      { type: 'llmDelta', text: 'Yes, of course.' },
      { type: 'llmDone', finish: 'stop' },
    ];
  const [name, args] = {
    hang_up: ['hang_up', '{}'],
    transfer: ['transfer_call', '{"target":"sales"}'],
    dtmf: ['send_dtmf', '{"digits":"12"}'],
    'dtmf again': ['send_dtmf', '{"digits":"12"}'],
  }[answer] as [string, string];
  return [
    { type: 'llmToolCall', call: { id: 'c1', name, arguments: args } },
    { type: 'llmDone', finish: 'tool_calls' },
  ];
}
