import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../../src/server/metrics.ts';
import { AT_REST } from './sources.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const read = (name: string): string => readFileSync(new URL(`../../../docs/grafana/${name}`, import.meta.url), 'utf8');
const dashboard = JSON.parse(read('landline.json')) as Dashboard;
const rules = (parse(read('alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

/** Labels that Prometheus itself adds. */
const SCRAPED = ['instance', 'job', 'le'];

const known = new Map(
  new Metrics(AT_REST).registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as { name: string; type: string; labelNames: string[] })
    .map((metric) => [metric.name, metric] as const),
);

/** What is wrong with a query's names: metrics and labels that nothing here has. */
function strangers(expr: string): string[] {
  const bare = expr.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '');
  const used: { labelNames: readonly string[] }[] = [];
  const wrong: string[] = [];
  for (const [, name = ''] of bare.matchAll(/\b((?:landline|nodejs|process)_\w+)/g)) {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const metric = known.get(name) ?? (known.get(base)?.type === 'histogram' ? known.get(base) : undefined);
    if (metric) used.push(metric);
    else wrong.push(name);
  }
  const labels = new Set([...SCRAPED, ...used.flatMap(({ labelNames }) => labelNames)]);
  const groups = [...bare.matchAll(/\b(?:by|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(','));
  const matchers = [...bare.matchAll(/\{([^}]*)\}/g)]
    .flatMap(([, list = '']) => list.split(','))
    .map((one) => one.replace(/[!=~].*$/, ''));
  for (const label of [...groups, ...matchers].map((one) => one.trim())) {
    if (label !== '' && !labels.has(label)) wrong.push(label);
  }
  return wrong;
}

const queries = dashboard.panels.flatMap((panel) =>
  (panel.targets ?? []).map(({ expr }) => ({ where: panel.title, expr })),
);

describe('the queries', () => {
  it.each([...queries, ...rules.map(({ alert, expr }) => ({ where: alert, expr }))])(
    'of "$where" use metrics and labels that exist: $expr',
    ({ expr }) => {
      expect(strangers(expr)).toEqual([]);
      expect(expr.split('(').length).toBe(expr.split(')').length);
    },
  );

  it('would be found out', () => {
    expect(strangers('sum by (agnt) (rate(landline_turn_latency_seconds_bucket{stag="x"}[5m]))')).toEqual([
      'agnt',
      'stag',
    ]);
    expect(strangers('landline_call + landline_calls_total_bucket')).toEqual([
      'landline_call',
      'landline_calls_total_bucket',
    ]);
  });
});

describe('the dashboard', () => {
  it('can be imported: named, with a schema version, and a variable for the data source', () => {
    expect(dashboard).toMatchObject({ uid: 'landline', title: 'Landline' });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(dashboard.templating.list.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'datasource datasource',
      'instance query',
    ]);
    expect(dashboard).not.toHaveProperty('id');
  });

  it('has its rows, and every panel says what it shows, of the chosen source', () => {
    const panels = dashboard.panels.filter(({ type }) => type !== 'row');

    expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Calls',
      'Conversation latency',
      'Providers',
      'Audio',
      'Webhooks',
      'Machine',
    ]);
    expect(panels.filter(({ description }) => !description)).toEqual([]);
    expect(new Set(panels.map(({ datasource }) => datasource?.uid))).toEqual(new Set(['${datasource}']));
    expect(
      panels.filter(({ targets = [] }) => new Set(targets.map(({ refId }) => refId)).size !== targets.length),
    ).toEqual([]);
  });

  it('gives every panel its own id and its own place within 24 columns', () => {
    const { panels } = dashboard;
    const overlap = (a: Panel, b: Panel): boolean =>
      a.gridPos.x < b.gridPos.x + b.gridPos.w &&
      b.gridPos.x < a.gridPos.x + a.gridPos.w &&
      a.gridPos.y < b.gridPos.y + b.gridPos.h &&
      b.gridPos.y < a.gridPos.y + a.gridPos.h;

    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(panels.filter(({ gridPos }) => gridPos.x + gridPos.w > 24 || gridPos.w < 1 || gridPos.h < 1)).toEqual([]);
    expect(panels.filter((a, i) => panels.slice(i + 1).some((b) => overlap(a, b))).map(({ title }) => title)).toEqual(
      [],
    );
  });
});

describe('the alert rules', () => {
  it('have names of their own, a severity, and words that say what to do', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Landline[A-Z]/);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/\S/);
      expect(annotations.description).toMatch(/\S/);
    }
  });
});
