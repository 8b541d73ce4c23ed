import type { z } from 'zod';
import { invalid, type ToolOutcome } from './tool.ts';

/** Arguments that passed, or what the model is told. */
export type ReadArguments<T> =
  { readonly ok: true; readonly args: T } | { readonly ok: false; readonly outcome: ToolOutcome };

/** Checks what the model wrote. Nothing at all counts as no arguments. */
export async function readArguments<S extends z.ZodType>(schema: S, text: string): Promise<ReadArguments<z.output<S>>> {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    return { ok: false, outcome: invalid('the arguments are not JSON') };
  }
  const read = await schema.safeParseAsync(value);
  if (read.success) return { ok: true, args: read.data };
  const problems = read.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  return { ok: false, outcome: invalid(`the arguments are wrong: ${problems.join('; ')}`) };
}
