import { z } from 'zod';
import { patternProblem } from '../core/pattern-check.ts';
import type { RedactionOptions } from '../core/redaction.ts';

const pattern = z.strictObject({
  name: z.string().regex(/^[A-Za-z][\w -]{0,39}$/, 'must be a short name like "member number"; it stands for the text'),
  pattern: z
    .string()
    .min(1)
    .superRefine((value, context) => {
      const problem = patternProblem(value);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    }),
  replacement: z.string().max(100).optional(),
});

/** Root key `redaction`: what is masked before anything is stored, shown or logged. */
export const redactionOptions: z.ZodType<RedactionOptions> = z
  .strictObject({
    cardNumbers: z.boolean().default(true),
    patterns: z.array(pattern).max(50).default([]),
  })
  .default({ cardNumbers: true, patterns: [] });
