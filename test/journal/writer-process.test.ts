import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createIds } from '../../src/core/ids.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeRecord } from '../../src/journal/format.ts';
import { startDiskThread, type DiskThreadEvents } from '../../src/journal/disk-thread.ts';
import { endedPath, livePath, trackPath } from '../../src/journal/layout.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { readTrack } from '../../src/journal/tracks.ts';
import { createJournalWriter } from '../../src/journal/writer.ts';
import { END, head, input, temporaryFolder } from './samples.ts';

const calls = ['c1', 'c2', 'c3'];

/** Runs the child until it has acknowledged `lines` records and then some, kills it, and gives back what it had acknowledged. */
async function runAndKill(dataDir: string, seed: string, lines: number, extraMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'kill-child.ts'), dataDir, seed], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let isKilled = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (!isKilled && output.split('\n').length > lines) {
      isKilled = true;
      void sleep(extraMs).then(() => child.kill('SIGKILL'));
    }
  });
  const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
  return output.split('\n').slice(0, -1);
}

describe('a process that is killed', () => {
  it.each(['s1', 's2', 's3', 's4', 's5', 's6'])('has lost nothing that was acknowledged (seed %s)', async (seed) => {
    const dataDir = temporaryFolder();
    const moment = createIds(seed);

    const acked = await runAndKill(dataDir, seed, moment.fraction('lines') * 120, moment.fraction('extra') * 20);

    expect(acked.length).toBeGreaterThan(0);
    for (const callId of calls) {
      const { records, damaged } = await readJournal(livePath(dataDir, callId));
      expect(damaged).toEqual([]);
      // Every record up to the last one there, in order, each once.
      expect(records.map((r) => (r.k === 'in' ? r.s : r.k))).toEqual(records.map((_, n) => n + 1));
      const last = Math.max(
        0,
        ...acked.filter((line) => line.startsWith(callId)).map((line) => Number(line.split(' ')[1])),
      );
      expect(records.length).toBeGreaterThanOrEqual(last);
    }
  });

  it('leaves files that the next process continues', async () => {
    const dataDir = temporaryFolder();
    await runAndKill(dataDir, 'again', 60, 3);
    const before = await readJournal(livePath(dataDir, 'c1'));
    writeFileSync(livePath(dataDir, 'c1'), '{"k":"in","s":', { flag: 'a' });

    const writer = createJournalWriter({ dataDir, clock: systemClock, log: silentLog });
    writer.open('c1', head('c1'));
    writer.append('c1', input(1000));
    writer.track('c1', Buffer.from('not a record'));
    const path = endedPath(dataDir, new Date().toISOString().slice(0, 10), 'c1');
    await new Promise<void>((resolve) => writer.close('c1', END, resolve));
    await writer.stop();

    const after = await readJournal(path);
    expect(after.records).toEqual([...before.records, head('c1'), input(1000), END]);
    expect(after.damaged).toEqual([]);
    expect(after.tornBytes).toBe(0);
    const track = [];
    for await (const item of readTrack(trackPath(dataDir, 'c1'))) track.push(item.kind);
    expect(track.slice(0, -1)).toEqual(track.slice(0, -1).map(() => 'caller'));
    expect(track.at(-1)).toBe('damage');
  });
});

describe('the real thread', () => {
  it('when it dies again and again, nothing is lost or doubled', async () => {
    const dataDir = temporaryFolder();
    // Time that matters to the writer runs fifty times as fast, so that a restart takes 20 ms.
    const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 50, run) };
    const workers: Worker[] = [];
    const started: (() => void)[] = [];
    const writer = createJournalWriter({
      dataDir,
      clock,
      log: silentLog,
      startThread(events: DiskThreadEvents) {
        for (const run of started.splice(0)) run();
        // A real thread that the test can reach.
        const worker = new Worker(new URL('../../src/journal/writer-worker.ts', import.meta.url));
        workers.push(worker);
        worker.on('message', (results: Parameters<DiskThreadEvents['results']>[0]) => events.results(results));
        worker.on('exit', (code) => events.died(`exited with code ${code}`));
        return {
          post: (ops) => worker.postMessage(ops),
          terminate: async () => {
            worker.removeAllListeners();
            await worker.terminate();
          },
        };
      },
    });
    const acked: number[] = [];
    const written: string[] = [];
    const ids = createIds('thread');
    writer.open('c1', head('c1'));
    let s = 0;
    for (let life = 0; life < 6; life += 1) {
      const goal = s + 30;
      while (s < goal) {
        for (let n = 0; n < 5; n += 1) {
          const record = input(++s, { type: 'x', text: 'y'.repeat(Math.floor(ids.fraction('size') * 3000)) });
          const { s: number } = record;
          written.push(encodeRecord(record));
          writer.append('c1', record, () => acked.push(number));
        }
        if (ids.fraction('wait') < 0.5) await new Promise(setImmediate);
      }
      const restarted = new Promise<void>((resolve) => started.push(resolve));
      await workers.at(-1)!.terminate();
      await restarted;
    }
    await writer.flush();

    expect(readFileSync(livePath(dataDir, 'c1'), 'utf8')).toBe(encodeRecord(head('c1')) + written.join(''));
    expect(acked).toEqual(Array.from({ length: s }, (_, n) => n + 1));
    expect(workers).toHaveLength(7);
    await writer.stop();
  });

  it('says once that it has come up, and nothing after it was ended', async () => {
    const said: unknown[] = [];
    await new Promise<void>((resolve) => {
      const thread = startDiskThread({
        results: (results) => {
          said.push(results);
          void thread.terminate().then(resolve);
        },
        died: (reason) => said.push(reason),
      });
    });
    expect(said).toEqual([[]]);
  });

  it('is found beside the writer when both were built to JavaScript', async () => {
    // As tsc builds it: types stripped, `.ts` in imports rewritten, other strings left alone.
    const dist = temporaryFolder();
    for (const room of ['core', 'journal']) {
      mkdirSync(join(dist, room));
      const source = join(import.meta.dirname, '../../src', room);
      for (const name of readdirSync(source)) {
        const js = stripTypeScriptTypes(readFileSync(join(source, name), 'utf8')).replaceAll(
          /( from '\.[^']*)\.ts';/g,
          "$1.js';",
        );
        writeFileSync(join(dist, room, name.replace(/\.ts$/, '.js')), js);
      }
    }
    writeFileSync(join(dist, 'package.json'), '{"type":"module"}');
    const built = (await import(pathToFileURL(join(dist, 'journal', 'writer.js')).href)) as {
      createJournalWriter: typeof createJournalWriter;
    };
    const dataDir = join(dist, 'data');
    const writer = built.createJournalWriter({ dataDir, clock: systemClock, log: silentLog });
    onTestFinished(() => writer.stop());

    writer.open('c1', head('c1'));
    await new Promise<void>((resolve) => writer.append('c1', input(1), resolve));

    expect((await readJournal(livePath(dataDir, 'c1'))).records).toEqual([input(1)]);
  });
});
