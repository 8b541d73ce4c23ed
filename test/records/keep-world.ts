import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeTrackRecord, type TrackRecord } from '../../src/journal/tracks.ts';
import { trackPath } from '../../src/journal/layout.ts';
import type { Attempt } from '../../src/records/outbox.ts';
import type { KeeperOptions } from '../../src/records/recording-keep.ts';
import { createRecordings, type Recordings, type RecordingsSetup } from '../../src/records/recordings.ts';
import type { Work } from '../../src/store/port.ts';

/** 2026-01-05, 23:59:59 UTC. */
export const CREATED = Date.UTC(2026, 0, 5, 23, 59, 59);
export const ATTEMPT: Attempt = { signal: new AbortController().signal, isLast: false, retryAfter: () => undefined };

export function work(kind: 'recording' | 'telnyxRecording', payload: Work['payload'] = {}, attempts = 0): Work {
  return {
    ...{
      id: 1,
      key: `${kind} call_1 ${JSON.stringify(payload)}`,
      kind,
      lane: 'call_1',
      callId: 'call_1',
      payload,
      attempts,
    },
    ...{ createdAt: CREATED, dueAt: CREATED, error: null },
  };
}

/** Two seconds of a caller and an agent. */
export const TRACK: readonly TrackRecord[] = [
  { kind: 'format', at: 0, side: 'caller', codec: 'PCMU', sampleRate: 8000 },
  { kind: 'format', at: 0, side: 'agent', codec: 'PCMU', sampleRate: 8000 },
  ...Array.from({ length: 5 }, (_, n): TrackRecord => ({
    kind: n % 2 ? 'agent' : 'caller',
    at: n * 3200,
    bytes: Buffer.alloc(3200, n * 16 + 5),
  })),
];
export const SAMPLES: number = 5 * 3200;

export interface KeepWorld {
  readonly dataDir: string;
  readonly told: (readonly [source: string, outcome: string, bytes: number])[];
  recordings(setup?: RecordingsSetup, change?: Partial<KeeperOptions>): Recordings;
  /** As a call would have left it; sealed when the recordings have a key. */
  leaveTrack(recordings?: Recordings): void;
  close(): void;
}

export function keepWorld(): KeepWorld {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-keep-'));
  const told: [string, string, number][] = [];
  return {
    dataDir,
    told,
    recordings: (setup = {}, change = {}) =>
      createRecordings(setup, {
        ...{ dataDir, clock: systemClock, log: silentLog },
        settled: async () => undefined,
        observe: (...args) => told.push(args),
        ...change,
      }),
    leaveTrack: (recordings) => {
      const seal = recordings?.sealer('call_1') ?? ((record: Uint8Array) => record);
      const path = trackPath(dataDir, 'call_1');
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, Buffer.concat(TRACK.map((record) => seal(encodeTrackRecord(record)))));
    },
    close: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

/** A program that is called like ffmpeg: writes down how, and gives back what it got in capitals of its own kind. */
export function fakeFfmpeg(folder: string, body: string): string {
  const path = join(folder, 'ffmpeg');
  writeFileSync(path, `#!${process.execPath}\n${body}\n`, { mode: 0o755 });
  return path;
}
