import { foldFacts } from '../call/facts.ts';
import type { PublishedEvent } from '../call/ports.ts';
import type { CallRegistry } from '../call/registry.ts';
import type { Clock } from '../core/clock.ts';
import { isoTime } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { findJournal, listEnded, listLive, readJournal, type Journal } from '../journal/reader.ts';
import type { JournalWriter } from '../journal/writer.ts';
import { callView, liveView, type CallView } from './call-view.ts';

/** A reader waits so long for the disk; then it gets what is there. */
const PATIENCE_MS = 500;
/** Ended calls that are looked through for events a reader missed while no process of ours remembered them. */
const MISSED_CALLS = 200;

export interface CallReaderOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly journal: JournalWriter;
  readonly dataDir: string;
}

/** Reads calls, live and ended ones, from their journals. */
export class CallReader {
  readonly #options: CallReaderOptions;

  constructor(options: CallReaderOptions) {
    this.#options = options;
  }

  /** @throws LandlineError `call_not_found` */
  async journal(id: string): Promise<Journal> {
    await this.#settled();
    const path = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}$/.test(id)
      ? await findJournal(this.#options.dataDir, id)
      : undefined;
    if (path === undefined) throw new LandlineError('call_not_found', `there is no call ${id.slice(0, 100)}`);
    return readJournal(path);
  }

  /** @throws LandlineError `call_not_found` */
  async view(id: string): Promise<CallView> {
    try {
      return callView(await this.journal(id));
    } catch (thrown) {
      // The disk may fail while the call goes on.
      const session = this.#options.registry.sessions.get(id);
      if (session) return liveView(session);
      throw thrown;
    }
  }

  /** Newest first. */
  async list(limit: number, fits: (view: CallView) => boolean): Promise<CallView[]> {
    const calls: CallView[] = [];
    for (const path of await this.#files(limit)) {
      const view = await readJournal(path)
        .then(callView)
        .catch(() => undefined);
      if (view && fits(view)) calls.push(view);
    }
    return calls.sort((a, b) => b.createdAt.localeCompare(a.createdAt)).slice(0, limit);
  }

  /** Events with a higher id than `after`, oldest first: of one call, or of all that are still looked through. */
  async events(after: number, id?: string): Promise<PublishedEvent[]> {
    if (id !== undefined) return eventsOf(await this.journal(id), after);
    const found: PublishedEvent[] = [];
    for (const path of await this.#files(MISSED_CALLS)) {
      const journal = await readJournal(path).catch(() => undefined);
      if (journal) found.push(...eventsOf(journal, after));
    }
    return found.sort((a, b) => Number(a.id) - Number(b.id));
  }

  async #files(limit: number): Promise<string[]> {
    await this.#settled();
    const { dataDir } = this.#options;
    return [...(await listLive(dataDir)), ...(await listEnded(dataDir, { limit }))].map(({ path }) => path);
  }

  /** What is decided is on its way to the file: a reader sees its own action, unless the disk is stuck. */
  #settled(): Promise<void> {
    const { clock, journal } = this.#options;
    return new Promise((resolve, reject) => {
      const patience = clock.after(PATIENCE_MS, resolve);
      journal
        .flush()
        .then(resolve, reject)
        .finally(() => patience.cancel());
    });
  }
}

function eventsOf({ head, records }: Journal, after: number): PublishedEvent[] {
  return (
    foldFacts(records)
      .events.filter(({ id }) => Number(id) > after)
      // The id is the wall time in microseconds (EventBus): the same moment as when the event was first told.
      .map(({ id, event }) => ({ ...event, id, callId: head.callId, at: isoTime(Math.floor(Number(id) / 1000)) }))
  );
}
