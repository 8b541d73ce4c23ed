import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { MAX_NOISE_MS, probeNoise } from './noise.ts';
import type { BenchRow } from './row.ts';

/** In this order: the quiet ones first, the ones that load both cores last. */
const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<BenchRow[]> }>>> = {
  codec: () => import('./codec.ts'),
  resampler: () => import('./resampler.ts'),
  journal: () => import('./journal.ts'),
  store: () => import('./store.ts'),
  turn: () => import('./turn.ts'),
  pacing: () => import('./pacing.ts'),
  'store-slow': () => import('./store-slow.ts'),
  transport: () => import('./transport.ts'),
  memory: () => import('./memory.ts'),
};

const USAGE = `npm run bench -- [--json] [name ...]
  Measures and compares with the goals. Without names, everything; a name is one of: ${Object.keys(BENCHES).join(', ')}.
  --json   print one JSON object instead of the table
Exit code 0 whatever was measured, 1 when a bench crashed, 2 for a wrong name or option.`;

interface Judged extends BenchRow {
  readonly bench: string;
}

function verdict({ ok }: BenchRow): string {
  return ok === 'not judged' ? 'not judged' : ok ? 'ok' : 'MISSED';
}

function printTable(rows: readonly Judged[]): void {
  const lines = [
    ['', 'goal', 'measured', 'ratio', 'verdict'],
    ...rows.map((row) => [row.name, row.goal, row.measured, row.ratio ?? '', verdict(row)]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    process.stdout.write(
      `${line
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
  if (unknown.length > 0) throw new TypeError(`there is no bench called ${unknown.join(', ')}`);
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);

  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const noise = await probeNoise();
  const isNoisy = noise.p99 > MAX_NOISE_MS;
  const machine = {
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    noiseP99Ms: Number(noise.p99.toFixed(2)),
  };
  const noiseLine =
    `noise: a bare 20 ms loop is late by p50 ${noise.p50.toFixed(2)}, p99 ${noise.p99.toFixed(2)}, ` +
    `max ${noise.max.toFixed(2)} ms; ${isNoisy ? `over ${MAX_NOISE_MS} ms, so latencies are not judged` : 'latencies are judged'}`;
  say(`${machine.cpu}, ${machine.memoryGiB} GiB, Node ${machine.node}\n${noiseLine}`);

  const rows: Judged[] = [];
  for (const name of names) {
    say(`running ${name} ...`);
    try {
      const bench = await BENCHES[name]?.();
      for (const row of (await bench?.run()) ?? []) {
        rows.push({ ...row, bench: name, ...(isNoisy && row.timing ? { ok: 'not judged' as const } : {}) });
      }
    } catch (thrown) {
      process.exitCode = 1;
      say(`${name} crashed: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`);
    }
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
  else printTable(rows);
}

try {
  await main();
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
