import type { AudioFormat } from '../../audio/format.ts';
import { createL16Reader, encodeL16 } from '../../audio/linear.ts';
import type { DeepgramEndpoint } from '../deepgram-endpoint.ts';
import { DeepgramSocket, type DeepgramMessage, type DeepgramSocketOptions } from '../deepgram-socket.ts';
import type { ProviderFailure } from '../ports.ts';

export interface SpeakEvents {
  /** Every time a connection is ready. */
  opened(): void;
  message(message: DeepgramMessage): void;
  /** Agent audio in the session's format. */
  audio(bytes: Uint8Array): void;
  /** The connection is gone; `wasOpen` when it had been ready before. */
  lost(failure: ProviderFailure, wasOpen: boolean): void;
}

/** The one speaking connection of a call: dialled at once, again when it is needed and gone, closed once. */
export class SpeakConnection<S extends { connect(): unknown; close(): void }> {
  readonly #dial: () => DeepgramSocket<S>;
  #socket: DeepgramSocket<S> | undefined;
  #isClosed = false;

  constructor(
    endpoint: DeepgramEndpoint,
    format: AudioFormat,
    options: Omit<DeepgramSocketOptions<S>, 'maxBufferedBytes'>,
    events: SpeakEvents,
  ) {
    this.#dial = () => {
      const toFormat = createAudioReader(format);
      let wasOpen = false;
      return new DeepgramSocket(
        endpoint,
        // Text for about an hour of speech.
        { ...options, maxBufferedBytes: 64 * 1024 },
        {
          opened() {
            wasOpen = true;
            events.opened();
          },
          message: (message) => events.message(message),
          audio(bytes) {
            const converted = toFormat(bytes);
            if (converted.length > 0) events.audio(converted);
          },
          failed: (failure) => {
            this.#socket = undefined;
            events.lost(failure, wasOpen);
          },
        },
      );
    };
    this.#socket = this.#dial();
  }

  get isOpen(): boolean {
    return this.#socket?.isOpen ?? false;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Dials unless a connection is there or on its way. */
  ensure(): void {
    if (!this.#isClosed) this.#socket ??= this.#dial();
  }

  /** Leaves this connection, and with it all that was said on it, for a new one. */
  renew(): void {
    if (this.#isClosed) return;
    this.#socket?.close();
    this.#socket = this.#dial();
  }

  send(action: (sdk: S) => void): boolean {
    return this.#socket?.send(action) ?? false;
  }

  /** Gives the connection up; comes back as `lost`. */
  fail(failure: ProviderFailure): void {
    this.#socket?.fail(failure);
  }

  close(farewell: (sdk: S) => void): void {
    this.#isClosed = true;
    this.#socket?.close(farewell);
    this.#socket = undefined;
  }
}

/** From Deepgram's bytes (its L16 is little-endian) to the session's. */
function createAudioReader(format: AudioFormat): (bytes: Uint8Array) => Uint8Array {
  if (format.codec !== 'L16' || format.byteOrder === 'little') return (bytes) => bytes;
  const reader = createL16Reader('little');
  return (bytes) => encodeL16(reader.push(bytes), 'big');
}

/** `RIFF`: a container although none was asked for. Played as samples it would be a burst of noise. */
export function startsLikeWav(bytes: Uint8Array): boolean {
  return bytes[0] === 0x52 && bytes[1] === 0x49 && bytes[2] === 0x46 && bytes[3] === 0x46;
}
