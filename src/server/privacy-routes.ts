import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { maskNumber, type Log } from '../core/log.ts';
import { LandlineError } from '../core/errors.ts';
import type { Erasure, NumberErased } from '../records/erasure.ts';
import { isoTime } from '../core/clock.ts';
import type { CallRow, EventRow, Store } from '../store/port.ts';

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

const EVENTS_AT_ONCE = 500;
/** Who did it, in the audit line. */
const BY = 'api';

/**
 * What is kept about a person: `DELETE /v1/calls/{id}`, `POST /v1/privacy/export` and `POST /v1/privacy/erase`.
 * Authorisation is the caller's.
 */
export function privacyRoutes(options: PrivacyRoutesOptions): (app: FastifyInstance) => Promise<void> {
  const { erasure, store, settled, log } = options;
  return async (app) => {
    app.delete<{ Params: { id: string } }>('/v1/calls/:id', async ({ params }, reply) => {
      await erasure.call(params.id, BY);
      return reply.code(204).send();
    });

    app.get<{ Params: { id: string } }>('/v1/calls/:id/export', async ({ params }, reply) => {
      await settled();
      if (!(await store.call(params.id))) {
        throw new LandlineError('call_not_found', `there is no call ${params.id.slice(0, 100)}`);
      }
      log.info({ callId: params.id, by: BY }, 'call exported');
      return sendLines(reply, options, [params.id]);
    });

    app.post('/v1/privacy/export', async ({ body }, reply) => {
      const asked = privacyBody.parse(body ?? {});
      await settled();
      const ids = await store.callsOfNumber(asked.number);
      log.info({ number: maskNumber(asked.number), calls: ids.length, by: BY }, 'calls of a number exported');
      return sendLines(reply, options, ids);
    });

    app.post('/v1/privacy/erase', async ({ body }): Promise<NumberErased> =>
      erasure.number(privacyBody.parse(body ?? {}).number, BY),
    );
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
