import { refusals } from './errors.ts';

export type Body = Readonly<Record<string, unknown>>;

/** Throws a `Refusal` that names `pointer` when `value` is not what the field takes. */
export type Check = (value: unknown, pointer: string) => void;

export interface Schema {
  readonly required?: readonly string[];
  /** Fields the emulator checks and acts on. */
  readonly fields: Readonly<Record<string, Check>>;
}

/**
 * Holds `body` against `schema`; required fields come first, as Telnyx reports them.
 * @returns names of the fields that have no effect here: misspelled ones, ones this command does not take (a
 * `stream_auth_token` in `answer`), and documented ones that the emulator does not act on.
 */
export function validate(body: Body, schema: Schema): string[] {
  for (const field of schema.required ?? []) {
    if (body[field] === undefined || body[field] === null || body[field] === '') throw refusals.missing(`/${field}`);
  }
  const ignored: string[] = [];
  for (const [field, value] of Object.entries(body)) {
    const check = Object.hasOwn(schema.fields, field) ? schema.fields[field] : undefined;
    if (!check) ignored.push(field);
    else if (value !== undefined && value !== null) check(value, `/${field}`);
  }
  return ignored;
}

export const text =
  (max: number = Infinity): Check =>
  (value, pointer) => {
    if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
    if (value.length > max) throw refusals.outOfRange(pointer, `at most ${max} characters`);
  };

export const flag: Check = (value, pointer) => {
  if (typeof value !== 'boolean') throw refusals.wrongType(pointer, 'a boolean');
};

export const whole =
  (min: number, max: number): Check =>
  (value, pointer) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw refusals.wrongType(pointer, 'an integer');
    if (value < min || value > max) throw refusals.outOfRange(pointer, `between ${min} and ${max}`);
  };

export const oneOf =
  (...allowed: readonly string[]): Check =>
  (value, pointer) => {
    if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
    if (!allowed.includes(value)) throw refusals.badEnum(pointer, allowed);
  };

const E164 = /^\+[1-9]\d{5,14}$/;

export const e164: Check = (value, pointer) => {
  if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
  if (!E164.test(value)) throw refusals.notE164(pointer);
};

/** E.164 or a SIP URI; a number may end in `,<digits>` to be sent on answer. */
export const destination: Check = (value, pointer) => {
  if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
  if (/^sips?:[^\s@]+@[^\s@]+$/.test(value)) return;
  const [number = '', ...digits] = value.split(',');
  if (!E164.test(number)) throw refusals.notE164(pointer);
  if (digits.length > 0) dtmf(64)(digits.join(','), pointer);
};

export const dtmf =
  (max: number = Infinity): Check =>
  (value, pointer) => {
    if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
    if (!/^[0-9A-D*#wW]+$/.test(value)) throw refusals.badDigits(pointer);
    if (value.length > max) throw refusals.outOfRange(pointer, `at most ${max} characters`);
  };

/** Strict padded base64, the only form Telnyx documents. */
export const BASE64: RegExp = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const base64: Check = (value, pointer) => {
  if (typeof value !== 'string' || !BASE64.test(value)) throw refusals.wrongType(pointer, 'a base64 string');
};

export const socketUrl: Check = (value, pointer) => {
  if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
  const url = URL.parse(value);
  if (!url || !/^wss?:$/.test(url.protocol) || url.hash !== '') {
    throw refusals.badValue(pointer, 'A ws:// or wss:// URL without a fragment.');
  }
};

export const webUrl: Check = (value, pointer) => {
  if (typeof value !== 'string') throw refusals.wrongType(pointer, 'a string');
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) throw refusals.badValue(pointer, 'An http or https URL.');
};

/** `custom_parameters`: `[{name, value}]`. */
export const nameValues: Check = (value, pointer) => {
  const isPair = (item: unknown): boolean =>
    isBody(item) && typeof item['name'] === 'string' && typeof item['value'] === 'string';
  if (!Array.isArray(value) || !value.every(isPair)) throw refusals.wrongType(pointer, 'an array of {name, value}');
};

/** `webhook_retries_policies`: at most 5 delays per event, together at most a minute. */
export const retryPolicies: Check = (value, pointer) => {
  if (!isBody(value)) throw refusals.wrongType(pointer, 'an object');
  for (const [event, policy] of Object.entries(value)) {
    const delays: unknown = isBody(policy) ? policy['retries_ms'] : undefined;
    const at = `${pointer}/${event}/retries_ms`;
    if (!Array.isArray(delays) || !delays.every((ms) => Number.isInteger(ms) && Number(ms) >= 0)) {
      throw refusals.wrongType(at, 'an array of integers');
    }
    if (delays.length > 5 || delays.reduce((sum: number, ms) => sum + Number(ms), 0) > 60_000) {
      throw refusals.outOfRange(at, 'at most 5 delays and 60000 ms in sum');
    }
  }
};

/** `webhook_urls`: event name to URL or list of URLs. */
export const urlMap: Check = (value, pointer) => {
  if (!isBody(value)) throw refusals.wrongType(pointer, 'an object');
  for (const [event, urls] of Object.entries(value)) {
    for (const url of Array.isArray(urls) ? urls : [urls]) webUrl(url, `${pointer}/${event}`);
  }
};

export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
