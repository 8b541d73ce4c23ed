import { z } from 'zod';

/** How long each kind of data is kept after the end of its call, milliseconds; `Infinity`: for ever. */
export interface RetentionOptions {
  /** Kept recordings and audio tracks. */
  readonly recordings: number;
  /** What was said, in the store and in the journal; also tool arguments and results, and the summary. */
  readonly transcripts: number;
  /** Events in the store. Those in the journal go with it. */
  readonly events: number;
  readonly journals: number;
  /** The whole call, with everything else of it. */
  readonly calls: number;
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };
const MESSAGE = 'must be a whole number and a unit, like "36h", "30d", "12w" or "2y", or "forever"';

const duration = z
  .string(MESSAGE)
  .regex(/^(?:[1-9]\d{0,4}[hdwy]|forever)$/, MESSAGE)
  .default('forever')
  .transform(durationMs);

/** `30d` -> milliseconds; a year has 365 days. */
export function durationMs(text: string): number {
  return text === 'forever' ? Infinity : Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? Infinity);
}

/** Root key `retention`. */
export const retentionOptions: z.ZodType<RetentionOptions> = z
  .strictObject({
    recordings: duration,
    transcripts: duration,
    events: duration,
    journals: duration,
    calls: duration,
  })
  .default({
    recordings: Infinity,
    transcripts: Infinity,
    events: Infinity,
    journals: Infinity,
    calls: Infinity,
  });
