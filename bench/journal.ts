import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { silentLog } from '../src/core/log.ts';
import { JOURNAL_FORMAT, JOURNAL_VERSION } from '../src/journal/format.ts';
import { encodeTrackRecord } from '../src/journal/tracks.ts';
import { createJournalWriter } from '../src/journal/writer.ts';
import { quantiles } from './load/quantiles.ts';
import { printRows, type BenchRow } from './row.ts';

const CALLS = 50;
const RUN_MS = 15_000;
/** Per call: an intent each 500 ms, an ordinary record each 100 ms, 400 ms of audio of both sides each 400 ms. */
const INTENT_MS = 500;
const RECORD_MS = 100;
const TRACK_MS = 400;
/** An intent that is not on file by then goes out without. */
const PATIENCE_MS = 50;

/** Append -> acknowledged, while 50 calls write journal and audio to a real disk. */
export async function run(): Promise<BenchRow[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-bench-'));
  const journal = createJournalWriter({ dataDir, clock: systemClock, log: silentLog });
  const ids = Array.from({ length: CALLS }, (_, n) => `call_bench${n}`);
  for (const callId of ids) {
    journal.open(callId, {
      k: 'head',
      format: JOURNAL_FORMAT,
      version: JOURNAL_VERSION,
      callId,
      seed: 'bench',
      createdAt: new Date().toISOString(),
      wallMs: systemClock.wall(),
      monoMs: systemClock.mono(),
      software: 'landline bench',
    });
  }
  await journal.flush();
  const waits: number[] = [];
  const audio = encodeTrackRecord({ kind: 'caller', at: 0, bytes: new Uint8Array(8 * TRACK_MS).fill(0x55) });
  const from = performance.now();
  let asked = 0;
  const next = ids.map((_, n) => ({
    intent: from + (INTENT_MS * n) / CALLS,
    record: from + (RECORD_MS * n) / CALLS,
    track: from + (TRACK_MS * n) / CALLS,
    s: 0,
  }));
  for (let now = from; now < from + RUN_MS; now = performance.now()) {
    ids.forEach((callId, n) => {
      const due = next[n]!;
      const t = now - from;
      if (due.record <= now) {
        due.record += RECORD_MS;
        journal.append(callId, {
          k: 'in',
          s: ++due.s,
          t,
          leg: 'caller',
          d: { type: 'mark', name: `t1:${due.s * 3200}` },
        });
      }
      if (due.track <= now) {
        due.track += TRACK_MS;
        journal.track(callId, audio);
        journal.track(callId, audio);
      }
      if (due.intent <= now) {
        due.intent += INTENT_MS;
        asked++;
        const appended = performance.now();
        const d = { type: 'command', command: { name: 'transfer', to: '+15105550200' }, commandId: `bench-${due.s}` };
        journal.append(callId, { k: 'fx', s: ++due.s, t, leg: 'caller', d }, () =>
          waits.push(performance.now() - appended),
        );
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await journal.flush();
  const { droppedRecords, droppedTrackBytes } = journal.state();
  await journal.stop();
  rmSync(dataDir, { recursive: true, force: true });
  const q = quantiles(waits);
  const lost = asked - waits.length + droppedRecords + droppedTrackBytes;
  return [
    {
      name: `journal: intent appended -> on file, ${CALLS} calls writing`,
      goal: `p99 <= ${PATIENCE_MS} ms, nothing dropped`,
      measured: `p50 ${q.p50.toFixed(2)}, p99 ${q.p99.toFixed(2)}, max ${q.max.toFixed(1)} ms of ${q.count}; ${lost} dropped`,
      timing: true,
      ok: q.p99 <= PATIENCE_MS && lost === 0,
    },
  ];
}

if (import.meta.main) printRows(await run());
