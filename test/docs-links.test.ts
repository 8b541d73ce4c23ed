import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEMO_FOLDER } from '../src/cli/demo/call-plan.ts';
import { loadConfig, type Env } from '../src/config.ts';
import { messageOf } from '../src/core/errors.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGES = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'fixtures/*.md'], { cwd: ROOT }).sort();
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** What is written as code is no link and no heading. */
function prose(markdown: string): string {
  return markdown
    .replace(/^( *)(`{3,}).*\n[\s\S]*?^\1\2$/gm, '')
    .replace(/`[^`\n]*`/g, (code) => 'x'.repeat(code.length));
}

/** As GitHub makes them: the words of the heading, small, with dashes; a second one of the same name gets `-1`. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  const text = markdown.replace(/^( *)(`{3,}).*\n[\s\S]*?^\1\2$/gm, '');
  for (const [, heading = ''] of text.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let name = anchor;
    for (let n = 1; anchors.has(name); n++) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

/** Every link of a page that leads nowhere. */
function broken(page: string): string[] {
  const links = [...prose(read(page)).matchAll(/\]\(<?([^)\s>]+)>?\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURIComponent(path));
    if (relative(ROOT, file).startsWith('..') || !existsSync(file)) return true;
    if (anchor === undefined) return false;
    return statSync(file).isDirectory() || !anchorsOf(readFileSync(file, 'utf8')).has(anchor);
  });
}

describe('every link of the documentation leads somewhere', () => {
  it.each(PAGES)('in %s', (page) => {
    expect(broken(page)).toEqual([]);
  });

  it('and every page can be found from the README', () => {
    const linked = new Set<string>();
    const follow = (page: string): void => {
      if (linked.has(page) || !page.endsWith('.md')) return;
      linked.add(page);
      for (const [, link = ''] of prose(read(page)).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        const file = resolve(ROOT, dirname(page), link);
        if (/^[a-z]+:/.test(link) || !existsSync(file)) continue;
        // A folder shows what is in it.
        const found = statSync(file).isDirectory()
          ? globSync('*.md', { cwd: file }).map((name) => join(file, name))
          : [file];
        for (const one of found) follow(relative(ROOT, one));
      }
    };
    follow('README.md');

    expect(PAGES.filter((page) => !linked.has(page))).toEqual([]);
  });
});

const NAMES = [
  ...['DEEPGRAM_API_KEY', 'OPENAI_API_KEY', 'BISTRO_KEY', 'MCP_AUTH', 'ACME_TOKEN'],
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
];
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const ENV: Env = {
  ...Object.fromEntries(NAMES.map((name): [string, string] => [name, `${name.toLowerCase()}-of-the-test`])),
  BISTRO_TOOL_SECRET: SECRET,
  CRM_WEBHOOK_SECRET: SECRET,
};
const AGENT = {
  stt: { provider: 'deepgram', model: 'flux-general-en' },
  llm: { provider: 'openai', model: 'gpt-6-luna' },
  tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
  tools: ['hang_up'],
};
/** What examples speak of and the page does not show. */
const OTHERS = { reception: AGENT, night: AGENT, sales: AGENT };
const ROOT_KEYS = new Set([
  ...[
    'agents',
    'numbers',
    'defaultAgent',
    'maxConcurrentCalls',
    'maxCallsPerCaller',
    'maxDurationSeconds',
    'noMediaSeconds',
  ],
  ...[
    'drainTimeoutSeconds',
    'blocked',
    'hours',
    'destinations',
    'outbound',
    'media',
    'redaction',
    'retention',
    'recordings',
  ],
  ...['webhooks', 'apiRateLimit', 'sounds'],
]);

/** Blocks of `json` that are no config: what goes over the wire, and what is logged. */
const WIRE = /"(?:openapi|title|level|callId|event|telnyx|turns|status|code|channel|id|session|k)":/;

interface Example {
  readonly place: string;
  readonly text: string;
}

const EXAMPLES: readonly Example[] = PAGES.flatMap((page) =>
  [...read(page).matchAll(/^( *)```json\n([\s\S]*?)^\1```$/gm)].map(({ 2: text = '', index }) => ({
    place: `${page}:${read(page).slice(0, index).split('\n').length}`,
    text: text.trim(),
  })),
).filter(({ text }) => !WIRE.test(text));

/** A whole config, with the example where it belongs: at the root, in an agent, as one of its tools. */
function around(example: Readonly<Record<string, unknown>>): object {
  const config = { agents: OTHERS, defaultAgent: 'reception' };
  if (Object.keys(example).every((key) => ROOT_KEYS.has(key))) {
    return { ...config, ...example, agents: { ...OTHERS, ...(example['agents'] as object | undefined) } };
  }
  const agent = 'type' in example ? { ...AGENT, tools: [example] } : { ...AGENT, ...example };
  return { ...config, agents: { ...OTHERS, reception: agent } };
}

/** One document, several in lines, or members without the braces around them. */
function parsed(text: string): readonly Readonly<Record<string, unknown>>[] {
  const documents = text.startsWith('{') ? [text] : [`{${text}}`];
  try {
    return documents.map((document) => JSON.parse(document) as Record<string, unknown>);
  } catch {
    return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

describe('every config in the documentation loads', () => {
  it('and there are some', () => {
    expect(EXAMPLES.length).toBeGreaterThan(12);
  });

  it.each(EXAMPLES)('$place', async ({ text }) => {
    for (const example of parsed(text)) {
      // Files that examples name are not in the repository.
      const problems = await loadConfig({ env: ENV, cwd: DEMO_FOLDER, config: around(example) }).then(
        () => '',
        (thrown: unknown) => messageOf(thrown),
      );
      expect(problems.split('\n').filter((line) => !/ENOENT|^$/.test(line))).toEqual([]);
    }
  });
});
