import { createHash, timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Destinations } from '../call/destinations.ts';
import type { ControlAction } from '../call/inputs.ts';
import type { NumberTable } from '../call/number-table.ts';
import type { CallRegistry, ReadyAgent } from '../call/registry.ts';
import type { Session } from '../call/session.ts';
import { hereOf } from '../call/state.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { CallReader } from './call-reader.ts';
import { callView, type CallView } from './call-view.ts';
import { exportLines } from './calls-export.ts';
import { exportQuery, listQuery } from './calls-query.ts';
import type { EventBus } from './event-bus.ts';
import { eventRoutes, type EventRoutesOptions } from './event-routes.ts';
import { numberRoutes } from './number-routes.ts';
import { addRecordingControl } from './recording-control.ts';
import { addRecordingRoutes, type RecordingFilesOptions } from './recording-files.ts';

export interface ControlApiOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly events: EventBus;
  readonly eventStreams: Omit<EventRoutesOptions, 'events' | 'clock' | 'isLive'>;
  readonly reader: CallReader;
  readonly recordings: RecordingFilesOptions['recordings'];
  readonly log: Log;
  readonly origin: () => string;
  readonly destinations: Destinations;
  readonly numbers: NumberTable;
  /** Erasure and export. */
  readonly privacy: (app: FastifyInstance) => Promise<void>;
  /** Every call of an earlier process is ours, or closed. */
  readonly recovered: () => Promise<void>;
  /** Empty: the API is open, which the configuration allows only on a loopback address. */
  readonly apiKeys: readonly string[];
}

const DIGITS = /^[0-9A-D*#wW]{1,64}$/;
const bodies = {
  hangup: z.strictObject({ reason: z.string().max(200).optional() }).default({}),
  transfer: z.strictObject({
    to: z.string().min(1).max(256),
    mode: z.enum(['blind', 'attended']).default('blind'),
    message: z.string().max(1000).optional(),
  }),
  dtmf: z.strictObject({ digits: z.string().regex(DIGITS, 'must be 1 to 64 of 0-9 A-D * # w W') }),
  say: z.strictObject({ text: z.string().trim().min(1).max(3000), interrupt: z.boolean().default(false) }),
};
type WithId = { Params: { id: string } };

/** `/v1`: reads from journals, acts through the call's door (contract section 5, as far as it is built). */
export function controlApi(options: ControlApiOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, agents, events, reader, recordings, log, origin, clock } = options;
  const keys = options.apiKeys.map(digest);

  const authorize = async (request: FastifyRequest): Promise<void> => {
    if (keys.length === 0) return;
    const given = digest(/^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    // Every key is compared in full: the time tells nothing about which one was close.
    const good = keys.map((key) => timingSafeEqual(key, given)).includes(true);
    if (!good)
      throw new LandlineError('unauthorized', 'send "Authorization: Bearer <key>" with one of LANDLINE_API_KEY');
  };

  const find = async (id: string): Promise<Session | undefined> => {
    if (!registry.sessions.has(id)) await options.recovered();
    return registry.sessions.get(id);
  };

  const act = async (id: string, action: (session: Session) => ControlAction): Promise<CallView> => {
    const session = await find(id);
    if (!session) {
      await reader.journal(id);
      throw new LandlineError('call_not_active', `call ${id} has ended`);
    }
    session.post({ type: 'control', action: action(session), by: 'api' });
    return reader.view(id);
  };

  const needTalking = ({ callId, talkingLeg, dialogue }: Session): void => {
    const phase = talkingLeg?.phase ?? 'no leg';
    if (phase !== 'streaming') {
      throw new LandlineError('call_not_active', `call ${callId} is not in conversation (${phase})`);
    }
    if (dialogue.wrapUp !== undefined) throw new LandlineError('call_not_active', `call ${callId} is saying goodbye`);
  };

  return async (app) => {
    app.addHook('onRequest', authorize);

    app.get('/v1/agents', async () => ({
      agents: [...agents.keys()].map((name) => ({ name, language: agents.get(name)?.config.language })),
    }));

    await app.register(numberRoutes({ numbers: options.numbers, agents }));
    await app.register(options.privacy);

    app.get('/v1/calls', async (request) => {
      const { calls, nextCursor } = await reader.list(listQuery(request.query));
      return { calls: calls.map((row) => callView(row)), nextCursor };
    });
    app.get('/v1/calls/export', async (request, reply) => {
      const { format, filters } = exportQuery(request.query);
      const pages = reader.all(filters);
      // The first page before the first byte: a store that is down is still a problem document.
      const first = await pages.next();
      return reply
        .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/jsonl; charset=utf-8')
        .header('content-disposition', `attachment; filename="calls.${format}"`)
        .send(Readable.from(exportLines(format, first.done ? [] : first.value, pages)));
    });

    app.get<WithId>('/v1/calls/:id', async ({ params }) => reader.view(params.id));
    app.get<WithId>('/v1/calls/:id/transcript', async ({ params }) => ({ turns: await reader.transcript(params.id) }));
    addRecordingRoutes(app, { recordings, clock, log, origin, known: (id) => reader.view(id) });

    app.post<WithId>('/v1/calls/:id/hangup', async ({ params, body }) => {
      const { reason } = bodies.hangup.parse(body ?? {});
      // Who wants a call to be over has what they want when it is.
      if (!(await find(params.id))) return reader.view(params.id);
      return act(params.id, () => ({ type: 'hangup', ...(reason === undefined ? {} : { reason }) }));
    });
    app.post<WithId>('/v1/calls/:id/transfer', async ({ params, body }) => {
      const { to, mode, message } = bodies.transfer.parse(body);
      if (mode === 'attended')
        throw new LandlineError('not_supported', 'attended transfers are not supported yet; use mode "blind"');
      return act(params.id, (session) => {
        needTalking(session);
        const { transferTargets } = session.config;
        const named = Object.hasOwn(transferTargets, to) ? transferTargets[to] : undefined;
        const number = options.destinations.check({
          callId: session.callId,
          to: named ?? to,
          listed: Object.values(transferTargets),
          here: hereOf(session.state),
        });
        return { type: 'transfer', target: to, to: number, ...(message === undefined ? {} : { message }) };
      });
    });
    app.post<WithId>('/v1/calls/:id/dtmf', async ({ params, body }) => {
      const { digits } = bodies.dtmf.parse(body);
      await act(params.id, (session) => {
        needTalking(session);
        return { type: 'dtmf', digits };
      });
      return { digits };
    });
    app.post<WithId>('/v1/calls/:id/say', async ({ params, body }) => {
      const { text, interrupt } = bodies.say.parse(body);
      return act(params.id, (session) => {
        needTalking(session);
        return { type: 'say', text, interrupt };
      });
    });

    addRecordingControl(app, { act, needTalking });

    const isLive = async (id: string): Promise<boolean> => {
      if (await find(id)) return true;
      await reader.view(id);
      return false;
    };
    eventRoutes({ ...options.eventStreams, events, clock, isLive })(app);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
