import { z } from 'zod';

/** What an agent's calls cost, in one currency of the operator's choice. What has no price costs nothing here. */
export interface Prices {
  /** ISO 4217, shown beside the sum. */
  readonly currency: string;
  /** Caller audio that is recognised, a minute. */
  readonly sttPerMinute: number;
  /** A million tokens into the model, and out of it. */
  readonly llmPerMillionPromptTokens: number;
  readonly llmPerMillionCompletionTokens: number;
  /** A million characters that are spoken. */
  readonly ttsPerMillionCharacters: number;
  /** A minute of each leg, from answer to end. */
  readonly carrierPerMinute: number;
}

const price = z.number().min(0).max(1_000_000).default(0);

export const priceOptions: z.ZodType<Prices | undefined> = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be three letters like "USD"')
      .default('USD'),
    sttPerMinute: price,
    llmPerMillionPromptTokens: price,
    llmPerMillionCompletionTokens: price,
    ttsPerMillionCharacters: price,
    carrierPerMinute: price,
  })
  .optional();
