import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/server/metrics.ts';
import { AT_REST } from './sources.ts';

const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');

interface Described {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const told: Described[] = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, name = '', type = '', labels = ''] = line.split('|').map((cell) => cell.trim());
    return { name: unquoted(name)[0] ?? '', type, labels: unquoted(labels) };
  });

function unquoted(cell: string): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '');
}

/** What prom-client knows of each metric of ours. */
function built(): Described[] {
  const { registry } = new Metrics(AT_REST);
  return registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as { name: string; type: string; labelNames: string[] })
    .filter(({ name }) => name.startsWith('landline_'))
    .map(({ name, type, labelNames }) => ({ name, type, labels: labelNames }));
}

describe('docs/metrics.md', () => {
  it('explains every metric, with its type and labels, and no other', () => {
    const line = ({ name, type, labels }: Described): string => `${name} ${type} {${labels.join(', ')}}`;

    expect(told.map(line).sort()).toEqual(built().map(line).sort());
  });

  it('names only process metrics that exist', () => {
    const names = new Set(new Metrics(AT_REST).registry.getMetricsAsArray().map(({ name }) => name));
    const mentioned = [...page.matchAll(/`((?:nodejs|process)_\w+)`/g)].map((match) => match[1] ?? '');

    expect(mentioned.length).toBeGreaterThan(4);
    expect(mentioned.filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('the names', () => {
  it.each(built())('$name end as Prometheus wants it', ({ name, type }) => {
    expect(name).toMatch(/^landline_[a-z][a-z_]*[a-z]$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|kb|count|sum|bucket)$/);
  });
});
