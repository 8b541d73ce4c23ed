import { createHash } from 'node:crypto';
import { createDecoder, type WireFormat } from './wire-audio.ts';

/** Loudest sample of telephone-line noise; above it somebody makes a sound. */
export const LOUD = 500;
/** The beginning of an utterance by which it is recognised again. */
export const FINGERPRINT_MS = 200;
/** A pause as long as this separates the utterances of a learned recording. */
const PAUSE_MS = 300;

/**
 * What the recogniser understands. Texts come in the order of `hear`, one per utterance; a `|` inside a text is a pause
 * of the speaker: what follows is the text of the next stretch of speech, in the same turn if the turn is still open.
 * A recording that was learned keeps its own texts, whoever plays it and whenever.
 */
export class Script {
  readonly #parts: string[][] = [];
  readonly #learned = new Map<string, string>();
  /** A part of the first text was said, and more of it is left. */
  #hasBegun = false;

  hear(texts: readonly string[]): void {
    for (const text of texts) this.#parts.push(text.split('|').map((part) => part.trim()));
  }

  /** The n-th utterance in `bytes` will be understood as the n-th text. */
  learn(bytes: Uint8Array, format: WireFormat, texts: readonly string[]): void {
    const samples = createDecoder(format)(bytes);
    utterances(samples, format.sampleRate).forEach((utterance, index) => {
      this.#learned.set(fingerprint(utterance), texts[index] ?? '');
    });
  }

  /**
   * The text of a stretch of speech that begins with `beginning`, from its first loud sample on.
   * @param isTurnOpen the stretch continues a turn: then only what is left of the last text can follow
   */
  next(beginning: Int16Array, isTurnOpen: boolean): string {
    const learned = this.#learned.get(fingerprint(beginning));
    if (learned !== undefined) return learned;
    const [text] = this.#parts;
    if (!text || (isTurnOpen && !this.#hasBegun)) return '';
    const part = text.shift() ?? '';
    this.#hasBegun = text.length > 0;
    if (!this.#hasBegun) this.#parts.shift();
    return part;
  }
}

function fingerprint(samples: Int16Array): string {
  return createHash('sha256')
    .update(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength))
    .digest('hex');
}

/** The beginnings of all stretches of sound that are separated by a pause. */
function utterances(samples: Int16Array, sampleRate: number): readonly Int16Array[] {
  const pause = (sampleRate * PAUSE_MS) / 1000;
  const starts: number[] = [];
  let lastLoud = -Infinity;
  samples.forEach((sample, index) => {
    if (Math.abs(sample) < LOUD) return;
    if (index - lastLoud > pause) starts.push(index);
    lastLoud = index;
  });
  return starts.map((start) => samples.subarray(start, start + (sampleRate * FINGERPRINT_MS) / 1000));
}
