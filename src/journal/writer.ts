import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { startDiskThread, type StartDiskThread } from './disk-thread.ts';
import { encodeRecord, type EndRecord, type HeadRecord, type JournalRecord, type NoteRecord } from './format.ts';
import type { Lane } from './lane.ts';
import { endedPath, livePath, trackPath, utcDay } from './layout.ts';
import { Outbox } from './outbox.ts';

export interface JournalWriterOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes that may wait for the disk: of records, and of records and audio together. Default 16 MiB. */
  readonly queueBytes?: number;
  /** Default: a worker thread. */
  readonly startThread?: StartDiskThread;
}

export interface JournalState {
  /** Bytes appended and not yet known to be in a file. */
  readonly queuedBytes: number;
  /** Age of the oldest of them, milliseconds; up to 250 is the batch, more means that the disk is behind. */
  readonly behindMs: number;
  /** Present while the disk refuses or the thread is down: why. */
  readonly failed?: string;
  /** Audio dropped since the start because the disk was too far behind. */
  readonly droppedTrackBytes: number;
  /** Ordinary records dropped for the same reason. */
  readonly droppedRecords: number;
}

/** Writes all calls' journals and tracks, through one thread. Methods return at once; only acknowledgements wait. */
export interface JournalWriter {
  /**
   * Begins a call's journal. Where a live file of that id already lies (its process was killed), it is continued: a torn
   * last line is cut off and the head follows the records that are there.
   *
   * @throws LandlineError `journal_invalid` for an id that cannot be a file name, `internal_error` when it is open.
   */
  open(callId: string, head: HeadRecord): void;
  /**
   * Adds a record. With `onWritten` it is an intent: it goes to the file at once, is never dropped, and `onWritten` runs
   * when its bytes are there, in the order of the appends. Without, it goes within 250 ms, and is dropped, with a note
   * in its place, while more than `queueBytes` of records wait.
   *
   * @throws LandlineError `internal_error` when the call has no open journal; TypeError when `record` does not fit JSON.
   */
  append(callId: string, record: JournalRecord, onWritten?: () => void): void;
  /**
   * Adds one record (tracks.ts) to the call's audio; the bytes are copied. Dropped, with a note in the journal, while more
   * than `queueBytes` wait. Audio of a call that is not open is ignored: the socket may outlive the call.
   */
  track(callId: string, record: Uint8Array): void;
  /** Writes the last record, then moves the journal from live to ended; `done` runs when journal and track are final. */
  close(callId: string, end: EndRecord, done?: () => void): void;
  /** Moves a live journal that has its end already: its process was killed before it could. */
  archive(callId: string, done?: () => void): void;
  /**
   * Resolves when everything appended so far is in its file and everything closed is moved. It waits as long as the disk
   * fails, so a process that ends calls `stop` alone.
   */
  flush(): Promise<void>;
  /** Resolves when the thread has come up: until then an intent waits for that, too, some 50 ms. */
  started(): Promise<void>;
  /**
   * Writes what can be written, then ends the thread. Gives up on what the disk refuses or does not take within 5 s, and
   * logs how much that was. Afterwards everything but `track` and `state` throws.
   */
  stop(): Promise<void>;
  state(): JournalState;
}

interface Call {
  readonly callId: string;
  readonly journal: Lane;
  track: Lane | undefined;
  /** Logical time of the newest record: where a gap is noted. */
  t: number;
  /** Dropped since the last note. */
  lostRecords: number;
  lostTrack: { records: number; bytes: number };
}

/** Starts the thread. It keeps the process alive until `stop`. */
export function createJournalWriter(options: JournalWriterOptions): JournalWriter {
  return new Writer(options);
}

class Writer implements JournalWriter {
  readonly #dataDir: string;
  readonly #clock: Clock;
  readonly #queueBytes: number;
  readonly #outbox: Outbox;
  readonly #calls = new Map<string, Call>();
  /** Full: drop until half has gone, so that there is one long gap and not many short ones. */
  #shedsTracks = false;
  #shedsRecords = false;
  #droppedTrackBytes = 0;
  #droppedRecords = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: JournalWriterOptions) {
    this.#dataDir = options.dataDir;
    this.#clock = options.clock;
    this.#queueBytes = options.queueBytes ?? 16 * 1024 * 1024;
    const { clock, log, startThread = startDiskThread } = options;
    this.#outbox = new Outbox({ clock, log, startThread, onDrained: () => this.#endShedding() });
  }

  open(callId: string, head: HeadRecord): void {
    this.#refuseAfterStop();
    const path = livePath(this.#dataDir, callId);
    if (this.#calls.has(callId)) throw broken(`the journal of call ${callId} is already open`);
    const journal = this.#outbox.add(path, true);
    const call: Call = { callId, journal, track: undefined, t: 0, lostRecords: 0, lostTrack: { records: 0, bytes: 0 } };
    this.#calls.set(callId, call);
    this.#write(call, head);
  }

  append(callId: string, record: JournalRecord, onWritten?: () => void): void {
    const call = this.#openCall(callId);
    if (this.#outbox.queued.journals > this.#queueBytes) this.#shedsRecords = true;
    if (this.#shedsRecords && !onWritten) {
      call.lostRecords += 1;
      this.#droppedRecords += 1;
    } else {
      this.#noteLostRecords(call);
      this.#write(call, record, onWritten);
    }
    if (record.k !== 'head') call.t = Math.max(call.t, record.t);
  }

  track(callId: string, record: Uint8Array): void {
    const call = this.#calls.get(callId);
    if (!call || this.#stopped) return;
    const { journals, tracks } = this.#outbox.queued;
    if (journals + tracks + record.length > this.#queueBytes) this.#shedsTracks = true;
    if (this.#shedsTracks) {
      call.lostTrack.records += 1;
      call.lostTrack.bytes += record.length;
      this.#droppedTrackBytes += record.length;
      return;
    }
    call.track ??= this.#outbox.add(trackPath(this.#dataDir, callId), false);
    this.#outbox.push(call.track, record);
  }

  close(callId: string, end: EndRecord, done?: () => void): void {
    const call = this.#openCall(callId);
    this.#noteLostRecords(call);
    this.#noteLostTrack(call);
    this.#write(call, end);
    this.#calls.delete(callId);
    let left = call.track ? 2 : 1;
    const closed = (): void => {
      left -= 1;
      if (left === 0) done?.();
    };
    if (call.track) this.#outbox.close(call.track, undefined, closed);
    this.#outbox.close(call.journal, this.#endedToday(callId), closed);
  }

  archive(callId: string, done?: () => void): void {
    this.#refuseAfterStop();
    const path = livePath(this.#dataDir, callId);
    if (this.#calls.has(callId)) throw broken(`the journal of call ${callId} is open: close it`);
    this.#outbox.close(this.#outbox.add(path, true), this.#endedToday(callId), () => done?.());
  }

  flush(): Promise<void> {
    this.#refuseAfterStop();
    return this.#outbox.flush();
  }

  started(): Promise<void> {
    return this.#outbox.started();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#outbox.stop();
    return this.#stopped;
  }

  state(): JournalState {
    const { journals, tracks } = this.#outbox.queued;
    const { behindMs, failed } = this.#outbox;
    return {
      queuedBytes: journals + tracks,
      behindMs,
      ...(failed === undefined ? {} : { failed }),
      droppedTrackBytes: this.#droppedTrackBytes,
      droppedRecords: this.#droppedRecords,
    };
  }

  #write(call: Call, record: JournalRecord, onWritten?: () => void): void {
    this.#outbox.push(call.journal, Buffer.from(encodeRecord(record)), onWritten);
  }

  #endShedding(): void {
    const { journals, tracks } = this.#outbox.queued;
    const half = this.#queueBytes / 2;
    if (this.#shedsRecords && journals <= half) {
      this.#shedsRecords = false;
      for (const call of this.#calls.values()) this.#noteLostRecords(call);
    }
    if (this.#shedsTracks && journals + tracks <= half) {
      this.#shedsTracks = false;
      for (const call of this.#calls.values()) this.#noteLostTrack(call);
    }
  }

  #noteLostRecords(call: Call): void {
    if (call.lostRecords === 0) return;
    const d = { type: 'recordGap', records: call.lostRecords };
    call.lostRecords = 0;
    this.#write(call, note(call, d));
  }

  #noteLostTrack(call: Call): void {
    if (call.lostTrack.records === 0) return;
    const d = { type: 'trackGap', ...call.lostTrack };
    call.lostTrack = { records: 0, bytes: 0 };
    this.#write(call, note(call, d));
  }

  #openCall(callId: string): Call {
    this.#refuseAfterStop();
    const call = this.#calls.get(callId);
    if (!call) throw broken(`call ${JSON.stringify(callId)} has no open journal`);
    return call;
  }

  #refuseAfterStop(): void {
    if (this.#stopped) throw broken('the journal writer has been stopped');
  }

  #endedToday(callId: string): string {
    return endedPath(this.#dataDir, utcDay(this.#clock.wall()), callId);
  }
}

function note(call: Call, d: NoteRecord['d']): NoteRecord {
  return { k: 'note', t: call.t, d };
}

function broken(message: string): LandlineError {
  return new LandlineError('internal_error', message);
}
