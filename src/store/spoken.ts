type Json = Readonly<Record<string, unknown>>;

/** Members that hold what somebody said or had said, or what was made of it. */
const SPOKEN: ReadonlySet<string> = new Set([
  'text',
  'heard',
  'transcript',
  'message',
  'announce',
  'arguments',
  'result',
  'summary',
]);

/** An event's data without what was said, at any depth. Numbers, times and names of things stay. */
export function withoutSpoken(type: string, data: Json): Json {
  // All of it is made of what was said.
  return type === 'call.summarized' ? {} : strip(data);
}

/** The same for a control action: what was to be said. */
export function actionWithoutSpoken(detail: Json): Json {
  return strip(detail);
}

/** The same for work of the outbox, which carries whole events. */
export function workWithoutSpoken(payload: Json): Json {
  return Object.fromEntries(
    Object.entries(strip(payload)).map(([key, value]) => [
      key,
      isObject(value) && typeof value['type'] === 'string' && isObject(value['data'])
        ? { ...value, data: withoutSpoken(value['type'], value['data']) }
        : value,
    ]),
  );
}

function strip(data: Json): Json {
  return Object.fromEntries(
    Object.entries(data)
      .filter(([key]) => !SPOKEN.has(key))
      .map(([key, value]) => [key, stripValue(value)]),
  );
}

function stripValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripValue);
  return isObject(value) ? strip(value) : value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
