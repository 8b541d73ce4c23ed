import { withoutTexts } from '../call/record-lines.ts';
import { LandlineError } from '../core/errors.ts';
import { maskNumber, type Log } from '../core/log.ts';
import { removeCallFiles, rewriteJournal } from '../journal/ended-files.ts';
import { livePath } from '../journal/layout.ts';
import { findJournal } from '../journal/reader.ts';
import type { Store } from '../store/port.ts';
import type { WorkHandler } from './outbox.ts';

export interface ErasureOptions {
  readonly dataDir: string;
  readonly store: Pick<Store, 'call' | 'callsOfNumber' | 'erase' | 'addWork'>;
  /** Takes every finished recording of a call away, with its track; done twice, nothing changes. */
  readonly removeRecording: (callId: string) => Promise<void>;
  /** Calls of this process that have not ended, with every number on their legs. */
  readonly liveCalls: () => readonly LiveCall[];
  /** Resolves when the store holds what the journals say. */
  readonly settled: () => Promise<void>;
  /** What memory holds of a call goes as well. */
  readonly forget: (callId: string) => void;
  /** Work was put into the outbox. */
  readonly wake: () => void;
  readonly log: Log;
}

export interface LiveCall {
  readonly id: string;
  readonly numbers: readonly string[];
}

export interface NumberErased {
  /** Calls that are gone. */
  readonly calls: number;
  /** Calls that have not ended: they are erased when they have, also after a restart. */
  readonly afterEnd: number;
}

/** Kind of outbox work: erase one call as soon as it has ended. */
export const ERASE_WORK = 'erase';

/**
 * Takes calls away without a trace: recordings, track, journal, then the store's rows and what its outbox still had to send.
 * The store comes last, as it is what finds a call by its number: an erasure that failed half way is done again.
 */
export class Erasure {
  /** For the outbox. */
  readonly handlers: { readonly [ERASE_WORK]: WorkHandler } = {
    [ERASE_WORK]: async ({ payload }) => {
      const callId = payload['call'];
      if (typeof callId !== 'string') throw new LandlineError('internal_error', 'work of kind erase names no call');
      await this.#options.settled();
      await this.#erase(callId);
      this.#options.log.info({ callId }, 'call erased after its end');
    },
  };
  readonly #options: ErasureOptions;

  constructor(options: ErasureOptions) {
    this.#options = options;
  }

  /**
   * Takes one call away.
   * @throws LandlineError `call_not_found`; `call_active` while it has not ended; `store_unavailable`, or what the recordings'
   *   storage says: some of it may be gone then, do it again
   */
  async call(callId: string, by: string): Promise<void> {
    const { store, log, dataDir, settled } = this.#options;
    await settled();
    const isKnown = (await store.call(callId)) !== undefined || (await findJournal(dataDir, callId)) !== undefined;
    if (!isKnown) throw new LandlineError('call_not_found', `there is no call ${callId.slice(0, 100)}`);
    await this.#erase(callId);
    log.info({ callId, by }, 'call erased');
  }

  /** Takes every call away that had this number on either side. @throws LandlineError as {@link call} does */
  async number(number: string, by: string): Promise<NumberErased> {
    const { store, liveCalls, settled, wake, log } = this.#options;
    await settled();
    const live = new Set(
      liveCalls()
        .filter(({ numbers }) => numbers.includes(number))
        .map(({ id }) => id),
    );
    const stillUp = new Set(liveCalls().map(({ id }) => id));
    const found = await store.callsOfNumber(number);
    for (const id of found) if (stillUp.has(id)) live.add(id);
    await store.addWork(
      [...live].map((id) => ({
        // Not the call's own work: that goes with the call, and this is what makes it go.
        ...{ key: `erase:${id}`, kind: ERASE_WORK, lane: `erase:${id}`, callId: null },
        payload: { call: id },
      })),
    );
    if (live.size > 0) wake();
    let calls = 0;
    for (const id of found) {
      if (live.has(id)) continue;
      await this.#erase(id);
      calls += 1;
    }
    log.info({ number: maskNumber(number), calls, afterEnd: live.size, by }, 'calls of a number erased');
    return { calls, afterEnd: live.size };
  }

  /** For retention: a whole call, without asking whether it is there. */
  async expire(callId: string): Promise<void> {
    await this.#erase(callId);
  }

  /** Takes what was said out of one ended call: out of the store, and out of its journal. */
  async transcript(callId: string): Promise<void> {
    const { store, dataDir } = this.#options;
    const path = await findJournal(dataDir, callId);
    if (path === livePath(dataDir, callId)) return;
    if (path !== undefined) await rewriteJournal(path, withoutTexts);
    await store.erase(callId, 'transcript');
  }

  /** Takes one ended call's journal away; what the store made of it stays. */
  async journal(callId: string): Promise<void> {
    const { store, dataDir } = this.#options;
    const path = await findJournal(dataDir, callId);
    if (path === livePath(dataDir, callId)) return;
    await removeCallFiles(dataDir, callId);
    await store.erase(callId, 'journal');
  }

  async #erase(callId: string): Promise<void> {
    const { store, removeRecording, liveCalls, dataDir, forget } = this.#options;
    if (liveCalls().some(({ id }) => id === callId)) {
      throw new LandlineError('call_active', `call ${callId} has not ended; its data can be erased afterwards`, {
        retryable: true,
      });
    }
    forget(callId);
    await removeRecording(callId);
    await removeCallFiles(dataDir, callId);
    await store.erase(callId, 'call');
  }
}
