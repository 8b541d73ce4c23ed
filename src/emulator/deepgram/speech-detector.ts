import { FINGERPRINT_MS, LOUD, type Script } from './script.ts';

/** A stretch of speech, times in milliseconds of the stream. */
export interface Stretch {
  readonly startMs: number;
  /** The last sound so far. */
  endMs: number;
  /** What it says, undefined until it was long enough to be recognised. */
  words: readonly string[] | undefined;
  /** How many of the words were understood so far. */
  known: number;
  /** Silence followed, it is over. */
  isOver: boolean;
}

export interface SpeechDetectorOptions {
  readonly sampleRate: number;
  /** Silence that ends a stretch. */
  readonly pauseMs: number;
  readonly script: Script;
  /** Does this stretch continue a turn? */
  readonly isTurnOpen: () => boolean;
  /**
   * Called every 20 ms of received audio, with the last stretch that was understood and the time since any sound: a
   * stretch that has just begun is heard before it is understood.
   */
  readonly tick: (nowMs: number, stretch: Stretch | undefined, quietMs: number) => void;
}

const BLOCK_MS = 20;
/** Shorter sounds are clicks. */
const MIN_SPEECH_MS = 40;
/** The recogniser understands about four words a second. */
const WORD_MS = 250;

/**
 * Finds speech in the received audio by its loudness and lets words appear while it lasts. Its only clock is the number
 * of samples received, as with the real recogniser: no audio, no progress.
 */
export class SpeechDetector {
  readonly #options: SpeechDetectorOptions;
  readonly #block: Int16Array;
  #filled = 0;
  #position = 0;
  #stretch: Stretch | undefined;
  #understood: Stretch | undefined;
  #lastSoundMs = 0;
  #beginning: number[] = [];

  constructor(options: SpeechDetectorOptions) {
    this.#options = options;
    this.#block = new Int16Array((options.sampleRate * BLOCK_MS) / 1000);
  }

  push(samples: Int16Array): void {
    for (const sample of samples) {
      this.#block[this.#filled++] = sample;
      if (this.#filled === this.#block.length) this.#endBlock();
    }
  }

  /** No more audio will come: what is being said is over. */
  finish(): void {
    if (this.#filled > 0) {
      this.#block.fill(0, this.#filled);
      this.#endBlock();
    }
    const stretch = this.#stretch;
    if (!stretch || stretch.isOver) return;
    this.#end(stretch);
    this.#tick();
  }

  get #nowMs(): number {
    return (this.#position * 1000) / this.#options.sampleRate;
  }

  #endBlock(): void {
    for (const sample of this.#block) this.#hear(sample);
    this.#filled = 0;
    const stretch = this.#stretch;
    if (stretch && !stretch.isOver) this.#advance(stretch);
    this.#tick();
  }

  #tick(): void {
    const stretch = this.#stretch;
    if (stretch?.words) this.#understood = stretch;
    this.#options.tick(this.#nowMs, this.#understood, this.#nowMs - this.#lastSoundMs);
  }

  #hear(sample: number): void {
    const isLoud = Math.abs(sample) >= LOUD;
    if (isLoud && (!this.#stretch || this.#stretch.isOver)) {
      this.#stretch = { startMs: this.#nowMs, endMs: this.#nowMs, words: undefined, known: 0, isOver: false };
      this.#beginning = [];
    }
    this.#position++;
    if (isLoud) this.#lastSoundMs = this.#nowMs;
    const stretch = this.#stretch;
    if (!stretch || stretch.isOver) return;
    if (isLoud) stretch.endMs = this.#nowMs;
    if (this.#beginning.length < (this.#options.sampleRate * FINGERPRINT_MS) / 1000) this.#beginning.push(sample);
  }

  #advance(stretch: Stretch): void {
    const now = this.#nowMs;
    if (!stretch.words && now - stretch.startMs >= FINGERPRINT_MS) this.#understand(stretch);
    stretch.known = Math.min(stretch.words?.length ?? 0, Math.floor((now - stretch.startMs) / WORD_MS));
    if (now - stretch.endMs >= this.#options.pauseMs) this.#end(stretch);
  }

  #understand(stretch: Stretch): void {
    if (stretch.endMs - stretch.startMs < MIN_SPEECH_MS) {
      this.#stretch = undefined;
      return;
    }
    const text = this.#options.script.next(Int16Array.from(this.#beginning), this.#options.isTurnOpen());
    stretch.words = text.split(/\s+/).filter((word) => word !== '');
  }

  #end(stretch: Stretch): void {
    if (!stretch.words) this.#understand(stretch);
    stretch.known = stretch.words?.length ?? 0;
    stretch.isOver = true;
  }
}

/** The words' places: evenly over the stretch, in seconds, as Deepgram writes them. */
export function timedWords(
  words: readonly string[],
  startMs: number,
  endMs: number,
): readonly Readonly<{ word: string; start: number; end: number; confidence: number; punctuated_word: string }>[] {
  const each = (endMs - startMs) / Math.max(1, words.length);
  return words.map((word, index) => ({
    word: word.toLowerCase().replaceAll(/[^\p{L}\p{N}'-]/gu, ''),
    start: Math.round(startMs + index * each) / 1000,
    end: Math.round(startMs + (index + 1) * each) / 1000,
    confidence: 0.98,
    punctuated_word: word,
  }));
}
