import { mkdtempSync, rmSync } from 'node:fs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listCalls, showOne, type CallsOptions } from '../../src/cli/calls.ts';
import { main } from '../../src/cli/main.ts';
import { migrate } from '../../src/cli/migrate.ts';
import { systemClock } from '../../src/core/clock.ts';
import { endedPath } from '../../src/journal/layout.ts';
import { lockDataDir } from '../../src/journal/lock.ts';
import { journalBytes, LIVES } from '../store/journals.ts';

let dir = '';
let text = '';
const here = () => ({
  out: { write: (more: string) => (text += more) },
  env: { LANDLINE_DATA_DIR: dir },
  cwd: dir,
});
const list = async (options: Partial<CallsOptions> = {}, words?: string): Promise<string> => {
  text = '';
  await listCalls({ limit: '20', ...options }, words, here());
  return text;
};
const show = async (id: string, json = false): Promise<string> => {
  text = '';
  await showOne(id, { json }, here());
  return text;
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'landline-calls-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function write(): void {
  for (const [n, live] of Object.values(LIVES).entries()) {
    const path = endedPath(dir, '2026-01-05', `call_${n + 1}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, journalBytes(`call_${n + 1}`, live().records, Date.UTC(2026, 0, 5, 9, n)));
  }
}

describe('landline calls', () => {
  it('says that there is nothing yet, and what to do', async () => {
    expect(await list()).toMatch(/^no calls yet in .*\nrun "landline serve"/);
    dir = join(dir, 'nowhere');
    expect(await list()).toMatch(/^no calls yet in/);
    expect(JSON.parse(await list({ json: true }))).toEqual([]);
  });

  it('lists what the journals hold although no gateway ever put it into the store, newest first', async () => {
    write();
    const lines = (await list()).trimEnd().split('\n');

    expect(lines[0]).toMatch(/^began +call +from +to +agent +duration +end$/);
    expect(lines.slice(1).map((line) => /call_\d/.exec(line)?.[0])).toEqual([
      'call_5',
      'call_4',
      'call_3',
      'call_2',
      'call_1',
    ]);
    expect(lines[3]).toMatch(/call_3 {2}\+14155550142 {2}\+13125550178 {2}reception {2}\d.* s +api hangup$/);
    expect(lines.join('')).not.toContain('\u001b');
    expect((await list({ limit: '2' })).trimEnd().split('\n')).toHaveLength(3);
  });

  it('filters, searches, and writes JSON and CSV', async () => {
    write();
    const ids = async (options: Partial<CallsOptions>, words?: string): Promise<string[]> =>
      (JSON.parse(await list({ ...options, json: true }, words)) as { id: string }[]).map(({ id }) => id);

    expect(await ids({ endReason: 'api hangup' })).toEqual(['call_3']);
    expect(await ids({ after: '2026-01-05T09:03:00Z', before: '2026-01-05T09:04:00Z' })).toEqual(['call_4']);
    expect(await ids({}, 'a room')).toEqual(['call_1']);
    expect(await ids({}, 'sal*')).toEqual(['call_2']);
    expect(await ids({ metadata: ['order=17'] })).toEqual([]);
    expect(await list({}, 'nothing like it')).toBe('no call fits; "landline calls" lists the newest\n');
    expect((await list({ csv: true })).split('\r\n')).toHaveLength(7);
    for (const wrong of [{ limit: '0' }, { after: 'soon' }, { metadata: ['x'] }, { direction: 'up' }]) {
      await expect(list(wrong)).rejects.toMatchObject({ code: 'request_invalid' });
    }
  });

  it('tells the story of one call', async () => {
    write();
    const story = await show('call_2');

    expect(story).toMatch(/^call_2\n {2}call +inbound, \+14155550142 -> \+13125550178, agent reception\n/);
    expect(story).toContain('ended: transferred, after 11.6 s. One side hung up.');
    expect(story).toMatch(/0:00\.0 +agent +Hello there\./);
    expect(story).toMatch(/0:01\.9 +caller +I want to talk to sales/);
    expect(story).toContain('transfer to sales: answered');
    expect(story).toMatch(/target1 +\+13125550178 -> \+15105550200, up for 5\.0 s/);
    expect(story).toMatch(/used .*16\.6 s of telephone/);
    const story3 = await show('call_3');
    expect(story3).toContain('key ops: hangup {"reason":"closing time"}');
    expect(JSON.parse(await show('call_1', true))).toMatchObject({
      id: 'call_1',
      legs: [{}],
      turns: [{}, {}, {}],
      actions: [],
    });
  });

  it('refuses a status that no call has, and names those there are', async () => {
    await expect(list({ status: 'over' })).rejects.toThrow(
      '--status must be one of dialing, ringing, active, transferring, transferred, ended, got "over"',
    );
  });

  it('says what to do about an id that is none', async () => {
    await expect(show('call_x')).rejects.toMatchObject({
      code: 'call_not_found',
      message: expect.stringContaining('landline calls') as unknown,
    });
    write();
    await expect(show('call_x')).rejects.toMatchObject({ code: 'call_not_found' });
  });

  it('reads beside a gateway that runs', async () => {
    write();
    await list();
    const lock = lockDataDir(dir, systemClock);
    try {
      expect((await list()).trimEnd().split('\n')).toHaveLength(6);
    } finally {
      lock.release();
    }
  });
});

describe('landline migrate', () => {
  const run = async (check: boolean): Promise<[number, string]> => {
    text = '';
    return [await migrate(check ? { check } : {}, here()), text];
  };

  it('says what is missing, applies it, and then has nothing to do', async () => {
    const [before, missing] = await run(true);
    expect([before, missing]).toEqual([1, expect.stringMatching(/^there is no database yet/)]);
    const [code, applied] = await run(false);
    expect([code, applied]).toEqual([0, expect.stringMatching(/^(applied: \S+\n)+$/)]);
    expect(await run(true)).toEqual([0, 'the database is up to date\n']);
    expect(await run(false)).toEqual([0, 'the database is up to date\n']);
  });
});

describe('the command line', () => {
  it('refuses what it does not know, with exit code 2', async () => {
    const written = process.stderr.write.bind(process.stderr);
    process.stderr.write = () => true;
    try {
      expect(await main(['calls', '--nonsense'])).toBe(2);
      expect(await main(['calls', 'search'])).toBe(2);
      expect(await main(['calls', 'show'])).toBe(2);
    } finally {
      process.stderr.write = written;
    }
  });
});
