import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { lockDataDir, type DataDirLock } from '../../src/journal/lock.ts';
import { temporaryFolder } from './samples.ts';

function lock(dataDir: string): DataDirLock {
  const held = lockDataDir(dataDir, new VirtualClock());
  onTestFinished(() => held.release());
  return held;
}

/** Another process that tries to take the lock, and what it said. */
async function contender(dataDir: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = await new Promise<string>((resolve) => {
    child.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()));
  });
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('the data directory', () => {
  it('is made when missing, for its owner only, and tells people who holds it', () => {
    const dataDir = join(temporaryFolder(), 'new', 'data');

    lock(dataDir);

    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8'))).toEqual({
      pid: process.pid,
      startedAtMs: new VirtualClock().wall(),
    });
  });

  it('is refused while another process lives that holds it, naming it and what to do', async () => {
    const dataDir = temporaryFolder();
    const { child, said } = await contender(dataDir);
    expect(said).toBe('held');

    expect(() => lock(dataDir)).toThrow(
      expect.objectContaining({
        code: 'data_dir_locked',
        message: `${dataDir} is in use by another landline (process ${String(child.pid)}): stop it, or set LANDLINE_DATA_DIR to a folder of its own`,
      }) as Error,
    );
  });

  it('is taken over at once from a process that was killed', async () => {
    const dataDir = temporaryFolder();
    const { child } = await contender(dataDir);
    await kill(child);

    lock(dataDir);

    expect(JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it('goes to exactly one of several that start together after such a death', async () => {
    const dataDir = temporaryFolder();
    await kill((await contender(dataDir)).child);

    const said = (await Promise.all([1, 2, 3, 4].map(() => contender(dataDir)))).map((one) => one.said);

    expect(said.sort()).toEqual(['data_dir_locked', 'data_dir_locked', 'data_dir_locked', 'held']);
  });

  it('cannot be taken twice by one process, but again after its release', () => {
    const dataDir = temporaryFolder();
    const first = lock(dataDir);
    expect(() => lock(dataDir)).toThrow(`in use by another landline (process ${process.pid})`);

    first.release();
    first.release();

    lock(dataDir);
    expect(() => lock(dataDir)).toThrow('in use');
  });

  it('is free although a file says that this very pid holds it: containers give the same numbers again', () => {
    const dataDir = temporaryFolder();
    writeFileSync(join(dataDir, 'lock.json'), JSON.stringify({ pid: process.pid, startedAtMs: 0 }));

    lock(dataDir);

    expect(JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8'))).not.toMatchObject({ startedAtMs: 0 });
  });

  it('names nobody when the note about the holder cannot be read', () => {
    const dataDir = temporaryFolder();
    lock(dataDir);
    writeFileSync(join(dataDir, 'lock.json'), '{"pid":');

    expect(() => lock(dataDir)).toThrow(`${dataDir} is in use by another landline: stop it`);
  });

  it('that cannot be used is a problem of the config, with its reason', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');

    expect(() => lock(join(file, 'data'))).toThrow(
      expect.objectContaining({
        code: 'config_invalid',
        message: expect.stringContaining('ENOTDIR') as string,
      }) as Error,
    );
  });
});
