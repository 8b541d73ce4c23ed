import { z } from 'zod';
import { messageOf } from '../core/errors.ts';

/** The value as it is kept, or what is wrong with it, one sentence a problem. */
export type Checked =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problems: readonly string[] };

/** The form of an answer that a model must fill in: as it is told to the model, and the check of what comes back. */
export interface AnswerSchema {
  /** JSON Schema. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly check: (value: unknown) => Checked;
}

/** Accepts a zod schema (config in TypeScript) or a JSON Schema (config in JSON). */
export const answerSchema: z.ZodType<AnswerSchema> = z.unknown().transform((given, context): AnswerSchema => {
  try {
    return isZod(given) ? made(z.toJSONSchema(given, { io: 'output' }), given) : fromJson(given);
  } catch (thrown) {
    context.addIssue({ code: 'custom', message: `cannot be used as a schema: ${messageOf(thrown)}` });
    return z.NEVER;
  }
});

function isZod(given: unknown): given is z.ZodType {
  return typeof given === 'object' && given !== null && '_zod' in given;
}

function fromJson(given: unknown): AnswerSchema {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error('it must be a JSON Schema object or a zod schema');
  }
  // The model is asked for more than this; a reference to the whole would then mean something else.
  if (/"\$ref":"#"/.test(JSON.stringify(given))) throw new Error('"$ref": "#" is not supported; use "$defs"');
  return made(given, z.fromJSONSchema(given as Parameters<typeof z.fromJSONSchema>[0]));
}

function made(json: object, schema: z.ZodType): AnswerSchema {
  const { $schema: _, ...own } = json as Readonly<Record<string, unknown>>;
  return {
    json: own,
    check: (value) => {
      const result = schema.safeParse(value);
      if (result.success) return { ok: true, value: result.data };
      const problems = result.error.issues.map(({ path, message }) =>
        path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
      );
      return { ok: false, problems };
    },
  };
}
