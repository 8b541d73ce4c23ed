import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { createTelnyxEmulator } from '../../src/emulator/telnyx/index.ts';
import type {
  EmulatedCall,
  PlaceCallOptions,
  TelnyxEmulator,
  TelnyxEmulatorOptions,
} from '../../src/emulator/telnyx/index.ts';

/** `data.payload` of webhooks: the fields tests look at, as the reference shapes them. */
export interface Payload {
  readonly call_control_id: string;
  readonly call_leg_id: string;
  readonly call_session_id: string;
  readonly client_state: string | null;
  readonly from: string;
  readonly to: string;
  readonly digit: string;
  readonly hangup_cause: string;
}

export interface Hook {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: string;
  readonly type: string;
  readonly id: string;
  readonly occurredAt: string;
  readonly attempt: number;
  readonly payload: Payload;
}

interface WebhookBody {
  readonly data: {
    readonly event_type: string;
    readonly id: string;
    readonly occurred_at: string;
    readonly payload: Payload;
  };
  readonly meta: { readonly attempt: number };
}

/** A message on the media socket: which members are there depends on `event`. */
export interface Frame {
  readonly event: string;
  readonly sequence_number: string;
  readonly stream_id: string;
  readonly media: {
    readonly track: string;
    readonly chunk: string;
    readonly timestamp: string;
    readonly payload: string;
  };
  readonly mark: { readonly name: string };
  readonly payload: { readonly code: number; readonly title: string };
}

export interface MediaSocket {
  readonly ws: WebSocket;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Every text message that is JSON. */
  readonly frames: Frame[];
  /** Those of one kind. */
  of(event: string): Frame[];
  /** Names of the marks that came back. */
  marks(): string[];
  /** Messages that are not JSON objects. */
  garbage: number;
  closeCode: number | undefined;
  send(message: object | string): void;
}

/** The smallest gateway that speaks the protocol: it records everything and does nothing by itself. */
export interface Gateway {
  readonly webhookUrl: string;
  readonly failoverUrl: string;
  readonly mediaUrl: string;
  readonly hooks: Hook[];
  readonly sockets: MediaSocket[];
  /** What a webhook is answered with; `undefined` never answers. */
  reply: (hook: Hook) => number | undefined;
  /** Whether a media socket is let in; `undefined` leaves the upgrade without an answer. */
  admits: boolean | undefined;
  /** TCP connections of upgrades that got no answer. */
  readonly waiting: Duplex[];
  types(): string[];
  of(type: string): Hook[];
}

export async function createGateway(): Promise<Gateway> {
  const hooks: Hook[] = [];
  const sockets: MediaSocket[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const raw = Buffer.concat(pieces).toString();
      const { data, meta } = JSON.parse(raw) as WebhookBody;
      const hook: Hook = {
        url: request.url ?? '',
        headers: request.headers,
        raw,
        type: data.event_type,
        id: data.id,
        occurredAt: data.occurred_at,
        attempt: meta.attempt,
        payload: data.payload,
      };
      hooks.push(hook);
      const status = gateway.reply(hook);
      if (status !== undefined) response.writeHead(status).end();
    });
  });
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    if (gateway.admits === undefined) {
      gateway.waiting.push(socket.on('error', () => undefined).resume());
      return;
    }
    if (!gateway.admits) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n');
      return;
    }
    wss.handleUpgrade(request, socket, head, (ws) => {
      const frames: Frame[] = [];
      const media: MediaSocket = {
        ws,
        url: request.url ?? '',
        headers: request.headers,
        frames,
        of: (event) => frames.filter((frame) => frame.event === event),
        marks: () => frames.filter((frame) => frame.event === 'mark').map((frame) => frame.mark.name),
        garbage: 0,
        closeCode: undefined,
        send: (message) => ws.send(typeof message === 'string' ? message : JSON.stringify(message)),
      };
      ws.on('message', (data: Buffer) => {
        const text = data.toString();
        try {
          const frame = JSON.parse(text) as Frame | null;
          if (frame?.event) frames.push(frame);
          else media.garbage += 1;
        } catch {
          media.garbage += 1;
        }
      });
      ws.on('error', () => undefined);
      ws.on('close', (code) => (media.closeCode = code));
      sockets.push(media);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const { ws } of sockets) ws.terminate();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const gateway: Gateway = {
    webhookUrl: `http://127.0.0.1:${port}/hook`,
    failoverUrl: `http://127.0.0.1:${port}/failover`,
    mediaUrl: `ws://127.0.0.1:${port}/media/token`,
    hooks,
    sockets,
    reply: () => 200,
    admits: true,
    waiting: [],
    types: () => hooks.map((hook) => hook.type),
    of: (type) => hooks.filter((hook) => hook.type === type),
  };
  return gateway;
}

export interface Bench {
  readonly gateway: Gateway;
  readonly emulator: TelnyxEmulator;
  readonly api: (
    method: string,
    path: string,
    body?: object,
    key?: string,
  ) => Promise<{ status: number; body: unknown; headers: Headers }>;
  /** A command on a leg. */
  readonly act: (call: EmulatedCall, name: string, body?: object) => Promise<{ status: number; body: unknown }>;
  /** An inbound call, ringing. */
  readonly ring: (options?: Partial<PlaceCallOptions>) => EmulatedCall;
  /** An inbound call, answered. */
  readonly answered: (options?: Partial<PlaceCallOptions>) => Promise<EmulatedCall>;
  /** An inbound call whose stream has started. */
  readonly streaming: (
    options?: Partial<PlaceCallOptions>,
    answer?: object,
  ) => Promise<{ call: EmulatedCall; socket: MediaSocket }>;
}

export async function createBench(options: Partial<TelnyxEmulatorOptions> = {}): Promise<Bench> {
  const gateway = await createGateway();
  // On a clock that jumps, a webhook on its way would time out.
  const patience = options.clock ? { webhookTimeoutMs: Infinity } : {};
  const emulator = await createTelnyxEmulator({ webhookUrl: gateway.webhookUrl, ...patience, ...options });
  onTestFinished(() => emulator.close());
  const api: Bench['api'] = async (method, path, body, key = emulator.apiKey) => {
    const response = await fetch(emulator.baseUrl + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: JSON.parse(text) as unknown, headers: response.headers };
  };
  const act: Bench['act'] = (call, name, body = {}) =>
    api('POST', `/calls/${encodeURIComponent(call.ids.callControlId)}/actions/${name}`, body);
  const ring: Bench['ring'] = (call) => emulator.placeCall({ from: '+14155550142', to: '+13125550178', ...call });
  const stream = {
    stream_url: gateway.mediaUrl,
    stream_bidirectional_mode: 'rtp',
    stream_bidirectional_target_legs: 'self',
  };
  return {
    gateway,
    emulator,
    api,
    act,
    ring,
    async answered(call) {
      const placed = ring(call);
      await act(placed, 'answer');
      return placed;
    },
    async streaming(call, answer = {}) {
      const before = gateway.sockets.length;
      const placed = ring(call);
      await act(placed, 'answer', { ...stream, ...answer });
      await until(() => gateway.sockets[before]?.frames.some((frame) => frame.event === 'start'));
      return { call: placed, socket: gateway.sockets[before]! };
    },
  };
}

/** Waits for a condition in real time. */
export async function until(holds: () => unknown, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never became true: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Mu-law bytes that tell their place: what is lost, doubled or moved shows. 127 values, each its own sample. */
export function ramp(count: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (from + index) % 127);
}

export function mediaFrame(bytes: Uint8Array): object {
  return { event: 'media', media: { payload: Buffer.from(bytes).toString('base64') } };
}
