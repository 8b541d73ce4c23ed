import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { systemClock, type Clock } from '../../core/clock.ts';
import { randomId } from '../../core/ids.ts';
import { DeepgramConnection, type DeepgramPath } from './connection.ts';
import type { DeepgramFault } from './fault.ts';
import { serveListenV1, type ListenV1Behaviour } from './listen-v1.ts';
import { serveListenV2, type ListenV2Behaviour } from './listen-v2.ts';
import { queryProblem } from './query.ts';
import { Script } from './script.ts';
import { restProblem, speakRest } from './speak-rest.ts';
import { serveSpeakV1 } from './speak-v1.ts';
import { serveSpeakV2 } from './speak-v2.ts';
import type { SpeakBehaviour } from './speaker.ts';
import type { WireFormat } from './wire-audio.ts';

export interface DeepgramEmulatorOptions extends Partial<ListenV1Behaviour & ListenV2Behaviour & SpeakBehaviour> {
  /** The only key that is accepted. Default: any key that is not empty. */
  readonly apiKey?: string;
  /** Default: any free port. Always on 127.0.0.1. */
  readonly port?: number;
  readonly clock?: Clock;
}

/** A request or upgrade as it was answered; 101 is an accepted upgrade, 0 one that is never answered. */
export interface DeepgramRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly status: number;
}

export interface DeepgramEmulator {
  /** The http origin, for REST and WebSocket. */
  readonly baseUrl: string;
  /** Everything that was asked, refused or not, in order. */
  readonly requests: readonly DeepgramRequest[];
  /** Every WebSocket that was accepted, in order, also closed ones. */
  readonly connections: readonly DeepgramConnection[];
  /** Further utterances are understood as these texts; see {@link Script}. */
  hear(texts: readonly string[]): void;
  /** The utterances of this recording are understood as these texts, whoever plays it. */
  learn(bytes: Uint8Array, format: WireFormat, texts: readonly string[]): void;
  /** Breaks the next connections (or REST requests), one fault each, in order; `path` limits it to one endpoint. */
  breakNext(fault: DeepgramFault, path?: DeepgramPath): void;
  close(): Promise<void>;
}

const PATHS: readonly DeepgramPath[] = ['/v1/listen', '/v2/listen', '/v1/speak', '/v2/speak'];
const MAX_BODY_BYTES = 64 * 1024;

const DEFAULTS: ListenV1Behaviour & ListenV2Behaviour & SpeakBehaviour = {
  finalDelayMs: 0,
  finalEveryWords: 8,
  speechFinal: true,
  endCode: 1000,
  eagerSilenceMs: 260,
  eotSilenceMs: 600,
  allowForceEndTurn: false,
  firstByteMs: 20,
  speed: 20,
};

/** Deepgram as a program: listen v1 and v2, speak v1 and v2, speak over REST, and the list of projects. */
export async function createDeepgramEmulator(options: DeepgramEmulatorOptions = {}): Promise<DeepgramEmulator> {
  const clock = options.clock ?? systemClock;
  const behaviour = { ...DEFAULTS, ...options };
  const script = new Script();
  const requests: DeepgramRequest[] = [];
  const connections: DeepgramConnection[] = [];
  const faults: { readonly fault: DeepgramFault; readonly path: string | undefined }[] = [];
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const hanging = new Set<Duplex>();

  function takeFault(path: string): DeepgramFault | undefined {
    const index = faults.findIndex((entry) => entry.path === undefined || entry.path === path);
    return index < 0 ? undefined : faults.splice(index, 1)[0]?.fault;
  }

  function isAuthorized(request: IncomingMessage): boolean {
    const [scheme, key] = (request.headers.authorization ?? '').split(' ');
    if (!/^(token|bearer)$/i.test(scheme ?? '') || !key) return false;
    return options.apiKey === undefined || key === options.apiKey;
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const answer = (status: number, body: unknown): void => {
      requests.push({ method: request.method ?? '', path: url.pathname, query: url.searchParams, status });
      if (status === 200 && body === undefined) return;
      response.writeHead(status, headersOf(status, body)).end(JSON.stringify(body));
    };
    const fault = takeFault(url.pathname);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'refuse') answer(fault.status, problem(fault.error ?? 'refused by a fault'));
    else if (!isAuthorized(request)) answer(401, problem('Invalid credentials.', 'INVALID_AUTH'));
    else if (request.method === 'GET' && url.pathname === '/v1/projects') {
      answer(200, { projects: [{ project_id: 'e0e0e0e0-0000-4000-8000-000000000000', name: 'Emulated' }] });
    } else if (request.method === 'POST' && url.pathname === '/v1/speak') speak(request, response, url, answer);
    else answer(404, problem('Not found.', 'NOT_FOUND'));
  });

  function speak(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    answer: (status: number, body: unknown) => void,
  ): void {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      if (text.length <= MAX_BODY_BYTES) text += chunk;
    });
    request.on('end', () => {
      const body = parse(text);
      const wrong = restProblem(url.searchParams, body);
      if (wrong !== undefined) {
        answer(400, problem(wrong));
        return;
      }
      answer(200, undefined);
      speakRest(url.searchParams, (body as { text: string }).text, response, behaviour, clock);
    });
  }

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined);
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = PATHS.find((known) => known === url.pathname);
    const note = (status: number): void => {
      requests.push({ method: 'GET', path: url.pathname, query: url.searchParams, status });
    };
    const refuse = (status: number, error: string, code?: string): void => {
      note(status);
      const body = problem(error, code);
      const headers = Object.entries({ ...headersOf(status, body), connection: 'close' });
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
          `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${JSON.stringify(body)}`,
      );
    };
    if (!path) {
      refuse(404, 'Not found.', 'NOT_FOUND');
      return;
    }
    const fault = takeFault(path);
    if (fault?.kind === 'hang') {
      note(0);
      hanging.add(socket);
      return;
    }
    const wrong = queryProblem(path, url.searchParams);
    if (fault?.kind === 'refuse') refuse(fault.status, fault.error ?? 'refused by a fault');
    else if (!isAuthorized(request)) refuse(401, 'Invalid credentials.', 'INVALID_AUTH');
    else if (wrong !== undefined) refuse(400, wrong, 'INVALID_QUERY_PARAMETER');
    else {
      note(101);
      sockets.handleUpgrade(request, socket, head, (ws) => {
        const { headers } = request;
        const id = connections.length;
        const connection = new DeepgramConnection(ws, socket, {
          id,
          path,
          query: url.searchParams,
          headers,
          fault,
          clock,
        });
        connections.push(connection);
        serve(connection);
      });
    }
  });

  sockets.on('headers', (headers) => headers.push(`dg-request-id: ${randomId()}`));

  function serve(connection: DeepgramConnection): void {
    const speaking = { ...behaviour, speed: connection.slowSpeed ?? behaviour.speed };
    if (connection.path === '/v1/listen') serveListenV1(connection, script, behaviour, clock);
    else if (connection.path === '/v2/listen') serveListenV2(connection, script, behaviour);
    else if (connection.path === '/v1/speak') serveSpeakV1(connection, speaking, clock);
    else serveSpeakV2(connection, speaking, clock);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    baseUrl: `http://127.0.0.1:${port}`,
    requests,
    connections,
    hear: (texts) => script.hear(texts),
    learn: (bytes, format, texts) => script.learn(bytes, format, texts),
    breakNext: (fault, path) => void faults.push({ fault, path }),
    async close() {
      for (const connection of connections) connection.drop();
      for (const socket of hanging) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const problem = (message: string, code = 'Bad Request'): Readonly<Record<string, string>> => ({
  err_code: code,
  err_msg: message,
  request_id: randomId(),
});

function headersOf(status: number, body: unknown): Record<string, string> {
  const error = typeof body === 'object' && body !== null && 'err_msg' in body ? String(body.err_msg) : '';
  // Headers are ASCII; what a client sent may be quoted in an error.
  const ascii = error.replaceAll(/[^\x20-\x7e]/g, '?');
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(JSON.stringify(body))),
    'dg-request-id': randomId(),
    ...(status >= 400 ? { 'dg-error': ascii } : {}),
    ...(status === 429 ? { 'retry-after': '1' } : {}),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
