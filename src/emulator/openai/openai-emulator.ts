import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock, type Clock } from '../../core/clock.ts';
import { renderVoice } from '../voice.ts';
import { streamChat, type ChatReply } from './chat.ts';
import { refusalOf, type ChatRequest } from './chat-request.ts';
import { createExchange, scripted, type Exchange, type Script } from './exchange.ts';
import { refusalOfSpeech, streamSpeech, type RenderSpeech, type SpeechReply, type SpeechRequest } from './speech.ts';
import { answerTranscription, readUpload, type TranscriptReply, type Upload } from './transcriptions.ts';

export interface EmulatedModel {
  readonly id: string;
  /** `2027-01-14`; what OpenAI says about models that it will switch off. */
  readonly shutdownDate?: string;
}

export interface OpenAiEmulatorOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** When set, any other bearer token gets 401. */
  readonly apiKey?: string;
  readonly clock?: Clock;
  /** Default: says back what the user said last. */
  readonly chat?: Script<ChatRequest, ChatReply>;
  readonly speech?: Script<SpeechRequest, SpeechReply>;
  /** Default: an empty transcript. */
  readonly transcripts?: Script<Upload, TranscriptReply>;
  /** Default: the emulated vendors' voice of bursts, one a word. */
  readonly render?: RenderSpeech;
  readonly models?: readonly EmulatedModel[];
  /** Said in the `Keep-Alive` header and held. Default: no hint, and idle connections are never closed. */
  readonly keepAliveSeconds?: number;
}

/** One request as it arrived, in the order of arrival. */
export interface RecordedRequest {
  readonly method: string;
  /** Without the query: `/v1/chat/completions`. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined when there was none. */
  readonly body: unknown;
  /** Which TCP connection it came on, counted from 1. */
  readonly connection: number;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** A client that went away before its answer was complete. */
export interface RecordedDisconnect {
  /** Index in `requests`. */
  readonly request: number;
  readonly atMs: number;
}

export interface OpenAiEmulator {
  /** `http://127.0.0.1:<port>/v1`. */
  readonly baseUrl: string;
  readonly requests: readonly RecordedRequest[];
  readonly disconnects: readonly RecordedDisconnect[];
  readonly uploads: readonly Upload[];
  /** TCP connections accepted so far. */
  readonly connections: number;
  /** Of these, still open. */
  readonly openConnections: number;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/**
 * OpenAI's HTTP API as a program: chat completions (streaming), speech, transcriptions and models, with the faults that
 * the real one and its compatible cousins show. Loopback only.
 */
export async function createOpenAiEmulator(options: OpenAiEmulatorOptions = {}): Promise<OpenAiEmulator> {
  const { clock = systemClock, render = renderVoice } = options;
  const requests: RecordedRequest[] = [];
  const disconnects: RecordedDisconnect[] = [];
  const uploads: Upload[] = [];
  const sockets = new Map<Socket, number>();
  let connections = 0;
  const counts = { chat: 0, speech: 0, transcripts: 0 };

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const raw = await readBody(req);
    const exchange = createExchange(req, res, clock);
    const path = (req.url ?? '/').split('?')[0] ?? '/';
    const isJson = req.headers['content-type']?.startsWith('application/json') ?? false;
    const body = isJson ? parseJson(raw) : undefined;
    const connection = sockets.get(req.socket) ?? 0;
    const { method = 'GET', headers } = req;
    const index = requests.push({ method, path, headers, body, connection, atMs: clock.mono() }) - 1;
    res.once('close', () => {
      if (!res.writableFinished) disconnects.push({ request: index, atMs: clock.mono() });
    });
    if (options.apiKey !== undefined && headers.authorization !== `Bearer ${options.apiKey}`) {
      exchange.refuse(401, 'Incorrect API key provided.', 'invalid_api_key');
      return;
    }
    await route(exchange, `${method} ${path}`, body, raw);
  };

  const route = async (exchange: Exchange, target: string, body: unknown, raw: Buffer): Promise<void> => {
    switch (target) {
      case 'POST /v1/chat/completions': {
        const wrong = refusalOf(body);
        if (wrong !== undefined) {
          exchange.refuse(400, wrong);
          return;
        }
        const request = body as ChatRequest;
        const n = counts.chat++;
        return streamChat(exchange, request, scripted(options.chat ?? sayBack, request, n), n);
      }
      case 'POST /v1/audio/speech': {
        const wrong = refusalOfSpeech(body);
        if (wrong !== undefined) {
          exchange.refuse(400, wrong);
          return;
        }
        const request = body as SpeechRequest;
        const reply = scripted(options.speech ?? [{}], request, counts.speech++);
        return streamSpeech(exchange, request, reply, render);
      }
      case 'POST /v1/audio/transcriptions': {
        const upload = readUpload(exchange.req.headers['content-type'], raw);
        if (typeof upload === 'string') {
          exchange.refuse(400, upload);
          return;
        }
        uploads.push(upload);
        const reply = scripted(options.transcripts ?? [{ text: '' }], upload, counts.transcripts++);
        return answerTranscription(exchange, reply);
      }
      case 'GET /v1/models': {
        exchange.json(200, { object: 'list', data: (options.models ?? []).map(wireModel) });
        return;
      }
      default: {
        exchange.refuse(404, `Invalid URL (${target})`);
        return;
      }
    }
  };

  const server = createServer((req, res) => {
    handle(req, res).catch(() => req.socket.destroy());
  });
  // 0: Node sends no hint and holds idle connections for good.
  server.keepAliveTimeout = (options.keepAliveSeconds ?? 0) * 1000;
  server.on('connection', (socket) => {
    sockets.set(socket, ++connections);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });

  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    disconnects,
    uploads,
    get connections() {
      return connections;
    },
    get openConnections() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          sockets.clear();
          resolve();
        });
        for (const socket of sockets.keys()) socket.destroy();
      }),
  };
}

function sayBack(request: ChatRequest): ChatReply {
  const last = request.messages.findLast((message) => message.role === 'user')?.content;
  return { text: `You said: ${typeof last === 'string' ? last : 'nothing'}` };
}

function wireModel({ id, shutdownDate }: EmulatedModel): object {
  const model = { id, object: 'model', created: 1_767_603_600, owned_by: 'emulator' };
  return shutdownDate === undefined ? model : { ...model, shutdown_date: shutdownDate };
}

async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error('request body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
