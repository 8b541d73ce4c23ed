/** A parsed JSON object of a peer: nothing about its fields is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` when it is an object, else an empty one: a chain of reads then ends in `undefined`, never in a throw. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/**
 * A non-empty text. Telnyx sends ids and counters as strings, some of its documents show numbers, so a number that
 * survived JSON exactly counts as its digits; `null`, `""` and everything else is "not told".
 */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}

/** A whole number from 0, given as a JSON number or as decimal digits. */
export function countOf(value: unknown): number | undefined {
  const count = typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}
