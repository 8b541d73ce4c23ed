import { existsSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeRecord, type JournalRecord } from '../../src/journal/format.ts';
import { endedPath, livePath, trackPath } from '../../src/journal/layout.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { createJournalWriter } from '../../src/journal/writer.ts';
import { FakeThread } from './fake-thread.ts';
import { END, head, input } from './samples.ts';
import { content, lines, settled, setup } from './writer-setup.ts';

describe('the journal writer', () => {
  it('runs onWritten when the bytes are in the file, in order', async () => {
    const { dataDir, thread, writer } = setup();
    const path = livePath(dataDir, 'c1');
    const seen: [number, boolean][] = [];

    writer.open('c1', head('c1'));
    for (let s = 1; s <= 20; s += 1) {
      writer.append('c1', input(s), () => seen.push([s, content(path).includes(encodeRecord(input(s)))]));
      if (s % 7 === 0) await settled(thread);
    }
    await settled(thread);

    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => [n + 1, true]));
    await writer.stop();
  });

  it('sends the intents of one macrotask together, and at once', async () => {
    const { thread, writer } = setup();
    writer.open('c1', head('c1'));
    writer.open('c2', head('c2'));
    await settled(thread);
    thread.posts.length = 0;

    writer.append('c1', input(1), () => {});
    writer.append('c2', input(1), () => {});
    writer.append('c1', input(2), () => {});
    await settled(thread);

    expect(thread.posts.map((ops) => ops.map(({ op, lane }) => [op, lane]))).toEqual([
      [
        ['open', 1],
        ['open', 2],
      ],
      [
        ['write', 1],
        ['write', 2],
      ],
    ]);
    await writer.stop();
  });

  it('holds what nobody waits for back for 250 ms, and then sends it together', async () => {
    const { dataDir, clock, thread, writer } = setup();
    const path = livePath(dataDir, 'c1');
    writer.open('c1', head('c1'));
    writer.append('c1', input(1));
    clock.advance(249);
    writer.append('c1', input(2));
    await settled(thread);
    expect(content(path)).toBe('');
    expect(writer.state().behindMs).toBe(249);

    clock.advance(1);
    await settled(thread);

    expect(content(path)).toBe(lines(head('c1'), input(1), input(2)));
    expect(writer.state()).toEqual({ queuedBytes: 0, behindMs: 0, droppedTrackBytes: 0, droppedRecords: 0 });
    expect(clock.pending).toBe(0);
    await writer.stop();
  });

  it('writes earlier records before an intent', async () => {
    const { dataDir, thread, writer } = setup();
    writer.open('c1', head('c1'));
    writer.append('c1', input(1));
    writer.append('c1', input(2), () => {});
    await settled(thread);

    expect(content(livePath(dataDir, 'c1'))).toBe(lines(head('c1'), input(1), input(2)));
    await writer.stop();
  });

  it('sends audio with the batch, into a track of its own', async () => {
    const { dataDir, clock, thread, writer } = setup();
    writer.open('c1', head('c1'));
    const bytes = Buffer.from('audio');
    writer.track('c1', bytes);
    bytes.fill(0);
    writer.track('c1', Buffer.from(' more'));
    clock.advance(250);
    await settled(thread);

    expect(content(trackPath(dataDir, 'c1'))).toBe('audio more');
    await writer.stop();
  });

  it('moves the journal to the day it ended on, and says when all is final', async () => {
    const { dataDir, clock, thread, writer } = setup();
    let isDone = false;
    writer.open('c1', head('c1'));
    writer.append('c1', input(1));
    writer.track('c1', Buffer.from('audio'));
    clock.advance(16 * 3600 * 1000);
    writer.close('c1', END, () => (isDone = true));
    expect(isDone).toBe(false);
    await settled(thread);

    expect(isDone).toBe(true);
    expect(content(endedPath(dataDir, '2026-01-06', 'c1'))).toBe(lines(head('c1'), input(1), END));
    expect(existsSync(livePath(dataDir, 'c1'))).toBe(false);
    expect(content(trackPath(dataDir, 'c1'))).toBe('audio');
    await writer.stop();
  });

  it('continues the journal and the track of a killed process', async () => {
    const first = setup();
    first.writer.open('c1', head('c1'));
    first.writer.append('c1', input(1));
    first.writer.track('c1', Buffer.from('audio'));
    await first.writer.stop();

    const thread = new FakeThread({ auto: true });
    const { dataDir } = first;
    const writer = createJournalWriter({
      dataDir,
      clock: new VirtualClock(),
      log: silentLog,
      startThread: thread.start,
    });
    writer.open('c1', head('c1'));
    writer.append('c1', input(2));
    writer.track('c1', Buffer.from(' goes on'));
    await writer.stop();

    expect(content(livePath(dataDir, 'c1'))).toBe(lines(head('c1'), input(1), head('c1'), input(2)));
    expect(content(trackPath(dataDir, 'c1'))).toBe('audio goes on');
  });

  it('archives a journal whose process was killed between its end and the move', async () => {
    const { dataDir, thread, writer } = setup();
    writer.open('c1', head('c1'));
    writer.append('c1', END, () => {});
    await settled(thread);
    await writer.stop();

    const next = createJournalWriter({
      dataDir,
      clock: new VirtualClock(),
      log: silentLog,
      startThread: new FakeThread({ auto: true }).start,
    });
    await new Promise<void>((resolve) => next.archive('c1', resolve));

    expect(content(endedPath(dataDir, '2026-01-05', 'c1'))).toBe(lines(head('c1'), END));
    expect(existsSync(livePath(dataDir, 'c1'))).toBe(false);
    await next.stop();
  });

  it('keeps the bytes of other calls apart from one whose file cannot be written', async () => {
    const { dataDir, thread, writer } = setup();
    thread.fs.failure = 'EROFS';
    writer.open('c1', head('c1'));
    let isWritten = false;
    writer.append('c1', input(1), () => (isWritten = true));
    await settled(thread);
    thread.fs.failure = undefined;

    writer.open('c2', head('c2'));
    writer.append('c2', input(1), () => {});
    await settled(thread);

    expect(isWritten).toBe(false);
    expect(content(livePath(dataDir, 'c2'))).toBe(lines(head('c2'), input(1)));
    await writer.stop();
    expect(content(livePath(dataDir, 'c1'))).toBe(lines(head('c1'), input(1)));
  });

  it('survives an acknowledgement that throws', async () => {
    const { thread, writer, logged } = setup();
    let isSecondRun = false;
    writer.open('c1', head('c1'));
    writer.append('c1', input(1), () => {
      throw new Error('from the call');
    });
    writer.append('c1', input(2), () => (isSecondRun = true));
    await settled(thread);

    expect(isSecondRun).toBe(true);
    expect(logged).toEqual(['an acknowledgement of the journal threw']);
    await writer.stop();
  });

  it('refuses calls that are not open, open twice, badly named, or after the stop', async () => {
    const { writer } = setup();
    writer.open('c1', head('c1'));

    expect(() => writer.open('c1', head('c1'))).toThrow('the journal of call c1 is already open');
    expect(() => writer.archive('c1')).toThrow('the journal of call c1 is open: close it');
    expect(() => writer.append('c2', input(1))).toThrow('call "c2" has no open journal');
    expect(() => writer.close('c2', END)).toThrow('call "c2" has no open journal');
    expect(() => writer.open('../c2', head('../c2'))).toThrow('a call id names files');
    writer.track('c2', Buffer.from('late audio is no error'));
    await writer.stop();
    await writer.stop();
    expect(() => writer.append('c1', input(1))).toThrow('the journal writer has been stopped');
    expect(() => writer.open('c3', head('c3'))).toThrow('the journal writer has been stopped');
    expect(writer.state().queuedBytes).toBe(0);
  });
});

describe('when the disk is behind', () => {
  it('audio is dropped at the bound and the gap is noted when half of it has gone; intents never are', async () => {
    const { dataDir, clock, thread, writer } = setup({ auto: false, queueBytes: 10_000 });
    writer.open('c1', head('c1'));
    writer.open('c2', head('c2'));
    let acks = 0;
    for (let n = 0; n < 50; n += 1) {
      writer.track('c1', Buffer.alloc(1000, 'a'));
      writer.append('c1', input(n), () => (acks += 1));
      expect(writer.state().queuedBytes - 50 * 100).toBeLessThanOrEqual(10_000);
    }
    const { droppedTrackBytes } = writer.state();
    expect(droppedTrackBytes).toBeGreaterThan(35_000);

    thread.auto = true;
    clock.advance(250);
    await settled(thread);
    while (thread.busy) thread.step();
    await settled(thread);

    expect(acks).toBe(50);
    expect(writer.state().queuedBytes).toBeGreaterThan(0); // the note waits for its batch
    writer.track('c1', Buffer.from('there is room again'));
    await writer.stop();
    const { records } = await readJournal(livePath(dataDir, 'c1'));
    const note = {
      k: 'note',
      t: 49,
      d: { type: 'trackGap', records: droppedTrackBytes / 1000, bytes: droppedTrackBytes },
    };
    expect(records).toEqual([...Array.from({ length: 50 }, (_, n) => input(n)), note]);
    expect(content(trackPath(dataDir, 'c1'))).toBe('a'.repeat(50_000 - droppedTrackBytes) + 'there is room again');
    expect(content(livePath(dataDir, 'c2'))).toBe(lines(head('c2')));
  });

  it('a call that ends meanwhile notes its gap before its end', async () => {
    const { dataDir, thread, writer } = setup({ auto: false, queueBytes: 100 });
    writer.open('c1', head('c1'));
    writer.track('c1', Buffer.alloc(200));
    writer.close('c1', END);
    thread.auto = true;
    await writer.stop();

    expect(content(endedPath(dataDir, '2026-01-05', 'c1'))).toBe(
      lines(head('c1'), { k: 'note', t: 0, d: { type: 'trackGap', records: 1, bytes: 200 } }, END),
    );
  });

  it('ordinary records are dropped at their own bound, noted where they are missing; intents and the end are not', async () => {
    const { dataDir, thread, writer } = setup({ auto: false, queueBytes: 1000 });
    const kept: JournalRecord[] = [];
    writer.open('c1', head('c1'));
    for (let s = 1; writer.state().droppedRecords < 10; s += 1) {
      const before = writer.state().droppedRecords;
      writer.append('c1', input(s));
      if (writer.state().droppedRecords === before) kept.push(input(s));
    }
    writer.append('c1', input(1000), () => {});
    writer.append('c1', input(1001));
    expect(writer.state().queuedBytes).toBeLessThan(1400);

    thread.auto = true;
    await writer.flush();
    writer.append('c1', input(1002));
    await writer.stop();

    expect((await readJournal(livePath(dataDir, 'c1'))).records).toEqual([
      ...kept,
      { k: 'note', t: kept.length + 10, d: { type: 'recordGap', records: 10 } },
      input(1000),
      { k: 'note', t: 1001, d: { type: 'recordGap', records: 1 } },
      input(1002),
    ]);
    expect(writer.state().droppedRecords).toBe(11);
  });

  it('stop gives up after 5 s on a disk that does not answer, and says how much is lost', async () => {
    const { clock, writer, logged } = setup({ auto: false });
    writer.open('c1', head('c1'));
    let isStopped = false;
    const stopped = writer.stop().then(() => (isStopped = true));
    clock.advance(4999);
    await Promise.resolve();
    expect(isStopped).toBe(false);

    clock.advance(1);
    await stopped;

    expect(logged).toEqual(['journal stopped unwritten']);
    expect(clock.pending).toBe(0);
  });
});

describe.each(['ENOSPC', 'EROFS', 'EIO'])('when the disk answers %s', (failure) => {
  it('records wait in memory, are tried every second, and are all there in the end', async () => {
    const { dataDir, clock, thread, writer, logged } = setup();
    const acks: number[] = [];
    thread.fs.failure = failure;
    thread.fs.room = 30;
    writer.open('c1', head('c1'));
    for (let s = 1; s <= 5; s += 1) {
      writer.append('c1', input(s), () => acks.push(s));
      clock.advance(1000);
      await settled(thread);
    }
    expect(acks).toEqual([]);
    expect(writer.state().failed).toMatch(failure);
    expect(writer.state().behindMs).toBe(5000);
    expect(logged).toEqual(['journal cannot be written; calls go on in memory']);

    thread.fs.failure = undefined;
    clock.advance(1000);
    await settled(thread);

    expect(acks).toEqual([1, 2, 3, 4, 5]);
    expect(content(livePath(dataDir, 'c1'))).toBe(lines(head('c1'), ...[1, 2, 3, 4, 5].map((s) => input(s))));
    expect(writer.state()).toEqual({ queuedBytes: 0, behindMs: 0, droppedTrackBytes: 0, droppedRecords: 0 });
    expect(logged).toEqual(['journal cannot be written; calls go on in memory', 'journal is written again']);
    expect(clock.pending).toBe(0);
    await writer.stop();
  });

  it('stop does not wait for it', async () => {
    const { thread, writer, logged } = setup();
    thread.fs.failure = failure;
    writer.open('c1', head('c1'));

    await writer.stop();

    expect(logged).toEqual(['journal cannot be written; calls go on in memory', 'journal stopped unwritten']);
  });
});

describe('when the thread dies', () => {
  it('it is started once a second until it lives, and its state says so', async () => {
    const { clock, thread, writer, logged } = setup();
    await settled(thread);
    thread.die(0);
    expect(writer.state().failed).toBe('journal thread died: injected');
    clock.advance(999);
    expect(thread.starts).toBe(1);

    clock.advance(1);
    expect(thread.starts).toBe(2);
    thread.die(0);
    clock.advance(1000);
    expect(thread.starts).toBe(3);
    expect(writer.state().failed).toBe('journal thread died: injected');
    await settled(thread);

    expect(writer.state().failed).toBeUndefined();
    expect(logged).toEqual(['journal cannot be written; calls go on in memory', 'journal is written again']);
    await writer.stop();
  });

  it('a file that somebody removed meanwhile is begun anew and reported', async () => {
    const { dataDir, clock, thread, writer, logged } = setup();
    writer.open('c1', head('c1'));
    writer.append('c1', input(1), () => {});
    await settled(thread);
    thread.die(0);
    rmSync(livePath(dataDir, 'c1'));
    clock.advance(1000);
    writer.append('c1', input(2), () => {});
    await settled(thread);

    expect(content(livePath(dataDir, 'c1'))).toBe(lines(input(2)));
    expect(logged).toContain('a journal file was shortened or removed by someone else');
    await writer.stop();
  });
});
