import type { DialogueInput, DialogueTimer } from '../agent/dialogue/inputs.ts';
import { createDialogue, type DialogueState, type HistoryEntry } from '../agent/dialogue/state.ts';
import { stepDialogue } from '../agent/dialogue/step.ts';
import type { AgentConfig } from '../agent/options.ts';
import type { AudioFormat } from '../audio/format.ts';
import { isoTime } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { createIds, type Ids } from '../core/ids.ts';
import { maskNumber, type Log } from '../core/log.ts';
import { CommandLane } from './command-lane.ts';
import { DigitMerge } from './digits.ts';
import type { AnyEffect, CallInput, CallTimer, LegName, PublicEvent } from './inputs.ts';
import { stepCall } from './machine.ts';
import { MediaLeg, type MediaLegSink, type MediaSocket } from './media-leg.ts';
import type { CallPorts } from './ports.ts';
import { ProviderDesk } from './provider-desk.ts';
import { Recorder } from './recorder.ts';
import { effectLine, inputLine } from './record-lines.ts';
import { isOver, talkingLeg, type CallState, type Leg } from './state.ts';
import { telnyxCommand } from './telnyx-command.ts';
import { TimerHeap } from './timers.ts';
import type { Timed } from './wheel.ts';
import { WireOrder } from './wire-order.ts';

/** Inputs that may wait while one is being handled; more means that something feeds on itself. */
const MAX_INBOX = 256;
/** Rounds between the two machines within one step. */
const MAX_ROUNDS = 8;
/** An intent goes out even if its journal line is not on file by then. */
const JOURNAL_PATIENCE_MS = 50;
/** The wheel was late by more than the playout lead: the caller heard it. */
const STALL_MS = 200;

export interface SessionOptions {
  readonly callId: string;
  readonly seed: string;
  readonly config: AgentConfig;
  readonly state: CallState;
  readonly ports: CallPorts;
  /** After a restart: what was said before, and where the call's own counts stand. */
  readonly resumed?: {
    readonly history: readonly HistoryEntry[];
    readonly toolResults: Readonly<Record<string, string>>;
    readonly turn: number;
    readonly seq: number;
    readonly t: number;
    readonly samples: number;
    readonly idCounts: Readonly<Record<string, number>>;
  };
}

/**
 * One call: its door, and the only owner of its sockets, provider streams and timers. What happens comes in by {@link post}
 * (or as audio), is stamped, journaled and stepped through the two pure machines; their effects are started and come back as
 * inputs. Nothing here waits.
 */
export class Session implements Timed {
  readonly callId: string;
  readonly config: AgentConfig;
  readonly createdAt: string;
  #state: CallState;
  #dialogue: DialogueState;
  readonly #ports: CallPorts;
  readonly #log: Log;
  readonly #ids: Ids;
  readonly #lane: CommandLane;
  readonly #media: MediaLeg;
  readonly #desk: ProviderDesk;
  readonly #timers = new TimerHeap();
  readonly #digits = new DigitMerge();
  readonly #inbox: { readonly t: number; readonly run: () => void; readonly stalled: boolean }[] = [];
  readonly #t0: number;
  #t: number;
  #seq: number;
  #busy = false;
  #due = Infinity;
  #faults = 0;
  #endTold = false;
  #closed = false;

  constructor(options: SessionOptions) {
    const { ports, config, resumed } = options;
    this.callId = options.callId;
    this.config = config;
    this.#ports = ports;
    this.#state = options.state;
    this.#log = ports.log.child({ callId: options.callId });
    this.#ids = createIds(options.seed, resumed?.idCounts);
    this.#lane = new CommandLane(ports.telnyx, (name) => {
      const leg = this.#state.legs[name];
      return !leg || isOver(leg);
    });
    this.#t = resumed?.t ?? 0;
    this.#t0 = ports.clock.mono() - this.#t;
    this.#seq = resumed?.seq ?? 0;
    this.createdAt = isoTime(ports.clock.wall());
    const facts = { from: options.state.from, to: options.state.to, direction: options.state.direction };
    this.#dialogue = createDialogue(config, facts, resumed);
    const outbound = outboundFormat(options.state.declared);
    const recorder = new Recorder(resumed?.samples ?? 0, (record) => ports.journal.track(record));
    const leg: LegName = options.state.direction === 'inbound' ? 'caller' : 'callee';
    const order = outbound.codec === 'L16' ? new WireOrder(ports.l16ByteOrder) : undefined;
    this.#media = new MediaLeg(leg, outbound, this.#mediaSink(), recorder, order, this.#log);
    this.#desk = new ProviderDesk(ports.providers, {
      clock: ports.clock,
      language: config.language,
      outbound,
      inboundFormat: () => this.#media.inboundFormat,
      input: (input) => this.#enter(this.#now(), () => this.#take(input)),
      audio: (utterance, turn, bytes, first) =>
        this.#enter(this.#now(), () => this.#speech(utterance, turn, bytes, first)),
    });
    ports.wheel.add(this);
  }

  get state(): CallState {
    return this.#state;
  }

  get dialogue(): DialogueState {
    return this.#dialogue;
  }

  /** The leg's media counters and playout, for reports and metrics. */
  get media(): MediaLeg {
    return this.#media;
  }

  /** Next deadline on the monotonic clock. */
  get due(): number {
    return this.#due;
  }

  /** The door. @param onJournaled runs when the input is on file (a webhook's 200 waits for it, up to 50 ms). */
  post(input: CallInput, onJournaled?: () => void): void {
    this.#enter(this.#now(), () => this.#take(input, onJournaled));
  }

  /** The wheel says that something is due. */
  advance(now: number): void {
    const late = now - this.due;
    const t = now - this.#t0;
    if (late <= STALL_MS || late === Infinity) this.#enter(t, () => undefined);
    else this.#enter(t, () => this.#take({ type: 'stalled', ms: Math.round(late) }), true);
  }

  /** Telnyx opened the socket of stream `epoch`. */
  mediaOpened(leg: LegName, epoch: number, socket: MediaSocket): void {
    if (this.#closed || this.#state.legs[leg]?.epoch !== epoch) {
      socket.close(1001, 'superseded');
      return;
    }
    this.#media.attach(epoch, socket);
    this.post({ type: 'mediaOpened', leg, epoch });
  }

  mediaMessage(leg: LegName, epoch: number, data: Buffer): void {
    const id = this.#state.legs[leg]?.callControlId ?? '';
    const t = this.#now();
    this.#enter(t, () => this.#media.message(epoch, data, t, id));
  }

  mediaClosed(leg: LegName, epoch: number, code: number, why: string): void {
    this.#enter(this.#now(), () => {
      this.#media.detach(epoch);
      this.#take({ type: 'mediaClosed', leg, epoch, code, why });
    });
  }

  /** The leg that Telnyx' ids belong to, or the name a new transfer target of this call gets. */
  legOf(callControlId: string, callLegId: string | undefined): LegName | undefined {
    const legs = Object.values(this.#state.legs);
    const leg =
      legs.find((one) => one.callControlId === callControlId) ??
      legs.find((one) => callLegId !== undefined && one.callLegId === callLegId);
    return leg?.name;
  }

  nextTargetName(): LegName {
    return `target${Object.keys(this.#state.legs).length}`;
  }

  #now(): number {
    return this.#ports.clock.mono() - this.#t0;
  }

  /**
   * One thing at a time, in order. A throw in here ends this call and nothing else.
   *
   * @param stalled nothing could be sent until now: the caller has heard a gap, and speech goes on from here instead of in
   * one burst.
   */
  #enter(t: number, run: () => void, stalled = false): void {
    if (this.#closed) return;
    if (this.#inbox.length >= MAX_INBOX) {
      if (this.#faults === 0) this.#fault(new Error('more than 256 inputs wait for each other'));
      return;
    }
    this.#inbox.push({ t, run, stalled });
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#inbox.shift(); next && !this.#isClosed(); next = this.#inbox.shift()) {
        try {
          if (next.stalled) this.#media.advance(next.t);
          this.#advanceTo(next.t);
          if (!this.#isClosed()) next.run();
        } catch (thrown) {
          this.#fault(thrown);
        }
      }
    } finally {
      this.#busy = false;
    }
    if (this.#isClosed()) return;
    // Nothing moves a deadline but what passes through here, and the wheel asks every call a thousand times a second.
    this.#due = this.#t0 + Math.min(this.#timers.due, this.#media.due());
    this.#ports.wheel.changed(this);
  }

  /**
   * Closes the books of a call with nothing left to do: its process died before the first webhook was written, or after
   * the end was.
   */
  discard(): void {
    this.#state = { ...this.#state, status: 'ended', finished: true };
    this.#finish();
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** Delivers every timer and plays every frame due by `t`, in due order, each at its own time. */
  #advanceTo(t: number): void {
    for (;;) {
      const media = this.#media.due();
      const due = Math.min(this.#timers.due, media);
      if (due > t || this.#closed) break;
      this.#t = Math.max(this.#t, due);
      if (media <= due) this.#media.advance(this.#t);
      else this.#fire();
    }
    this.#t = Math.max(this.#t, t);
  }

  #fire(): void {
    const timer = this.#timers.pop();
    if (!timer) return;
    const [owner, name] = timer;
    if (owner === 'dialogue') {
      this.#take({ type: 'timer', name: name as DialogueTimer });
      return;
    }
    const quiet = name === 'noMedia' ? { quietMs: Math.round(this.#t - this.#media.lastFrameAt) } : {};
    this.#take({ type: 'timer', leg: owner, name: name as CallTimer, ...quiet });
  }

  #take(input: CallInput | DialogueInput, onJournaled?: () => void): void {
    const leg = 'leg' in input ? { leg: input.leg } : {};
    this.#ports.journal.append(
      { k: 'in', s: ++this.#seq, t: this.#t, ...leg, d: inputLine(input, this.config.transcripts) },
      onJournaled,
    );
    if (isCallInput(input)) {
      if (input.type === 'webhook' && input.event.type === 'call.dtmf.received')
        this.#digit('webhook', input.event.digit);
      this.#stepCall(input);
    } else this.#stepDialogue(input);
  }

  /** Call machine first; what it tells the dialogue, and back, until both are quiet. */
  #stepCall(input: Parameters<typeof stepCall>[1], round = 0): void {
    if (round > MAX_ROUNDS) throw new Error('the two machines do not come to rest');
    const { state, effects } = stepCall(this.#state, input, this.#t);
    this.#state = state;
    for (const effect of effects) {
      if (effect.type === 'dialogue') this.#stepDialogue(effect.input, round + 1);
      else this.#run(effect);
    }
  }

  #stepDialogue(input: DialogueInput, round = 0): void {
    if (round > MAX_ROUNDS) throw new Error('the two machines do not come to rest');
    const { state, effects } = stepDialogue(this.#dialogue, input, this.#t, this.#media.playout.view(this.#t));
    this.#dialogue = state;
    for (const effect of effects) {
      if (effect.type === 'signal') this.#stepCall({ type: 'signal', signal: effect.signal }, round + 1);
      else this.#run(effect);
    }
  }

  /** Starts one effect. Its outcome, if it has one, is a later input. */
  #run(effect: AnyEffect): void {
    if (effect.type === 'event') {
      this.#publish(effect.event);
      return;
    }
    const s = ++this.#seq;
    const leg = 'leg' in effect ? { leg: effect.leg } : {};
    const line = { k: 'fx', s, t: this.#t, ...leg, d: effectLine(effect, this.config.transcripts) } as const;
    if (effect.type === 'command') {
      const start = this.#prepareCommand(effect, s);
      this.#intent((written) => this.#ports.journal.append(start.line(line), written), start.send);
      return;
    }
    if (effect.type !== 'ttsText') this.#ports.journal.append(line);
    this.#start(effect);
  }

  #start(effect: Exclude<AnyEffect, { type: 'event' | 'command' }>): void {
    const { playout } = this.#media;
    switch (effect.type) {
      case 'askStatus':
        this.#askStatus(effect.leg);
        return;
      case 'closeMedia':
        this.#media.close(effect.code, effect.why);
        return;
      case 'setTimer':
        this.#timers.set('leg' in effect ? effect.leg : 'dialogue', effect.name, this.#t + effect.ms);
        return;
      case 'cancelTimer':
        this.#timers.cancel('leg' in effect ? effect.leg : 'dialogue', effect.name);
        return;
      case 'finished':
        this.#finish();
        return;
      case 'record':
        this.#media.recorder.start();
        this.#publish({ type: 'recording.started', data: {} });
        return;
      case 'playBegin':
        playout.begin(effect.turn);
        return;
      case 'playEnd':
        playout.end();
        playout.advance(this.#t);
        return;
      case 'playPause':
        playout.pause(this.#t);
        return;
      case 'playResume':
        playout.resume(this.#t, effect.fromByte);
        return;
      case 'playDrop':
        playout.drop(this.#t);
        return;
      case 'dialogue':
        return; // taken within the step
      default:
        this.#desk.run(effect);
    }
  }

  #prepareCommand(
    effect: Extract<AnyEffect, { type: 'command' }>,
    s: number,
  ): {
    line: <L extends { readonly d: object }>(line: L) => L & { d: { type: string } };
    send: () => void;
  } {
    const { leg, command, tag } = effect;
    const callControlId = this.#state.legs[leg]?.callControlId ?? '';
    const commandId = this.#ids.uuid('command');
    const url = (epoch: number): string => this.#ports.expectMedia(this.#ids.token('media'), leg, epoch);
    const wire = telnyxCommand(command, {
      url,
      callId: this.callId,
      leg,
      declared: this.#state.declared,
      language: this.config.language,
    });
    return {
      line: (line) => ({ ...line, d: { ...line.d, type: 'command', commandId } }),
      send: () => {
        this.#lane.send({
          leg,
          callControlId,
          commandId,
          command: wire,
          done: (outcome) =>
            this.post({
              type: 'commandDone',
              leg,
              effect: s,
              name: wire.name,
              outcome,
              ...(tag === undefined ? {} : { tag }),
            }),
        });
      },
    };
  }

  /** Writes first, acts when it is written; a disk that is slow delays nobody for long. */
  #intent(write: (written: () => void) => void, act: () => void): void {
    let acted = false;
    const once = (): void => {
      if (acted) return;
      acted = true;
      patience.cancel();
      act();
    };
    const patience = this.#ports.clock.after(JOURNAL_PATIENCE_MS, () => {
      this.#ports.journalBehind();
      once();
    });
    write(once);
  }

  #askStatus(leg: LegName): void {
    const id = this.#state.legs[leg]?.callControlId ?? '';
    void this.#ports.telnyx.status(id).then((status) => this.post({ type: 'legStatus', leg, status }));
  }

  #publish(event: PublicEvent): void {
    // `call.ended` is the last event of a call.
    if (event.type === 'call.ended' && this.#media.recorder.isOn)
      this.#publish({ type: 'recording.stopped', data: {} });
    if (event.type === 'call.ended') this.#endTold = true;
    const id = this.#ports.eventId();
    const record = {
      k: 'ev',
      s: ++this.#seq,
      t: this.#t,
      id,
      d: effectLine({ type: 'event', event } as AnyEffect, this.config.transcripts)['event'],
    } as const;
    // A partial is told and forgotten: it is never stored.
    if (event.type !== 'transcript.partial') this.#ports.journal.append({ ...record, d: record.d as { type: string } });
    this.#ports.publish({ ...event, id, callId: this.callId, at: isoTime(this.#ports.clock.wall()) });
    const { from, to } = this.#state;
    if (event.type === 'call.created')
      this.#log.info({ from: maskNumber(from), to: maskNumber(to), agent: this.#state.agent }, 'call created');
    else if (event.type === 'call.ended') this.#log.info({ ...event.data }, 'call ended');
    else if (event.type === 'provider.failed') this.#log.warn({ ...event.data }, 'provider failed');
    else if (event.type !== 'transcript.partial') this.#log.debug({ event: event.type }, 'call event');
  }

  /** Agent audio from the voice, for turn `turn`. */
  #speech(utterance: number, turn: number, bytes: Uint8Array, first: boolean): void {
    const { playout } = this.#media;
    if (playout.view(this.#t).turn !== turn) return;
    playout.write(bytes);
    if (first) this.#take({ type: 'ttsFirstAudio', utterance });
    playout.advance(this.#t);
  }

  #digit(source: 'socket' | 'webhook', digit: string): void {
    if (this.#digits.isNew(source, digit, this.#t)) this.#stepDialogue({ type: 'digit', digit });
  }

  #mediaSink(): MediaLegSink {
    const derived = (input: DialogueInput): void => this.#enter(this.#t, () => this.#take(input));
    return {
      input: (input) => this.#enter(this.#t, () => this.#take(input)),
      digit: (digit) =>
        this.#enter(this.#t, () => {
          this.#ports.journal.append({
            k: 'in',
            s: ++this.#seq,
            t: this.#t,
            leg: this.#media.leg,
            d: { type: 'digit', digit },
          });
          this.#digit('socket', digit);
        }),
      played: (turn, by) => derived({ type: 'played', turn, by }),
      markEchoed: (name) =>
        this.#enter(this.#t, () => {
          this.#ports.journal.append({
            k: 'in',
            s: ++this.#seq,
            t: this.#t,
            leg: this.#media.leg,
            d: { type: 'mark', name },
          });
          this.#media.playout.markEchoed(name, this.#t);
        }),
      audio: (bytes) => {
        this.#desk.hear(bytes);
        this.#media.recorder.caller(bytes);
      },
      voice: (change, voicedMs, silenceMs) => derived({ type: 'voice', change, voicedMs, silenceMs }),
      mismatch: (announced, heard) => {
        this.#log.warn({ announced, heard }, 'codec mismatch: the audio is not in the announced law');
        this.#enter(this.#t, () => {
          this.#media.recorder.format('caller', this.#media.inboundFormat);
          this.#desk.reopenEars();
          this.#take({ type: 'codecMismatch', leg: this.#media.leg, announced, heard });
        });
      },
    };
  }

  #fault(thrown: unknown): void {
    this.#faults++;
    this.#log.error(
      { error: messageOf(thrown), stack: thrown instanceof Error ? thrown.stack : undefined },
      'call fault',
    );
    // The first fault ends the call in order, before anything else that waits; if that throws too, or there is nothing
    // left to end, the call is let go of.
    if (this.#faults === 1 && !this.#state.finished && talkingLeg(this.#state)) {
      const run = (): void => this.#take({ type: 'fault', message: messageOf(thrown) });
      this.#inbox.unshift({ t: this.#t, run, stalled: false });
    } else if (!this.#closed) this.#abandon();
  }

  /** Everything is closed as far as it can be, and the legs are ordered down. */
  #abandon(): void {
    const { legs, answeredAt, endReason } = this.#state;
    const reason = endReason ?? 'error';
    this.#state = { ...this.#state, status: 'ended', finished: true, endReason: reason };
    for (const leg of Object.values(legs)) {
      if (leg.phase === 'ended') continue;
      this.#attempt(() =>
        this.#ports.telnyx.send(leg.callControlId, this.#ids.uuid('command'), { name: 'hangup' }, () => undefined),
      );
    }
    const durationMs = answeredAt === undefined ? 0 : Math.round(this.#t - answeredAt);
    if (!this.#endTold) this.#attempt(() => this.#publish({ type: 'call.ended', data: { reason, durationMs } }));
    this.#finish();
  }

  /** The process ends and the call lives on: nothing is said or written any more, the next process takes it over. */
  leave(): void {
    this.#letGo(1001, 'gateway closed');
  }

  /** The last thing a call does. Whatever of it throws, the rest is done. */
  #finish(): void {
    const s = ++this.#seq;
    const d = { type: 'end', reason: this.#state.endReason ?? 'error' };
    this.#letGo(1000, 'call ended');
    this.#attempt(() => this.#ports.journal.close({ k: 'end', s, t: this.#t, d }));
    this.#attempt(() => this.#ports.finished());
  }

  #letGo(code: number, why: string): void {
    this.#closed = true;
    this.#inbox.length = 0;
    this.#attempt(() => this.#desk.close());
    this.#attempt(() => this.#media.recorder.flush());
    this.#attempt(() => this.#media.close(code, why));
    this.#attempt(() => this.#ports.wheel.remove(this));
  }

  #attempt(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#log.error({ error: messageOf(thrown) }, 'call fault at its end');
    }
  }

  /** The far party's leg, for look-ups. */
  get talkingLeg(): Leg | undefined {
    return talkingLeg(this.#state);
  }
}

/** How agent audio goes onto the wire; L16 is turned round behind playout, if it must be. */
function outboundFormat(declared: CallState['declared']): AudioFormat {
  if (declared === 'L16') return { codec: 'L16', sampleRate: 16000, byteOrder: 'little' };
  return { codec: declared, sampleRate: 8000 };
}

const CALL_INPUTS: ReadonlySet<string> = new Set<CallInput['type']>([
  ...([
    'webhook',
    'mediaOpened',
    'mediaStarted',
    'mediaStopped',
    'mediaClosed',
    'mediaUnsupported',
    'codecMismatch',
  ] as const),
  ...(['commandDone', 'legStatus', 'control', 'drain', 'stalled', 'recovered', 'fault'] as const),
]);

function isCallInput(input: CallInput | DialogueInput): input is CallInput {
  return CALL_INPUTS.has(input.type) || (input.type === 'timer' && 'leg' in input);
}
