import type { Clock, TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { endedByDay, listLive } from '../journal/reader.ts';
import type { FollowUps } from './follow-ups.ts';
import { readPass, type Reading } from './journal-pass.ts';
import type { CallBatch, JournalPosition, Store } from './port.ts';

export interface ProjectorOptions {
  readonly store: Pick<Store, 'project' | 'positions'>;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly followUps: FollowUps;
  /** Work was put into the outbox. */
  readonly onWork?: () => void;
  /** Longest time between an event and the pass that reads it, milliseconds. Default 300. */
  readonly intervalMs?: number;
}

export interface ProjectorState {
  /** Present while the store cannot be used: why. */
  readonly failed?: string;
  /** Calls whose journals hold more than the store does, or that are still to be looked at. */
  readonly pendingCalls: number;
  /** For how long the oldest of them has, milliseconds. */
  readonly lagMs: number;
  /** Journals that could not be used since the start; the log names them. */
  readonly skipped: number;
}

/** What a touched call must say before it is at rest: an event, or its last record. */
interface Waiting {
  readonly since: number;
  due: number;
  event: number;
  end: boolean;
  /** How often its journal was read. */
  passes: number;
}

/** A journal that the start found. */
interface Found {
  readonly callId: string;
  /** Where an ended one lies; a live one moves. */
  readonly path?: string;
  readonly stored?: JournalPosition | undefined;
}

/** Between an event and the pass that reads it: a little more than the journal's own batch of 250 ms. */
const INTERVAL_MS = 300;
/** A touched call whose journal does not say it yet is looked at again: the disk is behind. */
const BEHIND_MS = 1_000;
const READ_RETRY_MS = 5_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** Passes at a time: enough that a database at some distance keeps up, few enough to leave it to others. */
const LANES = 4;
/** Calls that the start found and that go in together: most of the time of one alone is its transaction. */
const TOGETHER = 32;
const POSITIONS_AT_ONCE = 500;

/**
 * Brings what journals say into the store, and is the only one who writes calls there. Rows of a pass and how far it read
 * go in together, so a pass that is repeated, by whomever, adds nothing: every call is there exactly once, whatever dies
 * when. It knows journals by id only; while the store is down nothing but ids is kept.
 */
export class Projector {
  readonly #options: ProjectorOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** What the start found: later than what happens now. */
  readonly #backlog: Found[] = [];
  readonly #readings = new Map<string, Reading>();
  readonly #busy = new Set<string>();
  /** Lanes that are taken. */
  #passes = 0;
  readonly #told = new Set<string>();
  /** Each says whether what it waits for has come. */
  readonly #waiters = new Set<() => boolean>();
  readonly #startedAt: number;
  #skipped = 0;
  #catchingUp = false;
  #closing = false;
  #stopped = false;
  #failed: string | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** While set, nothing is asked of the store. */
  #pause: TimerHandle | undefined;
  #wake: { readonly handle: TimerHandle; readonly due: number } | undefined;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    this.#startedAt = options.clock.mono();
  }

  /** Something happened to this call: `eventId` was told, or (without) its journal has its end. */
  touched(callId: string, eventId?: string): void {
    if (this.#stopped) return;
    const now = this.#options.clock.mono();
    const waiting = this.#waiting.get(callId) ?? { since: now, due: Infinity, event: 0, end: false, passes: 0 };
    waiting.due = Math.min(waiting.due, now + (eventId === undefined ? 0 : (this.#options.intervalMs ?? INTERVAL_MS)));
    if (eventId === undefined) waiting.end = true;
    else waiting.event = Math.max(waiting.event, Number(eventId));
    this.#waiting.set(callId, waiting);
    this.#pump();
  }

  /** Looks for journals the store does not have, live and ended ones. Resolves when all are known, not when all are in. */
  async catchUp(): Promise<void> {
    const { dataDir, log } = this.#options;
    this.#catchingUp = true;
    try {
      this.#enqueue((await listLive(dataDir)).map(({ callId }) => ({ callId })));
      for await (const day of endedByDay(dataDir)) {
        for (let at = 0; at < day.length && !this.#closing; at += POSITIONS_AT_ONCE) {
          this.#enqueue(await this.#incomplete(day.slice(at, at + POSITIONS_AT_ONCE)));
        }
      }
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'the journals on disk cannot be listed; the store may lack ended calls');
    } finally {
      this.#catchingUp = false;
      this.#look();
    }
    if (this.#backlog.length > 0) log.info({ calls: this.#backlog.length }, 'bringing journals into the store');
  }

  state(): ProjectorState {
    const { clock } = this.#options;
    let oldest = this.#backlog.length > 0 ? this.#startedAt : Infinity;
    for (const { since } of this.#waiting.values()) oldest = Math.min(oldest, since);
    return {
      ...(this.#failed === undefined ? {} : { failed: this.#failed }),
      pendingCalls: this.#waiting.size + this.#backlog.length,
      lagMs: oldest === Infinity ? 0 : Math.max(0, clock.mono() - oldest),
      skipped: this.#skipped,
    };
  }

  /** Resolves when everything found and touched is in the store, or set aside as unusable. */
  rest(): Promise<void> {
    this.#hurry();
    return this.#when(() => this.#isAtRest());
  }

  /**
   * Resolves when what the journals of the calls touched so far say by now is in the store; at once while the store is
   * down. It does not wait for calls that the start found.
   */
  settled(): Promise<void> {
    const goals = [...this.#waiting].map(([callId, waiting]) => ({
      callId,
      waiting,
      // A pass that is under way may have read already.
      passes: waiting.passes + (this.#busy.has(callId) ? 2 : 1),
    }));
    this.#hurry();
    return this.#when(
      () =>
        this.#failed !== undefined ||
        goals.every(({ callId, waiting, passes }) => this.#waiting.get(callId) !== waiting || waiting.passes >= passes),
    );
  }

  /**
   * Journals are closed: reads each touched one once more, then ends. Gives up when the store is down and after
   * `timeoutMs`; the next start finds what is left.
   */
  async finish(timeoutMs: number): Promise<void> {
    this.#closing = true;
    this.#backlog.length = 0;
    this.#hurry();
    let isLate = false;
    const patience = this.#options.clock.after(timeoutMs, () => {
      isLate = true;
      this.#look();
    });
    await this.#when(() => isLate || this.#failed !== undefined || (this.#waiting.size === 0 && this.#passes === 0));
    patience.cancel();
    this.#stopped = true;
    this.#pause?.cancel();
    this.#wake?.handle.cancel();
    const left = this.#waiting.size;
    if (left > 0) this.#options.log.warn({ calls: left }, 'calls are not in the store yet: the next start brings them');
  }

  /** What waits for its time does not any longer. */
  #hurry(): void {
    for (const waiting of this.#waiting.values()) waiting.due = 0;
    this.#pump();
  }

  #when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.add(() => {
        if (!condition()) return false;
        resolve();
        return true;
      });
      this.#look();
    });
  }

  #look(): void {
    for (const waiter of this.#waiters) if (waiter()) this.#waiters.delete(waiter);
  }

  async #incomplete(files: readonly Found[]): Promise<readonly Found[]> {
    while (!this.#closing) {
      try {
        const known = await this.#options.store.positions(files.map(({ callId }) => callId));
        this.#up();
        const places = new Map(known.map((one) => [one.callId, one]));
        return files
          .map((file) => ({ ...file, stored: places.get(file.callId) }))
          .filter(({ stored }) => !stored?.complete);
      } catch (thrown) {
        if (!isStoreDown(thrown)) throw thrown;
        this.#down(thrown);
        const { clock } = this.#options;
        await new Promise<void>((resolve) => void clock.after(this.#pauseMs, resolve));
      }
    }
    return [];
  }

  #enqueue(found: readonly Found[]): void {
    // Oldest last, in first out would starve nobody: the order of ended calls does not matter.
    for (const one of found) if (this.#isIdle(one.callId)) this.#backlog.push(one);
    this.#pump();
  }

  #isIdle(callId: string): boolean {
    return !this.#waiting.has(callId) && !this.#busy.has(callId);
  }

  #pump(): void {
    if (this.#stopped || this.#pause) return;
    const { clock } = this.#options;
    const now = clock.mono();
    let next = Infinity;
    for (const [callId, waiting] of this.#waiting) {
      if (this.#passes >= this.#lanes()) return;
      if (this.#busy.has(callId)) continue;
      if (waiting.due <= now) void this.#take([{ callId }]);
      else next = Math.min(next, waiting.due);
    }
    while (this.#passes < this.#lanes() && this.#backlog.length > 0) {
      const some = this.#backlog.splice(-TOGETHER).filter(({ callId }) => this.#isIdle(callId));
      if (some.length > 0) void this.#take(some);
    }
    this.#sleepUntil(next, now);
  }

  /** One, until a store that was down has taken something. */
  #lanes(): number {
    return this.#failed === undefined ? LANES : 1;
  }

  #sleepUntil(due: number, now: number): void {
    if (due === Infinity || (this.#wake && this.#wake.due <= due && this.#wake.due > now)) return;
    this.#wake?.handle.cancel();
    const handle = this.#options.clock.after(Math.max(1, due - now), () => {
      this.#wake = undefined;
      this.#pump();
    });
    this.#wake = { handle, due };
  }

  /** One lane's next piece. Never rejects. */
  async #take(found: readonly Found[]): Promise<void> {
    this.#passes += 1;
    for (const { callId } of found) this.#busy.add(callId);
    const alone = found.length > 1 ? await this.#together(found) : found;
    for (const { callId } of alone) await this.#pass(callId);
    this.#passes -= 1;
    this.#look();
    this.#pump();
  }

  /**
   * Brings ended calls in with one transaction.
   *
   * @returns those that did not go in this way: each by itself says why not.
   */
  async #together(found: readonly Found[]): Promise<readonly Found[]> {
    const { store, dataDir, followUps, clock, onWork } = this.#options;
    const batches: CallBatch[] = [];
    let alone = found;
    try {
      for (const { callId, path, stored } of found) {
        const options = { dataDir, callId, path, before: undefined, stored, followUps, now: clock.wall() };
        const pass = await readPass(options).catch(() => undefined);
        if (pass?.batch?.position.complete && pass.reading.damagedLines === 0) batches.push(pass.batch);
      }
      if (batches.length > 0) {
        await store.project(...batches);
        this.#up();
      }
      const done = new Set(batches.map(({ call }) => call.id));
      alone = found.filter(({ callId }) => !done.has(callId));
      if (batches.some(({ work }) => work.length > 0)) onWork?.();
    } catch (thrown) {
      if (isStoreDown(thrown)) {
        alone = [];
        if (!this.#closing) this.#backlog.push(...found);
        this.#down(thrown);
      }
    }
    const left = new Set(alone.map(({ callId }) => callId));
    for (const { callId } of found) if (!left.has(callId)) this.#busy.delete(callId);
    return alone;
  }

  /** Reads one journal and brings what is new into the store. Never rejects. */
  async #pass(callId: string): Promise<void> {
    const wanted = this.#waiting.get(callId);
    if (wanted) wanted.due = Infinity;
    const { event = 0, end = false } = wanted ?? {};
    try {
      const reading = await this.#project(callId);
      const isThere = reading === 'complete' || this.#closing || isSaid(reading, event, end);
      if (wanted) this.#settle(callId, wanted, isThere, event, end);
    } catch (thrown) {
      this.#readings.delete(callId);
      this.#onFailure(callId, wanted, thrown);
    } finally {
      if (wanted) wanted.passes += 1;
      this.#busy.delete(callId);
    }
    this.#look();
  }

  /** @returns what the journal says now; undefined when it is not there. */
  async #project(callId: string): Promise<Reading | 'complete' | undefined> {
    const { store, dataDir, followUps, clock, onWork } = this.#options;
    const before = this.#readings.get(callId);
    const stored = before ? undefined : (await store.positions([callId])).at(0);
    if (stored?.complete) return 'complete';
    const pass = await readPass({ dataDir, callId, before, stored, followUps, now: clock.wall() });
    if (!pass) return undefined;
    const { reading, batch } = pass;
    if (batch) await store.project(batch);
    this.#up();
    if (batch && batch.work.length > 0) onWork?.();
    if (reading.damagedLines > (before?.damagedLines ?? 0)) {
      const lines = `${reading.damagedLines} damaged`;
      this.#tell(callId, 'warn', 'a journal has lines that cannot be read; the others are kept', lines);
      this.#skipped += 1;
    }
    if (!reading.fold.ended) {
      this.#readings.set(callId, reading);
      return reading;
    }
    this.#readings.delete(callId);
    return 'complete';
  }

  /** At rest, unless it was touched again meanwhile, or its journal did not say yet what it was touched for. */
  #settle(callId: string, waiting: Waiting, isThere: boolean, event: number, end: boolean): void {
    const isSame = waiting.event === event && waiting.end === end;
    if (isThere && isSame) this.#waiting.delete(callId);
    else if (!isThere) waiting.due = Math.min(waiting.due, this.#options.clock.mono() + BEHIND_MS);
    else if (waiting.due === Infinity)
      waiting.due = this.#options.clock.mono() + (this.#options.intervalMs ?? INTERVAL_MS);
  }

  #onFailure(callId: string, waiting: Waiting | undefined, thrown: unknown): void {
    const now = this.#options.clock.mono();
    if (isStoreDown(thrown)) {
      if (waiting) waiting.due = now;
      else if (!this.#closing) this.#backlog.push({ callId });
      this.#down(thrown);
      return;
    }
    const isJournal = thrown instanceof LandlineError && thrown.code === 'journal_invalid';
    if (isJournal) this.#tell(callId, 'warn', 'this journal cannot be read: the store does without it', thrown);
    else this.#tell(callId, 'error', 'the store refuses this call', thrown);
    if (isJournal && thrown.cause !== undefined && !this.#closing) {
      // The disk said no, not the file.
      const again = waiting ?? { since: now, due: 0, event: 0, end: true, passes: 0 };
      again.due = now + READ_RETRY_MS;
      this.#waiting.set(callId, again);
      return;
    }
    this.#waiting.delete(callId);
    this.#skipped += 1;
  }

  #tell(callId: string, level: 'warn' | 'error', message: string, thrown: unknown): void {
    if (this.#told.has(callId)) return;
    this.#told.add(callId);
    this.#options.log[level]({ callId, error: messageOf(thrown) }, message);
  }

  #down(thrown: unknown): void {
    const { log, clock } = this.#options;
    const reason = messageOf(thrown);
    if (this.#failed === undefined) log.debug({ reason }, 'the store cannot be used; records wait in their journals');
    this.#failed = reason;
    this.#look();
    if (this.#stopped || this.#pause) return;
    this.#pause = clock.after(this.#pauseMs, () => {
      this.#pause = undefined;
      this.#pump();
    });
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #up(): void {
    this.#pauseMs = FIRST_PAUSE_MS;
    if (this.#failed === undefined) return;
    this.#failed = undefined;
    this.#options.log.debug({ calls: this.state().pendingCalls }, 'the store can be used again');
  }

  #isAtRest(): boolean {
    return this.#waiting.size === 0 && this.#backlog.length === 0 && this.#passes === 0 && !this.#catchingUp;
  }
}

/** Does the journal say what the call was touched for? */
function isSaid(reading: Reading | undefined, event: number, end: boolean): boolean {
  // Closed journals are where they belong: one that is not there was removed.
  if (!reading) return end || event === 0;
  return reading.fold.ended || (!end && Number(reading.fold.lastEventId) >= event);
}

function isStoreDown(thrown: unknown): boolean {
  return thrown instanceof LandlineError && thrown.code === 'store_unavailable';
}
