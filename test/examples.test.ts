import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';

const FOLDER = resolve(import.meta.dirname, '..', 'examples');
const temp = mkdtempSync(join(tmpdir(), 'landline-examples-'));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** Every example that runs by itself, and what it prints. */
const PROGRAMS: Readonly<Record<string, RegExp>> = {
  'answer-a-call.ts':
    /^listening on http:.*\n\+14155550142 calls .*\nagent: Good day.*\ncaller: \[pressed 0\]\nagent: [\s\S]*over: caller_hangup\n$/,
  'attended-transfer.ts': /^attended transfer to desk\nthe desk heard: Hello, I have a caller .*\noutcome: answered\n$/,
  'dtmf-menu.ts': /pressed: 0\nagent: Shall I connect you.*\npressed: 1\nagent: One moment.*\ntransfer: answered\n$/,
  'fastify-plugin.ts': /^Telnyx sends its webhooks below \/voice\nover: caller_hangup\n\{"calls":1\}\n$/,
  'http-tool.ts':
    /^agent: Press one .*\ncaller: \[pressed 1\]\nasked about monday\nagent: Four tables are free on monday\.\n$/,
  'outbound-call.ts': /^\+15105550200: active\nagent: Good day, this is the front desk\.\n$/,
  'recording-and-summary.ts': /^summary: .+\nrecording: RIFF, .*\nagent: This call is recorded\.\n/,
  'tool-in-code.ts':
    /^agent: Press one .*\ncaller: \[pressed 1\]\ntool: book_table\nagent: Booked for 2 on monday\.\n$/,
  'transfer.ts': /^refused: destination_not_allowed\ntransfer to desk\noutcome: answered\n$/,
  'webhook-receiver.ts':
    /^call\.created \{.*\}\ncall\.answered \{\}\n[\s\S]*call\.ended \{"reason":"caller_hangup".*\n$/,
};
/** Configs, for `landline serve --config`. */
const CONFIGS = ['http-tool.config.json', 'landline.config.json', 'landline.config.ts', 'local-llm.config.json'];
/** What the others import. */
const SHARED = ['front-desk.ts', 'stand-in-model.ts'];

describe('the examples', () => {
  it('are all run by tests', () => {
    const listed = [...Object.keys(PROGRAMS), ...CONFIGS, ...SHARED];

    expect(readdirSync(FOLDER).sort()).toEqual(listed.sort());
  });

  it.each(Object.keys(PROGRAMS))('%s is short', (name) => {
    expect(readFileSync(join(FOLDER, name), 'utf8').split('\n').length).toBeLessThan(60);
  });

  // Together: they mostly wait for speech.
  it.concurrent.each(Object.entries(PROGRAMS))(
    '%s runs',
    async (name, expected) => {
      const env = { PATH: process.env['PATH'], LANDLINE_DATA_DIR: join(temp, name) };
      const child = spawn(process.execPath, [join(FOLDER, name)], { cwd: temp, env, timeout: 60_000 });
      const exited = once(child, 'exit') as Promise<[code: number | null]>;
      const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exited]);

      expect(out, err).toMatch(expected);
      expect(code, err).toBe(0);
      expect(err).not.toContain('"level":"error"');
    },
    90_000,
  );

  it.each(CONFIGS)('%s is a config', async (name) => {
    const env = {
      LANDLINE_CONFIG: join(FOLDER, name),
      DEEPGRAM_API_KEY: 'deepgram-key',
      OPENAI_API_KEY: 'openai-key',
      BISTRO_TOOL_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    };

    expect(Object.keys((await loadConfig({ env, cwd: temp })).agents).length).toBeGreaterThan(0);
  });
});
