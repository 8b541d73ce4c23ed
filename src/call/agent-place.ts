import { createDecoder } from '../audio/codec.ts';
import { bytesPerMs, type AudioFormat } from '../audio/format.ts';
import { CLOCK_RATE } from './call-clock.ts';

/** Marks of a run that are looked at, some seconds of speech: when all of them are later, something held the audio up. */
const MARKS = 16;
/** Audio of one run moves only when it lies further off than this, 5 ms. */
const SLACK_SAMPLES = 40;
/** Marks that differ by more than 40 ms were stalled somewhere: that tells nothing of the others. */
const MOST_JITTER = 320;

/** A part of agent audio and where on the call's clock it was heard. */
export interface PlacedAudio {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Agent audio that was heard. */
export interface HeardPiece {
  readonly bytes: Uint8Array;
  /** Bytes of the same run before these: they were heard without a hole between. */
  readonly fromByte: number;
  /** Place at which the mark after the last of them came back, if one did. */
  readonly markedAt: number | undefined;
}

/**
 * Finds the place of agent audio. Within a run the far side plays sample after sample by the same crystal that counts the
 * caller's, so one number places all of it: the time between our sending and their hearing. Every mark of the run tells
 * it, late by some jitter; the least of them is best, and the more there are, the better. A better number moves what
 * follows, at the quietest place there is.
 */
export class AgentPlace {
  #runAt = 0;
  #end = 0;
  /** What the latest marks of the present run told. */
  #delays: number[] = [];
  /** How far the marks of an earlier run lay apart. */
  #jitter = 0;
  #delay = 0;

  /** A run begins: its first byte left when the clock stood at `at`. */
  run(at: number): void {
    const spread = Math.max(...this.#delays) - Math.min(...this.#delays);
    if (this.#delays.length > 1) this.#jitter = Math.min(MOST_JITTER, spread);
    this.#delays = [];
    this.#runAt = at;
  }

  place({ bytes, fromByte, markedAt }: HeardPiece, format: AudioFormat): PlacedAudio[] {
    const width = bytesPerMs(format) / CLOCK_RATE;
    const from = Math.round(fromByte / width);
    const count = Math.round(bytes.length / width);
    if (markedAt !== undefined) this.#learn(markedAt - (this.#runAt + from + count));
    const start = this.#runAt + from + this.#delay;
    const off = start - this.#end;
    const placed = this.#lay(bytes, fromByte === 0, start, off, count, format, width);
    const last = placed.at(-1);
    if (last) this.#end = last.at + Math.round(last.bytes.length / width);
    return placed;
  }

  #learn(delay: number): void {
    this.#delays.push(delay);
    if (this.#delays.length > MARKS) this.#delays.shift();
    // The least of n marks is late by the n-plus-first part of the jitter, on average.
    this.#delay = Math.min(...this.#delays) - Math.round(this.#jitter / (this.#delays.length + 1));
  }

  #lay(
    bytes: Uint8Array,
    begins: boolean,
    start: number,
    off: number,
    count: number,
    format: AudioFormat,
    width: number,
  ): PlacedAudio[] {
    // Never over what is there: that was heard before.
    if (begins) return [{ at: Math.max(start, this.#end), bytes }];
    if (Math.abs(off) <= SLACK_SAMPLES) return [{ at: this.#end, bytes }];
    if (off > 0) {
      const cut = quietest(bytes, SLACK_SAMPLES, format);
      return [
        { at: this.#end, bytes: bytes.subarray(0, cut * width) },
        { at: this.#end + cut + off, bytes: bytes.subarray(cut * width) },
      ];
    }
    const surplus = Math.min(-off, count >> 1);
    const cut = quietest(bytes, surplus, format);
    return [
      { at: this.#end, bytes: bytes.subarray(0, cut * width) },
      { at: this.#end + cut, bytes: bytes.subarray((cut + surplus) * width) },
    ];
  }
}

/** Where the least sound of `length` samples begins, in samples of 8 kHz. */
function quietest(bytes: Uint8Array, length: number, format: AudioFormat): number {
  const step = format.sampleRate / 1000 / CLOCK_RATE;
  const samples = createDecoder(format).decode(bytes);
  const window = Math.min(samples.length, length * step);
  let sum = 0;
  for (let n = 0; n < window; n++) sum += Math.abs(samples[n] ?? 0);
  let least = sum;
  let best = 0;
  for (let n = window; n < samples.length; n++) {
    sum += Math.abs(samples[n] ?? 0) - Math.abs(samples[n - window] ?? 0);
    if (sum < least) {
      least = sum;
      best = n - window + 1;
    }
  }
  return Math.floor(best / step);
}
