import { bytesPerMs, PCMU_8K, type AudioFormat } from '../audio/format.ts';
import { encodeTrackRecord } from '../journal/tracks.ts';

/** Audio per record: less would make the header a large part of the file, more would lose more in a crash. */
const RECORD_MS = 400;
/** Marks come back with some jitter; agent audio moves on the call's clock only when it is further off than this. */
const SLACK_SAMPLES = 400;
const CLOCK_RATE = 8;

/**
 * Lays both sides of a call on its own clock, the inbound sample count, and hands finished records to the journal's writer.
 * Caller audio lies where it arrived, agent audio where it was heard.
 */
export class Recorder {
  readonly #write: (record: Uint8Array) => void;
  readonly #sides: { readonly caller: Side; readonly agent: Side };
  #now: number;
  #on = false;

  /** @param samples where the clock stands, after a restart. */
  constructor(samples: number, write: (record: Uint8Array) => void) {
    this.#now = samples;
    this.#write = write;
    this.#sides = { caller: new Side('caller', write), agent: new Side('agent', write) };
  }

  /** Samples of 8 kHz heard from the caller so far: the call's clock. */
  get samples(): number {
    return this.#now;
  }

  format(side: 'caller' | 'agent', format: AudioFormat): void {
    this.#sides[side].flush();
    this.#sides[side].format = format;
    if (this.#on) this.#writeFormat(side);
  }

  /** Is audio kept? */
  get isOn(): boolean {
    return this.#on;
  }

  /** From now on audio is kept; before, only the clock moves. */
  start(): void {
    if (this.#on) return;
    this.#on = true;
    this.#writeFormat('caller');
    this.#writeFormat('agent');
  }

  #writeFormat(side: 'caller' | 'agent'): void {
    const { codec, sampleRate } = this.#sides[side].format;
    this.#write(encodeTrackRecord({ kind: 'format', at: this.#now, side, codec, sampleRate }));
  }

  /** The next caller audio; moves the clock. */
  caller(bytes: Uint8Array): void {
    const side = this.#sides.caller;
    if (this.#on) side.add(this.#now, bytes);
    this.#now += Math.round(bytes.length / side.bytesPerSample);
  }

  /** Agent audio whose last sample was heard just now. */
  agent(bytes: Uint8Array): void {
    if (!this.#on) return;
    const side = this.#sides.agent;
    const start = Math.max(0, this.#now - Math.round(bytes.length / side.bytesPerSample));
    const expected = side.end;
    side.add(Math.abs(start - expected) <= SLACK_SAMPLES || start < expected ? expected : start, bytes);
  }

  flush(): void {
    this.#sides.caller.flush();
    this.#sides.agent.flush();
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
  get end(): number {
    return this.#at + Math.round(this.#bytes / this.bytesPerSample);
  }

  add(at: number, bytes: Uint8Array): void {
    if (at !== this.end) {
      this.flush();
      this.#at = at;
    }
    this.#parts.push(bytes.slice());
    this.#bytes += bytes.length;
    if (this.#bytes >= RECORD_MS * CLOCK_RATE * this.bytesPerSample) this.flush();
  }

  flush(): void {
    if (this.#bytes === 0) return;
    const end = this.end;
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
