/*
 * Frames that can be recognised: numbers are written into the first bytes of their audio, four bits per byte, as the 16
 * quietest codes of G.711 mu-law, so that the stamp is not heard as a click by the voice detector.
 */

/** Bytes of a stamped frame: 20 ms of G.711. */
export const FRAME_BYTES = 160;
const QUIET = 0xf0;

/** Writes `value`, at most 2^52, as `nibbles` codes. */
export function writeStamp(target: Uint8Array, at: number, nibbles: number, value: number): void {
  let rest = value;
  for (let i = at + nibbles - 1; i >= at; i--) {
    target[i] = QUIET | (rest % 16);
    rest = Math.floor(rest / 16);
  }
}

export function readStamp(source: Uint8Array, at: number, nibbles: number): number {
  let value = 0;
  for (let i = at; i < at + nibbles; i++) value = value * 16 + ((source[i] ?? 0) & 0x0f);
  return value;
}

/** Layout: frame number, then what the caller does, then (agent audio) when the voice gave the first byte away. */
export const INDEX = { at: 0, nibbles: 4 } as const;
export const DEED = { at: 4, nibbles: 1 } as const;
export const GIVEN_AT = { at: 5, nibbles: 13 } as const;
/** Base64 of the first 18 bytes is 24 characters: all of the stamp. */
export const STAMP_BYTES = 18;
export const STAMP_CHARS = 24;

/** What a caller's frame tells the test's recogniser: nothing, words, the end of a turn. */
export const DEEDS = { none: 0, words: 1, endOfTurn: 2 } as const;

/** Counts frames that did not come, came twice or came out of order. */
export class FrameCheck {
  frames = 0;
  lost = 0;
  doubled = 0;
  #next = 0;

  /** A new stream or utterance starts again at 0. */
  see(index: number): void {
    this.frames++;
    if (index === 0 && this.#next > 1) this.#next = 0;
    if (index > this.#next) this.lost += index - this.#next;
    else if (index < this.#next) this.doubled++;
    this.#next = Math.max(this.#next, index + 1);
  }
}

/** Microseconds on the machine's monotonic clock: the same in every process. */
export function machineMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
