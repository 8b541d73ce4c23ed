import { z } from 'zod';

export type MachineDetection = boolean | 'detect' | 'greeting_end' | 'premium';

/** A call out as people and programs ask for it. */
export interface DialRequest {
  /** E.164, `tel:` or `sip:`. */
  readonly to: string;
  /** Caller id: a number of ours, E.164; `TELNYX_FROM_NUMBER` when left out. */
  readonly from?: string | undefined;
  /** Name in the config; the one that answers `from` when left out. */
  readonly agent?: string | undefined;
  /** Goes into the call's record, its events, prompt and tools. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Keys to press once it is answered, before anybody speaks. */
  readonly dtmf?: string | undefined;
  /** 5 to 600; 30 when left out. */
  readonly ringTimeoutSeconds?: number | undefined;
  /** 5 to 14400; the agent's, else the gateway's, when left out. */
  readonly maxDurationSeconds?: number | undefined;
  /** `true` is `greeting_end`. */
  readonly machineDetection?: MachineDetection | undefined;
}

const MAX_KEYS = 50;
const MAX_KEY = 64;
const MAX_VALUE = 1000;
const MAX_METADATA = 10_000;

const metadata = z
  .record(
    z
      .string()
      .regex(/^[\w.-]+$/, 'keys are made of letters, digits, "_", "-" and "."')
      .max(MAX_KEY),
    z.string().max(MAX_VALUE),
  )
  .refine((given) => Object.keys(given).length <= MAX_KEYS, { error: `must have at most ${MAX_KEYS} keys` })
  .refine((given) => JSON.stringify(given).length <= MAX_METADATA, {
    error: `must have at most ${MAX_METADATA} characters as JSON`,
  });

/** The members of the request, for routes that add their own. */
export const dialShape: { readonly [K in keyof Required<DialRequest>]: z.ZodType<DialRequest[K]> } = {
  to: z.string().min(1).max(256).describe('E.164, `tel:` or `sip:`'),
  from: z
    .string()
    .regex(/^\+[1-9]\d{1,14}$/, 'must be E.164 like "+13125550178"')
    .optional()
    .describe('caller id: a number of the account; `TELNYX_FROM_NUMBER` when left out'),
  agent: z.string().min(1).max(64).optional().describe('name in the config; the one that answers `from` when left out'),
  metadata: metadata.optional().describe('goes into the record, the events, the prompt (`{{key}}`) and the tools'),
  dtmf: z
    .string()
    .regex(/^[0-9A-D*#wW]{1,64}$/, 'must be 1 to 64 of 0-9 A-D * # w W')
    .optional()
    .describe('keys to press once it is answered, before anybody speaks; `w` waits 0.5 s, `W` 1 s'),
  ringTimeoutSeconds: z.number().int().min(5).max(600).optional().describe('30 when left out'),
  maxDurationSeconds: z.number().min(5).max(14_400).optional().describe("the agent's when left out"),
  machineDetection: z
    .union([z.boolean(), z.enum(['detect', 'greeting_end', 'premium'])], {
      error: 'must be true, false, "detect", "greeting_end" or "premium"',
    })
    .optional()
    .describe('`true` is `greeting_end`'),
};

/** @throws ZodError */
export const dialRequest: z.ZodType<DialRequest> = z.strictObject(dialShape);
