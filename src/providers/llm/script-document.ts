import type { LlmRequest } from '../ports.ts';

type Node = Readonly<Record<string, unknown>>;

/**
 * What a scripted agent writes about a conversation: what the caller said first and last. Asked for a form, it fills it in as
 * empty as the form allows, with that text as `summary`. The same request gives the same text, always.
 */
export function scriptDocument({ messages, document }: LlmRequest): string {
  const told = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const said = [...told.matchAll(/^Caller: (.+)$/gm)].map((match) => match[1] ?? '');
  const text = summaryOf(said);
  if (!document?.schema) return text;
  const filled = fill(document.schema, document.schema, 0);
  const isForm = typeof filled === 'object' && filled !== null && 'summary' in filled;
  return JSON.stringify(isForm ? { ...filled, summary: text } : filled);
}

function summaryOf(said: readonly string[]): string {
  const [first, last] = [said[0], said.at(-1)];
  if (first === undefined) return 'The caller said nothing that was understood.';
  if (said.length === 1) return `The caller said: "${first}"`;
  return `The caller spoke ${said.length} times. It began with: "${first}" The last words were: "${last ?? ''}"`;
}

/** The emptiest value of a schema; recursion ends where the form is deeper than anybody asks for. */
function fill(schema: unknown, root: Node, depth: number): unknown {
  if (typeof schema !== 'object' || schema === null || depth > 16) return null;
  const node = schema as Node;
  if ('const' in node) return node['const'];
  if ('default' in node) return node['default'];
  if (Array.isArray(node['enum'])) return node['enum'][0] as unknown;
  if (typeof node['$ref'] === 'string') return fill(resolve(node['$ref'], root), root, depth + 1);
  const choices: unknown = node['anyOf'] ?? node['oneOf'];
  if (Array.isArray(choices)) {
    const nothing: unknown = choices.find((choice) => (choice as Node | null)?.['type'] === 'null');
    return fill(nothing ?? choices[0], root, depth + 1);
  }
  const types = Array.isArray(node['type']) ? (node['type'] as readonly unknown[]) : [node['type']];
  switch (types.includes('null') ? 'null' : (types[0] ?? ('properties' in node ? 'object' : 'null'))) {
    case 'object': {
      const properties = (node['properties'] ?? {}) as Node;
      const required = Array.isArray(node['required']) ? node['required'].map(String) : [];
      return Object.fromEntries(required.map((name) => [name, fill(properties[name], root, depth + 1)]));
    }
    case 'array': {
      const least = Number(node['minItems'] ?? 0);
      return Array.from({ length: Math.min(least, 100) }, () => fill(node['items'], root, depth + 1));
    }
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return Number(node['minimum'] ?? 0);
    case 'boolean':
      return false;
    default:
      return null;
  }
}

function resolve(reference: string, root: Node): unknown {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? (at as Node)[name] : undefined), root);
}
