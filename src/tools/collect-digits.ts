import { z } from 'zod';
import type { ToolSpec } from '../providers/ports.ts';

/** What a caller is asked to type or say, all defaults filled in. */
export interface CollectRequest {
  readonly prompt: string;
  /** 1 to 32. The entry ends by itself with the last of `max` digits. */
  readonly min: number;
  readonly max: number;
  /** The key that ends the entry; undefined: none does. */
  readonly terminator: string | undefined;
  readonly firstDigitTimeoutMs: number;
  readonly betweenDigitsTimeoutMs: number;
  /** How often the caller is asked again after nothing, or too few or too many digits. */
  readonly retries: number;
  /** What they are asked then. */
  readonly retryPrompt: string;
  /** The digits are for nobody but code: neither the model nor anything that is written down sees them. */
  readonly sensitive: boolean;
}

/** How an entry ended. `invalid`: too few or too many digits, after the last retry. `spoke`: the caller said something else. */
export type CollectOutcome =
  | { readonly status: 'collected' | 'timeout' | 'invalid'; readonly digits: string }
  | { readonly status: 'spoke' }
  | { readonly status: 'cancelled'; readonly reason: string };

const MOST_DIGITS = 32;
const count = z.number().int().min(1).max(MOST_DIGITS);
const timeout = z.number().int().min(500).max(60_000);
const line = z.string().trim().min(1).max(1000);

const given = z
  .object({
    prompt: line,
    digits: count.optional(),
    min: count.optional(),
    max: count.optional(),
    terminator: z
      .string()
      .regex(/^[*#]?$/, 'must be "#", "*" or "" for none')
      .default('#'),
    firstDigitTimeoutMs: timeout.default(5000),
    betweenDigitsTimeoutMs: timeout.default(3000),
    retries: z.number().int().min(0).max(5).default(1),
    retryPrompt: line.optional(),
    sensitive: z.boolean().default(false),
  })
  .refine(({ digits, min, max }) => digits === undefined || (min === undefined && max === undefined), {
    error: 'digits is an exact number: leave out min and max',
  })
  .refine(({ min = 1, max = MOST_DIGITS }) => min <= max, { error: 'min must not be above max' });

/** A request as a model or a program writes it: `prompt`, and what differs from the defaults. */
export interface CollectOptions {
  readonly prompt: string;
  readonly digits?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly terminator?: string | undefined;
  readonly firstDigitTimeoutMs?: number | undefined;
  readonly betweenDigitsTimeoutMs?: number | undefined;
  readonly retries?: number | undefined;
  readonly retryPrompt?: string | undefined;
  readonly sensitive?: boolean | undefined;
}

/** @returns the request, or what is wrong with it in words a model can act on. */
export function readCollectRequest(args: unknown): CollectRequest | string {
  const parsed = given.safeParse(args);
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => [path.join('.'), message].join(' ').trim()).join('; ');
  }
  const { digits, min, max, terminator, retryPrompt, ...rest } = parsed.data;
  return {
    ...rest,
    min: digits ?? min ?? 1,
    max: digits ?? max ?? MOST_DIGITS,
    terminator: terminator === '' ? undefined : terminator,
    retryPrompt: retryPrompt ?? rest.prompt,
  };
}

/** The tool as the model is told about it. */
export function collectDigitsSpec(): ToolSpec {
  const whole = { type: 'integer', minimum: 1, maximum: MOST_DIGITS };
  const ms = { type: 'integer', minimum: 500, maximum: 60_000 };
  return {
    name: 'collect_digits',
    description:
      'Ask the caller for a number, which they type on the keypad or say digit by digit. Put the question into prompt ' +
      'and say nothing besides; call no other tool with it. The result is {"status", "digits"}: collected, timeout, ' +
      'invalid (wrong length), spoke (they said something else, which follows) or cancelled. With sensitive you get ' +
      '{"status", "length", "token"} instead: give {{digits:token}} to a tool that needs the digits.',
    parameters: {
      type: 'object',
      properties: {
        prompt: { type: 'string', description: 'What the caller hears' },
        digits: { ...whole, description: 'Exactly so many digits; instead of min and max' },
        min: whole,
        max: whole,
        terminator: { type: 'string', enum: ['#', '*', ''], description: 'Key that ends the entry; "#" when left out' },
        firstDigitTimeoutMs: ms,
        betweenDigitsTimeoutMs: ms,
        retries: { type: 'integer', minimum: 0, maximum: 5 },
        retryPrompt: { type: 'string', description: 'What the caller hears after a mistake' },
        sensitive: { type: 'boolean', description: 'For PINs, card numbers and the like' },
      },
      required: ['prompt'],
      additionalProperties: false,
    },
  };
}
