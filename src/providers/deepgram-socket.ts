import { DeepgramClient, type DeepgramTransport, type DeepgramTransportMessage } from '@deepgram/sdk';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import type { TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { DeepgramEndpoint } from './deepgram-endpoint.ts';
import { failureOfClose, failureOfError, failureOfStatus } from './deepgram-failure.ts';
import type { ProviderFailure } from './ports.ts';
import { createWatchdog, type Watchdog } from './watchdog.ts';

/** A JSON object from the wire; every field is still to be checked. */
export type DeepgramMessage = Readonly<Record<string, unknown>>;

export interface DeepgramSocketEvents {
  /** Ready for audio or text. */
  opened(): void;
  message(message: DeepgramMessage): void;
  /** Agent audio, in order with `message`. The buffer is given away. */
  audio(bytes: Uint8Array): void;
  /** The last event. */
  failed(failure: ProviderFailure): void;
}

/** ws 8.23 has the option, its type package does not yet. */
interface ClientOptionsWithCloseTimeout extends ClientOptions {
  readonly closeTimeout: number;
}

/** The part common to the SDK's sockets; the adapters send through the typed rest. */
interface SdkSocket {
  connect(): unknown;
  close(): void;
}

export interface DeepgramSocketOptions<S extends SdkSocket> {
  /** For logs and failures, e.g. `Deepgram listen v1`. */
  readonly name: string;
  /** Builds the SDK's socket (address, query, authorisation); it does not connect yet. */
  readonly dial: (client: DeepgramClient) => Promise<S>;
  /** Listen v2 and speak v2 want nothing before their `Connected` message; the others are ready when the socket is. */
  readonly awaitConnected: boolean;
  /** More than this waiting to be sent, for a second: the peer does not take it. About one second of audio. */
  readonly maxBufferedBytes: number;
}

const CONNECT_MS = 3_000;
const PING_EVERY_MS = 5_000;
const MAX_MISSED_PINGS = 2;
const MAX_BUFFERED_MS = 1_000;
/** A server that says it closes but keeps the TCP connection would leave us deaf for ws's default of 30 s. */
const CLOSE_TIMEOUT_MS = 500;
/** How long a stream that was told to end may take before its connection is cut. */
const LINGER_MS = 2_000;
/** A minute of G.711 in one frame is still accepted. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * One connection to Deepgram, from dialling to its end, never reconnected. The SDK makes address and authorisation and
 * types what we send; the transport under it is our own `ws`, because the SDK's loses HTTP status and close codes,
 * hands out audio as Blobs that are overtaken by text, never pings, and queues without limit.
 *
 *   connecting --open/Connected--> open --close()--> lingering --server closes, or 2 s--> closed
 *       └──────────── any failure, one `failed` ─────┴──────────────────────────────────────^
 */
export class DeepgramSocket<S extends SdkSocket> {
  readonly #endpoint: DeepgramEndpoint;
  readonly #options: DeepgramSocketOptions<S>;
  readonly #events: DeepgramSocketEvents;
  readonly #deadline: Watchdog;
  #state: 'connecting' | 'open' | 'lingering' | 'closed' = 'connecting';
  #sdk: S | undefined;
  #ws: WebSocket | undefined;
  #pingTimer: TimerHandle | undefined;
  #missedPings = 0;
  #overfullSince: number | undefined;
  #unreadable = 0;

  constructor(endpoint: DeepgramEndpoint, options: DeepgramSocketOptions<S>, events: DeepgramSocketEvents) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#events = events;
    this.#deadline = createWatchdog(endpoint.clock);
    this.#deadline.arm(CONNECT_MS, () => {
      this.fail({ kind: 'timeout', message: `${options.name} did not open within ${CONNECT_MS} ms`, retryable: true });
    });
    this.#dial().catch((error: unknown) => {
      this.fail({ kind: 'bad_request', message: `${options.name}: ${messageOf(error)}`, retryable: false });
    });
  }

  async #dial(): Promise<void> {
    const { apiKey, baseUrl } = this.#endpoint;
    const client = new DeepgramClient({
      apiKey,
      ...(baseUrl === undefined ? {} : { baseUrl }),
      transportFactory: (url, headers) => this.#createTransport(url, headers),
    });
    const sdk = await this.#options.dial(client);
    if (this.#state !== 'connecting') return;
    if (apiKey === '') {
      this.fail({ kind: 'auth', message: `${this.#options.name}: the API key is missing`, retryable: false });
      return;
    }
    this.#sdk = sdk;
    sdk.connect();
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.#ws?.readyState === WebSocket.OPEN;
  }

  /** Sends through the SDK's typed methods; false when the connection is not open (nothing was sent). */
  send(action: (sdk: S) => void): boolean {
    if (!this.isOpen || !this.#sdk) return false;
    action(this.#sdk);
    this.#checkBuffer();
    return true;
  }

  /** Ends the connection at once and reports why, unless it has ended before. */
  fail(failure: ProviderFailure): void {
    if (this.#state === 'closed') return;
    const silent = this.#state === 'lingering';
    this.#end();
    if (!silent) this.#guard(() => this.#events.failed(failure));
  }

  /**
   * Ends the connection without another event. `farewell` is sent on an open one, which then gets two seconds to be
   * closed by the server: finishing what it does is what its books want.
   */
  close(farewell?: (sdk: S) => void): void {
    if (this.#state === 'closed' || this.#state === 'lingering') return;
    if (!farewell || !this.#sdk || !this.isOpen) {
      this.#end();
      return;
    }
    this.#state = 'lingering';
    farewell(this.#sdk);
    this.#pingTimer?.cancel();
    this.#deadline.arm(LINGER_MS, () => this.#end());
  }

  #end(): void {
    this.#state = 'closed';
    this.#deadline.stop();
    this.#pingTimer?.cancel();
    this.#ws?.terminate();
    // Also ends the SDK's own connect timer.
    this.#sdk?.close();
    if (this.#unreadable > 0) {
      this.#endpoint.log.warn(
        { peer: this.#options.name, count: this.#unreadable },
        'unreadable messages were dropped',
      );
    }
  }

  #createTransport(url: string, headers: Record<string, string>): DeepgramTransport {
    const ws = new WebSocket(url, {
      headers,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      closeTimeout: CLOSE_TIMEOUT_MS,
    } as ClientOptionsWithCloseTimeout);
    this.#ws = ws;
    let sdkOpened = (): void => undefined;
    ws.on('open', () => {
      sdkOpened();
      this.#schedulePing();
      if (!this.#options.awaitConnected) this.#open();
    });
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
    ws.on('pong', () => (this.#missedPings = 0));
    ws.on('unexpected-response', (request, response) => {
      this.fail(failureOfStatus(this.#options.name, response.statusCode ?? 0, response.headers));
      response.resume();
      request.destroy();
    });
    ws.on('error', (error) => {
      this.fail(failureOfError(this.#options.name, error, this.#pingTimer !== undefined));
    });
    ws.on('close', (code, reason) => this.fail(failureOfClose(this.#options.name, code, reason.toString())));
    return {
      send: (data) => ws.send(wsData(data)),
      onOpen: (listener) => (sdkOpened = listener),
      // Messages, errors and closes are ours alone: the SDK would parse, wrap and reinterpret them.
      onMessage: () => undefined,
      onError: () => undefined,
      onClose: () => undefined,
      isOpen: () => ws.readyState === WebSocket.OPEN,
      close: () => ws.terminate(),
    };
  }

  #open(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#deadline.stop();
    this.#guard(() => this.#events.opened());
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state !== 'connecting' && this.#state !== 'open') return;
    this.#missedPings = 0;
    // `ws` gives Buffers unless told otherwise.
    if (!Buffer.isBuffer(data)) return;
    if (isBinary) {
      if (data.length > 0) this.#guard(() => this.#events.audio(data));
      return;
    }
    const message = parseMessage(data.toString());
    if (!message) {
      this.#unreadable++;
      return;
    }
    if (this.#options.awaitConnected && message['type'] === 'Connected') this.#open();
    else this.#guard(() => this.#events.message(message));
  }

  /** A throw of the owner must not take the process down with it. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#endpoint.log.error(
        { peer: this.#options.name, error: messageOf(error) },
        'a provider event could not be handled',
      );
    }
  }

  /** A peer that died without closing takes what we send and never answers: only pings find it. */
  #schedulePing(): void {
    this.#pingTimer = this.#endpoint.clock.after(PING_EVERY_MS, () => {
      if (this.#missedPings >= MAX_MISSED_PINGS) {
        this.fail({
          kind: 'stalled',
          message: `${this.#options.name} answered none of ${MAX_MISSED_PINGS} pings`,
          retryable: true,
        });
        return;
      }
      this.#missedPings++;
      this.#ws?.ping();
      this.#schedulePing();
    });
  }

  #checkBuffer(): void {
    const buffered = this.#ws?.bufferedAmount ?? 0;
    if (buffered <= this.#options.maxBufferedBytes) {
      this.#overfullSince = undefined;
      return;
    }
    // What waited for the connection goes out in one go, so an overfull moment is normal and an overfull second is not.
    const now = this.#endpoint.clock.mono();
    this.#overfullSince ??= now;
    if (now - this.#overfullSince < MAX_BUFFERED_MS) return;
    this.fail({
      kind: 'stalled',
      message: `${this.#options.name} takes no more data: ${buffered} bytes wait`,
      retryable: true,
    });
  }
}

function wsData(data: DeepgramTransportMessage): string | ArrayBuffer | ArrayBufferView {
  if (data instanceof Blob)
    throw new LandlineError('internal_error', 'audio for Deepgram is sent as bytes, not as a Blob');
  return data;
}

function parseMessage(text: string): DeepgramMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DeepgramMessage) : undefined;
}
