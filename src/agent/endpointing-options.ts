import { z } from 'zod';

/**
 * Silence that ends a turn when the recogniser does not decide itself, in milliseconds. `silenceMs` is the normal pause;
 * what was said shortens it down to `minSilenceMs` (a whole sentence) or stretches it up to `maxSilenceMs` (a number, a
 * name being spelled). Both equal to `silenceMs`: always the same pause.
 */
export interface EndpointingOptions {
  readonly silenceMs: number;
  /** Three fifths of `silenceMs` when unset, but at least 200. */
  readonly minSilenceMs?: number | undefined;
  /** Three times `silenceMs` when unset, but at most 3000. */
  readonly maxSilenceMs?: number | undefined;
}

const LEAST_MS = 200;
const MOST_NORMAL_MS = 3000;
const MOST_MS = 5000;
const SHORTEST_SHARE = 0.6;
const LONGEST_SHARE = 3;

const ms = (most: number): z.ZodNumber => {
  const error = `must be whole milliseconds from ${LEAST_MS} to ${most}`;
  return z.number({ error }).int({ error }).min(LEAST_MS, { error }).max(most, { error });
};

export const endpointingOptions: z.ZodType<EndpointingOptions> = z
  .strictObject({
    silenceMs: ms(MOST_NORMAL_MS).default(500),
    minSilenceMs: ms(MOST_NORMAL_MS).optional(),
    maxSilenceMs: ms(MOST_MS).optional(),
  })
  .superRefine(({ silenceMs, minSilenceMs = silenceMs, maxSilenceMs = silenceMs }, context) => {
    if (minSilenceMs > silenceMs) {
      context.addIssue({
        code: 'custom',
        path: ['minSilenceMs'],
        message: `must not be more than silenceMs (${silenceMs}); lower it, or raise silenceMs`,
      });
    }
    if (maxSilenceMs < silenceMs) {
      context.addIssue({
        code: 'custom',
        path: ['maxSilenceMs'],
        message: `must not be less than silenceMs (${silenceMs}); raise it, or lower silenceMs`,
      });
    }
  })
  .default({ silenceMs: 500 });

/** The shortest and the longest pause, defaults filled in: `min` ≤ `silenceMs` ≤ `max`. */
export function pauseLimits({ silenceMs, minSilenceMs, maxSilenceMs }: EndpointingOptions): {
  readonly min: number;
  readonly max: number;
} {
  const min = minSilenceMs ?? Math.max(LEAST_MS, Math.round(silenceMs * SHORTEST_SHARE));
  const max = maxSilenceMs ?? Math.min(MOST_NORMAL_MS, silenceMs * LONGEST_SHARE);
  return { min: Math.min(silenceMs, min), max: Math.max(silenceMs, max) };
}
