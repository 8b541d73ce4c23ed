import { LandlineError } from '../core/errors.ts';

/** Cuts a byte stream into frames of one size. A frame passed to `onFrame` is valid only during that call. */
export interface Framer {
  /** Hands out every frame that is complete and carries the rest. */
  push(bytes: Uint8Array, onFrame: (frame: Uint8Array) => void): void;
  /** Ends an utterance: what waits goes out as one frame, filled up with `padByte`. Nothing waiting, nothing sent. */
  flush(padByte: number, onFrame: (frame: Uint8Array) => void): void;
  /** Drops what waits. */
  reset(): void;
  /** Bytes that wait for the rest of their frame. */
  readonly pending: number;
}

/**
 * @param frameBytes size of a frame, e.g. 160 for 20 ms of G.711.
 * @throws LandlineError `audio_invalid` when that is not a positive whole number.
 */
export function createFramer(frameBytes: number): Framer {
  if (!Number.isInteger(frameBytes) || frameBytes < 1) {
    throw new LandlineError('audio_invalid', `a frame must have a positive whole number of bytes, got ${frameBytes}`);
  }
  const tail = new Uint8Array(frameBytes);
  let pending = 0;
  return {
    push(bytes, onFrame) {
      let at = 0;
      if (pending > 0) {
        at = Math.min(frameBytes - pending, bytes.length);
        tail.set(bytes.subarray(0, at), pending);
        pending += at;
        if (pending < frameBytes) return;
        pending = 0;
        onFrame(tail);
      }
      for (; at + frameBytes <= bytes.length; at += frameBytes) onFrame(bytes.subarray(at, at + frameBytes));
      tail.set(bytes.subarray(at));
      pending = bytes.length - at;
    },
    flush(padByte, onFrame) {
      if (pending === 0) return;
      tail.fill(padByte, pending);
      pending = 0;
      onFrame(tail);
    },
    reset() {
      pending = 0;
    },
    get pending() {
      return pending;
    },
  };
}
