import fs, { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDisk } from '../../src/journal/disk.ts';
import { createFaultyFs } from './fake-thread.ts';
import { temporaryFolder } from './samples.ts';

const open = { op: 'open', lane: 1, lines: true, length: undefined } as const;

describe('the disk', () => {
  it('makes files and folders that only their owner may read', () => {
    const folder = temporaryFolder();
    const path = join(folder, 'journal', 'live', 'c.jsonl');
    const disk = createDisk(fs);

    expect(disk.run({ ...open, path })).toEqual({ lane: 1, ok: true, length: 0 });
    const moveTo = join(folder, 'journal', 'ended', '2026-01-05', 'c.jsonl');
    expect(disk.run({ op: 'close', lane: 1, path, moveTo })).toEqual({ lane: 1, ok: true, length: 0 });

    expect(statSync(moveTo).mode & 0o777).toBe(0o600);
    for (const made of ['journal', 'journal/live', 'journal/ended', 'journal/ended/2026-01-05']) {
      expect(statSync(join(folder, made)).mode & 0o777).toBe(0o700);
    }
  });

  const tails: readonly (readonly [content: string, kept: number])[] = [
    ['', 0],
    ['torn', 0],
    ['one\n', 4],
    ['one\ntorn', 4],
    ['one\ntwo\n', 8],
    ['one\n' + 'x'.repeat(70_000), 4],
    ['one\n' + 'x'.repeat(200_000), 4],
    ['x'.repeat(65_535) + '\n' + 'y'.repeat(65_536), 65_536],
  ];
  it.each(tails)('continues lines after the last whole one (%#)', (content, kept) => {
    const path = join(temporaryFolder(), 'c.jsonl');
    writeFileSync(path, content);

    expect(createDisk(fs).run({ ...open, path })).toEqual({ lane: 1, ok: true, length: kept });
    expect(readFileSync(path, 'utf8')).toBe(content.slice(0, kept));
  });

  it('keeps all of a file without lines', () => {
    const path = join(temporaryFolder(), 'c.track');
    writeFileSync(path, 'no newline');

    expect(createDisk(fs).run({ ...open, path, lines: false })).toEqual({ lane: 1, ok: true, length: 10 });
  });

  it('cuts off what the writer does not know to be written, and says when there is less', () => {
    const path = join(temporaryFolder(), 'c.jsonl');
    writeFileSync(path, 'one\ntwo\n');
    const disk = createDisk(fs);

    expect(disk.run({ ...open, path, length: 6 })).toEqual({ lane: 1, ok: true, length: 6 });
    expect(readFileSync(path, 'utf8')).toBe('one\ntw');
    expect(disk.run({ ...open, path, length: 100 })).toEqual({ lane: 1, ok: true, length: 6 });
  });

  it('leaves the same bytes however often a write is repeated', () => {
    const path = join(temporaryFolder(), 'c.jsonl');
    const disk = createDisk(fs);
    disk.run({ ...open, path });

    for (let n = 0; n < 3; n += 1) {
      expect(disk.run({ op: 'write', lane: 1, offset: 0, bytes: new Uint8Array(Buffer.from('one\n')) })).toMatchObject({
        length: 4,
      });
      expect(disk.run({ op: 'write', lane: 1, offset: 4, bytes: new Uint8Array(Buffer.from('two\n')) })).toMatchObject({
        length: 8,
      });
    }

    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });

  it('moves a file once, and takes a move that has happened for done', () => {
    const folder = temporaryFolder();
    const [path, moveTo] = [join(folder, 'a'), join(folder, 'day', 'a')];
    writeFileSync(path, 'one\n');
    const disk = createDisk(fs);

    for (let n = 0; n < 2; n += 1) expect(disk.run({ op: 'close', lane: 1, path, moveTo })).toMatchObject({ ok: true });

    expect(existsSync(path)).toBe(false);
    expect(readFileSync(moveTo, 'utf8')).toBe('one\n');
  });

  it('answers failures with their reason', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    const disk = createDisk(fs);

    expect(disk.run({ ...open, path: join(folder, 'a') })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^EISDIR/) as string,
    });
    expect(disk.run({ op: 'write', lane: 1, offset: 0, bytes: new Uint8Array(1) })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^EBADF/) as string,
    });
  });

  it('goes on after a write that was only taken in part', () => {
    const path = join(temporaryFolder(), 'c.jsonl');
    const faulty = createFaultyFs();
    const disk = createDisk(faulty);
    const write = { op: 'write', lane: 1, offset: 0, bytes: new Uint8Array(Buffer.from('one\n')) } as const;
    disk.run({ ...open, path });

    faulty.failure = 'ENOSPC';
    faulty.room = 2;
    expect(disk.run(write)).toEqual({ lane: 1, ok: false, reason: 'ENOSPC: injected, write' });
    expect(readFileSync(path, 'utf8')).toBe('on');

    faulty.failure = undefined;
    expect(disk.run(write)).toMatchObject({ ok: true, length: 4 });
    expect(readFileSync(path, 'utf8')).toBe('one\n');
  });
});
