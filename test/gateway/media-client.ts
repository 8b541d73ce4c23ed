import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import WebSocket from 'ws';
import type { ReceivedCommand } from '../../src/emulator/telnyx/index.ts';
import { type Answer, type GatewayWorld } from './world.ts';

/** The stream URL of the latest command that carries one, of one leg or of all. */
export function streamUrl({ emulator }: GatewayWorld, callControlId?: unknown): string {
  const isIt = ({ body, call_control_id: id }: ReceivedCommand): boolean =>
    typeof body['stream_url'] === 'string' && (callControlId === undefined || id === callControlId);
  const url = emulator.commands.findLast(isIt)?.body['stream_url'];
  if (typeof url !== 'string') throw new Error('no stream was asked for');
  return url;
}

export interface OpenSocket {
  readonly ws: WebSocket;
  readonly headers: IncomingHttpHeaders;
  readonly messages: string[];
  pings(): number;
  closed(): { readonly code: number; readonly reason: string } | undefined;
  /** The TCP connection, for bytes past the WebSocket framing. */
  wire(): Socket | undefined;
}

/** Upgrades as Telnyx does: a socket, or the answer that refused it. */
export function upgrade(url: string, options: WebSocket.ClientOptions = {}): Promise<OpenSocket | Answer> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { perMessageDeflate: false, ...options });
    const messages: string[] = [];
    let headers: IncomingHttpHeaders = {};
    let wire: Socket | undefined;
    let closed: { code: number; reason: string } | undefined;
    let pings = 0;
    ws.on('upgrade', (response) => {
      headers = response.headers;
      wire = response.socket;
    });
    ws.on('message', (data: Buffer) => messages.push(data.toString()));
    ws.on('ping', () => pings++);
    ws.on('close', (code, reason) => (closed = { code, reason: reason.toString() }));
    ws.on('open', () => resolve({ ws, headers, messages, pings: () => pings, closed: () => closed, wire: () => wire }));
    ws.on('error', reject);
    ws.on('unexpected-response', (_request, response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('end', () => {
        const headers = new Headers(response.headers as Record<string, string>);
        resolve({ status: response.statusCode ?? 0, headers, text: Buffer.concat(pieces).toString() });
      });
    });
  });
}

export async function opened(url: string, options?: WebSocket.ClientOptions): Promise<OpenSocket> {
  const answer = await upgrade(url, options);
  if ('ws' in answer) return answer;
  throw new Error(`the upgrade was refused with ${answer.status}: ${answer.text}`);
}

export async function refused(url: string, options?: WebSocket.ClientOptions): Promise<Answer> {
  const answer = await upgrade(url, options);
  if (!('ws' in answer)) return answer;
  answer.ws.terminate();
  throw new Error('the upgrade was accepted');
}

/** `start` of a stream of this leg. */
export function startMessage(callControlId: unknown, format: object | undefined, streamId = 'stream-1'): string {
  return JSON.stringify({
    event: 'start',
    sequence_number: '1',
    stream_id: streamId,
    start: { call_control_id: callControlId, ...(format ? { media_format: format } : {}) },
  });
}

/** A media message as Telnyx writes it. */
export function mediaMessage(payload: Uint8Array | string, chunk?: number): string {
  const text = typeof payload === 'string' ? payload : Buffer.from(payload).toString('base64');
  const number = chunk === undefined ? {} : { chunk: String(chunk), timestamp: String(chunk * 20) };
  return JSON.stringify({ event: 'media', stream_id: 'x', media: { track: 'inbound', ...number, payload: text } });
}

/** One client frame of the WebSocket protocol, with whatever bits are wrong. */
export function wireFrame(options: {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly fin?: boolean;
  readonly reserved?: boolean;
  readonly unmasked?: boolean;
}): Buffer {
  const { opcode, payload, fin = true, reserved = false, unmasked = false } = options;
  const first = (fin ? 0x80 : 0) | (reserved ? 0x40 : 0) | opcode;
  const mask = unmasked ? 0 : 0x80;
  const length =
    payload.length < 126
      ? Buffer.from([mask | payload.length])
      : Buffer.from([mask | 126, payload.length >> 8, payload.length & 0xff]);
  if (unmasked) return Buffer.concat([Buffer.from([first]), length, payload]);
  const key = randomBytes(4);
  const masked = Buffer.from(payload).map((byte, at) => byte ^ (key[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([first]), length, key, masked]);
}
