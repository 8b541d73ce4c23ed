import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { termsOfTarget } from '../agent/transfer-terms.ts';
import type { Destinations } from '../call/destinations.ts';
import { hereOf } from '../call/state.ts';
import { CALL_EXAMPLE, callParams, callSchema } from './api/call-schemas.ts';
import type { ApiAnswer, ApiDoc, ZodProvider } from './api/documented.ts';
import type { CallActions } from './call-actions.ts';
import type { CallReader } from './call-reader.ts';

export interface ActionRoutesOptions {
  readonly actions: CallActions;
  readonly reader: Pick<CallReader, 'view'>;
  readonly destinations: Destinations;
}

const DIGITS = /^[0-9A-D*#wW]{1,64}$/;

export interface TransferBody {
  readonly to: string;
  readonly mode?: 'blind' | 'attended' | undefined;
  readonly announce?: string | undefined;
  readonly message?: string | undefined;
}

export const hangupBody: z.ZodType<{ readonly reason?: string | undefined }> = z
  .strictObject({ reason: z.string().max(200).optional().describe('for the record of the call') })
  .default({});
export const transferBody: z.ZodType<TransferBody> = z.strictObject({
  to: z.string().min(1).max(256).describe("E.164, `tel:` or `sip:`, or a name in the agent's `transferTargets`"),
  mode: z
    .enum(['blind', 'attended'])
    .optional()
    .describe("`attended`: the agent asks the target first; as the agent's config says when left out"),
  announce: z.string().trim().min(1).max(400).optional().describe('attended: what the target is told'),
  message: z.string().max(1000).optional().describe('said to the caller before the call is put through'),
});
export const dtmfBody: z.ZodType<{ readonly digits: string }> = z.strictObject({
  digits: z
    .string()
    .regex(DIGITS, 'must be 1 to 64 of 0-9 A-D * # w W')
    .describe('`0-9 A-D * #`; `w` waits 0.5 s, `W` 1 s'),
});
export const sayBody: z.ZodType<{ readonly text: string; readonly interrupt: boolean }> = z.strictObject({
  text: z.string().trim().min(1).max(3000),
  interrupt: z.boolean().default(false).describe('at once, instead of in its turn'),
});

/** The answer of an action: the call, as it is when the action was accepted. */
export const ACTED: ApiAnswer = {
  description: 'Accepted. What becomes of it is told by events.',
  schema: callSchema,
  example: CALL_EXAMPLE,
};

const docs = {
  hangup: {
    tag: 'actions',
    summary: 'Hang up',
    description: 'Ends the call on every leg. Of a call that has ended it is no error.',
    bodyExample: { reason: 'no longer needed' },
    answers: { 200: ACTED },
    problems: ['call_not_found', 'store_unavailable'],
  },
  transfer: {
    tag: 'actions',
    summary: 'Put the caller through',
    description: 'The outcome is the event `transfer.ended`. When it fails, the agent is back with the caller.',
    bodyExample: { to: 'sales', mode: 'attended', message: 'One moment, I put you through.' },
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'destination_not_allowed', 'store_unavailable'],
  },
  dtmf: {
    tag: 'actions',
    summary: 'Send keys to the line',
    bodyExample: { digits: '1w2#' },
    answers: { 200: { description: 'Accepted.', schema: dtmfBody, example: { digits: '1w2#' } } },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
  say: {
    tag: 'actions',
    summary: 'Say a line',
    bodyExample: { text: 'Your taxi is here.', interrupt: true },
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `POST /v1/calls/{id}/hangup|transfer|dtmf|say`. */
export function addActionRoutes(server: FastifyInstance, options: ActionRoutesOptions): void {
  const { actions, reader, destinations } = options;
  const { find, act, needTalking } = actions;
  const app = server.withTypeProvider<ZodProvider>();

  app.post(
    '/v1/calls/:id/hangup',
    { schema: { params: callParams, body: hangupBody }, config: { api: docs.hangup } },
    async ({ params, body: { reason }, caller }) => {
      // Who wants a call to be over has what they want when it is.
      if (!(await find(params.id))) return reader.view(params.id);
      return act(params.id, () => ({ type: 'hangup', ...(reason === undefined ? {} : { reason }) }), caller);
    },
  );

  app.post(
    '/v1/calls/:id/transfer',
    { schema: { params: callParams, body: transferBody }, config: { api: docs.transfer } },
    async ({ params, body: { to, mode, message, announce }, caller }) => {
      return act(
        params.id,
        (session) => {
          needTalking(session);
          const { transferTargets } = session.config;
          const named = Object.hasOwn(transferTargets, to) ? transferTargets[to] : undefined;
          const number = destinations.check({
            callId: session.callId,
            to: named ?? to,
            listed: Object.values(transferTargets),
            here: hereOf(session.state),
          });
          const usual = termsOfTarget(session.config, to);
          const told = announce ?? usual.announce;
          return {
            ...{ type: 'transfer', target: to, to: number },
            ...(message === undefined ? {} : { message }),
            ...((mode ?? usual.mode) === 'attended' && { mode: 'attended' }),
            ...(told === undefined ? {} : { announce: told }),
          };
        },
        caller,
      );
    },
  );

  app.post(
    '/v1/calls/:id/dtmf',
    { schema: { params: callParams, body: dtmfBody }, config: { api: docs.dtmf } },
    async ({ params, body: { digits }, caller }) => {
      await act(
        params.id,
        (session) => {
          needTalking(session);
          return { type: 'dtmf', digits };
        },
        caller,
      );
      return { digits };
    },
  );

  app.post(
    '/v1/calls/:id/say',
    { schema: { params: callParams, body: sayBody }, config: { api: docs.say } },
    async ({ params, body: { text, interrupt }, caller }) =>
      act(
        params.id,
        (session) => {
          needTalking(session);
          return { type: 'say', text, interrupt };
        },
        caller,
      ),
  );
}
