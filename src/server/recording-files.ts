import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isoTime, type Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { RECORDING_FORMATS } from '../records/encoder.ts';
import type { KeptRecording } from '../records/kept-recordings.ts';
import type { Playable } from '../records/recording-library.ts';
import { MAX_LINK_SECONDS } from '../records/recording-options.ts';
import type { ByteRange } from '../records/recording-storage.ts';
import type { Recordings } from '../records/recordings.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import { problemOf, send } from './problem.ts';

export interface RecordingFilesOptions {
  readonly recordings: Pick<Recordings, 'library' | 'links' | 'linkSeconds'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Rejects with `call_not_found` when there is no such call. */
  readonly known: (callId: string) => Promise<unknown>;
  /** Where links begin, e.g. `https://voice.example.com`; asked when one is made. */
  readonly origin: () => string;
}

const AUDIO = { 'audio/wav': 'PCM', 'audio/flac': 'FLAC', 'audio/ogg': 'Opus' };

const wish = { format: z.enum(RECORDING_FORMATS).optional(), id: z.string().min(1).max(100).optional() };
const fileQuery = z.object(wish);
const linkBody = z
  .strictObject({ ...wish, expiresInSeconds: z.number().int().min(1).max(MAX_LINK_SECONDS).optional() })
  .default({});

const recordingSchema = z.strictObject({
  id: z.string().describe('`call`, or what Telnyx calls a recording it made'),
  source: z.enum(['call', 'telnyx']),
  format: z.string(),
  contentType: z.string(),
  bytes: z.int().min(0),
  durationMs: z.int().min(0).nullable(),
  encrypted: z.boolean(),
  keptAt: z.iso.datetime(),
});

const file = {
  tag: 'recordings',
  summary: 'Hear a call',
  description: 'Stereo: caller left, agent right. Of a live call as far as it is; ranges once it is finished.',
  headers: { Range: 'one range of bytes', 'If-None-Match': 'the `ETag` that is known', 'If-Range': 'an `ETag`' },
  answers: {
    200: { description: 'All of it.', types: AUDIO },
    206: { description: 'The range.', types: AUDIO, headers: { 'Content-Range': 'which bytes, of how many' } },
    304: { description: 'It is still what `If-None-Match` says.' },
  },
} satisfies ApiDoc;
const FILE_PROBLEMS = [
  'not_supported',
  'recording_damaged',
  'recording_key_missing',
  'recording_not_found',
  'recording_range_invalid',
  'recording_storage_failed',
] as const;
const docs = {
  file: { ...file, problems: [...FILE_PROBLEMS, 'call_not_found', 'store_unavailable'] },
  opened: {
    ...file,
    path: '/recordings/{token}',
    summary: 'Hear a call by a link',
    isOpen: true,
    problems: [...FILE_PROBLEMS, 'recording_link_expired', 'recording_link_invalid', 'request_invalid'],
  },
  list: {
    tag: 'recordings',
    summary: 'List the kept recordings of a call',
    answers: {
      200: {
        description: 'All of them; our own first.',
        schema: z.strictObject({ recordings: z.array(recordingSchema) }),
      },
    },
    problems: ['call_not_found', 'store_unavailable'],
  },
  link: {
    tag: 'recordings',
    summary: 'Make a link to a recording',
    description: 'Who has it can hear the recording without a key, until it expires.',
    bodyExample: { expiresInSeconds: 600 },
    answers: {
      200: { description: 'The link.', schema: z.strictObject({ url: z.url(), expiresAt: z.iso.datetime() }) },
    },
    problems: [
      'call_not_found',
      'not_supported',
      'recording_damaged',
      'recording_not_found',
      'recording_storage_failed',
      'store_unavailable',
    ],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `/v1/calls/{id}/recording…`; whoever adds it decides who may ask. */
export function addRecordingRoutes(server: FastifyInstance, options: RecordingFilesOptions): void {
  const { recordings, clock, log, known, origin } = options;
  const { library, links, linkSeconds } = recordings;
  const app = server.withTypeProvider<ZodProvider>();

  app.route({
    // A HEAD of our own: Fastify's would read the whole recording to throw it away.
    method: ['GET', 'HEAD'],
    url: '/v1/calls/:id/recording',
    schema: { params: callParams, querystring: fileQuery },
    config: { api: docs.file },
    handler: async (request, reply) => {
      const { id } = request.params;
      await known(id);
      return sendRecording(request, reply, await library.find(id, request.query), log);
    },
  });

  const list = { schema: { params: callParams }, config: { api: docs.list } };
  app.get('/v1/calls/:id/recordings', list, async ({ params }) => {
    await known(params.id);
    return { recordings: (await library.list(params.id)).map(listed) };
  });

  const link = { schema: { params: callParams, body: linkBody }, config: { api: docs.link } };
  app.post('/v1/calls/:id/recording/link', link, async ({ params, body }) => {
    const { expiresInSeconds = linkSeconds, ...wanted } = body;
    await known(params.id);
    // A link that leads nowhere would be found out by somebody else.
    await library.find(params.id, wanted);
    const expiresAt = clock.wall() + expiresInSeconds * 1000;
    const direct = await library.directLink(params.id, wanted, expiresInSeconds);
    const url = direct ?? `${origin()}/recordings/${links.sign({ callId: params.id, ...wanted }, expiresAt)}`;
    return { url, expiresAt: isoTime(expiresAt) };
  });
}

/** `GET /recordings/<token>`: what a link opens, without a key. */
export function recordingLinks(
  options: Pick<RecordingFilesOptions, 'recordings' | 'clock' | 'log'>,
): (app: FastifyInstance) => Promise<void> {
  const { recordings, clock, log } = options;
  return async (app) => {
    app.route<{ Params: { '*': string } }>({
      method: ['GET', 'HEAD'],
      // A named parameter may have 100 characters, and a token has more.
      url: '/recordings/*',
      config: { api: docs.opened },
      handler: async (request, reply) => {
        const { callId, ...wanted } = recordings.links.open(request.params['*'], clock.wall());
        // The address is the key: it must not travel on.
        void reply.header('referrer-policy', 'no-referrer');
        return sendRecording(request, reply, await recordings.library.find(callId, wanted), log);
      },
    });
  };
}

async function sendRecording(
  request: Pick<FastifyRequest, 'headers' | 'method'>,
  reply: FastifyReply,
  playable: Playable,
  log: Log,
): Promise<FastifyReply> {
  const { contentType, filename, extent } = playable;
  void reply
    .header('content-disposition', `inline; filename="${filename}"`)
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'private, no-cache');
  let range: ByteRange | undefined;
  if (extent.type === 'file') {
    const etag = `"${extent.etag}"`;
    void reply.header('accept-ranges', 'bytes').header('etag', etag);
    if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
    const ifRange = request.headers['if-range'];
    const asked = ifRange === undefined || ifRange === etag ? rangeOf(request.headers.range, extent.bytes) : undefined;
    if (asked === 'outside') {
      void reply.header('content-range', `bytes */${extent.bytes}`);
      return send(
        reply,
        problemOf('recording_range_invalid', `the recording has ${extent.bytes} bytes, the range begins behind them`),
      );
    }
    range = asked;
  }
  void reply.type(contentType);
  const bytes = range ? range.end - range.start : extent.bytes;
  if (bytes !== undefined) void reply.header('content-length', bytes);
  if (range && extent.type === 'file') {
    void reply.code(206).header('content-range', `bytes ${range.start}-${range.end - 1}/${extent.bytes}`);
  }
  if (request.method === 'HEAD') return reply.send();
  const stream = await playable.open(range);
  // Too late for a status: the connection is cut, which a client sees because it knows the length.
  stream.on('error', (error) => log.warn({ error: messageOf(error), filename }, 'sending a recording broke off'));
  return reply.send(stream);
}

/**
 * One range of `Range`. Undefined: all of it, also for what is no range or several, which a server may answer whole.
 */
function rangeOf(header: string | undefined, bytes: number): ByteRange | 'outside' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const count = Math.min(Number(last), bytes);
    return count === 0 ? 'outside' : { start: bytes - count, end: bytes };
  }
  const start = Number(first);
  const end = last === '' ? bytes : Math.min(Number(last) + 1, bytes);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= bytes ? 'outside' : { start, end };
}

function matches(header: string | undefined, etag: string): boolean {
  const known = (header ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}

function listed(recording: KeptRecording): Readonly<Record<string, unknown>> {
  const { id, source, format, contentType, bytes, samples, sealedWith, keptAt } = recording;
  return {
    ...{ id, source, format, contentType, bytes },
    durationMs: samples === null ? null : Math.round(samples / 8),
    encrypted: sealedWith !== null,
    keptAt: isoTime(keptAt),
  };
}
