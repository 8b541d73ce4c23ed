import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { dialTarget } from '../agent/options.ts';
import { foldFacts } from '../call/facts.ts';
import type { ControlAction } from '../call/inputs.ts';
import type { CallRegistry, ReadyAgent } from '../call/registry.ts';
import type { Session } from '../call/session.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { renderRecording } from '../records/recording.ts';
import type { CallReader } from './call-reader.ts';
import { transcriptOf, type CallView } from './call-view.ts';
import type { EventBus } from './event-bus.ts';
import { streamEvents } from './event-stream.ts';

export interface ControlApiOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly events: EventBus;
  readonly reader: CallReader;
  readonly dataDir: string;
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
const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  status: z.enum(['dialing', 'ringing', 'active', 'transferring', 'transferred', 'ended']).optional(),
});

type WithId = { Params: { id: string } };

/** `/v1`: reads from journals, acts through the call's door (contract section 5, as far as it is built). */
export function controlApi(options: ControlApiOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, agents, events, reader, dataDir, clock } = options;
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

  const stream = async (request: FastifyRequest, reply: FastifyReply, callId?: string): Promise<FastifyReply> => {
    const isOver = callId !== undefined && (await find(callId)) === undefined;
    const last = Number(request.headers['last-event-id'] ?? Number.NaN);
    const after = Number.isFinite(last) ? last : isOver ? 0 : events.newest;
    const pastUntil = events.forgotten;
    // The bus remembers the newest of this process; the rest is in the journals.
    const past = isOver || after < pastUntil ? await reader.events(after, callId) : [];
    reply.hijack();
    streamEvents(reply.raw, { events, clock, callId, after, past, pastUntil, isOver });
    return reply;
  };

  return async (app) => {
    app.addHook('onRequest', authorize);

    app.get('/v1/agents', async () => ({
      agents: [...agents.keys()].map((name) => ({ name, language: agents.get(name)?.config.language })),
    }));

    app.get('/v1/calls', async (request) => {
      const { limit, status } = listQuery.parse(request.query);
      const calls = await reader.list(limit, (view) => status === undefined || view.status === status);
      return { calls, nextCursor: null };
    });

    app.get<WithId>('/v1/calls/:id', async ({ params }) => reader.view(params.id));
    app.get<WithId>('/v1/calls/:id/transcript', async ({ params }) => ({
      turns: transcriptOf(foldFacts((await reader.journal(params.id)).records)),
    }));
    app.get<WithId>('/v1/calls/:id/recording', async ({ params }, reply) => {
      await reader.journal(params.id);
      const wav = await renderRecording(dataDir, params.id);
      return reply
        .type('audio/wav')
        .header('content-disposition', `inline; filename="${params.id}.wav"`)
        .send(Buffer.from(wav));
    });

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

    app.get('/v1/events', async (request, reply) => stream(request, reply));
    app.get<WithId>('/v1/calls/:id/events', async (request, reply) => stream(request, reply, request.params.id));
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
