import { bytesPerMs, type AudioFormat } from '../../audio/format.ts';
import { silenceByte } from '../../audio/g711.ts';

export interface CallerAudioOptions {
  readonly format: AudioFormat;
  /** Length of the pieces that are sent, milliseconds. */
  readonly pieceMs: number;
  readonly send: (piece: Uint8Array) => void;
}

/** What is kept while the connection is not open yet; older audio goes first. */
const KEEP_MS = 5_000;

/**
 * Caller audio on its way to the recogniser: cut into the pieces the vendor likes, kept while the connection opens, in
 * the vendor's byte order. Every byte leaves once and in order, or, when opening took too long, not at all.
 */
export class CallerAudio {
  readonly #options: CallerAudioOptions;
  readonly #perMs: number;
  readonly #pieceBytes: number;
  readonly #kept: Uint8Array[] = [];
  #piece: Buffer;
  #filled = 0;
  #isOpen = false;
  #sentBytes = 0;
  #lostBytes = 0;
  /** Silence that was put in, merged when it follows on itself; `at` is the position in the sent audio. */
  readonly #inserted: { readonly atMs: number; ms: number }[] = [];

  constructor(options: CallerAudioOptions) {
    this.#options = options;
    this.#perMs = bytesPerMs(options.format);
    this.#pieceBytes = this.#perMs * options.pieceMs;
    this.#piece = Buffer.allocUnsafe(this.#pieceBytes);
  }

  write(bytes: Uint8Array): void {
    let taken = 0;
    while (taken < bytes.length) {
      const part = bytes.subarray(taken, taken + this.#pieceBytes - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === this.#pieceBytes) this.flush();
    }
  }

  /** The connection is there: what was kept leaves now, in order, and all that follows at once. */
  open(): void {
    this.#isOpen = true;
    for (const piece of this.#kept.splice(0)) this.#send(piece);
  }

  /** Sends the unfinished piece, whole samples of it. */
  flush(): void {
    const whole = this.#options.format.codec === 'L16' ? this.#filled & ~1 : this.#filled;
    if (whole === 0) return;
    const piece = this.#piece.subarray(0, whole);
    const rest = this.#piece.subarray(whole, this.#filled);
    this.#piece = Buffer.allocUnsafe(this.#pieceBytes);
    this.#piece.set(rest);
    this.#filled = rest.length;
    if (this.#options.format.codec === 'L16' && this.#options.format.byteOrder === 'big') piece.swap16();
    if (this.#isOpen) this.#send(piece);
    else this.#keep(piece);
  }

  /** Silence in the codec's own code: the recogniser hears time pass where the caller's audio stands still. */
  feedSilence(ms: number): void {
    this.flush();
    const atMs = this.#sentBytes / this.#perMs;
    const last = this.#inserted.at(-1);
    if (last && last.atMs + last.ms === atMs) last.ms += ms;
    else this.#inserted.push({ atMs, ms });
    const { codec } = this.#options.format;
    let left = ms * this.#perMs;
    while (left > 0) {
      const size = Math.min(left, this.#pieceBytes);
      this.#send(Buffer.alloc(size, codec === 'L16' ? 0 : silenceByte(codec)));
      left -= size;
    }
  }

  /** Turns the recogniser's time (of what was sent) into the caller's (of what was written), whole milliseconds. */
  callerMs(sentMs: number): number {
    let ms = sentMs + this.#lostBytes / this.#perMs;
    for (const silence of this.#inserted) {
      if (silence.atMs < sentMs) ms -= Math.min(silence.ms, sentMs - silence.atMs);
    }
    return Math.round(ms);
  }

  #send(piece: Uint8Array): void {
    this.#sentBytes += piece.length;
    this.#options.send(piece);
  }

  #keep(piece: Uint8Array): void {
    this.#kept.push(piece);
    if (this.#kept.length * this.#options.pieceMs <= KEEP_MS) return;
    this.#lostBytes += this.#kept.shift()?.length ?? 0;
  }
}
