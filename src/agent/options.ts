import { z } from 'zod';

/** E.164 (`+` and 7 to 15 digits) or a `sip:`/`sips:` URI: what a transfer target may be. */
export const dialTarget: z.ZodString = z
  .string()
  .regex(/^(\+[1-9]\d{6,14}|sips?:[^\s@]+@[^\s@]+)$/, 'must be E.164 like "+15105550200" or a "sip:" URI');

const seconds = (from: number, to: number): z.ZodNumber => z.number().min(from).max(to);

/** One agent of the config file (contract, section 3) without its provider blocks, which `config.ts` adds. */
export const agentOptions = z.strictObject({
  greeting: z.string().max(2000).optional(),
  instructions: z.string().default(''),
  language: z
    .string()
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a BCP 47 tag like "en" or "fr-BE"')
    .default('en'),
  tools: z.array(z.enum(['transfer_call', 'hang_up', 'send_dtmf'])).default(['hang_up']),
  transferTargets: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), dialTarget).default({}),
  fallbackTarget: z.string().optional(),
  variables: z.record(z.string(), z.string()).default({}),
  recording: z.boolean().default(true),
  transcripts: z.boolean().default(true),
  /** May the caller talk over the greeting? */
  interruptible: z.boolean().default(true),
  endpointing: z
    .strictObject({
      /** Silence that ends a turn when the recogniser does not decide itself. */
      silenceMs: z.number().int().min(200).max(3000).default(500),
    })
    .default({ silenceMs: 500 }),
  idle: z
    .strictObject({
      /** Quiet seconds after the agent's last word before it asks again; 0 turns idle handling off. */
      afterSeconds: seconds(0, 600).default(8),
      reprompts: z.number().int().min(0).max(10).default(2),
    })
    .default({ afterSeconds: 8, reprompts: 2 }),
  maxDurationSeconds: seconds(5, 14_400).optional(),
});

/** An agent as the gateway uses it, defaults filled in. */
export type AgentConfig = Readonly<z.infer<typeof agentOptions>>;
