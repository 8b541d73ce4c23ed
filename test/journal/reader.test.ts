import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, type JournalRecord } from '../../src/journal/format.ts';
import { endedPath, livePath } from '../../src/journal/layout.ts';
import { findJournal, listEnded, listLive, readJournal, readLines } from '../../src/journal/reader.ts';
import { END, head, input, record, temporaryFolder } from './samples.ts';

function write(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

describe('reading a journal', () => {
  it('gives back every record in order', async () => {
    const folder = temporaryFolder();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 40 }), async (records) => {
        const path = write(join(folder, `${n++}.jsonl`), [head('c1'), ...records].map(encodeRecord).join(''));

        expect(await readJournal(path)).toEqual({
          path,
          head: head('c1'),
          records,
          damaged: [],
          tornBytes: 0,
          ended: records.at(-1)?.k === 'end',
        });
      }),
      { numRuns: 50 },
    );
  });

  it('does not break lines inside text', async () => {
    const d = { type: 'x', text: 'a\nb\r\nc\u2028d\u2029e\u0000\ud800\ufeff' };
    const path = write(join(temporaryFolder(), 'c.jsonl'), [head('c'), input(1, d)].map(encodeRecord).join(''));

    expect((await readJournal(path)).records).toEqual([input(1, d)]);
  });

  it('takes lines longer than one read', async () => {
    const d = { type: 'x', text: 'é'.repeat(200_000) };
    const records = [input(1, d), input(2), input(3, d)];
    const path = write(join(temporaryFolder(), 'c.jsonl'), [head('c'), ...records].map(encodeRecord).join(''));

    expect((await readJournal(path)).records).toEqual(records);
  });

  it('leaves out a last record cut at any byte, and nothing else', async () => {
    const whole = [head('c'), input(1), input(2)].map(encodeRecord).join('');
    const last = Buffer.from(encodeRecord(input(3, { type: 'x', text: 'grüße €' })));
    const folder = temporaryFolder();

    for (let cut = 0; cut < last.length; cut += 1) {
      const path = write(join(folder, 'c.jsonl'), Buffer.concat([Buffer.from(whole), last.subarray(0, cut)]));
      const { records, damaged, tornBytes } = await readJournal(path);
      expect({ records, damaged, tornBytes }).toEqual({ records: [input(1), input(2)], damaged: [], tornBytes: cut });
    }
  });

  it('reports damaged lines by number and reads the others', async () => {
    const lines = [head('c'), input(1), input(2), input(3), END].map((r: JournalRecord) =>
      Buffer.from(encodeRecord(r)),
    );
    lines[2] = Buffer.from('{"k":"in","s":2\n');
    lines[3] = Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]);
    const path = write(join(temporaryFolder(), 'c.jsonl'), Buffer.concat(lines));

    const journal = await readJournal(path);

    expect(journal.records).toEqual([input(1), END]);
    expect(journal.damaged).toEqual([
      { line: 3, reason: 'not JSON' },
      { line: 4, reason: 'not UTF-8' },
    ]);
    expect(journal.ended).toBe(true);
  });

  it('keeps a later head as a record: another process took the call over', async () => {
    const path = write(
      join(temporaryFolder(), 'c.jsonl'),
      [head('c'), input(1), head('c'), input(2)].map(encodeRecord).join(''),
    );

    expect((await readJournal(path)).records.map((r) => r.k)).toEqual(['in', 'head', 'in']);
  });

  it('of a later version is refused, naming the file and what to do', async () => {
    const newer = encodeRecord(head('c')).replace('"version":1', '"version":2');
    const path = write(join(temporaryFolder(), 'c.jsonl'), newer);

    await expect(readJournal(path)).rejects.toMatchObject({
      code: 'journal_invalid',
      message: `${path}: journal version 2, this Landline reads version 1: read it with a newer Landline`,
    });
    appendFileSync(write(path, encodeRecord(head('c'))), newer);
    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal_invalid' });
  });

  it.each([
    ['', 'the file is empty'],
    ['{"k":"he', "line 1 must be a journal's head record: it is torn"],
    ['hello\n', "line 1 must be a journal's head record: not JSON"],
    [encodeRecord(input(1)), 'line 1 must be a journal\'s head record: it is "in"'],
  ])('without a head (%j) is refused', async (content, message) => {
    const path = write(join(temporaryFolder(), 'c.jsonl'), content);

    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal_invalid', message: `${path}: ${message}` });
  });

  it('that does not exist is refused', async () => {
    const path = join(temporaryFolder(), 'none.jsonl');

    await expect(readJournal(path)).rejects.toMatchObject({ code: 'journal_invalid' });
    await expect(readJournal(path)).rejects.toThrow(path);
  });

  it('may stop in the middle', async () => {
    const path = write(join(temporaryFolder(), 'c.jsonl'), [head('c'), input(1), input(2)].map(encodeRecord).join(''));

    const lines = [];
    for await (const line of readLines(path)) {
      lines.push(line);
      if (lines.length === 2) break;
    }
    expect(lines).toEqual([
      { line: 1, record: head('c') },
      { line: 2, record: input(1) },
    ]);
  });
});

describe('finding journals', () => {
  it('of an empty data directory gives none', async () => {
    const dataDir = temporaryFolder();

    expect(await listLive(dataDir)).toEqual([]);
    expect(await listEnded(dataDir)).toEqual([]);
    expect(await findJournal(dataDir, 'c1')).toBeUndefined();
  });

  it('lists live ones by id and ignores other files', async () => {
    const dataDir = temporaryFolder();
    for (const id of ['b', 'a']) write(livePath(dataDir, id), '');
    write(join(dataDir, 'journal', 'live', 'notes.txt'), '');
    write(join(dataDir, 'journal', 'live', '.hidden.jsonl'), '');

    expect(await listLive(dataDir)).toEqual([
      { callId: 'a', path: livePath(dataDir, 'a') },
      { callId: 'b', path: livePath(dataDir, 'b') },
    ]);
  });

  it('finds a call live, then ended', async () => {
    const dataDir = temporaryFolder();
    write(livePath(dataDir, 'a'), '');
    write(endedPath(dataDir, '2026-01-04', 'b'), '');
    write(endedPath(dataDir, '2026-01-05', 'c'), '');

    expect(await findJournal(dataDir, 'a')).toBe(livePath(dataDir, 'a'));
    expect(await findJournal(dataDir, 'b')).toBe(endedPath(dataDir, '2026-01-04', 'b'));
    expect(await findJournal(dataDir, 'c')).toBe(endedPath(dataDir, '2026-01-05', 'c'));
    expect(await findJournal(dataDir, 'd')).toBeUndefined();
  });

  it.each(['../a', 'a/b', '', '.', 'a.b', '-a', 'x'.repeat(129), 'ä'])('refuses the id %j', async (callId) => {
    await expect(findJournal('/nowhere', callId)).rejects.toMatchObject({ code: 'journal_invalid' });
  });

  it('pages through ended ones, newest first, each once, equal times included', async () => {
    const dataDir = temporaryFolder();
    const written: [day: string, id: string, second: number][] = [];
    for (let n = 0; n < 25; n += 1) {
      // Three share each moment.
      written.push([`2026-01-0${1 + Math.floor(n / 10)}`, `call-${n}`, Math.floor(n / 3)]);
    }
    for (const [day, id, second] of written) utimesSync(write(endedPath(dataDir, day, id), ''), second, second);

    const seen: string[] = [];
    for (let page = await listEnded(dataDir, { limit: 4 }); page.length > 0;) {
      seen.push(...page.map((file) => file.callId));
      page = await listEnded(dataDir, { limit: 4, before: page.at(-1)! });
    }

    const expected = written
      .toSorted(([dayA, idA, a], [dayB, idB, b]) => dayB.localeCompare(dayA) || b - a || (idA < idB ? -1 : 1))
      .map(([, id]) => id);
    expect(seen).toEqual(expected);
  });
});
