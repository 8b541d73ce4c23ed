import type { Exchange, Refusal } from './exchange.ts';
import { parseMultipart } from './multipart.ts';

/** What came to `POST /audio/transcriptions`. */
export interface Upload {
  /** Text fields: `model`, `language`, `prompt`, `response_format`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly filename: string;
  /** The file as it was sent. */
  readonly file: Buffer;
}

export interface TranscriptReply {
  readonly text: string;
  /** Default 0. */
  readonly delayMs?: number;
  readonly fault?: Refusal | { readonly type: 'drop' } | { readonly type: 'badJson' };
}

/** @returns what is wrong with the body as text, else the upload. */
export function readUpload(contentType: string | undefined, body: Buffer): Upload | string {
  const parts = parseMultipart(contentType, body);
  if (typeof parts === 'string') return parts;
  const file = parts.find((part) => part.name === 'file');
  if (!file) return "Missing required parameter: 'file'.";
  const fields = Object.fromEntries(
    parts.filter((part) => part.filename === undefined).map((part) => [part.name, part.bytes.toString('utf8')]),
  );
  if (!fields['model']) return 'you must provide a model parameter';
  return { fields, filename: file.filename ?? '', file: Buffer.from(file.bytes) };
}

export async function answerTranscription(exchange: Exchange, reply: TranscriptReply): Promise<void> {
  const { fault } = reply;
  if (!(await exchange.pause(reply.delayMs ?? 0))) return;
  if (!fault) {
    exchange.json(200, { text: reply.text });
    return;
  }
  switch (fault.type) {
    case 'drop': {
      exchange.drop();
      return;
    }
    case 'badJson':
      exchange.res.writeHead(200, { 'content-type': 'application/json' });
      exchange.res.end('{"text": ');
      return;
    default: {
      exchange.perform(fault, 'application/json');
      return;
    }
  }
}
