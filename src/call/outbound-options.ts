import { z } from 'zod';

/** Root key `outbound` of the config: how calls out are let go. */
export interface OutboundOptions {
  /** Calls out that are up, or being dialled, at a time. */
  readonly maxConcurrent: number;
  /** Dials that begin within a second; they are spread evenly. */
  readonly maxPerSecond: number;
  /** Calls out that may wait. */
  readonly maxQueued: number;
  /** How long one may wait. */
  readonly maxQueueSeconds: number;
}

const shape = z.strictObject({
  maxConcurrent: z.number().int().min(1).max(10_000).default(10),
  maxPerSecond: z.number().min(0.1).max(100).default(5),
  maxQueued: z.number().int().min(0).max(100_000).default(500),
  maxQueueSeconds: z.number().min(1).max(3600).default(60),
});

export const outboundOptions: z.ZodType<OutboundOptions> = shape.prefault({});

/** What holds when the config says nothing. */
export const defaultOutbound: OutboundOptions = outboundOptions.parse({});
