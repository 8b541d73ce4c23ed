import { z } from 'zod';
import { blockedOptions } from './callers.ts';
import { destinationOptions, type DestinationOptions } from './destination-options.ts';
import { hoursOptions, type Schedule } from './hours.ts';
import { outboundOptions, type OutboundOptions } from './outbound-options.ts';

const e164 = z.string().regex(/^\+[1-9]\d{1,14}$/, 'must be E.164 like "+13125550178"');

/** Root keys of the config that decide which calls are taken and how long they may last (contract sections 3 and 7). */
export interface CallOptions {
  /** E.164 -> agent name. */
  readonly numbers: Readonly<Record<string, string>>;
  readonly defaultAgent: string | undefined;
  readonly drainTimeoutSeconds: number;
  readonly maxDurationSeconds: number;
  readonly noMediaSeconds: number;
  readonly maxConcurrentCalls: number;
  /** Live calls of one caller; who hides their number is not counted. */
  readonly maxCallsPerCaller: number;
  /** Callers that are turned away: `+19005551234`, `+44*`, `anonymous`. */
  readonly blocked: readonly string[];
  /** Opening hours; in the config one schedule or a list of them. */
  readonly hours: readonly Schedule[];
  /** What calls out may cost and where they may go. */
  readonly destinations: DestinationOptions;
  /** How calls out are let go. */
  readonly outbound: OutboundOptions;
  /** How audio goes between Telnyx and us. */
  readonly media: {
    /** `g711`: the law of the call; `L16`: 16 kHz linear in both directions, for HD legs. */
    readonly codec: 'g711' | 'L16';
    /** Byte order of L16, which Telnyx does not document; `auto` listens. */
    readonly l16ByteOrder: 'auto' | 'little' | 'big';
  };
}

export const callShape: { readonly [K in keyof CallOptions]: z.ZodType<CallOptions[K]> } = {
  numbers: z.record(e164, z.string()).default({}),
  defaultAgent: z.string().optional(),
  drainTimeoutSeconds: z.number().int().min(0).max(14_400).default(600),
  maxDurationSeconds: z.number().int().min(5).max(14_400).default(3600),
  noMediaSeconds: z.number().min(1).max(600).default(15),
  maxConcurrentCalls: z.number().int().min(1).max(10_000).default(200),
  // More than a switchboard behind one number needs, fewer than a robot tries.
  maxCallsPerCaller: z.number().int().min(1).max(10_000).default(10),
  blocked: blockedOptions,
  hours: hoursOptions,
  destinations: destinationOptions,
  outbound: outboundOptions,
  media: z
    .strictObject({
      codec: z.enum(['g711', 'L16']).default('g711'),
      l16ByteOrder: z.enum(['auto', 'little', 'big']).default('auto'),
    })
    .default({ codec: 'g711', l16ByteOrder: 'auto' }),
};

export interface Routing {
  readonly numbers: Readonly<Record<string, string>>;
  readonly defaultAgent?: string | undefined;
  readonly blocked?: readonly string[] | undefined;
  readonly hours?: readonly Schedule[] | undefined;
  /** Unlimited when unset. */
  readonly maxCallsPerCaller?: number | undefined;
}

/** Name of the agent that answers `number`; undefined when nobody does. */
export function agentFor(routing: Routing, number: string): string | undefined {
  return Object.hasOwn(routing.numbers, number) ? routing.numbers[number] : routing.defaultAgent;
}
