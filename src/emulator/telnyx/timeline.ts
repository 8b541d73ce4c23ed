import type { AudioFormat } from '../../audio/format.ts';
import { samplesIn, toSamples } from './codec.ts';

interface Segment {
  readonly start: number;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly format: AudioFormat;
}

/** Older audio than this is given up when the call does not keep its audio. */
const FORGET_AFTER_SAMPLES = 16_000;

/**
 * Audio of one source at its exact place on a leg's clock (8 kHz samples since the leg was answered). Kept as the bytes
 * that came and decoded only when somebody listens, so that a hundred calls cost nothing.
 */
export class Timeline {
  readonly #segments: Segment[] = [];
  readonly #keep: boolean;

  constructor(keep = true) {
    this.#keep = keep;
  }

  /** Places `bytes` at sample `start`; places must not go backwards. What lies before the answer is not heard. */
  put(start: number, bytes: Uint8Array, format: AudioFormat): void {
    this.#segments.push({ start, length: samplesIn(format, bytes.length), bytes, format });
    if (this.#keep) return;
    while ((this.#segments[0]?.start ?? Infinity) < start - FORGET_AFTER_SAMPLES) this.#segments.shift();
  }

  /** Takes back everything from sample `at` on. */
  cut(at: number): void {
    for (let last = this.#segments.at(-1); last && last.start + last.length > at; last = this.#segments.at(-1)) {
      this.#segments.pop();
      const length = at - last.start;
      if (length <= 0) continue;
      const bytes = last.bytes.subarray(0, (last.bytes.length / last.length) * length);
      this.#segments.push({ ...last, length, bytes });
    }
  }

  /** Adds what is heard from sample `from` on into `target`, with saturation. */
  mixInto(target: Int16Array, from: number): void {
    for (let index = this.#firstEndingAfter(from); index < this.#segments.length; index++) {
      const segment = this.#segments[index];
      if (!segment || segment.start >= from + target.length) break;
      const samples = toSamples(segment.format, segment.bytes);
      const shift = segment.start - from;
      const end = Math.min(samples.length, target.length - shift);
      for (let at = Math.max(0, -shift); at < end; at++) {
        const sum = (target[shift + at] ?? 0) + (samples[at] ?? 0);
        target[shift + at] = Math.max(-32_768, Math.min(32_767, sum));
      }
    }
  }

  #firstEndingAfter(sample: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const segment = this.#segments[middle];
      if (segment && segment.start + segment.length <= sample) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Everything the person on a leg hears: the sum of named sources, each on its own timeline. */
export class Ear {
  readonly #tracks = new Map<string, Timeline>();
  readonly #keep: boolean;

  constructor(keep = true) {
    this.#keep = keep;
  }

  /** The timeline of one source; made when first used. */
  track(source: string): Timeline {
    let track = this.#tracks.get(source);
    if (!track) {
      track = new Timeline(this.#keep);
      this.#tracks.set(source, track);
    }
    return track;
  }

  /** `length` samples from sample `from` on; silence where nothing was played. */
  render(from: number, length: number): Int16Array {
    const samples = new Int16Array(Math.max(0, length));
    for (const track of this.#tracks.values()) track.mixInto(samples, from);
    return samples;
  }
}
