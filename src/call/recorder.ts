import { bytesPerMs, PCMU_8K, type AudioFormat } from '../audio/format.ts';
import { encodeTrackRecord } from '../journal/tracks.ts';
import { AgentPlace, type HeardPiece } from './agent-place.ts';
import { CallClock, CLOCK_RATE } from './call-clock.ts';
import { RecordingGate } from './recording-gate.ts';

/** Audio per record: less would make the header a large part of the file, more would lose more in a crash. */
const RECORD_MS = 400;

/** Why a stretch in the middle of a recording is empty. */
export type GapReason = 'stopped' | 'paused' | 'sensitive';

/**
 * Lays both sides of a call on its own clock, the inbound sample count, and hands finished records to the journal's writer.
 * Caller audio lies where it arrived, agent audio where it was heard. Times are the call's logical milliseconds.
 */
export class Recorder {
  readonly #write: (record: Uint8Array) => void;
  readonly #sides: { readonly caller: Side; readonly agent: Side };
  readonly #clock: CallClock;
  readonly #gate = new RecordingGate();
  readonly #place = new AgentPlace();
  #on = false;
  /** Why a running recording keeps nothing for now. */
  #held: GapReason | undefined;
  #gap: { readonly at: number; readonly reason: GapReason } | undefined;

  /** @param samples where the clock stands, after a restart. */
  constructor(samples: number, write: (record: Uint8Array) => void) {
    this.#clock = new CallClock(samples);
    this.#write = write;
    this.#sides = { caller: new Side('caller', write), agent: new Side('agent', write) };
  }

  /** Samples of 8 kHz heard from the caller so far: the call's clock. */
  get samples(): number {
    return this.#clock.samples;
  }

  format(side: 'caller' | 'agent', format: AudioFormat): void {
    this.#sides[side].flush();
    this.#sides[side].format = format;
    if (this.#on) this.#writeFormat(side);
  }

  /** Another media stream goes on where the last one broke off. */
  newStream(): void {
    this.#clock.newStream();
  }

  /** Is audio kept at this moment? */
  get isOn(): boolean {
    return this.#on && this.#held === undefined;
  }

  /** From `t` on audio is kept; before the first time, only the clock moves. */
  start(t: number): void {
    if (!this.#on) {
      this.#on = true;
      this.#writeFormat('caller');
      this.#writeFormat('agent');
    }
    this.release(t);
  }

  stop(t: number): void {
    this.#on = false;
    this.#held = undefined;
    this.#regard(t, 'stopped');
  }

  /** A running recording keeps nothing from `t` on until {@link release}. */
  hold(reason: GapReason, t: number): void {
    this.#held = reason;
    this.#regard(t, reason);
  }

  release(t: number): void {
    this.#held = undefined;
    this.#regard(t, 'stopped');
  }

  /** The next caller audio; moves the clock. */
  caller(bytes: Uint8Array, t: number): void {
    const { bytesPerSample } = this.#sides.caller;
    const at = this.#clock.add(Math.round(bytes.length / bytesPerSample), t);
    this.#keep(this.#sides.caller, at, bytes);
  }

  /** The agent begins to be sent after it was silent. */
  agentRun(t: number): void {
    this.#place.run(this.#clock.at(t));
  }

  /** Agent audio that was heard. @param markedAt when the mark behind it came back, if one did. */
  agent(bytes: Uint8Array, fromByte: number, markedAt: number | undefined): void {
    const side = this.#sides.agent;
    const piece: HeardPiece = {
      bytes,
      fromByte,
      markedAt: markedAt === undefined ? undefined : this.#clock.at(markedAt),
    };
    for (const placed of this.#place.place(piece, side.format)) this.#keep(side, placed.at, placed.bytes);
  }

  flush(): void {
    this.#sides.caller.flush();
    this.#sides.agent.flush();
  }

  /** The call is over: nothing is buffered any more, and a gap that lasts to the end has an end. */
  finish(t: number): void {
    this.flush();
    if (this.#gap && this.#gap.reason !== 'stopped') this.#writeGap(this.#clock.at(t));
  }

  #regard(t: number, reason: GapReason): void {
    // Audio that was heard before `t` may still be on its way to us.
    const at = Math.max(this.#clock.at(t), this.#gap?.at ?? 0);
    if (this.isOn && !this.#gate.isOpen) {
      this.#gate.open(at);
      this.#writeGap(at);
    } else if (!this.isOn && this.#gate.isOpen) {
      this.#gate.close(at);
      this.#gap = { at, reason };
    }
  }

  #writeGap(end: number): void {
    const gap = this.#gap;
    this.#gap = undefined;
    if (!gap || end <= gap.at) return;
    this.#write(encodeTrackRecord({ kind: 'gap', at: gap.at, samples: end - gap.at, reason: gap.reason }));
  }

  #writeFormat(side: 'caller' | 'agent'): void {
    const { codec, sampleRate } = this.#sides[side].format;
    this.#write(encodeTrackRecord({ kind: 'format', at: this.#clock.samples, side, codec, sampleRate }));
  }

  #keep(side: Side, at: number, bytes: Uint8Array): void {
    const width = side.bytesPerSample;
    for (const { from, to } of this.#gate.clip(at, Math.round(bytes.length / width)))
      side.add(from, bytes.subarray((from - at) * width, (to - at) * width));
  }
}

class Side {
  readonly #kind: 'caller' | 'agent';
  readonly #write: (record: Uint8Array) => void;
  #at = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  format: AudioFormat = PCMU_8K;

  constructor(kind: 'caller' | 'agent', write: (record: Uint8Array) => void) {
    this.#kind = kind;
    this.#write = write;
  }

  get bytesPerSample(): number {
    return bytesPerMs(this.format) / CLOCK_RATE;
  }

  /** Sample after the last one added. */
  get #end(): number {
    return this.#at + Math.round(this.#bytes / this.bytesPerSample);
  }

  add(at: number, bytes: Uint8Array): void {
    if (at !== this.#end) {
      this.flush();
      this.#at = at;
    }
    this.#parts.push(bytes.slice());
    this.#bytes += bytes.length;
    if (this.#bytes >= RECORD_MS * CLOCK_RATE * this.bytesPerSample) this.flush();
  }

  flush(): void {
    if (this.#bytes === 0) return;
    const end = this.#end;
    const all = Buffer.concat(this.#parts);
    // A turn whose marks never came back is heard in one piece, and may be a minute long.
    const most = RECORD_MS * CLOCK_RATE * this.bytesPerSample;
    for (let from = 0; from < all.length; from += most) {
      const at = this.#at + Math.round(from / this.bytesPerSample);
      this.#write(encodeTrackRecord({ kind: this.#kind, at, bytes: all.subarray(from, from + most) }));
    }
    this.#at = end;
    this.#parts = [];
    this.#bytes = 0;
  }
}
