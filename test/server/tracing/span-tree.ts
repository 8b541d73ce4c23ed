import type { SpanRecord } from '../../../src/server/tracing/span.ts';

type TreeSpan = Pick<SpanRecord, 'spanId' | 'parentId' | 'name' | 'startMs' | 'attributes' | 'error' | 'events'>;

/** Attributes that tell spans of one name apart. */
const TELLING = ['landline.turn.role', 'landline.tool', 'landline.target', 'landline.outcome'];

/** A trace as indented lines: `name attributes !error (events)`, children in the order of their beginning, then by name. */
export function tree(spans: readonly TreeSpan[]): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = (parent: string | undefined): TreeSpan[] =>
    spans
      .filter(({ parentId }) => (parentId !== undefined && ids.has(parentId) ? parentId : undefined) === parent)
      .sort((a, b) => a.startMs - b.startMs || a.name.localeCompare(b.name) || a.spanId.localeCompare(b.spanId));
  const lines = (span: TreeSpan, depth: number): string[] => [
    '  '.repeat(depth) +
      [
        span.name,
        ...TELLING.flatMap((key) => (span.attributes[key] === undefined ? [] : [String(span.attributes[key])])),
        ...(span.error === undefined ? [] : [`!${span.error}`]),
        ...(span.events.length === 0 ? [] : [`(${span.events.map(({ name }) => name).join(' ')})`]),
      ].join(' '),
    ...children(span.spanId).flatMap((child) => lines(child, depth + 1)),
  ];
  return children(undefined).flatMap((root) => lines(root, 0));
}
