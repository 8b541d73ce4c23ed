import { FRAME_MS } from './format.ts';

/** Where frames go, in order. A payload is valid only during the call. */
export interface ReorderSink {
  frame(payload: Uint8Array): void;
  /** So many frames are missing before the next one. */
  lost(count: number): void;
}

export interface ReorderOptions {
  /** Later frames that may arrive before a missing one is given up. Default 2. */
  readonly holdFrames?: number;
  /** Longest wait for a missing frame, milliseconds. Default 60. */
  readonly holdMs?: number;
  /** A forward jump of more than this much audio is a new start of the numbering, not a loss. Default 1000. */
  readonly maxConcealMs?: number;
}

export interface ReorderCounters {
  /** Frames that were given up. */
  lost: number;
  /** Frames that had been delivered before. */
  duplicate: number;
  /** Frames that came after they had been given up. */
  late: number;
  /** Frames that came after a later one and were put back into their place. */
  reordered: number;
}

/** Puts the frames of one track in order. It has no timer: ask `due`, and call `flush` then. */
export interface Reorder {
  /**
   * @param chunk the frame's number; undefined passes at once, in arrival order, and the numbering starts anew after it.
   * @param t arrival, milliseconds on the clock of `due` and `flush`.
   */
  push(chunk: number | undefined, payload: Uint8Array, t: number, sink: ReorderSink): void;
  /** The time at which the oldest gap must be given up; Infinity when nothing waits. */
  due(): number;
  /** Gives up every gap that is due by `t`. At the end of a stream call it with Infinity: nothing stays behind. */
  flush(t: number, sink: ReorderSink): void;
  readonly counters: Readonly<ReorderCounters>;
}

interface Held {
  readonly chunk: number;
  readonly payload: Uint8Array;
  readonly t: number;
}

/** How far back we remember whether a frame was delivered or given up. Older numbers can only be a new start. */
const MEMORY = 64;
/** Numbers that climb one by one in the past are not duplicates but a numbering that started anew. */
const RESTART_RUN = 6;

/**
 * Telnyx does not promise order (media streaming docs), so a frame that is early is held: an in-order frame passes at
 * once, a gap waits for `holdFrames` later frames or `holdMs`, then its frames are reported lost. Duplicates and frames
 * that come too late are dropped and counted.
 */
export function createReorder(options: ReorderOptions = {}): Reorder {
  const { holdFrames = 2, holdMs = 60, maxConcealMs = 1000 } = options;
  const counters: ReorderCounters = { lost: 0, duplicate: 0, late: 0, reordered: 0 };
  const maxGap = Math.floor(maxConcealMs / FRAME_MS);
  /** Early frames, by number. */
  const held: Held[] = [];
  let expected: number | undefined;
  /** Numbers below this were never part of the running numbering. */
  let origin = 0;
  const givenUp = new Set<number>();
  let lastPast = Number.NaN;
  let pastRun = 0;

  const startAt = (chunk: number): void => {
    expected = chunk;
    origin = chunk;
    givenUp.clear();
    pastRun = 0;
  };

  const deliver = (next: number, payload: Uint8Array, sink: ReorderSink): void => {
    expected = next + 1;
    if (givenUp.size > MEMORY) forgetBefore(next - MEMORY);
    sink.frame(payload);
  };

  const forgetBefore = (oldest: number): void => {
    for (const chunk of givenUp) if (chunk < oldest) givenUp.delete(chunk);
  };

  const releaseInOrder = (sink: ReorderSink): void => {
    for (let first = held[0]; first && first.chunk === expected; first = held[0]) {
      held.shift();
      deliver(first.chunk, first.payload, sink);
    }
  };

  const giveUpFirstGap = (sink: ReorderSink): void => {
    const first = held[0];
    if (!first || expected === undefined) return;
    const missing = first.chunk - expected;
    for (let chunk = expected; chunk < first.chunk; chunk++) givenUp.add(chunk);
    counters.lost += missing;
    expected = first.chunk;
    sink.lost(missing);
    releaseInOrder(sink);
  };

  const due = (): number => held.reduce((earliest, { t }) => Math.min(earliest, t + holdMs), Infinity);

  const flush = (t: number, sink: ReorderSink): void => {
    while (held.length > 0 && due() <= t) giveUpFirstGap(sink);
  };

  /** A number that was passed already: true if it turns out that the numbering started anew. */
  const isRestart = (chunk: number, next: number): boolean => {
    pastRun = chunk === lastPast + 1 ? pastRun + 1 : 1;
    lastPast = chunk;
    return pastRun >= RESTART_RUN || next - chunk > MEMORY;
  };

  return {
    push(chunk, payload, t, sink) {
      flush(t, sink);
      if (chunk === undefined || !Number.isSafeInteger(chunk)) {
        flush(Infinity, sink);
        expected = undefined;
        sink.frame(payload);
        return;
      }
      let ahead = expected === undefined ? 0 : chunk - expected;
      if (ahead > maxGap) {
        flush(Infinity, sink);
        ahead = chunk - (expected ?? chunk);
      }
      if (ahead < 0 && !isRestart(chunk, chunk - ahead)) {
        // A frame from before our first one is late, not double.
        if (givenUp.delete(chunk) || chunk < origin) counters.late++;
        else counters.duplicate++;
        return;
      }
      pastRun = 0;
      if (ahead > 0 && ahead <= maxGap) {
        hold(chunk, payload, t);
        if (held.length >= holdFrames) giveUpFirstGap(sink);
        return;
      }
      if (expected === undefined || ahead !== 0) {
        flush(Infinity, sink);
        startAt(chunk);
      }
      if (held.length > 0) counters.reordered++;
      deliver(chunk, payload, sink);
      releaseInOrder(sink);
    },
    due,
    flush,
    counters,
  };

  function hold(chunk: number, payload: Uint8Array, t: number): void {
    const place = held.findIndex((other) => other.chunk >= chunk);
    if (place >= 0 && held[place]?.chunk === chunk) {
      counters.duplicate++;
      return;
    }
    // The caller's buffer is only valid during the call.
    held.splice(place < 0 ? held.length : place, 0, { chunk, payload: payload.slice(), t });
  }
}
