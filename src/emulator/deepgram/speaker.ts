import type { Clock, TimerHandle } from '../../core/clock.ts';
import { renderVoice, type VoicedWord } from '../voice.ts';
import { bytesOfMs, encodeSamples, type WireFormat } from './wire-audio.ts';

export interface SpeakBehaviour {
  /** From the text to its first byte of audio, milliseconds. */
  readonly firstByteMs: number;
  /** Audio leaves at this multiple of real time. */
  readonly speed: number;
}

interface Job {
  readonly bytes: Uint8Array;
  readonly done: () => void;
}

/** Odd and uneven, never whole 20 ms frames, and now and then half a sample. */
const CHUNK_BYTES = [701, 163, 1279, 321, 947, 89, 1601, 2047];

/** Speaks texts one after the other into a connection. */
export class Speaker {
  readonly #format: WireFormat;
  readonly #behaviour: SpeakBehaviour;
  readonly #clock: Clock;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #jobs: Job[] = [];
  #sent = 0;
  #chunk = 0;
  #timer: TimerHandle | undefined;

  constructor(format: WireFormat, behaviour: SpeakBehaviour, clock: Clock, emit: (bytes: Uint8Array) => void) {
    this.#format = format;
    this.#behaviour = behaviour;
    this.#clock = clock;
    this.#emit = emit;
  }

  /** Speaks `text` after all before it; `done` follows its last byte. Returns its words and its length. */
  say(text: string, done: () => void): { readonly words: readonly VoicedWord[]; readonly durationMs: number } {
    const voice = renderVoice(text, this.#format.sampleRate);
    const bytes = encodeSamples(this.#format, voice.samples);
    this.#jobs.push({ bytes, done });
    if (this.#jobs.length === 1) this.#timer = this.#clock.after(this.#behaviour.firstByteMs, () => this.#step());
    return { words: voice.words, durationMs: (voice.samples.length * 1000) / this.#format.sampleRate };
  }

  /** Forgets what was not said; up to `more` chunks still leave, as audio that was on the way does. */
  stop(more: number): void {
    this.#timer?.cancel();
    for (let count = 0; count < more; count++) this.#sendChunk();
    this.#jobs.length = 0;
    this.#sent = 0;
  }

  #step(): void {
    const [job] = this.#jobs;
    if (!job) return;
    let ms = 0;
    // No timer is finer than a millisecond.
    while (ms < 1 && this.#sent < job.bytes.length) ms += this.#sendChunk() / this.#behaviour.speed;
    if (this.#sent < job.bytes.length) {
      this.#timer = this.#clock.after(ms, () => this.#step());
      return;
    }
    this.#jobs.shift();
    this.#sent = 0;
    if (this.#jobs.length > 0) this.#timer = this.#clock.after(ms, () => this.#step());
    job.done();
  }

  /** Sends the next chunk of the running text; returns how long it sounds. */
  #sendChunk(): number {
    const [job] = this.#jobs;
    const size = CHUNK_BYTES[this.#chunk++ % CHUNK_BYTES.length] ?? 1;
    const chunk = job?.bytes.subarray(this.#sent, this.#sent + size);
    if (!chunk || chunk.length === 0) return 0;
    this.#sent += chunk.length;
    this.#emit(chunk);
    return chunk.length / bytesOfMs(this.#format, 1);
  }
}
