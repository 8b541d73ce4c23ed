import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { EventBus } from './event-bus.ts';
import { streamEvents } from './event-stream.ts';
import type { MissedEvents } from './missed-events.ts';

/** Each costs a socket and two timers; a thousand of them are a mistake somewhere. */
const MAX_READERS = 500;

export interface EventRoutesOptions {
  readonly events: EventBus;
  readonly missed: MissedEvents;
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves to true while the call lives; waits for a takeover that is under way. @throws LandlineError `call_not_found` */
  readonly isLive: (callId: string) => Promise<boolean>;
  /** Is a summary of this ended call still to come? */
  readonly awaitsSummary: (callId: string) => Promise<boolean>;
  /** Default 500. */
  readonly maxReaders?: number | undefined;
}

const headers = { 'Last-Event-ID': 'id of the last event that was received: the stream goes on after it' };
const types = { 'text/event-stream': 'server-sent events; `/asyncapi.json` has their schemas' };
const docs = {
  all: {
    tag: 'events',
    summary: 'Follow the events of all calls',
    description: 'Without `Last-Event-ID` the stream begins with the next event. It does not end by itself.',
    headers,
    answers: { 200: { description: 'The stream.', types } },
    problems: ['too_many_readers'],
  },
  one: {
    tag: 'events',
    summary: 'Follow the events of one call',
    description: 'Of a call that is over all events are told, and the stream ends.',
    headers,
    answers: {
      200: { description: 'The stream.', types },
      204: { description: 'The call is over, and nothing came after `Last-Event-ID`: do not come back.' },
    },
    problems: ['call_not_found', 'store_unavailable', 'too_many_readers'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `GET /v1/events` and `GET /v1/calls/{id}/events`: server-sent events, resumable by `Last-Event-ID`. */
export function eventRoutes(options: EventRoutesOptions): (app: FastifyInstance) => void {
  const { events, missed, clock, log, isLive, awaitsSummary, maxReaders = MAX_READERS } = options;

  const stream = async (
    request: Pick<FastifyRequest, 'headers'>,
    reply: FastifyReply,
    callId?: string,
  ): Promise<FastifyReply> => {
    const isOver = callId !== undefined && !(await isLive(callId));
    // Nothing is waited for between here and the reader's being counted: many that come at once are counted, too.
    if (events.readers >= maxReaders) {
      throw new LandlineError('too_many_readers', `${events.readers} readers follow the events already`);
    }
    const given = request.headers['last-event-id'];
    // Empty: a browser that has had none yet.
    const last = typeof given === 'string' && /^\d{1,20}$/.test(given) ? Number(given) : undefined;
    reply.hijack();
    streamEvents(reply.raw, {
      events,
      clock,
      log,
      callId,
      after: last ?? (isOver ? 0 : events.newest),
      missed: (after, until) => missed.read({ after, until, callId }),
      ...(callId === undefined ? {} : { call: { isOver, awaitsMore: () => awaitsSummary(callId) } }),
    });
    return reply;
  };

  return (server) => {
    const app = server.withTypeProvider<ZodProvider>();
    // A HEAD would be a stream that nobody reads.
    app.get('/v1/events', { exposeHeadRoute: false, config: { api: docs.all } }, async (request, reply) =>
      stream(request, reply),
    );
    app.get(
      '/v1/calls/:id/events',
      { exposeHeadRoute: false, schema: { params: callParams }, config: { api: docs.one } },
      async (request, reply) => stream(request, reply, request.params.id),
    );
  };
}
