import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asyncApi } from '../../src/server/async-api.ts';
import { dataSchema, EVENT_TYPES, eventProblem, SCHEMAS_FIT } from '../../src/server/event-schemas.ts';

const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8');

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Node[];
}

/** `from`, `stream?`: what stands in `data`, an alternative after the other. */
function members(node: Node): string {
  if (node.oneOf) return node.oneOf.map(members).join(' or ');
  const names = Object.entries(node.properties ?? {}).map(
    ([name, { const: fixed }]) =>
      `\`${name}${node.required?.includes(name) ? '' : '?'}${fixed === undefined ? '' : `: ${fixed}`}\``,
  );
  return names.join(', ') || '–';
}

function row(type: (typeof EVENT_TYPES)[number]): string {
  const node = z.toJSONSchema(dataSchema(type)) as Node;
  return `| \`${type}\` | ${node.description ?? ''} | ${members(node)} |`;
}

describe('docs/events.md', () => {
  it('has one row for every event type, as its schema says', () => {
    expect(page.split('\n').filter((line) => /^\| `[a-z]+\.[a-z]+`/.test(line))).toEqual(EVENT_TYPES.map(row));
  });
});

describe('the AsyncAPI document', () => {
  it('is one by the official schema of AsyncAPI 3.0', () => {
    const load = createRequire(import.meta.url);
    const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false });
    addFormats.default(ajv);
    const isValid = ajv.compile(load('@asyncapi/specs/schemas/3.0.0.json') as object);
    isValid(JSON.parse(JSON.stringify(asyncApi('1.2.3'))));
    expect(isValid.errors).toBeNull();
    expect(isValid({ ...asyncApi('1.2.3'), info: {} })).toBe(false);
  });

  it('has a message for every event type in every channel, and every reference leads somewhere', () => {
    const document = asyncApi('1.2.3');
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(EVENT_TYPES.length * 4);
    for (const reference of references) {
      const found = reference.split('/').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document);
      expect(found, reference).toBeDefined();
    }
  });
});

describe('an event', () => {
  const good = {
    type: 'dtmf.received',
    data: { digit: '5' },
    id: '17',
    callId: 'call_1',
    at: '2026-01-05T09:00:00.000Z',
  };
  it('is known by its schema', () => {
    expect(SCHEMAS_FIT).toBe(true);
    expect(eventProblem(good)).toBeUndefined();
  });
  const bad: readonly (readonly [what: string, change: object, problem: RegExp])[] = [
    ['another type', { type: 'call.exploded' }, /there is no event type "call.exploded"/],
    ['a name of every object', { type: 'toString' }, /there is no event type "toString"/],
    ['data of another type', { data: { digits: '5' } }, /digit/],
    ['an id that is no number', { id: 'x' }, /id/],
    ['another member', { more: 1 }, /more/],
  ];
  it.each(bad)('is none with %s', (_, change, problem) => {
    expect(eventProblem({ ...good, ...change })).toMatch(problem);
  });
});
