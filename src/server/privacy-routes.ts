import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { maskNumber, type Log } from '../core/log.ts';
import { LandlineError } from '../core/errors.ts';
import type { Erasure, NumberErased } from '../records/erasure.ts';
import { isoTime } from '../core/clock.ts';
import type { CallRow, EventRow, Store } from '../store/port.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiAnswer, ApiDoc, ZodProvider } from './api/documented.ts';

export interface PrivacyRoutesOptions {
  readonly erasure: Pick<Erasure, 'call' | 'number'>;
  readonly store: Pick<Store, 'call' | 'legs' | 'turns' | 'actions' | 'events' | 'callsOfNumber'>;
  /** Resolves when the store holds what the journals say. */
  readonly settled: () => Promise<void>;
  /** Addresses under which the recordings of a call can be fetched. */
  readonly recordings: (callId: string) => Promise<readonly string[]>;
  readonly log: Log;
}

/** Spaces, dashes, dots and brackets in a number are only there for people; `00` and `tel:` stand for a plus. */
const number = z
  .string()
  .max(64)
  .transform((text) =>
    text
      .trim()
      .replace(/^tel:/i, '')
      .replace(/[\s\-.()/]/g, '')
      .replace(/^00(?=[1-9])/, '+'),
  )
  .pipe(z.string().regex(/^(?:\+[1-9]\d{6,14}|\d{3,15}|sips?:\S+)$/, 'must be E.164 like "+13125550178"'));

export const privacyBody: z.ZodType<{ readonly number: string }> = z.strictObject({ number });

const erasedSchema: z.ZodType<NumberErased> = z.strictObject({
  calls: z.int().min(0).describe('calls that are gone'),
  afterEnd: z.int().min(0).describe('calls that have not ended: they are erased when they have'),
});

const exported: ApiAnswer = {
  description: 'Everything that is kept, as a file.',
  types: { 'application/x-ndjson': 'one call a line: call, legs, transcript, actions, events, recordings' },
  headers: { 'Content-Disposition': '`attachment`, with a file name' },
};
const docs = {
  eraseCall: {
    tag: 'privacy',
    summary: 'Erase a call',
    description: 'Its record, transcript, events, recordings and journal. It must have ended.',
    answers: { 204: { description: 'Gone.' } },
    problems: ['call_active', 'call_not_found', 'recording_storage_failed', 'store_unavailable'],
  },
  exportCall: {
    tag: 'privacy',
    summary: 'Export a call',
    answers: { 200: exported },
    problems: ['call_not_found', 'store_unavailable'],
  },
  exportNumber: {
    tag: 'privacy',
    summary: 'Export all calls of a number',
    bodyExample: { number: '+14155550142' },
    answers: { 200: exported },
    problems: ['store_unavailable'],
  },
  eraseNumber: {
    tag: 'privacy',
    summary: 'Erase all calls of a number',
    bodyExample: { number: '+14155550142' },
    answers: { 200: { description: 'What was done.', schema: erasedSchema, example: { calls: 2, afterEnd: 0 } } },
    problems: ['recording_storage_failed', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

const EVENTS_AT_ONCE = 500;

/**
 * What is kept about a person: `DELETE /v1/calls/{id}`, `POST /v1/privacy/export` and `POST /v1/privacy/erase`.
 * Authorisation is the caller's.
 */
export function privacyRoutes(options: PrivacyRoutesOptions): (app: FastifyInstance) => Promise<void> {
  const { erasure, store, settled, log } = options;
  return async (server) => {
    const app = server.withTypeProvider<ZodProvider>();
    const ofCall = { params: callParams };
    const ofNumber = { body: privacyBody };

    app.delete(
      '/v1/calls/:id',
      { schema: ofCall, config: { api: docs.eraseCall } },
      async ({ params, caller }, reply) => {
        await erasure.call(params.id, caller);
        return reply.code(204).send();
      },
    );

    const exportCall = { schema: ofCall, config: { api: docs.exportCall } };
    app.get('/v1/calls/:id/export', exportCall, async ({ params, caller }, reply) => {
      await settled();
      if (!(await store.call(params.id))) {
        throw new LandlineError('call_not_found', `there is no call ${params.id.slice(0, 100)}`);
      }
      log.info({ callId: params.id, by: caller }, 'call exported');
      return sendLines(reply, options, [params.id]);
    });

    const exportNumber = { schema: ofNumber, config: { api: docs.exportNumber } };
    app.post('/v1/privacy/export', exportNumber, async ({ body, caller }, reply) => {
      await settled();
      const ids = await store.callsOfNumber(body.number);
      log.info({ number: maskNumber(body.number), calls: ids.length, by: caller }, 'calls of a number exported');
      return sendLines(reply, options, ids);
    });

    const eraseNumber = { schema: ofNumber, config: { api: docs.eraseNumber } };
    app.post('/v1/privacy/erase', eraseNumber, async ({ body, caller }) => erasure.number(body.number, caller));
  };
}

function sendLines(reply: FastifyReply, options: PrivacyRoutesOptions, ids: readonly string[]): FastifyReply {
  return reply
    .type('application/x-ndjson; charset=utf-8')
    .header('content-disposition', 'attachment; filename="calls.jsonl"')
    .header('cache-control', 'no-store')
    .send(Readable.from(exportLines(options, ids)));
}

/** One line a call, everything of it, as fast as the reader takes it. */
export async function* exportLines(
  { store, recordings }: Pick<PrivacyRoutesOptions, 'store' | 'recordings'>,
  ids: readonly string[],
): AsyncGenerator<string> {
  for (const id of ids) {
    const call = await store.call(id);
    // Erased meanwhile.
    if (!call) continue;
    const [legs, turns, actions] = [await store.legs(id), await store.turns(id), await store.actions(id)];
    const line = {
      call: withTimes(call),
      legs,
      transcript: turns,
      actions,
      events: await eventsOf(store, id),
      recordings: await recordings(id),
    };
    yield `${JSON.stringify(line)}\n`;
  }
}

function withTimes(call: CallRow): Readonly<Record<string, unknown>> {
  const iso = (at: number | null): string | null => (at === null ? null : isoTime(at));
  return { ...call, createdAt: iso(call.createdAt), answeredAt: iso(call.answeredAt), endedAt: iso(call.endedAt) };
}

async function eventsOf(store: Pick<Store, 'events'>, callId: string): Promise<readonly EventRow[]> {
  const all: EventRow[] = [];
  for (;;) {
    const after = all.at(-1)?.id;
    const page = await store.events({ callId, limit: EVENTS_AT_ONCE, ...(after === undefined ? {} : { after }) });
    all.push(...page);
    if (page.length < EVENTS_AT_ONCE) return all;
  }
}
