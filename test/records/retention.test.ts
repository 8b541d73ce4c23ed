import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { foldFacts } from '../../src/call/facts.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { silentLog, type Log, type LogFields } from '../../src/core/log.ts';
import { encodeRecord, JOURNAL_FORMAT, JOURNAL_VERSION, type JournalRecord } from '../../src/journal/format.ts';
import { endedPath, livePath } from '../../src/journal/layout.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { Erasure } from '../../src/records/erasure.ts';
import { durationMs, retentionOptions } from '../../src/records/retention-options.ts';
import { RetentionJob } from '../../src/records/retention.ts';
import type { CallRow, DataKind, NewWork } from '../../src/store/port.ts';

const DAY = 86_400_000;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Calls by the day on which they ended, and what is still kept of each. */
class Shelf {
  readonly erased: string[] = [];
  readonly work: NewWork[] = [];
  readonly #ended: Map<string, number>;
  readonly #gone = new Set<string>();

  constructor(ended: Readonly<Record<string, number>>) {
    this.#ended = new Map(Object.entries(ended));
  }

  expired(kind: DataKind, endedBefore: number, limit: number): Promise<readonly string[]> {
    const ids = [...this.#ended].filter(([id, at]) => at < endedBefore && !this.#gone.has(`${kind} ${id}`));
    return Promise.resolve(ids.map(([id]) => id).slice(0, limit));
  }

  erase(callId: string, kind: DataKind | 'call'): Promise<void> {
    this.erased.push(`${kind} ${callId}`);
    this.#gone.add(`${kind} ${callId}`);
    if (kind === 'call') this.#ended.delete(callId);
    return Promise.resolve();
  }

  listCalls({ before = Infinity }: { before?: number }): Promise<{ calls: CallRow[]; nextCursor: null }> {
    const calls = [...this.#ended]
      .map(([id, endedAt]) => ({ id, endedAt, createdAt: endedAt - DAY / 2 }))
      .filter(({ createdAt }) => createdAt < before);
    return Promise.resolve({ calls: calls as unknown as CallRow[], nextCursor: null });
  }

  call(id: string): Promise<CallRow | undefined> {
    return Promise.resolve(this.#ended.has(id) ? ({ id } as CallRow) : undefined);
  }

  callsOfNumber(): Promise<readonly string[]> {
    return Promise.resolve([...this.#ended.keys()]);
  }

  addWork(work: readonly NewWork[]): Promise<void> {
    this.work.push(...work);
    return Promise.resolve();
  }
}

function setUp(keep: Record<string, string>, ended: Readonly<Record<string, number>>): ReturnType<typeof build> {
  return build(keep, ended);
}

function build(keep: Record<string, string>, days: Readonly<Record<string, number>>) {
  const clock = new VirtualClock(0);
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-retention-'));
  folders.push(dataDir);
  const shelf = new Shelf(Object.fromEntries(Object.entries(days).map(([id, ago]) => [id, clock.wall() - ago * DAY])));
  const recordings: string[] = [];
  const broken = new Set<string>();
  const lines: { message: string; fields: LogFields }[] = [];
  const log: Log = {
    ...silentLog,
    info: (fields, message) => void lines.push({ message, fields }),
    warn: (fields, message) => void lines.push({ message, fields }),
  };
  const live: { id: string; numbers: string[] }[] = [];
  const removeRecording = (callId: string): Promise<void> => {
    if (broken.has(callId)) {
      return Promise.reject(new LandlineError('recording_storage_failed', 'it answered 503', { retryable: true }));
    }
    recordings.push(callId);
    return Promise.resolve();
  };
  const erasure = new Erasure({
    ...{ dataDir, store: shelf, removeRecording, log },
    liveCalls: () => live,
    settled: () => Promise.resolve(),
    forget: () => undefined,
    wake: () => undefined,
  });
  const seen: string[] = [];
  const job = new RetentionJob({
    ...{ retention: retentionOptions.parse(keep), store: shelf, erasure, removeRecording, clock, log },
    observe: (kind, removed, failed) => seen.push(`${kind} ${removed} ${failed}`),
  });
  /** Runs the job to its end in virtual time. */
  const run = async (work: Promise<void> = job.run()): Promise<void> => {
    const state = { isOver: false };
    void work.finally(() => (state.isOver = true));
    while (!state.isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(10);
    }
  };
  return { clock, dataDir, shelf, recordings, broken, lines, live, erasure, job, seen, run };
}

function writeJournal(path: string): void {
  const records: JournalRecord[] = [
    {
      ...{ k: 'head', format: JOURNAL_FORMAT, version: JOURNAL_VERSION, callId: 'old', seed: 's' },
      ...{ createdAt: '2026-01-01T09:00:00.000Z', wallMs: 0, monoMs: 0, software: 'test' },
    },
    { k: 'in', s: 1, t: 0, d: { type: 'stt', stream: 1, event: { type: 'sttEndOfTurn', text: 'my secret' } } },
    {
      k: 'ev',
      s: 2,
      t: 5,
      id: '7',
      d: { type: 'turn.ended', data: { turn: 1, role: 'caller', text: 'my secret', startMs: 0, endMs: 5 } },
    },
    { k: 'ev', s: 3, t: 6, id: '8', d: { type: 'tool.ended', data: { id: 'a', name: 'look_up', result: 'a secret' } } },
    { k: 'end', s: 4, t: 9, d: { type: 'end', reason: 'caller_hangup' } },
  ];
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, records.map(encodeRecord).join('') + '{"k":"in","s":5,"t":1,"d":{"ty', { mode: 0o600 });
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

describe('retention', () => {
  it('takes each kind away when its time has come, and nothing before', async () => {
    const days = { fresh: 1, month: 40, old: 100, ancient: 400 };
    const { shelf, recordings, seen, lines, run } = setUp(
      { recordings: '30d', transcripts: '12w', events: '12w', journals: '12w', calls: '1y' },
      days,
    );

    await run();

    expect(shelf.erased).toEqual([
      'call ancient',
      'recording month',
      'recording old',
      'transcript old',
      'events old',
      'journal old',
    ]);
    expect(recordings).toEqual(['ancient', 'month', 'old']);
    expect(seen).toEqual(['calls 1 0', 'recordings 2 0', 'transcripts 1 0', 'events 1 0', 'journals 1 0']);
    expect(
      lines.filter(({ message }) => message === 'expired data removed').map(({ fields }) => fields['removed']),
    ).toEqual([1, 2, 1, 1, 1]);
  });

  it('keeps everything by default, and then never runs', async () => {
    const { shelf, job, seen, clock, run } = setUp({}, { ancient: 4000 });

    job.start();
    clock.advance(10 * DAY);
    await run();

    expect([shelf.erased, seen]).toEqual([[], []]);
    await job.stop();
  });

  it('goes on behind what cannot be removed, says so, and tries it again the next day', async () => {
    const { recordings, broken, lines, seen, job, clock, run } = setUp({ recordings: '1d' }, { a: 3, b: 3, c: 3 });
    broken.add('b');

    job.start();
    await run(
      new Promise(
        (resolve) =>
          void (async () => {
            while (seen.length === 0) await new Promise((next) => setImmediate(next));
            resolve();
          })(),
      ),
    );
    expect(recordings).toEqual(['a', 'c']);
    expect(seen).toEqual(['recordings 2 1']);
    expect(lines.map(({ message }) => message)).toContain('expired data could not be removed; tried again tomorrow');

    broken.clear();
    clock.advance(DAY);
    await run(
      new Promise(
        (resolve) =>
          void (async () => {
            while (seen.length === 1) await new Promise((next) => setImmediate(next));
            resolve();
          })(),
      ),
    );
    expect(recordings).toEqual(['a', 'c', 'b']);
    await job.stop();
  });

  it('works through more calls than it looks up at a time', async () => {
    const many = Object.fromEntries(Array.from({ length: 130 }, (_, n) => [`c${n}`, 10]));
    const { shelf, run } = setUp({ events: '1d' }, many);

    await run();

    expect(new Set(shelf.erased).size).toBe(130);
  });

  it('writes an ended journal again without its texts, and leaves the rest as it was', async () => {
    const { dataDir, run } = setUp({ transcripts: '90d' }, { old: 100 });
    const path = endedPath(dataDir, '2025-10-01', 'old');
    writeJournal(path);

    await run();

    const journal = await readJournal(path);
    const facts = foldFacts(journal.records);
    expect(readFileSync(path, 'utf8')).not.toContain('secret');
    expect([journal.ended, journal.damaged, journal.tornBytes]).toEqual([true, [], 0]);
    expect(facts.turns.map(({ role, startMs, endMs }) => [role, startMs, endMs])).toEqual([
      ['caller', 0, 5],
      ['tool', 6, 6],
    ]);
    expect(statSync(path).mtimeMs).toBe(1_700_000_000_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('leaves the journal of a call alone whose journal is still open', async () => {
    const { dataDir, shelf, run } = setUp({ transcripts: '1d', journals: '1d' }, {});
    const path = livePath(dataDir, 'old');
    writeJournal(path);
    const before = readFileSync(path);

    await run();

    expect(readFileSync(path)).toEqual(before);
    expect(shelf.erased).toEqual([]);
  });
});

describe('erasing a number', () => {
  it('puts off what still lives until it has ended, as work that survives a restart', async () => {
    const { erasure, live, shelf, lines } = setUp({}, { up: 0, down: 1 });
    live.push({ id: 'up', numbers: ['+14155550142'] });

    expect(await erasure.number('+14155550142', 'api')).toEqual({ calls: 1, afterEnd: 1 });
    expect(shelf.erased).toEqual(['call down']);
    expect(shelf.work).toEqual([
      { key: 'erase:up', kind: 'erase', lane: 'erase:up', callId: null, payload: { call: 'up' } },
    ]);
    const [work] = shelf.work;
    const attempt = { signal: new AbortController().signal, isLast: false, retryAfter: () => undefined };
    const full = { ...work!, id: 1, createdAt: 0, attempts: 0, dueAt: 0, error: null };
    await expect(erasure.handlers.erase(full, attempt)).rejects.toMatchObject({ code: 'call_active', retryable: true });

    live.pop();
    await erasure.handlers.erase(full, attempt);
    expect(shelf.erased).toEqual(['call down', 'call up']);
    expect(JSON.stringify(lines)).not.toContain('+14155550142');
  });

  it('can be done again after it failed half way: the record goes last', async () => {
    const { erasure, broken, shelf } = setUp({}, { one: 1 });
    broken.add('one');

    await expect(erasure.call('one', 'api')).rejects.toMatchObject({ code: 'recording_storage_failed' });
    expect(shelf.erased).toEqual([]);
    broken.clear();
    await erasure.call('one', 'api');
    await expect(erasure.call('one', 'api')).rejects.toMatchObject({ code: 'call_not_found' });
  });
});

describe('the durations of `retention`', () => {
  it.each([
    ['36h', 36 * 3_600_000],
    ['30d', 30 * DAY],
    ['12w', 84 * DAY],
    ['1y', 365 * DAY],
    ['forever', Infinity],
  ])('%s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
    expect(retentionOptions.parse({ calls: text }).calls).toBe(ms);
  });

  it.each([['30'], ['0d'], ['-1d'], ['1.5d'], ['1m'], [30], ['']])('%j is refused', (text) => {
    expect(retentionOptions.safeParse({ calls: text }).error?.issues[0]?.message).toMatch(/like "36h", "30d"/);
  });
});
