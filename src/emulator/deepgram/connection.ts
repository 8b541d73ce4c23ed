import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../core/clock.ts';
import type { DeepgramFault } from './fault.ts';

export type DeepgramPath = '/v1/listen' | '/v2/listen' | '/v1/speak' | '/v2/speak';

/** One frame as it crossed the wire, at `atMs` of the emulator's monotonic clock. */
export type WireFrame =
  | { readonly atMs: number; readonly from: 'client' | 'server'; readonly kind: 'text'; readonly text: string }
  | { readonly atMs: number; readonly from: 'client' | 'server'; readonly kind: 'audio'; readonly bytes: number }
  | { readonly atMs: number; readonly from: 'client'; readonly kind: 'ping' }
  | { readonly atMs: number; readonly from: 'client' | 'server'; readonly kind: 'close'; readonly code: number };

export interface ConnectionHandler {
  /** A text frame that is a JSON object with a `type`. */
  message(message: Readonly<Record<string, unknown>>): void;
  /** A text frame that is not. */
  unreadable(text: string): void;
  audio(bytes: Buffer): void;
  closed(): void;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly path: DeepgramPath;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly fault: DeepgramFault | undefined;
  readonly clock: Clock;
}

/** A client's connection as the emulator sees it: everything that crossed it, and the hand that can break it. */
export class DeepgramConnection {
  readonly id: number;
  readonly path: DeepgramPath;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly frames: WireFrame[] = [];
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #fault: DeepgramFault | undefined;
  readonly #received: Buffer[] = [];
  #audioBytes = 0;
  #hasStruck = false;
  #isMuted = false;
  #closeCode: number | undefined;

  constructor(ws: WebSocket, socket: Duplex, options: ConnectionOptions) {
    this.id = options.id;
    this.path = options.path;
    this.query = options.query;
    this.headers = options.headers;
    this.#ws = ws;
    this.#socket = socket;
    this.#clock = options.clock;
    this.#fault = options.fault;
    ws.on('close', (code) => {
      this.#closeCode = code;
      this.frames.push({ atMs: this.#clock.mono(), from: 'client', kind: 'close', code });
    });
    ws.on('ping', () => this.frames.push({ atMs: this.#clock.mono(), from: 'client', kind: 'ping' }));
    // A client that vanishes or breaks the protocol ends as `close`, too.
    ws.on('error', () => undefined);
    this.#armFault();
  }

  /** Every byte of audio the client sent, in order. */
  get audio(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** The client's control messages, parsed, in order. */
  get messages(): readonly Readonly<Record<string, unknown>>[] {
    return this.frames.flatMap((frame) => {
      const message = frame.kind === 'text' && frame.from === 'client' ? parse(frame.text) : undefined;
      return message ? [message] : [];
    });
  }

  get isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  /** The close code that ended the connection, 1006 when there was none; undefined while it lives. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** Speech at this multiple of real time, when a fault says so. */
  get slowSpeed(): number | undefined {
    return this.#fault?.kind === 'slow' ? this.#fault.speed : undefined;
  }

  serve(handler: ConnectionHandler): void {
    this.#ws.on('message', (data, isBinary) => {
      const bytes = toBuffer(data);
      if (isBinary) {
        this.frames.push({ atMs: this.#clock.mono(), from: 'client', kind: 'audio', bytes: bytes.length });
        this.#received.push(bytes);
        handler.audio(bytes);
        this.#countAudio(bytes.length);
        return;
      }
      const text = bytes.toString();
      this.frames.push({ atMs: this.#clock.mono(), from: 'client', kind: 'text', text });
      const message = parse(text);
      if (message) handler.message(message);
      else handler.unreadable(text);
    });
    this.#ws.on('close', () => handler.closed());
  }

  /** Sends a JSON message, or any text as it is. */
  send(message: Readonly<Record<string, unknown>> | string): void {
    if (this.#isMuted || !this.isOpen) return;
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.frames.push({ atMs: this.#clock.mono(), from: 'server', kind: 'text', text });
    this.#ws.send(text);
  }

  sendAudio(bytes: Uint8Array): void {
    if (this.#isMuted || !this.isOpen) return;
    this.frames.push({ atMs: this.#clock.mono(), from: 'server', kind: 'audio', bytes: bytes.length });
    this.#ws.send(bytes);
    this.#countAudio(bytes.length);
  }

  /** Closes properly; without `code` with an empty close frame. */
  close(code?: number, reason = ''): void {
    if (!this.isOpen) return;
    this.frames.push({ atMs: this.#clock.mono(), from: 'server', kind: 'close', code: code ?? 1005 });
    if (code === undefined) this.#ws.close();
    else this.#ws.close(code, reason);
  }

  /** Cuts the TCP connection. */
  drop(): void {
    this.#ws.terminate();
  }

  #armFault(): void {
    const fault = this.#fault;
    if (!fault || !('afterMs' in fault || 'afterBytes' in fault)) {
      this.#strike();
      return;
    }
    if (fault.afterMs !== undefined) this.#clock.after(fault.afterMs, () => this.#strike());
  }

  #countAudio(bytes: number): void {
    this.#audioBytes += bytes;
    const fault = this.#fault;
    if (fault && 'afterBytes' in fault && this.#audioBytes >= fault.afterBytes) this.#strike();
  }

  #strike(): void {
    const fault = this.#fault;
    if (!fault || this.#hasStruck) return;
    this.#hasStruck = true;
    if (fault.kind === 'drop') this.drop();
    if (fault.kind === 'close') this.close(fault.code, fault.reason);
    if (fault.kind === 'mute') this.#isMuted = true;
    if (fault.kind === 'freeze') {
      this.#isMuted = true;
      this.#socket.pause();
    }
    if (fault.kind === 'junk') {
      for (const frame of fault.frames) {
        if (typeof frame === 'string') this.send(frame);
        else this.sendAudio(frame);
      }
    }
  }
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'type' in value) return value;
  } catch {
    // Not JSON.
  }
  return undefined;
}
