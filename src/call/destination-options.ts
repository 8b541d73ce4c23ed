import { z } from 'zod';

/** What calls out may cost and where they may go (contract section 3, `destinations`). */
export interface DestinationOptions {
  /** Patterns; when set, people with an API key reach nothing else. */
  readonly allow: readonly string[] | undefined;
  /** Patterns; what they cover is refused to everybody, whatever else allows it. */
  readonly deny: readonly string[];
  /** Outbound legs of the whole gateway in any 60 minutes. */
  readonly maxPerHour: number;
  /** In any 24 hours. */
  readonly maxPerDay: number;
  /** Estimated money in any 24 hours, in the currency of `prices`. */
  readonly maxSpendPerDay: number;
  /** Outbound legs of one call. */
  readonly maxPerCall: number;
  /** Price of a minute by pattern, `*` for the rest; the longest pattern counts. */
  readonly prices: Readonly<Record<string, number>>;
}

const PATTERN = /^(\+[1-9]\d{0,14}|sip:(\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+))$/;
const pattern = z
  .string()
  .regex(PATTERN, 'must be the beginning of a number like "+32", or a host like "sip:*.example.com"');
const price = z.string().refine((text) => text === '*' || PATTERN.test(text), {
  error: 'must be a pattern like "+32" or "sip:*", or "*" for the rest',
});

/** Minutes that a leg is reckoned to last when it is dialled. */
export const RECKONED_MINUTES = 5;
/** Deliberately on the high side: a limit that trips early is a warning, one that trips late is a bill. */
export const DEFAULT_PRICES: Readonly<Record<string, number>> = { '+1': 0.01, 'sip:*': 0.005, '*': 0.1 };

const shape = z.strictObject({
  allow: z.array(pattern).optional(),
  deny: z.array(pattern).default([]),
  maxPerHour: z.number().int().min(0).max(100_000).default(60),
  maxPerDay: z.number().int().min(0).max(1_000_000).default(500),
  maxSpendPerDay: z.number().min(0).max(1_000_000).default(50),
  maxPerCall: z.number().int().min(0).max(100).default(5),
  prices: z.record(price, z.number().min(0).max(1000)).default({}),
});

export const destinationOptions: z.ZodType<DestinationOptions> = shape
  .prefault({})
  .transform((given) => ({ ...given, allow: given.allow, prices: { ...DEFAULT_PRICES, ...given.prices } }));

/** What holds when the config says nothing. */
export const defaultDestinations: DestinationOptions = destinationOptions.parse({});

/** Does `pattern` cover this number, or this SIP host? `sip:*.example.com` covers what is below it, at any depth. */
export function covers(pattern: string, what: { readonly number: string } | { readonly host: string }): boolean {
  if ('number' in what) return pattern.startsWith('+') && what.number.startsWith(pattern);
  if (pattern === 'sip:*') return true;
  return pattern.startsWith('sip:*.') ? what.host.endsWith(pattern.slice(5)) : pattern === `sip:${what.host}`;
}
