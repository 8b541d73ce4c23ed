import { maskNumber, type Log, type LogFields } from './log.ts';
import type { Redactor } from './redaction.ts';

/** E.164 within a text; a longer run of digits is something else. */
const NUMBER = /(?<![\w+])\+[1-9]\d{6,14}(?!\d)/g;
/** A log field nested deeper than this is no field. */
const DEEPEST = 6;
/** Ids of ours: a mask in them would only hide which call a line is about. */
const NAMES: ReadonlySet<string> = new Set(['callId', 'traceId', 'event', 'key']);

/**
 * The last gate before a log: whatever a line holds (an error of a vendor, a stack, a header), card numbers, secrets and the
 * operator's patterns are masked, phone numbers shortened.
 */
export function redactingLog(log: Log, redactor: Redactor): Log {
  const text = (value: string): string => redactor.text(value.replace(NUMBER, maskNumber));
  const walk = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > DEEPEST) return '…';
    if (value instanceof Error)
      return { name: value.name, message: text(value.message), stack: text(value.stack ?? '') };
    if (Array.isArray(value)) return value.map((inner) => walk(inner, depth + 1));
    return fieldsOf(value as LogFields, depth + 1);
  };
  const fieldsOf = (fields: LogFields, depth: number): LogFields => {
    const clean: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(fields)) clean[key] = NAMES.has(key) ? value : walk(value, depth);
    return clean;
  };
  const over = (inner: Log): Log => ({
    debug: (fields, message) => inner.debug(fieldsOf(fields, 0), text(message)),
    info: (fields, message) => inner.info(fieldsOf(fields, 0), text(message)),
    warn: (fields, message) => inner.warn(fieldsOf(fields, 0), text(message)),
    error: (fields, message) => inner.error(fieldsOf(fields, 0), text(message)),
    child: (fields) => over(inner.child(fieldsOf(fields, 0))),
  });
  return over(log);
}
