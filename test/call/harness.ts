import { agentOptions, type AgentConfig } from '../../src/agent/options.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import { sine } from '../../src/audio/tones.ts';
import { defaultDestinations, type DestinationOptions } from '../../src/call/destination-options.ts';
import { Destinations, type DestinationRule } from '../../src/call/destinations.ts';
import { DialLedger } from '../../src/call/dial-ledger.ts';
import { DialQueue } from '../../src/call/dial-queue.ts';
import { defaultOutbound, type OutboundOptions } from '../../src/call/outbound-options.ts';
import type { CallInput, EndReason, LegName } from '../../src/call/inputs.ts';
import type { MediaLeg, MediaSocket } from '../../src/call/media-leg.ts';
import type { CallObserver } from '../../src/call/observer.ts';
import type { CallPorts, PublishedEvent } from '../../src/call/ports.ts';
import { CallRegistry, type ReadyAgent } from '../../src/call/registry.ts';
import type { Session } from '../../src/call/session.ts';
import { Wheel } from '../../src/call/wheel.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog, type Log } from '../../src/core/log.ts';
import type { JournalRecord } from '../../src/journal/format.ts';
import type {
  LlmEvent,
  LlmProvider,
  LlmRequest,
  SttEvent,
  SttProvider,
  SttStream,
  TtsEvent,
  TtsProvider,
} from '../../src/providers/ports.ts';
import type { CommandOutcome, LegSearch, LegStatus, TelnyxApi, TelnyxCommand } from '../../src/telnyx/commands.ts';
import type { Tool } from '../../src/tools/tool.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';

export const OK: CommandOutcome = { ok: true };
export const GONE: CommandOutcome = { ok: false, kind: 'gone', code: '90018', message: 'call has already ended' };
export const REFUSED: CommandOutcome = { ok: false, kind: 'refused', status: 422, message: 'refused' };

export interface SentCommand {
  readonly t: number;
  readonly callControlId: string;
  readonly commandId: string;
  readonly command: TelnyxCommand;
  readonly done: (outcome: CommandOutcome) => void;
}

/** Telnyx in memory: records commands; `answers` decides what comes back, `undefined` leaves the command open. */
export class FakeTelnyx implements TelnyxApi {
  readonly sent: SentCommand[] = [];
  answers: (command: TelnyxCommand, callControlId: string) => CommandOutcome | undefined = () => OK;
  alive: (callControlId: string) => LegStatus = () => ({ known: true, isAlive: false });
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  send(
    callControlId: string,
    commandId: string,
    command: TelnyxCommand,
    done: (outcome: CommandOutcome) => void,
  ): void {
    this.sent.push({ t: this.#clock.mono(), callControlId, commandId, command, done });
    const outcome = this.answers(command, callControlId);
    if (outcome) this.#clock.after(1, () => done(outcome));
  }

  status(callControlId: string): Promise<LegStatus> {
    return Promise.resolve(this.alive(callControlId));
  }

  activeCalls(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** What {@link findLeg} finds. */
  found: (clientState: string) => LegSearch = () => ({ known: true, leg: undefined });

  findLeg(clientState: string): Promise<LegSearch> {
    return Promise.resolve(this.found(clientState));
  }

  names(): string[] {
    return this.sent.map((one) => one.command.name);
  }

  count(name: TelnyxCommand['name']): number {
    return this.names().filter((one) => one === name).length;
  }
}

/** The far end of a media socket: plays in virtual time, echoes marks when they are heard, keeps every byte. */
export class FakePhone implements MediaSocket {
  bufferedAmount = 0;
  closed: { code: number; reason: string } | undefined;
  /** Codec bytes the caller has heard or is about to hear; a clear cuts them at the present. */
  heard: number[] = [];
  readonly messages: { readonly t: number; readonly event: string; readonly name?: string; readonly bytes?: number }[] =
    [];
  readonly #clock: VirtualClock;
  readonly #toGateway: (message: string) => void;
  readonly #onClose: (code: number) => void;
  #playsUntil = 0;
  #generation = 0;
  #marks: string[] = [];

  constructor(clock: VirtualClock, toGateway: (message: string) => void, onClose: (code: number) => void) {
    this.#clock = clock;
    this.#toGateway = toGateway;
    this.#onClose = onClose;
  }

  send(text: string): void {
    const message = JSON.parse(text) as { event: string; media?: { payload: string }; mark?: { name: string } };
    const t = this.#clock.mono();
    if (message.event === 'media') {
      const bytes = Buffer.from(message.media?.payload ?? '', 'base64');
      this.messages.push({ t, event: 'media', bytes: bytes.length });
      this.heard.push(...bytes);
      this.#playsUntil = Math.max(this.#playsUntil, t) + bytes.length / 8;
    } else if (message.event === 'mark') {
      const name = message.mark?.name ?? '';
      this.messages.push({ t, event: 'mark', name });
      this.#marks.push(name);
      const generation = this.#generation;
      this.#clock.after(Math.max(0, this.#playsUntil - t), () => {
        if (generation === this.#generation) this.#echo(name);
      });
    } else {
      this.messages.push({ t, event: message.event });
      const unheard = Math.max(0, Math.round((this.#playsUntil - t) * 8));
      this.heard.length = Math.max(0, this.heard.length - unheard);
      this.#playsUntil = t;
      this.#generation++;
      for (const name of [...this.#marks]) this.#clock.after(0, () => this.#echo(name));
    }
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    this.closed = { code, reason };
    this.#clock.after(0, () => this.#onClose(code));
  }

  clears(): number {
    return this.messages.filter((message) => message.event === 'clear').length;
  }

  #echo(name: string): void {
    const at = this.#marks.indexOf(name);
    if (at < 0 || this.closed) return;
    this.#marks.splice(at, 1);
    this.#toGateway(JSON.stringify({ event: 'mark', stream_id: 'stream', mark: { name } }));
  }
}

export class FakeStt implements SttProvider {
  readonly name = 'fake stt';
  endsTurns = true;
  opened = 0;
  closedStreams = 0;
  bytes = 0;
  utterances: number[] = [];
  finished: number[] = [];
  emit: (event: SttEvent) => void = () => undefined;

  open(_options: unknown, emit: (event: SttEvent) => void): SttStream {
    this.opened++;
    this.emit = emit;
    let open = true;
    return {
      endsTurns: this.endsTurns,
      write: (bytes) => void (this.bytes += bytes.length),
      beginUtterance: (utterance) => this.utterances.push(utterance),
      finishUtterance: (utterance) => this.finished.push(utterance),
      close: () => {
        if (open) this.closedStreams++;
        open = false;
      },
    };
  }
}

export class FakeLlm implements LlmProvider {
  readonly name = 'fake llm';
  readonly requests: LlmRequest[] = [];
  aborted = 0;
  warmed = 0;
  emit: (event: LlmEvent) => void = () => undefined;
  /** From a request to what is scripted. */
  latencyMs = 5;
  /** Answers by itself when set. */
  script: ((request: LlmRequest) => readonly LlmEvent[] | undefined) | undefined;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  generate(request: LlmRequest, emit: (event: LlmEvent) => void): { abort(): void } {
    this.requests.push(request);
    let live = true;
    this.emit = (event) => {
      if (live) emit(event);
    };
    const events = this.script?.(request);
    const mine = this.emit;
    if (events) this.#clock.after(this.latencyMs, () => events.forEach((event) => mine(event)));
    return {
      abort: () => {
        if (live) this.aborted++;
        live = false;
      },
    };
  }

  warm(): void {
    this.warmed++;
  }
}

/** A voice that says every character in `msPerChar`: words lie where their characters do. */
export class FakeTts implements TtsProvider {
  readonly name = 'fake tts';
  msPerChar = 60;
  /** From the end of the text to the first audio. */
  latencyMs = 5;
  opened = 0;
  closedSessions = 0;
  texts: string[] = [];
  cancels: number[] = [];
  /** Set: utterances are not synthesised; the test emits. */
  manual = false;
  /** Each utterance fails with this instead. */
  failure: Extract<TtsEvent, { type: 'ttsFailed' }>['failure'] | undefined;
  emit: (event: TtsEvent) => void = () => undefined;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  open(_options: unknown, emit: (event: TtsEvent) => void): ReturnType<TtsProvider['open']> {
    this.opened++;
    let live = true;
    this.emit = (event) => {
      if (live) emit(event);
    };
    const mine = this.emit;
    let running = 0;
    let text = '';
    return {
      begin: (utterance) => {
        running = utterance;
        text = '';
      },
      text: (more) => void (text += more),
      end: () => {
        this.texts.push(text);
        const utterance = running;
        const said = text;
        if (this.failure) {
          const failure = this.failure;
          this.#clock.after(5, () => mine({ type: 'ttsFailed', utterance, failure }));
          return;
        }
        if (this.manual) return;
        this.#clock.after(this.latencyMs, () => {
          if (utterance !== running) return;
          const samples = sine({ hz: 400, ms: said.length * this.msPerChar });
          const bytes = encodeG711('PCMU', samples);
          // Uneven pieces, as voices send them.
          for (let at = 0; at < bytes.length; at += 1234)
            mine({ type: 'ttsAudio', utterance, bytes: bytes.slice(at, at + 1234) });
          mine({ type: 'ttsText', utterance, text: said, fromByte: 0, toByte: bytes.length });
          mine({ type: 'ttsDone', utterance });
        });
      },
      cancel: (heardMs) => {
        running = 0;
        this.cancels.push(heardMs);
      },
      close: () => {
        if (live) this.closedSessions++;
        live = false;
      },
    };
  }
}

export interface World {
  readonly clock: VirtualClock;
  readonly registry: CallRegistry;
  readonly telnyx: FakeTelnyx;
  readonly stt: FakeStt;
  readonly llm: FakeLlm;
  readonly tts: FakeTts;
  readonly records: JournalRecord[];
  readonly events: PublishedEvent[];
  readonly phones: FakePhone[];
  readonly finished: string[];
  /** Stream tokens in the order they were made. */
  readonly tokens: string[];
  /** Audio track records, in the order they were handed over. */
  readonly tracks: Uint8Array[];
  /** The media of the newest call, also when it has ended. */
  readonly lastMedia: MediaLeg | undefined;
  /** What was written to a journal after its end. */
  readonly late: string[];
  /** Call id -> seed. */
  readonly seeds: ReadonlyMap<string, string>;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  /** Destinations that were refused, by rule. */
  readonly refusals: DestinationRule[];
  readonly dials: DialQueue;
  /** What a session of this world needs, for one that begins elsewhere. */
  open(callId: string): CallPorts;
  session(): Session;
  /** Delivers one webhook of the caller's leg (or another). */
  webhook(type: TelnyxEvent['type'], more?: Partial<TelnyxEvent>): string;
  /** Telnyx opens the socket of the newest token and says start. */
  connect(options?: { readonly start?: boolean; readonly encoding?: string }): FakePhone;
  /** Runs virtual time, feeding `samples` or silence as 20 ms frames into the newest socket. */
  run(ms: number, samples?: Int16Array): void;
  /** Lets promises of status queries settle, then moves time. */
  settle(ms?: number): Promise<void>;
  types(): string[];
}

export function voice(ms: number): Int16Array {
  // A 300 Hz buzz that swells and fades like syllables: voice to an energy VAD, where a steady tone is line noise.
  const samples = sine({ hz: 300, ms });
  for (let i = 0; i < samples.length; i++)
    samples[i] = Math.round((samples[i] ?? 0) * (0.3 + 0.7 * Math.abs(((i % 1600) - 800) / 800)));
  return samples;
}

export interface WorldOptions {
  readonly destinations?: Partial<DestinationOptions>;
  readonly outbound?: Partial<OutboundOptions>;
  readonly max?: number;
  /** Hears every event after it was noted; may throw, as a subscriber could. */
  readonly onEvent?: (event: PublishedEvent) => void;
  /** The journal takes records and never says that they are written. */
  readonly slowDisk?: boolean;
  /** The operator's own tools. */
  readonly tools?: readonly Tool[];
  /** Where the calls' log lines go. */
  readonly log?: Log;
  /** Sees what each call's journal sees. */
  readonly observe?: (callId: string) => CallObserver;
  /** Hears every journal record, before what it tells of is carried out. */
  readonly onRecord?: (record: JournalRecord) => void;
}

export function createWorld(config: Record<string, unknown> = {}, options: WorldOptions = {}): World {
  const clock = new VirtualClock(1000);
  const telnyx = new FakeTelnyx(clock);
  const stt = new FakeStt();
  const llm = new FakeLlm(clock);
  const tts = new FakeTts(clock);
  const wheel = new Wheel(clock);
  const records: JournalRecord[] = [];
  const events: PublishedEvent[] = [];
  const phones: FakePhone[] = [];
  const finished: string[] = [];
  const tracks: Uint8Array[] = [];
  const late: string[] = [];
  const closed = new Set<string>();
  const tokens: string[] = [];
  let eventId = 0;
  let webhookId = 0;
  let streams = 0;
  const chunks = new Map<FakePhone, number>();
  const sockets: { leg: LegName; epoch: number }[] = [];
  const parsed: AgentConfig = agentOptions.parse({
    greeting: 'Hello there.',
    tools: ['transfer_call', 'hang_up', 'send_dtmf'],
    transferTargets: { sales: '+15105550200' },
    ...config,
  });
  const limits = { maxDurationMs: (parsed.maxDurationSeconds ?? 3600) * 1000, noMediaMs: 15_000 };
  const agents = new Map([['reception', { config: parsed, limits }]]);
  const seeds = new Map<string, string>();
  const refusals: DestinationRule[] = [];
  const destinations = new Destinations({
    options: { ...defaultDestinations, ...options.destinations },
    ledger: new DialLedger({ clock, log: silentLog, store: undefined }),
    log: silentLog,
    isOwn: (number) => number === '+13125550178',
    refused: (rule) => refusals.push(rule),
  });
  const dials = new DialQueue(clock, { ...defaultOutbound, ...options.outbound });
  const registry: CallRegistry = new CallRegistry({
    clock,
    log: silentLog,
    telnyx,
    routing: { numbers: { '+13125550178': 'reception' }, defaultAgent: undefined },
    agents,
    maxConcurrentCalls: options.max ?? 10,
    codec: 'g711',
    open: (callId, seed) => {
      seeds.set(callId, seed);
      return open(callId);
    },
  });
  const open = (callId: string): CallPorts => ({
    clock,
    wheel,
    log: options.log ?? silentLog,
    observer: options.observe?.(callId),
    telnyx,
    providers: { stt, llm, tts },
    l16ByteOrder: 'auto',
    journal: {
      append: (record, onWritten) => {
        if (closed.has(callId)) late.push(record.k);
        records.push(record);
        options.onRecord?.(record);
        if (options.slowDisk !== true) onWritten?.();
      },
      track: (record) => {
        if (closed.has(callId)) late.push('track');
        tracks.push(record);
      },
      close: (end) => {
        if (closed.has(callId)) late.push('end');
        closed.add(callId);
        records.push(end);
        options.onRecord?.(end);
      },
    },
    dials,
    destinations,
    ...(options.tools ? { tools: options.tools } : {}),
    sounds: {
      names: ['gong'],
      audio: (name) => (name === 'gong' ? encodeG711('PCMU', sine({ hz: 700, ms: 2000 })) : undefined),
    },
    expectMedia: (token, leg, epoch) => {
      const session = registry.sessions.get(callId);
      if (session) registry.expectMedia(token, { session, leg, epoch });
      tokens.push(token);
      sockets.push({ leg, epoch });
      return `wss://gateway.test/media/${token}`;
    },
    eventId: () => String(++eventId),
    publish: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    journalBehind: () => undefined,
    finished: () => {
      finished.push(callId);
      const session = registry.sessions.get(callId);
      if (session) registry.forget(session);
    },
  });
  let last: Session | undefined;
  const world: World = {
    clock,
    registry,
    telnyx,
    stt,
    llm,
    tts,
    records,
    events,
    phones,
    finished,
    tokens,
    tracks,
    late,
    get lastMedia() {
      return last?.media;
    },
    seeds,
    agents,
    dials,
    refusals,
    open,
    session: () => {
      last = [...registry.sessions.values()].at(-1) ?? last;
      if (!last) throw new Error('no call');
      return last;
    },
    webhook: (type, more = {}) => {
      const event = {
        type,
        id: `evt-${++webhookId}`,
        occurredAt: undefined,
        callControlId: 'cc-caller',
        callLegId: 'leg-caller',
        callSessionId: 'session-1',
        connectionId: 'app',
        clientState: undefined,
        from: '+14155550142',
        to: '+13125550178',
        ...(type === 'call.initiated'
          ? { direction: 'incoming', offeredCodecs: ['PCMU'], callerIdName: undefined }
          : {}),
        ...(type === 'call.hangup' ? { cause: 'normal_clearing', source: 'caller', sipCode: '200' } : {}),
        ...more,
      } as TelnyxEvent;
      const verdict = registry.webhook(event, () => undefined);
      if (registry.sessions.size > 0) world.session();
      return verdict;
    },
    connect: ({ start = true, encoding = 'PCMU' } = {}) => {
      const session = world.session();
      const token = tokens.at(-1) ?? '';
      const ticket = registry.redeem(token);
      if (!ticket) throw new Error('token refused');
      const phone: FakePhone = new FakePhone(
        clock,
        (text) => session.mediaMessage(ticket.leg, ticket.epoch, Buffer.from(text)),
        (code) => session.mediaClosed(ticket.leg, ticket.epoch, code, ''),
      );
      phones.push(phone);
      session.mediaOpened(ticket.leg, ticket.epoch, phone);
      const send = (message: object): void =>
        session.mediaMessage(ticket.leg, ticket.epoch, Buffer.from(JSON.stringify(message)));
      send({ event: 'connected', version: '1.0.0' });
      if (start) {
        const callControlId = session.state.legs[ticket.leg]?.callControlId;
        send({
          event: 'start',
          sequence_number: '1',
          stream_id: `stream-${++streams}`,
          start: { call_control_id: callControlId, media_format: { encoding, sample_rate: 8000, channels: 1 } },
        });
      }
      return phone;
    },
    run: (ms, samples) => {
      const frames = Math.round(ms / 20);
      for (let i = 0; i < frames; i++) {
        const phone = phones.at(-1);
        const session = last;
        if (phone && session && !phone.closed && !finished.includes(session.callId)) {
          const part = samples?.subarray(i * 160, i * 160 + 160);
          const pcm = part?.length === 160 ? part : new Int16Array(160);
          const chunk = (chunks.get(phone) ?? 0) + 1;
          chunks.set(phone, chunk);
          const payload = Buffer.from(encodeG711('PCMU', pcm)).toString('base64');
          const at = sockets[phones.indexOf(phone)];
          const leg = at?.leg ?? 'caller';
          session.mediaMessage(
            leg,
            session.state.legs[leg]?.epoch ?? 0,
            Buffer.from(
              JSON.stringify({
                event: 'media',
                stream_id: 's',
                media: { track: 'inbound', chunk: String(chunk), timestamp: '0', payload },
              }),
            ),
          );
        }
        clock.advance(20);
      }
    },
    settle: async (ms = 0) => {
      for (let i = 0; i < 5; i++) await Promise.resolve();
      clock.advance(ms);
      for (let i = 0; i < 5; i++) await Promise.resolve();
    },
    types: () => events.map((event) => event.type),
  };
  return world;
}

/** An answered call with its stream up and the greeting played. */
export function talking(config: Record<string, unknown> = {}): World {
  const world = createWorld(config);
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  world.run(2000);
  return world;
}

export function endReason(world: World): EndReason | undefined {
  const ended = world.events.find((event) => event.type === 'call.ended');
  return ended?.type === 'call.ended' ? ended.data.reason : undefined;
}

export type { CallInput };
