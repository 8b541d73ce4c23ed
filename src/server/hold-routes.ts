import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Session } from '../call/session.ts';
import { LandlineError } from '../core/errors.ts';
import { ACTED } from './action-routes.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { CallActions } from './call-actions.ts';

export const holdBody: z.ZodType<{ readonly music: boolean }> = z
  .strictObject({ music: z.boolean().default(true).describe('`false`: the caller waits in silence') })
  .prefault({});

const docs = {
  hold: {
    tag: 'actions',
    summary: 'Put the caller on hold',
    description:
      'The caller hears music and nobody listens, until `resume`, for half an hour at most. Keys are kept. A line that must be ' +
      'heard is said to its end first. Who is on hold stays so: it is no error.',
    bodyExample: { music: true },
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
  resume: {
    tag: 'actions',
    summary: 'Take the caller off hold',
    description: 'The agent thanks for the wait and goes on. Of a call that is not on hold it is no error.',
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
  cancel: {
    tag: 'actions',
    summary: 'Take back a transfer',
    description: 'The target is hung up and the agent is back with the caller; `transfer.ended` says `cancelled`.',
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `POST /v1/calls/{id}/hold|resume|transfer/cancel`. */
export function addHoldRoutes(server: FastifyInstance, { act, needTalking }: CallActions): void {
  const app = server.withTypeProvider<ZodProvider>();

  app.post(
    '/v1/calls/:id/hold',
    { schema: { params: callParams, body: holdBody }, config: { api: docs.hold } },
    async ({ params, body: { music }, caller }) =>
      act(
        params.id,
        (session) => {
          if (session.state.hold !== true) needTalking(session);
          return { type: 'hold', music };
        },
        caller,
      ),
  );

  app.post(
    '/v1/calls/:id/resume',
    { schema: { params: callParams }, config: { api: docs.resume } },
    async ({ params, caller }) =>
      act(
        params.id,
        (session) => {
          if (session.state.hold !== true) needTalking(session);
          return { type: 'resume' };
        },
        caller,
      ),
  );

  app.post(
    '/v1/calls/:id/transfer/cancel',
    { schema: { params: callParams }, config: { api: docs.cancel } },
    async ({ params, caller }) =>
      act(
        params.id,
        (session) => {
          needTransfer(session);
          return { type: 'transferCancel' };
        },
        caller,
      ),
  );
}

function needTransfer({ callId, state, talkingLeg }: Session): void {
  if (state.transfer && talkingLeg?.phase !== 'bridged') return;
  throw new LandlineError('call_not_active', `call ${callId} is not being put through`);
}
