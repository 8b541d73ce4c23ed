import { z } from 'zod';
import { answerSchema, type AnswerSchema } from './answer-schema.ts';

/** What is made of a call once it is over. */
export interface SummaryOptions {
  /** What the summary is for and what must stand in it; empty: two or three plain sentences. */
  readonly instructions: string;
  /** Data to be read out of the conversation beside the text. */
  readonly schema: AnswerSchema | undefined;
  /** Calls that lasted less from answer to end are not summarised. Default 0. */
  readonly minDurationSeconds: number;
  /** Most tokens of the answer. Default 2000. */
  readonly maxTokens: number;
}

/** The same as a person writes it, beside its `model`. */
export interface SummaryInput extends Partial<Omit<SummaryOptions, 'schema'>> {
  /** A zod schema, or a JSON Schema. */
  readonly schema?: z.ZodType | Readonly<Record<string, unknown>>;
}

const summaryShape = z.strictObject({
  instructions: z.string().max(8000).default(''),
  schema: answerSchema.optional(),
  minDurationSeconds: z.number().min(0).max(14_400).default(0),
  maxTokens: z.number().int().min(50).max(100_000).default(2000),
});

/** `true`, `false` or an object. Its `model`, a block like `llm`, is read with the other provider blocks. */
export const summaryOptions: z.ZodType<SummaryOptions | undefined> = z.preprocess(
  (given: unknown) => (given === true ? {} : given === false ? undefined : given),
  summaryShape.transform((read): SummaryOptions => ({ ...read, schema: read.schema })).optional(),
);
