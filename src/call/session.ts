import { withDigits, withoutDigits } from '../agent/dialogue/collect.ts';
import type { BriefingTimer } from '../agent/briefing/state.ts';
import type { DialogueInput, DialogueTimer } from '../agent/dialogue/inputs.ts';
import { createDialogue, digitsAreSensitive, entryIsSensitive, type DialogueState } from '../agent/dialogue/state.ts';
import type { AgentConfig } from '../agent/options.ts';
import { isoTime } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { createIds } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { Chronicle } from './chronicle.ts';
import { Closing } from './closing.ts';
import { CollectDesk } from './collect-desk.ts';
import { CommandDesk } from './command-desk.ts';
import { Consultation } from './consultation.ts';
import { Door } from './door.ts';
import { Effects } from './effects.ts';
import type { CallInput, CallTimer, LegName } from './inputs.ts';
import { Machines } from './machines.ts';
import type { MediaLeg, MediaSocket } from './media-leg.ts';
import { outboundFormat, Party, type PartyHost } from './party.ts';
import type { CallPorts } from './ports.ts';
import { Recorder } from './recorder.ts';
import type { SessionOptions } from './session-options.ts';
import { talkingLeg, type CallState, type Leg } from './state.ts';
import { ToolDesk } from './tool-desk.ts';
import { TimerHeap } from './timers.ts';
import type { Timed } from './wheel.ts';

/** The wheel was late by more than the playout lead: the caller heard it. */
const STALL_MS = 200;

/**
 * One call: its door, and the only owner of its sockets, provider streams and timers. What happens comes in by {@link post}
 * (or as audio), is stamped, journaled and stepped through the two pure machines; their effects are started and come back as
 * inputs. Nothing here waits.
 */
export class Session implements Timed {
  readonly callId: string;
  readonly config: AgentConfig;
  readonly createdAt: string;
  readonly #machines: Machines;
  readonly #ports: CallPorts;
  readonly #log: Log;
  readonly #chronicle: Chronicle;
  readonly #commands: CommandDesk;
  readonly #door: Door;
  /** The far party of the conversation. */
  readonly #party: Party;
  readonly #consultation: Consultation;
  readonly #effects: Effects;
  readonly #closing: Closing;
  readonly #tools: ToolDesk;
  readonly #collects: CollectDesk;
  readonly #timers = new TimerHeap();
  readonly #t0: number;
  #t: number;
  #due = Infinity;
  #faults = 0;

  constructor(options: SessionOptions) {
    const { ports, config, resumed } = options;
    this.callId = options.callId;
    this.config = config;
    this.#ports = ports;
    this.#log = ports.log.child({ callId: options.callId });
    this.#chronicle = new Chronicle(
      options.callId,
      ports,
      this.#log,
      {
        keepTexts: config.transcripts,
        digitsAreSensitive: () => digitsAreSensitive(this.dialogue),
        wordsAreSensitive: () => entryIsSensitive(this.dialogue),
      },
      resumed?.seq ?? 0,
    );
    this.#commands = new CommandDesk({
      callId: options.callId,
      language: config.language,
      listed: Object.values(config.transferTargets),
      ports,
      ids: createIds(options.seed, resumed?.idCounts),
      chronicle: this.#chronicle,
      state: () => this.state,
      post: (input) => this.post(input),
    });
    this.#door = new Door({
      advanceTo: (t) => this.#advanceTo(t),
      skipTo: (t) => {
        this.#party.media.advance(t);
        this.#consultation.party?.media.advance(t);
      },
      fault: (thrown) => this.#fault(thrown),
      rested: () => this.#rested(),
    });
    this.#t = resumed?.t ?? 0;
    this.#t0 = ports.clock.mono() - this.#t;
    this.createdAt = isoTime(ports.clock.wall());
    const { from, to, direction, metadata } = options.state;
    const facts = { from, to, direction, ...(metadata === undefined ? {} : { metadata }) };
    this.#machines = new Machines(options.state, createDialogue(config, facts, resumed, ports.tools), {
      run: (effect) => this.#effects.run(effect, this.#t),
      view: (t) => this.#party.view(t),
      consult: (leg) => this.#consultation.begin(leg),
      runBriefing: (leg, effect) => this.#consultation.run(leg, effect, this.#t),
      briefingView: (leg, t) => this.#partyOf(leg)?.view(t) ?? this.#party.view(t),
    });
    const leg: LegName = options.state.direction === 'inbound' ? 'caller' : 'callee';
    const voice = { outbound: outboundFormat(options.state.declared), language: config.language, ports };
    this.#party = new Party({
      leg,
      ...voice,
      recorder: new Recorder(resumed?.samples ?? 0, (record) => ports.journal.track(record)),
      host: this.#hostOf(leg),
      log: this.#log,
    });
    const byTools = (input: DialogueInput): void => this.#door.enter(this.#now(), () => this.#take(input));
    this.#collects = new CollectDesk(byTools);
    this.#tools = new ToolDesk({
      digits: {
        ask: (wanted, signal) => this.#collects.ask(wanted, signal),
        open: (args) => withDigits(this.dialogue, args),
        cover: (text) => withoutDigits(this.dialogue, text),
      },
      ...{ tools: ports.tools ?? [], clock: ports.clock, log: this.#log },
      facts: () => {
        const { agent, from: caller, to: called, metadata: given = {} } = this.state;
        return { id: this.callId, agent, from: caller, to: called, language: config.language, metadata: given };
      },
      input: byTools,
      journalBehind: () => ports.journalBehind(),
    });
    this.#consultation = new Consultation({
      ...voice,
      chronicle: this.#chronicle,
      timers: this.#timers,
      log: this.#log,
      hostOf: (target) => this.#hostOf(target),
      take: (input) => this.#take(input),
      step: (target, input, t) => this.#machines.stepBriefing(target, input, t),
    });
    this.#effects = new Effects({
      ...{ callId: options.callId, chronicle: this.#chronicle, commands: this.#commands, collects: this.#collects },
      ...{ tools: this.#tools, timers: this.#timers, dials: ports.dials, consultation: this.#consultation },
      party: this.#party,
      dialogue: () => this.dialogue,
      partyOf: (target) => this.#partyOf(target),
      post: (input) => this.post(input),
      finish: () => this.#finish(),
    });
    this.#closing = new Closing({
      ...{ session: this, ports, log: this.#log, door: this.#door, party: this.#party },
      ...{ consultation: this.#consultation, collects: this.#collects, tools: this.#tools },
      ...{ commands: this.#commands, chronicle: this.#chronicle, effects: this.#effects },
    });
    ports.wheel.add(this);
  }

  get state(): CallState {
    return this.#machines.call;
  }

  get dialogue(): DialogueState {
    return this.#machines.dialogue;
  }

  /** The leg's media counters and playout, for reports and metrics. */
  get media(): MediaLeg {
    return this.#party.media;
  }

  /** Inputs that wait at the door. */
  get waiting(): number {
    return this.#door.waiting;
  }

  /** Next deadline on the monotonic clock. */
  get due(): number {
    return this.#due;
  }

  /** The door. @param onJournaled runs when the input is on file (a webhook's 200 waits for it, up to 50 ms). */
  post(input: CallInput, onJournaled?: () => void): void {
    this.#door.enter(this.#now(), () => this.#take(input, onJournaled));
  }

  /** While `on` nothing is recorded, whoever wants it: for digits that nobody may keep. */
  sensitive(on: boolean): void {
    this.#door.enter(this.#now(), () => this.#take({ type: 'sensitive', on }));
  }

  /** The wheel says that something is due. */
  advance(now: number): void {
    const late = now - this.due;
    const t = now - this.#t0;
    if (late <= STALL_MS || late === Infinity) this.#door.enter(t, () => undefined);
    else this.#door.enter(t, () => this.#take({ type: 'stalled', ms: Math.round(late) }), true);
  }

  /** Telnyx opened the socket of stream `epoch`. */
  mediaOpened(leg: LegName, epoch: number, socket: MediaSocket): void {
    if (this.#door.isClosed || this.state.legs[leg]?.epoch !== epoch) {
      socket.close(1001, 'superseded');
      return;
    }
    const party = this.#partyOf(leg);
    if (!party) {
      socket.close(1001, 'superseded');
      return;
    }
    party.media.attach(epoch, socket);
    this.post({ type: 'mediaOpened', leg, epoch });
  }

  mediaMessage(leg: LegName, epoch: number, data: Buffer): void {
    const id = this.state.legs[leg]?.callControlId ?? '';
    const t = this.#now();
    this.#door.enter(t, () => this.#partyOf(leg)?.media.message(epoch, data, t, id));
  }

  mediaClosed(leg: LegName, epoch: number, code: number, why: string): void {
    this.#door.enter(this.#now(), () => {
      this.#partyOf(leg)?.media.detach(epoch);
      this.#take({ type: 'mediaClosed', leg, epoch, code, why });
    });
  }

  /** The leg that Telnyx' ids belong to, or the name a new transfer target of this call gets. */
  legOf(callControlId: string, callLegId: string | undefined): LegName | undefined {
    const legs = Object.values(this.state.legs);
    const leg =
      legs.find((one) => callControlId !== '' && one.callControlId === callControlId) ??
      legs.find((one) => callLegId !== undefined && one.callLegId === callLegId);
    return leg?.name;
  }

  nextTargetName(): LegName {
    return `target${Object.keys(this.state.legs).length}`;
  }

  #now(): number {
    return this.#ports.clock.mono() - this.#t0;
  }

  /**
   * Closes the books of a call with nothing left to do: its process died before the first webhook was written, or after
   * the end was.
   */
  discard(): void {
    this.#machines.call = { ...this.state, status: 'ended', finished: true };
    this.#finish();
  }

  /** Nothing moves a deadline but what passes the door, and the wheel asks every call a thousand times a second. */
  #rested(): void {
    this.#due =
      this.#t0 + Math.min(this.#timers.due, this.#party.media.due(), this.#consultation.party?.media.due() ?? Infinity);
    this.#ports.wheel.changed(this);
  }

  /** Delivers every timer and plays every frame due by `t`, in due order, each at its own time. */
  #advanceTo(t: number): void {
    for (;;) {
      const media = this.#party.media.due();
      const consulted = this.#consultation.party?.media.due() ?? Infinity;
      const due = Math.min(this.#timers.due, media, consulted);
      if (due > t || this.#door.isClosed) break;
      this.#t = Math.max(this.#t, due);
      if (media <= due) this.#party.media.advance(this.#t);
      else if (consulted <= due) this.#consultation.party?.media.advance(this.#t);
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
    if (owner === 'briefing') {
      this.#consultation.due(name as BriefingTimer, this.#t);
      return;
    }
    const quiet = name === 'noMedia' ? { quietMs: Math.round(this.#t - this.#party.media.lastFrameAt) } : {};
    this.#take({ type: 'timer', leg: owner, name: name as CallTimer, ...quiet });
  }

  #take(input: CallInput | DialogueInput, onJournaled?: () => void): void {
    this.#chronicle.input(input, this.#t, onJournaled);
    if (input.type === 'webhook' && input.event.type === 'call.dtmf.received')
      this.#partyOf(input.leg)?.key('webhook', input.event.digit);
    this.#machines.step(input, this.#t);
  }

  #partyOf(leg: LegName): Party | undefined {
    const consulted = this.#consultation.party;
    return leg === this.#party.leg ? this.#party : consulted?.leg === leg ? consulted : undefined;
  }

  #hostOf(leg: LegName): PartyHost {
    return {
      t: () => this.#t,
      enter: (run) => this.#door.enter(this.#now(), run),
      follow: (run) => this.#door.enter(this.#t, run),
      take: (input) => this.#take(input),
      digit: (digit) => this.#machines.step({ type: 'digit', digit }, this.#t),
      note: (d) => this.#chronicle.media(leg, this.#t, d),
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
    if (this.#faults === 1 && !this.state.finished && talkingLeg(this.state)) {
      this.#door.enterFirst(this.#t, () => this.#take({ type: 'fault', message: messageOf(thrown) }));
    } else if (!this.#door.isClosed) this.#abandon();
  }

  /** Everything is closed as far as it can be, and the legs are ordered down. */
  #abandon(): void {
    const before = this.state;
    this.#machines.call = { ...before, status: 'ended', finished: true, endReason: before.endReason ?? 'error' };
    this.#closing.abandon(before, this.#t);
  }

  /** The process ends and the call lives on: nothing is said or written any more, the next process takes it over. */
  leave(): void {
    this.#closing.letGo(1001, 'gateway closed', this.#t);
  }

  #finish(): void {
    this.#closing.finish(this.state.endReason ?? 'error', this.#t);
  }

  /** The far party's leg, for look-ups. */
  get talkingLeg(): Leg | undefined {
    return talkingLeg(this.state);
  }
}
