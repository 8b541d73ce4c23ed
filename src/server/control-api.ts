import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { dialTarget } from '../agent/options.ts';
import { foldFacts } from '../call/facts.ts';
import type { ControlAction } from '../call/inputs.ts';
import type { PublishedEvent } from '../call/ports.ts';
import type { CallRegistry, ReadyAgent } from '../call/registry.ts';
import type { Session } from '../call/session.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { JournalWriter } from '../journal/writer.ts';
import { findJournal, listEnded, listLive, readJournal, type Journal } from '../journal/reader.ts';
import { renderRecording } from '../records/recording.ts';
import { callView, transcriptOf, type CallView } from './call-view.ts';
import type { EventBus } from './event-bus.ts';

export interface ControlApiOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly events: EventBus;
  readonly journal: JournalWriter;
  readonly dataDir: string;
  /** Empty: the API is open, which the configuration allows only on a loopback address. */
  readonly apiKeys: readonly string[];
}

const FLUSH_PATIENCE_MS = 500;
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
const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  status: z.string().optional(),
});

type WithId = { Params: { id: string } };

/** `/v1`: reads from journals, acts through the call's door (contract section 5, as far as it is built). */
export function controlApi(options: ControlApiOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, agents, events, journal, dataDir, clock } = options;
  const keys = options.apiKeys.map(digest);

  const authorize = async (request: FastifyRequest): Promise<void> => {
    if (keys.length === 0) return;
    const given = digest(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    // Every key is compared in full: the time tells nothing about which one was close.
    const good = keys.map((key) => timingSafeEqual(key, given)).includes(true);
    if (!good)
      throw new LandlineError('unauthorized', 'send "Authorization: Bearer <key>" with one of LANDLINE_API_KEY');
  };

  /** What is decided is on its way to the file: a reader sees its own action, unless the disk is stuck. */
  const settled = (): Promise<void> =>
    new Promise((resolve) => {
      const patience = clock.after(FLUSH_PATIENCE_MS, resolve);
      void journal.flush().then(() => {
        patience.cancel();
        resolve();
      });
    });

  const load = async (id: string): Promise<Journal> => {
    await settled();
    const path = /^[A-Za-z0-9_-]{1,100}$/.test(id) ? await findJournal(dataDir, id) : undefined;
    if (path === undefined) throw new LandlineError('call_not_found', `there is no call ${id.slice(0, 100)}`);
    return readJournal(path);
  };

  const act = async (id: string, action: (session: Session) => ControlAction | undefined): Promise<CallView> => {
    const session = registry.sessions.get(id);
    if (session) {
      const wanted = action(session);
      if (wanted) session.post({ type: 'control', action: wanted, by: 'api' });
    } else {
      const view = callView(await load(id));
      if (action.name !== 'hangup') throw new LandlineError('call_not_active', `call ${id} has ended`);
      return view;
    }
    return callView(await load(id));
  };

  const needTalking = (session: Session): void => {
    const phase = session.talkingLeg?.phase;
    if (phase !== 'streaming')
      throw new LandlineError(
        'call_not_active',
        `call ${session.callId} is not in conversation (${phase ?? 'no leg'})`,
      );
  };

  return async (app) => {
    app.addHook('onRequest', authorize);

    app.get('/v1/agents', async () => ({
      agents: [...agents.keys()].map((name) => ({ name, language: agents.get(name)?.config.language })),
    }));

    app.get('/v1/calls', async (request) => {
      const { limit, status } = listQuery.parse(request.query);
      await settled();
      const files = [...(await listLive(dataDir)), ...(await listEnded(dataDir, { limit }))];
      const calls: CallView[] = [];
      for (const { path } of files) {
        const view = await readJournal(path)
          .then(callView)
          .catch(() => undefined);
        if (view && (status === undefined || view.status === status)) calls.push(view);
      }
      calls.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
      return { calls: calls.slice(0, limit), nextCursor: null };
    });

    app.get<WithId>('/v1/calls/:id', async ({ params }) => callView(await load(params.id)));
    app.get<WithId>('/v1/calls/:id/transcript', async ({ params }) => ({
      turns: transcriptOf(foldFacts((await load(params.id)).records)),
    }));
    app.get<WithId>('/v1/calls/:id/recording', async ({ params }, reply) => {
      await load(params.id);
      const wav = await renderRecording(dataDir, params.id);
      return reply
        .type('audio/wav')
        .header('content-disposition', `inline; filename="${params.id}.wav"`)
        .send(Buffer.from(wav));
    });

    app.post<WithId>('/v1/calls/:id/hangup', async ({ params, body }) => {
      const { reason } = bodies.hangup.parse(body ?? {});
      return act(params.id, function hangup() {
        return { type: 'hangup', ...(reason === undefined ? {} : { reason }) };
      });
    });
    app.post<WithId>('/v1/calls/:id/transfer', async ({ params, body }) => {
      const { to, mode, message } = bodies.transfer.parse(body);
      if (mode === 'attended')
        throw new LandlineError('not_supported', 'attended transfers are not supported yet; use mode "blind"');
      return act(params.id, (session) => {
        needTalking(session);
        const number = session.config.transferTargets[to] ?? to.replace(/^tel:/, '');
        if (!dialTarget.safeParse(number).success) {
          throw new LandlineError(
            'request_invalid',
            `to: "${to}" is neither a transfer target of this agent, nor E.164, nor a sip: URI`,
          );
        }
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

    app.get('/v1/events', async (request, reply) => stream(events, request, reply));
    app.get<WithId>('/v1/calls/:id/events', async (request, reply) => {
      if (!registry.sessions.has(request.params.id)) await load(request.params.id);
      return stream(events, request, reply, request.params.id);
    });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Server-sent events, resumable with `Last-Event-ID` as far back as the bus remembers. */
function stream(events: EventBus, request: FastifyRequest, reply: FastifyReply, callId?: string): FastifyReply {
  const lastId = request.headers['last-event-id'];
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  raw.write(': landline events\n\n');
  const write = (event: PublishedEvent): void => {
    if (callId !== undefined && event.callId !== callId) return;
    raw.write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    // A reader that does not read would keep every event in our memory.
    if (raw.writableLength > 1024 * 1024) raw.destroy();
  };
  for (const event of events.since(typeof lastId === 'string' ? lastId : undefined)) write(event);
  const unsubscribe = events.subscribe(write);
  request.raw.on('close', unsubscribe);
  return reply;
}
