import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { dialShape, type DialRequest } from '../call/dial-request.ts';
import type { Dialer } from '../call/dialer.ts';
import type { EndReason } from '../call/inputs.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import { awaitAnswer } from './answer-wait.ts';
import { CALL_EXAMPLE, callSchema } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { IdempotentCalls } from './api/idempotent-calls.ts';
import type { CallActions } from './call-actions.ts';
import type { CallReader } from './call-reader.ts';
import type { CallView } from './call-view.ts';
import type { EventBus } from './event-bus.ts';
import { problemOf, send, type Problem } from './problem.ts';

export interface OutboundRouteOptions {
  readonly dialer: Pick<Dialer, 'dial'>;
  /** Sees to it that one request is one call. */
  readonly calls: Pick<IdempotentCalls, 'once'>;
  readonly find: CallActions['find'];
  readonly events: EventBus;
  readonly reader: Pick<CallReader, 'view'>;
  readonly clock: Clock;
}

export interface DialBody extends DialRequest {
  readonly waitUntilAnswered: boolean;
}

export const dialBody: z.ZodType<DialBody> = z.strictObject({
  ...dialShape,
  waitUntilAnswered: z
    .boolean()
    .default(false)
    .describe('answer when somebody has picked up, or will not; a client that leaves meanwhile ends nothing'),
});

const NOT_ANSWERED: Readonly<Partial<Record<EndReason, ErrorCode>>> = {
  no_answer: 'no_answer',
  busy: 'busy',
  rejected: 'rejected',
  machine: 'machine',
};

const doc: ApiDoc = {
  tag: 'calls',
  summary: 'Place a call',
  description:
    'The call is put in line (`outbound` in the config) and dialled. What becomes of it is told by events. With ' +
    '`waitUntilAnswered` the answer comes once a person has picked up, and a call that nobody took is a problem with the ' +
    'ended call as its member `call`.',
  bodyExample: { to: '+14155550142', agent: 'reception', metadata: { order: '4711' }, machineDetection: true },
  headers: {
    'Idempotency-Key':
      '1 to 255 visible ASCII characters: the same key and the same body are the same call for 24 hours',
  },
  answers: {
    200: {
      description: 'The call that this `Idempotency-Key` has placed before.',
      schema: callSchema,
      headers: { 'Idempotency-Replayed': '`true`', Location: 'where the call can be read' },
    },
    201: {
      description: 'The call.',
      schema: callSchema,
      example: { ...CALL_EXAMPLE, direction: 'outbound', status: 'dialing', answeredAt: null },
      headers: { Location: 'where the call can be read' },
    },
  },
  problems: [
    ...([
      'busy',
      'call_not_answered',
      'caller_id_not_allowed',
      'destination_not_allowed',
      'dial_not_configured',
    ] as const),
    ...(['dial_queue_full', 'gateway_draining', 'gateway_full', 'machine', 'no_answer', 'rejected'] as const),
    ...(['idempotency_conflict', 'store_unavailable', 'telnyx_command_failed'] as const),
  ],
};

/** `POST /v1/calls`. */
export function addOutboundRoute(server: FastifyInstance, options: OutboundRouteOptions): void {
  const { dialer, calls, find, events, reader, clock } = options;
  const app = server.withTypeProvider<ZodProvider>();
  app.post(
    '/v1/calls',
    { schema: { body: dialBody }, config: { api: doc } },
    async ({ body, headers, caller }, reply) => {
      const { waitUntilAnswered, ...wanted } = body;
      const { callId, isReplay } = await calls.once({ caller, header: headers['idempotency-key'], body }, async (id) =>
        dialer.dial(wanted, id),
      );
      if (isReplay) void reply.header('idempotency-replayed', 'true');
      // A call of an earlier process may be on its way back.
      const session = waitUntilAnswered ? await find(callId) : undefined;
      if (session) await awaitAnswer(session, events, clock);
      const call = await reader.view(callId);
      if (waitUntilAnswered && call.status === 'ended') {
        const problem: Problem & { readonly call: CallView } = { ...problemOf(codeOf(call), detailOf(call)), call };
        return send(reply, problem);
      }
      return reply
        .code(isReplay ? 200 : 201)
        .header('location', `/v1/calls/${call.id}`)
        .send(call);
    },
  );
}

function codeOf({ endReason }: CallView): ErrorCode {
  return (endReason === null ? undefined : NOT_ANSWERED[endReason]) ?? 'call_not_answered';
}

function detailOf({ endReason, hangup }: CallView): string {
  return hangup?.text ?? `the call ended before a person took it: ${(endReason ?? 'error').replaceAll('_', ' ')}`;
}
