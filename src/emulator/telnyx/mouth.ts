import { frameBytes } from '../../audio/format.ts';
import type { AudioFormat } from '../../audio/format.ts';
import { fromSamples, silentFrame } from './codec.ts';
import { noise } from './voice.ts';

interface Utterance {
  readonly bytes: Uint8Array;
  readonly interruptible: boolean;
  offset: number;
  readonly said: () => void;
}

/** What the person on a leg says: queued audio, cut into 20 ms frames without a break, and background in between. */
export class Mouth {
  readonly #format: AudioFormat;
  readonly #frameBytes: number;
  /** Whole frames of background, repeated. */
  readonly #background: Uint8Array;
  #backgroundAt = 0;
  #queue: Utterance[] = [];

  /** @param backgroundDb level of the comfort noise between utterances in dBFS; digital silence without it. */
  constructor(format: AudioFormat, backgroundDb: number | undefined) {
    this.#format = format;
    this.#frameBytes = frameBytes(format);
    this.#background =
      backgroundDb === undefined ? silentFrame(format) : fromSamples(format, noise(1000, backgroundDb));
  }

  /** Queues audio (8 kHz samples, or bytes of the leg's codec); resolves when its last sample went out or was cut off. */
  say(audio: Int16Array | Uint8Array, interruptible: boolean): Promise<void> {
    const bytes = audio instanceof Int16Array ? fromSamples(this.#format, audio) : audio;
    for (const utterance of this.#queue) if (utterance.interruptible) utterance.said();
    this.#queue = this.#queue.filter((utterance) => !utterance.interruptible);
    return new Promise((resolve) => {
      if (bytes.length === 0) resolve();
      else this.#queue.push({ bytes, interruptible, offset: 0, said: resolve });
    });
  }

  /** Forgets everything queued. */
  hush(): void {
    for (const utterance of this.#queue) utterance.said();
    this.#queue = [];
  }

  get isTalking(): boolean {
    return this.#queue.length > 0;
  }

  /** The next 20 ms, in a buffer of its own. */
  frame(): Uint8Array {
    const frame = this.#background.slice(this.#backgroundAt, this.#backgroundAt + this.#frameBytes);
    this.#backgroundAt = (this.#backgroundAt + this.#frameBytes) % this.#background.length;
    let filled = 0;
    for (let first = this.#queue[0]; first && filled < frame.length; first = this.#queue[0]) {
      const piece = first.bytes.subarray(first.offset, first.offset + frame.length - filled);
      frame.set(piece, filled);
      filled += piece.length;
      first.offset += piece.length;
      if (first.offset < first.bytes.length) break;
      this.#queue.shift();
      first.said();
    }
    return frame;
  }
}
