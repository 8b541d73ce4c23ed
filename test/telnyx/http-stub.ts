import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { vi } from 'vitest';

export interface StubRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly response: ServerResponse;
  readonly socket: Socket;
}

export interface HttpStub {
  /** `http://127.0.0.1:<port>/v2`. */
  readonly baseUrl: string;
  readonly requests: readonly StubRequest[];
  /** Resolves as soon as `count` requests came. */
  arrived(count: number): Promise<void>;
  /** How many connections were opened. */
  connections(): number;
  close(): Promise<void>;
}

/** A server on loopback that hands every request, fully read, to `handle`. What is not answered hangs. */
export async function startHttpStub(handle: (request: StubRequest, n: number) => void): Promise<HttpStub> {
  const requests: StubRequest[] = [];
  let connections = 0;
  const read = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks = await incoming.toArray();
    const text = Buffer.concat(chunks as Buffer[]).toString('utf8');
    const { method = '', url = '', headers, socket } = incoming;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const request = { method, url, headers, body, response, socket };
    requests.push(request);
    handle(request, requests.length - 1);
  };
  const server = createServer((incoming, response) => void read(incoming, response));
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v2`,
    requests,
    arrived: (count) =>
      vi.waitUntil(() => requests.length >= count, { timeout: 5000, interval: 2 }).then(() => undefined),
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function reply(request: StubRequest, status: number, body: unknown, type = 'application/json'): void {
  request.response.writeHead(status, { 'content-type': type });
  request.response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Telnyx' error shape. */
export function refusal(code: string, title: string, detail?: string): object {
  return {
    errors: [{ code, title, ...(detail === undefined ? {} : { detail }), meta: { url: 'https://example.com' } }],
  };
}
