import { z } from 'zod';

/** Reports one problem: `where` is a variable or a config path, `what` goes on the sentence. */
export type Complain = (where: string, what: string) => void;

/** `agents` + `reception` -> `agents.reception`; keys that are no plain words are quoted: `numbers["+1312"]`. */
export function configPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => {
      if (typeof key === 'number') return `[${key}]`;
      const name = String(key);
      if (!/^[A-Za-z_][\w-]*$/.test(name)) return `[${JSON.stringify(name)}]`;
      return i === 0 ? name : `.${name}`;
    })
    .join('');
}

/**
 * Reads `value` by `schema`, or reports every problem in our words and gives undefined.
 * @param moreKeys keys that the object may have beside the schema's, for suggestions.
 */
export function readConfig<T>(
  schema: z.ZodType<T>,
  value: unknown,
  path: readonly PropertyKey[],
  complain: Complain,
  moreKeys: readonly string[] = [],
): T | undefined {
  /** By path: the keys of objects that have unknown ones. */
  const knownKeys = new Map<string, readonly string[]>();
  const result = schema.safeParse(value, {
    error(issue) {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) {
        const own = Object.keys(issue.inst.shape);
        knownKeys.set(configPath(issue.path ?? []), issue.path?.length ? own : [...own, ...moreKeys]);
      }
      return explain(issue);
    },
  });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = [...path, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys.get(configPath(issue.path)) ?? [];
      for (const key of issue.keys) complain(configPath([...at, key]), `is not a known key${suggest(key, known)}`);
    } else if (issue.code === 'invalid_key') {
      complain(configPath(at), issue.issues[0]?.message ?? issue.message);
    } else {
      complain(configPath(at), issue.message);
    }
  }
  return undefined;
}

/** `given` without the keys of `notYet`, each of which is reported with what the table says. */
export function refuseNotYet(
  given: Readonly<Record<string, unknown>>,
  notYet: Readonly<Record<string, string>>,
  path: readonly PropertyKey[],
  complain: Complain,
): Readonly<Record<string, unknown>> {
  for (const [key, what] of Object.entries(notYet)) {
    if (given[key] !== undefined) complain(configPath([...path, key]), what);
  }
  return Object.fromEntries(Object.entries(given).filter(([key]) => !Object.hasOwn(notYet, key)));
}

function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${KINDS[issue.expected] ?? issue.expected}${got(issue.input)}`;
    case 'too_small':
      return bound(issue, 'at least', issue.minimum);
    case 'too_big':
      return bound(issue, 'at most', issue.maximum);
    case 'invalid_value':
      return oneOf(issue.values, issue.input);
    case 'invalid_union': {
      const { discriminator, input, options } = issue as { discriminator?: string; input?: unknown; options?: unknown };
      if (discriminator === undefined || !Array.isArray(options)) return undefined;
      return oneOf(options, (input as Readonly<Record<string, unknown>>)[discriminator]);
    }
    case 'invalid_format':
      return issue.pattern === undefined ? undefined : `must match ${issue.pattern}`;
    default:
      return undefined;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

function bound(
  issue: { readonly origin?: unknown; readonly input?: unknown },
  word: string,
  limit: number | bigint,
): string {
  if (issue.origin === 'string' && limit === 1) return 'must not be empty';
  if (issue.origin === 'number' || issue.origin === 'int') return `must be ${word} ${limit}${got(issue.input)}`;
  const unit = issue.origin === 'string' ? 'characters' : 'entries';
  return `must have ${word} ${limit} ${unit}`;
}

/** `must be one of …`, with what was given and what was perhaps meant. */
export function oneOf(options: readonly unknown[], input: unknown): string {
  const list = options.map((option) => JSON.stringify(option)).join(', ');
  const must = options.length === 1 ? `must be ${list}` : `must be one of ${list}`;
  if (input === undefined) return `is missing: ${must}`;
  const words = options.filter((option) => typeof option === 'string');
  const meant = typeof input === 'string' ? closest(input, words) : undefined;
  return `${must}${got(input)}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

/** Text beyond this length is not quoted: keys are longer, and people paste them into the wrong place. */
const LONGEST_QUOTED = 20;

/** `, got …` for a value as far as it may be shown. */
export function got(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return `, got ${String(value)}`;
  if (typeof value === 'string') {
    return value.length > LONGEST_QUOTED ? `, got ${value.length} characters` : `, got ${JSON.stringify(value)}`;
  }
  if (Array.isArray(value)) return ', got a list';
  return typeof value === 'object' ? ', got an object' : `, got a ${typeof value}`;
}

/** What to do about `name`, which is none of `known`. */
export function suggest(name: string, known: readonly string[]): string {
  const meant = closest(name, known);
  if (meant !== undefined) return `; did you mean "${meant}"?`;
  return known.length === 0 ? '; remove it' : `; known are ${known.join(', ')}`;
}

/** The one of `known` that `name` is a slip of; undefined when none is near. */
function closest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  // Two slips in five characters are still slips; more is another word.
  let least = Math.floor((name.length * 2) / 5) + 1;
  for (const candidate of known) {
    const distance = slips(name.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    best = candidate;
    least = distance;
  }
  return best;
}

/** Characters to insert, remove or replace to make `a` into `b` (Levenshtein). */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
