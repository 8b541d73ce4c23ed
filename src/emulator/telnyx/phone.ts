import { LandlineError } from '../../core/errors.ts';
import { maskNumber } from '../../core/log.ts';
import type { EndedBy, Leg, LegEvent, LegIds, LegState } from './leg.ts';
import type { ReceivedFrame } from './media.ts';
import type { MarkRecord } from './playback.ts';
import type { ClearRecord, Underrun } from './stream-playback.ts';
import { keyTone } from './voice.ts';
import type { Waits } from './waits.ts';

/**
 * What can happen to a call: `answered`, `bridged`, `unbridged`, `ended`; `streamStarted`, `streamStopped`,
 * `streamFailed`; `frame` (the gateway sent anything), `mark` (came or went back), `clear`, `underrun`; `digit` (the
 * person heard a key tone).
 */
export type CallEvent = LegEvent;

/** The phone in somebody's hand: a caller's, or that of a person the gateway dialled or transferred to. */
export interface EmulatedCall {
  readonly ids: LegIds;
  readonly from: string;
  readonly to: string;
  readonly direction: 'incoming' | 'outgoing';
  readonly state: LegState;
  /** Monotonic milliseconds; `undefined` before. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly endedBy: EndedBy | undefined;
  /** Telnyx' `hangup_cause`. */
  readonly hangupCause: string | undefined;
  /** From answer to end, or to now. */
  readonly billedMs: number;
  /** The other end of a bridge is there. */
  readonly isBridged: boolean;
  readonly clientState: string | null;
  /** Stream ids, oldest first. */
  readonly streamIds: readonly string[];
  /** A stream is up and was started. */
  readonly isStreaming: boolean;

  /**
   * Says something: 8 kHz samples, or bytes of the call's codec, which go out as they are. Speech is queued and begins
   * when the call is answered; from then on the person speaks in real time, whether or not a stream listens. Resolves
   * when the last sample was said, was cut off, or the call ended.
   * @param options.interruptible a later `play` cuts this off at once instead of waiting for its end.
   */
  play(audio: Int16Array | Uint8Array, options?: { readonly interruptible?: boolean }): Promise<void>;
  /** Stops speaking; drops what is queued. */
  hush(): void;
  /**
   * Presses keys, one after the other: reported on the media socket and by webhook as the emulator is configured.
   * @param options.audible the tones (100 ms each) are also in the caller audio.
   */
  press(digits: string, options?: { readonly audible?: boolean }): void;
  hangup(): void;

  /**
   * What the person has heard since the answer, one sample for each of the call's clock up to now, zero where nothing
   * was played. Exact: a frame that was lost, doubled or late is seen at its place.
   */
  heard(): Int16Array;
  heardSince(sample: number): Int16Array;
  /** The call's clock: 8 kHz samples since the answer. */
  readonly sample: number;
  /** Keys whose tones the person heard to the end (`send_dtmf`, `send_digits_on_answer`). */
  readonly digitsHeard: string;
  /** Everything the gateway sent on media sockets of this call, in order of arrival. */
  readonly frames: readonly ReceivedFrame[];
  readonly marks: readonly MarkRecord[];
  readonly clears: readonly ClearRecord[];
  /**
   * Silences inside an utterance: everything queued was played, no `clear` came, and the next audio arrived more than 0
   * and at most `underrunWindowMs` (200 by default) later. A longer silence counts as a new utterance.
   */
  readonly underruns: readonly Underrun[];

  /** Calls `listener` on every such event from now on. @returns how to stop. */
  on(event: CallEvent, listener: () => void): () => void;
  /**
   * Resolves as soon as the event has happened at least once in this call (also before), or the predicate holds (asked
   * at every event and every 10 ms). Rejects after `timeoutMs` (5000) with the state, webhooks and commands of the call.
   */
  waitFor(what: CallEvent | (() => boolean), timeoutMs?: number): Promise<void>;

  /** Resets the TCP connection of the media socket. The call stays up. */
  dropSocket(): void;
  /** Makes it half-open: nothing is sent, read or closed any more. */
  freezeSocket(): void;
  /** A slow reader: sends on, but reads nothing, so that the gateway's queue fills. */
  stopReading(): void;
  resumeReading(): void;
  /** A WebSocket message of any content: text, or binary from a Buffer. */
  sendRaw(message: string | Buffer): void;
  /** Bytes on the TCP connection past the WebSocket framing, for broken frames. */
  sendBytes(bytes: Uint8Array): void;
}

interface PhoneEnvironment {
  readonly waits: Waits;
  readonly hangUp: () => void;
  readonly describe: () => string;
}

const KEY_MS = 100;

export class Phone implements EmulatedCall {
  readonly #leg: Leg;
  readonly #env: PhoneEnvironment;
  readonly #happened = new Set<CallEvent>();

  constructor(leg: Leg, env: PhoneEnvironment) {
    this.#leg = leg;
    this.#env = env;
    leg.listen((event) => {
      this.#happened.add(event);
      env.waits.check();
    });
  }

  get ids(): LegIds {
    return this.#leg.ids;
  }

  get from(): string {
    return this.#leg.from;
  }

  get to(): string {
    return this.#leg.to;
  }

  get direction(): 'incoming' | 'outgoing' {
    return this.#leg.direction;
  }

  get state(): LegState {
    return this.#leg.state;
  }

  get answeredAt(): number | undefined {
    return this.#leg.answeredAt;
  }

  get endedAt(): number | undefined {
    return this.#leg.endedAt;
  }

  get endedBy(): EndedBy | undefined {
    return this.#leg.hangup?.by;
  }

  get hangupCause(): string | undefined {
    return this.#leg.hangup?.cause;
  }

  get billedMs(): number {
    return this.#leg.billedMs;
  }

  get isBridged(): boolean {
    return this.#leg.partner !== undefined;
  }

  get clientState(): string | null {
    return this.#leg.clientState;
  }

  get streamIds(): readonly string[] {
    return this.#leg.streams.map((stream) => stream.id);
  }

  get isStreaming(): boolean {
    return this.#leg.stream?.isLive ?? false;
  }

  play(audio: Int16Array | Uint8Array, options: { readonly interruptible?: boolean } = {}): Promise<void> {
    if (this.#leg.state === 'ended') return Promise.resolve();
    return this.#leg.mouth.say(audio, options.interruptible ?? false);
  }

  hush(): void {
    this.#leg.mouth.hush();
  }

  press(digits: string, options: { readonly audible?: boolean } = {}): void {
    if (!/^[0-9A-D*#]+$/.test(digits)) throw new LandlineError('request_invalid', 'keys are 0-9, A-D, * and #');
    if (this.#leg.state !== 'answered') return;
    for (const digit of digits) {
      if (options.audible) void this.#leg.mouth.say(keyTone(digit, KEY_MS), false);
      this.#leg.press(digit);
    }
  }

  hangup(): void {
    this.#env.hangUp();
  }

  heard(): Int16Array {
    return this.heardSince(0);
  }

  heardSince(sample: number): Int16Array {
    return this.#leg.ear.render(sample, this.#leg.sample() - sample);
  }

  get sample(): number {
    return this.#leg.sample();
  }

  get digitsHeard(): string {
    return this.#leg.digitsHeard;
  }

  get frames(): readonly ReceivedFrame[] {
    return this.#leg.records.frames;
  }

  get marks(): readonly MarkRecord[] {
    return this.#leg.records.marks;
  }

  get clears(): readonly ClearRecord[] {
    return this.#leg.records.clears;
  }

  get underruns(): readonly Underrun[] {
    return this.#leg.records.underruns;
  }

  on(event: CallEvent, listener: () => void): () => void {
    return this.#leg.listen((happened) => {
      if (happened === event) listener();
    });
  }

  waitFor(what: CallEvent | (() => boolean), timeoutMs = 5000): Promise<void> {
    const holds = typeof what === 'string' ? (): boolean => this.#happened.has(what) : what;
    const name = typeof what === 'string' ? `'${what}'` : what.toString();
    const about = (): string =>
      `${name} in the call ${maskNumber(this.from)} -> ${maskNumber(this.to)}; ${this.#env.describe()}`;
    return this.#env.waits.until(holds, timeoutMs, about);
  }

  dropSocket(): void {
    this.#leg.stream?.dropSocket();
  }

  freezeSocket(): void {
    this.#leg.stream?.freezeSocket();
  }

  stopReading(): void {
    this.#leg.stream?.stopReading();
  }

  resumeReading(): void {
    this.#leg.stream?.resumeReading();
  }

  sendRaw(message: string | Buffer): void {
    this.#leg.stream?.sendRaw(message);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#leg.stream?.sendBytes(bytes);
  }
}
