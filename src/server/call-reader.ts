import type { CallRegistry } from '../call/registry.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { findJournal, readJournal, type Journal } from '../journal/reader.ts';
import type { JournalWriter } from '../journal/writer.ts';
import { foldCall } from '../store/call-fold.ts';
import type { OpenedStore } from '../store/client.ts';
import type { CallPage, CallQuery, CallRow } from '../store/port.ts';
import { callView, liveView, transcriptOf, type CallView, type TranscriptTurn } from './call-view.ts';
import type { CallFilters } from './calls-query.ts';

/** A reader waits so long for the disk, and so long for the store; then it gets what is there. */
const PATIENCE_MS = 500;
/** Calls that are fetched at a time for an export. */
const EXPORT_PAGE = 500;

export interface CallReaderOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly journal: JournalWriter;
  readonly dataDir: string;
  readonly store: Pick<OpenedStore, 'call' | 'legs' | 'turns' | 'listCalls' | 'settled'>;
}

/** Reads calls: one from its journal, or from the store when that is gone; many from the store. */
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

  /** @throws LandlineError `call_not_found`, `store_unavailable` when only the store could tell. */
  async view(id: string): Promise<CallView> {
    try {
      const fold = foldCall(await this.journal(id));
      // Made after the call, and kept only in the store.
      const summary = fold.ended ? await this.#summary(id) : null;
      return callView({ ...fold.call(), summary }, fold.legs());
    } catch (thrown) {
      // The disk may fail while the call goes on.
      const session = this.#options.registry.sessions.get(id);
      if (session) return liveView(session);
      if (!isNotFound(thrown)) throw thrown;
      return callView(await this.#stored(id), await this.#options.store.legs(id));
    }
  }

  /** Is there such a call? @throws LandlineError `store_unavailable` when only the store could tell. */
  async has(id: string): Promise<boolean> {
    try {
      await this.view(id);
      return true;
    } catch (thrown) {
      if (isNotFound(thrown)) return false;
      throw thrown;
    }
  }

  /** @throws LandlineError `call_not_found`, `store_unavailable` when only the store could tell. */
  async transcript(id: string): Promise<TranscriptTurn[]> {
    try {
      return transcriptOf(foldCall(await this.journal(id)).take().turns);
    } catch (thrown) {
      if (!isNotFound(thrown)) throw thrown;
      await this.#stored(id);
      return transcriptOf(await this.#options.store.turns(id));
    }
  }

  /**
   * Newest first, live calls as they are now.
   *
   * @throws LandlineError `store_unavailable`, `request_invalid` for a cursor that is none.
   */
  async list(query: CallQuery): Promise<CallPage> {
    await this.#projected();
    return this.#options.store.listCalls(query);
  }

  /** All calls that fit, newest first, a page at a time: as slow as the one who reads them. */
  async *all(filters: CallFilters): AsyncGenerator<readonly CallRow[]> {
    await this.#projected();
    let cursor: string | undefined;
    do {
      const query = { ...filters, limit: EXPORT_PAGE, ...(cursor === undefined ? {} : { cursor }) };
      const page = await this.#options.store.listCalls(query);
      yield page.calls;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  async #stored(id: string): Promise<CallRow> {
    const row = await this.#options.store.call(id);
    if (!row) throw new LandlineError('call_not_found', `there is no call ${id.slice(0, 100)}`);
    return row;
  }

  /** The call itself is known: a store that does not answer only leaves the summary out. */
  #summary(id: string): Promise<CallRow['summary']> {
    return this.#patiently(
      this.#options.store.call(id).then(
        (row) => row?.summary ?? null,
        () => null,
      ),
      null,
    );
  }

  /** A call that began a moment ago is in the list, unless disk or store are behind. */
  async #projected(): Promise<void> {
    await this.#settled();
    await this.#patiently(this.#options.store.settled(), undefined);
  }

  /** What is decided is on its way to the file: a reader sees its own action, unless the disk is stuck. */
  #settled(): Promise<void> {
    return this.#patiently(this.#options.journal.flush(), undefined);
  }

  /** The promise's value, or `otherwise` after a while. */
  #patiently<T>(promise: Promise<T>, otherwise: T): Promise<T> {
    return new Promise((resolve, reject) => {
      const patience = this.#options.clock.after(PATIENCE_MS, () => resolve(otherwise));
      promise.then(resolve, reject).finally(() => patience.cancel());
    });
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof LandlineError && thrown.code === 'call_not_found';
}
