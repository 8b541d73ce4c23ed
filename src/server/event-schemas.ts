import { z } from 'zod';
import type { PublicEvent } from '../call/inputs.ts';

/*
 * What `/v1/events` tells, type by type. The machines' own types (call/inputs.ts, agent/dialogue/inputs.ts) are the other
 * half: the compiler refuses this file when the two differ.
 */

const text = z.string();
const ms = z.number().min(0);
const count = z.number().int().min(0);
const turn = count.describe('number of the turn within the call');
const provider = z.enum(['stt', 'llm', 'tts']);
const recorder = z.enum(['gateway', 'telnyx']);
const nothing = z.strictObject({});
const target = text.describe('name of the transfer target, or the number or address as it was asked for');
const mode = z.exactOptional(z.enum(['blind', 'attended'])).describe('`attended`: the target is asked first');
const transferOutcome = z.enum([
  ...(['answered', 'busy', 'no_answer', 'declined', 'rejected', 'voicemail', 'not_found', 'not_allowed'] as const),
  ...(['caller_left', 'cancelled', 'failed'] as const),
]);
const toolId = text.describe('the same in `tool.called` and `tool.ended`');
const step = z.exactOptional(ms);

const endReason = z.enum([
  'caller_hangup',
  'agent_hangup',
  'api_hangup',
  'transferred',
  'no_answer',
  'busy',
  'rejected',
  'machine',
  'max_duration',
  'no_media',
  'silence',
  'provider_failure',
  'drain',
  'crash_recovered',
  'limit',
  'stream_failed',
  'codec_unsupported',
  'error',
]);

/** `data` of every event type, in the order in which a call may show them. */
const SCHEMAS = {
  'call.created': z
    .strictObject({
      direction: z.enum(['inbound', 'outbound']),
      from: text,
      to: text,
      agent: text.describe('name in the config'),
      metadata: z.exactOptional(z.record(text, text)).describe('of calls out, as it was given'),
    })
    .describe('A call has begun.'),
  'call.answered': nothing.describe('The call was answered.'),
  'call.updated': z
    .strictObject({
      status: z.enum(['dialing', 'ringing', 'active', 'transferring', 'transferred', 'ended']),
      stream: z.exactOptional(z.enum(['up', 'lost', 'restored'])).describe('what became of the audio stream'),
      hold: z.exactOptional(z.boolean()).describe('the caller was put on hold, or is back'),
      muted: z.exactOptional(z.boolean()).describe('the agent was silenced, or may speak again'),
      answeredBy: z
        .exactOptional(z.enum(['human', 'machine', 'fax', 'unknown']))
        .describe('of calls out with `machineDetection`: who picked up'),
    })
    .describe('Its status or its audio stream has changed.'),
  'turn.started': z.strictObject({ turn, role: z.enum(['caller', 'agent']) }).describe('Somebody has begun to speak.'),
  'transcript.partial': z
    .strictObject({ text: text.describe('all of the running utterance so far') })
    .describe('What the caller is saying. Told once, to who is listening: never stored, never told again.'),
  'turn.ended': z
    .strictObject({
      turn,
      role: z.enum(['caller', 'agent']),
      text: text.describe('for the agent: only what the caller heard'),
      startMs: ms.describe("on the call's clock"),
      endMs: ms,
      interrupted: z.exactOptional(z.boolean()),
      latency: z
        .exactOptional(
          z.strictObject({
            endOfTurnMs: step,
            firstTokenMs: step,
            firstAudioMs: step,
            firstFrameMs: step,
            firstPlayedMs: step,
          }),
        )
        .describe("milliseconds from the end of the caller's speech to each step of the answer"),
    })
    .describe('One contribution is complete.'),
  'speech.interrupted': z
    .strictObject({ turn, heard: text.describe('the part that the caller heard'), unheardWords: count })
    .describe('The caller has cut the agent short.'),
  'dtmf.received': z.strictObject({ digit: text }).describe('The caller pressed a key.'),
  'dtmf.sent': z.strictObject({ digits: text }).describe('Keys were sent to the line.'),
  'tool.called': z
    .strictObject({ id: toolId, name: text, arguments: text.describe('JSON text, as the model wrote it') })
    .describe('The model has called a tool.'),
  'tool.ended': z.strictObject({ id: toolId, name: text, result: text }).describe('The tool has answered.'),
  'transfer.started': z.strictObject({ target, mode }).describe('The call is being put through.'),
  'transfer.briefed': z
    .strictObject({ target, text: text.describe('what the target has heard'), startMs: ms, endMs: ms })
    .describe('Attended: what the target was told before it decided. The caller did not hear it.'),
  'transfer.ended': z
    .strictObject({ target, outcome: transferOutcome.describe('`answered`, or why not'), mode })
    .describe('The transfer has come to its end.'),
  'recording.started': z
    .strictObject({ by: recorder, reason: z.enum(['started', 'resumed']) })
    .describe('From here on the call is recorded, by the gateway or by Telnyx.'),
  'recording.stopped': z
    .strictObject({ by: recorder, reason: z.enum(['stopped', 'paused', 'sensitive', 'ended', 'failed']) })
    .describe('From here on it is not: for good, or for now (`paused`, `sensitive`). `failed`: Telnyx refused.'),
  'codec.mismatch': z
    .strictObject({ announced: text, heard: text })
    .describe('The audio is in another codec than Telnyx said; it is decoded as what it is.'),
  'provider.failed': z
    .strictObject({ provider, kind: text, message: text })
    .describe('A vendor has failed; a fallback or a retry follows.'),
  'provider.recovered': z.strictObject({ provider }).describe('It works again.'),
  'call.ended': z
    .strictObject({
      reason: endReason,
      durationMs: ms.describe('from the answer to the end'),
      cause: z.exactOptional(text).describe("Telnyx' hangup cause"),
      sipCode: z.exactOptional(text),
      detail: z.exactOptional(text).describe('what the reason does not say, in plain words'),
    })
    .describe('The call is over: the last event of the live call.'),
  'call.summarized': z
    .discriminatedUnion('status', [
      z.strictObject({
        status: z.literal('ready'),
        text,
        data: z.exactOptional(z.unknown()).describe("as the agent's `summary.schema` asks"),
        model: text.describe('vendor and model'),
        createdAt: z.iso.datetime(),
        usage: z.exactOptional(z.strictObject({ promptTokens: count, completionTokens: count })),
      }),
      z.strictObject({ status: z.literal('failed'), reason: text, model: text, createdAt: z.iso.datetime() }),
    ])
    .describe('The summary was made, or given up; may follow `call.ended`.'),
} as const;

type EventType = PublicEvent['type'];
type Schemas = typeof SCHEMAS;

/** Of events whose types share a shape too. */
type DataOf<T extends string, E = PublicEvent> = E extends { readonly type: infer U; readonly data: infer D }
  ? T extends U
    ? D
    : never
  : never;
type Plain<T> = T extends object ? { readonly [K in keyof T]: Plain<T[K]> } : T;
// Two such functions are the same type only when A and B are: assignability alone would let optional members differ.
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the way TypeScript compares types
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** The types whose schema and TypeScript differ. */
/* eslint-disable @typescript-eslint/no-redundant-type-constituents, @typescript-eslint/no-duplicate-type-constituents --
   every part is `never` as long as nothing differs */
type Different =
  | Exclude<EventType, keyof Schemas>
  | Exclude<keyof Schemas, EventType>
  | {
      [T in keyof Schemas]: Same<Plain<z.infer<Schemas[T]>>, Plain<DataOf<T>>> extends true ? never : T;
    }[keyof Schemas];
/* eslint-enable */
/** Does not compile while a schema and the machines' type differ; the message names the event type. */
export const SCHEMAS_FIT: true = true satisfies [Different] extends [never] ? true : Different;

/** Event types in the order in which the documentation tells them. */
export const EVENT_TYPES: readonly EventType[] = Object.keys(SCHEMAS) as EventType[];

/** The schema of one type's `data`. */
export function dataSchema(type: EventType): z.ZodType {
  return SCHEMAS[type];
}

/** The schema of an event as people get it: in server-sent events, webhooks and exports. */
export function eventSchema(type: EventType): z.ZodType {
  return z
    .strictObject({
      type: z.literal(type),
      data: SCHEMAS[type],
      id: z.string().regex(/^\d+$/).describe('decimal, increasing over all calls and over restarts'),
      callId: z.string(),
      at: z.iso.datetime().describe('wall time, ISO 8601 in UTC'),
    })
    .describe(SCHEMAS[type].description ?? '');
}

/** What is wrong with something that claims to be an event; undefined: nothing. */
export function eventProblem(event: { readonly type: string }): string | undefined {
  if (!Object.hasOwn(SCHEMAS, event.type)) return `there is no event type "${event.type}"`;
  const result = eventSchema(event.type as EventType).safeParse(event);
  return result.success ? undefined : `${event.type}: ${z.prettifyError(result.error)}`;
}
