import { z } from 'zod';
import { BUILT_IN_TOOLS, type BuiltInToolName } from '../tools/built-in.ts';
import type { TransferTerms } from './dialogue/inputs.ts';
import { transferMode, transferTerms } from './transfer-terms.ts';
import { endpointingOptions, type EndpointingOptions } from './endpointing-options.ts';
import { pronunciationOptions, type PronunciationOptions } from './pronunciation-options.ts';
import { priceOptions, type Prices } from './price-options.ts';
import { summaryOptions, type SummaryOptions } from './summary-options.ts';

/** One agent of the config file without its provider blocks, defaults filled in (contract, section 3). */
export interface AgentConfig {
  /** First words; `{{name}}` takes a variable. Without it the agent waits for the caller to speak. */
  readonly greeting: string | undefined;
  readonly instructions: string;
  /** BCP 47. */
  readonly language: string;
  readonly tools: readonly BuiltInToolName[];
  /** Name -> E.164 or `sip:` URI, in the one form of `call/dial-target.ts`. The model only ever sees the names. */
  readonly transferTargets: Readonly<Record<string, string>>;
  /** How calls are put through: at once, or after the target was asked. */
  readonly transferMode: 'blind' | 'attended';
  /** By name in `transferTargets`: what differs for this target, and what it is told (`announce`). */
  readonly transferTerms: Readonly<Record<string, TransferTerms>>;
  /** A WAV file for callers who wait; the built-in music when unset. */
  readonly holdMusic: string | undefined;
  /** A name in `transferTargets`: where a call goes whose providers are all gone. */
  readonly fallbackTarget: string | undefined;
  /** The key that puts the caller through to `fallbackTarget`; "0" when a target is set. */
  readonly operatorKey: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  /** `telnyx`: Telnyx records the leg, and its file is fetched. */
  readonly recording: boolean | 'telnyx';
  /** Heard to its end before anything is recorded. */
  readonly consent: Consent | undefined;
  readonly transcripts: boolean;
  /** No key that a caller presses is written down, shown or told to the model. */
  readonly sensitiveDigits: boolean;
  /**
   * On calls out. `callee`: the agent waits for the hello of who was called, a moment at most. `agent`: it talks at once.
   */
  readonly speaksFirst: 'agent' | 'callee';
  /** Left on an answering machine after its beep; `{{name}}` takes a variable. Without it the call just ends there. */
  readonly voicemail: string | undefined;
  /** May the caller talk over the greeting? */
  readonly interruptible: boolean;
  /** Silence that ends a turn when the recogniser does not decide itself. */
  readonly endpointing: EndpointingOptions;
  /** Word as it is written -> as the voice shall say it. */
  readonly pronunciations: PronunciationOptions | undefined;
  /** `afterSeconds`: quiet after the agent's last word before it asks again; 0 turns idle handling off. */
  readonly idle: { readonly afterSeconds: number; readonly reprompts: number };
  /** 5 to 14400; the gateway's own limit when unset. */
  readonly maxDurationSeconds: number | undefined;
  /** What is made of the conversation once it is over; undefined: nothing. */
  readonly summary: SummaryOptions | undefined;
  /** For the cost in the call's record. */
  readonly prices: Prices | undefined;
}

/** What a caller hears before anything is recorded: the line, then the beep; at least one of them. */
export interface Consent {
  readonly line?: string | undefined;
  readonly beep: boolean;
}

const consentLine = z.string().trim().min(1).max(2000);
const NO_CONSENT = 'must be a line of 1 to 2000 characters, {"beep": true} or {"line": "…", "beep": true}';

/** The agent's own keys; `config.ts` adds the provider blocks to them. */
export const agentShape: { readonly [K in keyof AgentConfig]: z.ZodType<AgentConfig[K]> } = {
  greeting: z.string().max(2000).optional(),
  instructions: z.string().default(''),
  language: z
    .string()
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a BCP 47 tag like "en" or "fr-BE"')
    .default('en'),
  tools: z.array(z.enum(BUILT_IN_TOOLS)).default(['hang_up']),
  transferTargets: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), z.string().min(1)).default({}),
  transferMode: transferMode.default('blind'),
  transferTerms: z.record(z.string(), transferTerms).default({}),
  holdMusic: z.string().trim().min(1, 'must be the path of a WAV file, or left out').optional(),
  fallbackTarget: z.string().optional(),
  operatorKey: z
    .string()
    .regex(/^[0-9*#]$/, 'must be one key of 0-9, * and #')
    .optional(),
  variables: z.record(z.string(), z.string()).default({}),
  recording: z.union([z.boolean(), z.literal('telnyx')], { error: 'must be true, false or "telnyx"' }).default(true),
  consent: z
    .union(
      [
        consentLine.transform((line) => ({ line, beep: false })),
        z
          .strictObject({ line: consentLine.optional(), beep: z.boolean().default(false) })
          .refine(({ line, beep }) => beep || line !== undefined, { error: NO_CONSENT }),
      ],
      { error: NO_CONSENT },
    )
    .optional(),
  transcripts: z.boolean().default(true),
  sensitiveDigits: z.boolean().default(false),
  speaksFirst: z.enum(['agent', 'callee'], { error: 'must be "agent" or "callee"' }).default('callee'),
  voicemail: z.string().trim().min(1, 'must be a message, or left out').max(2000).optional(),
  interruptible: z.boolean().default(true),
  endpointing: endpointingOptions,
  pronunciations: pronunciationOptions.optional(),
  idle: z
    .strictObject({
      afterSeconds: z.number().min(0).max(600).default(8),
      reprompts: z.number().int().min(0).max(10).default(2),
    })
    .default({ afterSeconds: 8, reprompts: 2 }),
  maxDurationSeconds: z.number().min(5).max(14_400).optional(),
  summary: summaryOptions,
  prices: priceOptions,
};

export const agentOptions: z.ZodType<AgentConfig> = z.strictObject(agentShape);
