import { z } from 'zod';
import type { CallStatus, EndReason } from '../../call/inputs.ts';
import type { CallView, HangupView, LegView, TranscriptTurn } from '../call-view.ts';
import { nextCursor } from './page.ts';

/* The shapes of calls as `/v1` tells them. The types are in call-view.ts: the compiler refuses a schema that gives others. */

/** Written as keys, so that the compiler refuses a list that lacks one. */
const STATUSES: Readonly<Record<CallStatus, true>> = {
  dialing: true,
  ringing: true,
  active: true,
  transferring: true,
  transferred: true,
  ended: true,
};
const END_REASONS: Readonly<Record<EndReason, true>> = {
  caller_hangup: true,
  agent_hangup: true,
  api_hangup: true,
  transferred: true,
  no_answer: true,
  busy: true,
  rejected: true,
  machine: true,
  max_duration: true,
  no_media: true,
  silence: true,
  provider_failure: true,
  drain: true,
  crash_recovered: true,
  limit: true,
  stream_failed: true,
  codec_unsupported: true,
  error: true,
};

const text = z.string();
const instant = z.iso.datetime();
const milliseconds = z.number().min(0);
const telnyx = z.strictObject({
  callControlId: text,
  callLegId: text.nullable(),
  callSessionId: text.nullable(),
});

const hangup: z.ZodType<HangupView> = z
  .strictObject({ cause: text.nullable(), sipCode: text.nullable(), text: text.describe('in plain words') })
  .describe('What Telnyx said about the end of the far leg.');

export const legSchema: z.ZodType<LegView> = z.strictObject({
  name: text.describe('`caller`, `callee`, `target1` …'),
  from: text.nullable(),
  to: text.nullable(),
  createdAt: instant,
  answeredAt: instant.nullable(),
  endedAt: instant.nullable(),
  hangup: hangup.nullable(),
  telnyx,
});

export const callSummarySchema: z.ZodType<Readonly<Record<string, unknown>>> = z
  .looseObject({ status: z.enum(['ready', 'failed']) })
  .describe('`data` of the event `call.summarized`.');

export const callSchema: z.ZodType<CallView> = z
  .strictObject({
    id: text,
    direction: z.enum(['inbound', 'outbound']),
    status: z.enum(Object.keys(STATUSES) as CallStatus[]),
    from: text,
    to: text,
    agent: text.describe('name in the config'),
    metadata: z.record(text, text),
    createdAt: instant,
    answeredAt: instant.nullable(),
    endedAt: instant.nullable(),
    endReason: z.enum(Object.keys(END_REASONS) as EndReason[]).nullable(),
    durationMs: milliseconds.nullable().describe('from the answer to the end'),
    telnyx,
    hangup: hangup.nullable(),
    usage: z
      .record(text, z.unknown())
      .nullable()
      .describe(
        'seconds of speech, tokens, characters and carrier seconds, and their cost where the agent has prices; null until the call has ended',
      ),
    summary: callSummarySchema.exactOptional(),
    legs: z.array(legSchema).readonly().exactOptional().describe('of one call; lists leave them out'),
  })
  .describe('One phone call.');

export const turnSchema: z.ZodType<TranscriptTurn> = z
  .strictObject({
    role: z.enum(['caller', 'agent', 'tool']),
    text: text.describe('of the agent: only what was heard'),
    startMs: milliseconds.describe("on the call's clock"),
    endMs: milliseconds,
    interrupted: z.boolean().exactOptional(),
    latency: z
      .record(text, z.number())
      .exactOptional()
      .describe("milliseconds from the end of the caller's speech to each step of the answer"),
  })
  .describe('One contribution.');

export const callPage: z.ZodType = z.strictObject({ calls: z.array(callSchema), nextCursor });
export const transcriptSchema: z.ZodType = z.strictObject({ turns: z.array(turnSchema) });

/** `{id}` of a call. */
export const callParams: z.ZodType<{ readonly id: string }> = z.object({
  id: text.describe('as `POST /v1/calls` or a list gave it; not an id of Telnyx'),
});

export const CALL_EXAMPLE: CallView = {
  id: 'call_7Q2mJx4vTt0aYb9Z',
  direction: 'inbound',
  status: 'active',
  from: '+14155550142',
  to: '+13125550178',
  agent: 'reception',
  metadata: {},
  createdAt: '2026-01-05T09:00:00.000Z',
  answeredAt: '2026-01-05T09:00:00.412Z',
  endedAt: null,
  endReason: null,
  durationMs: null,
  telnyx: { callControlId: 'v3:example', callLegId: null, callSessionId: null },
  hangup: null,
  usage: null,
};
