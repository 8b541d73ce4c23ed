import { readFile, rm } from 'node:fs/promises';
import { foldFacts } from '../call/facts.ts';
import { recoverCall, type RecoveryOptions } from '../call/recovery.ts';
import { readLegState } from '../call/telnyx-command.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { listLive, readJournal, type Journal } from '../journal/reader.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';

/** A call that was live when its process was killed. */
interface Leftover {
  readonly journal: Journal;
  /** Telnyx' ids of its legs and of its session. */
  readonly ids: ReadonlySet<string>;
}

export interface TakeoverOptions {
  readonly log: Log;
  readonly dataDir: string;
  /** Milliseconds since the Unix epoch. */
  readonly wall: () => number;
  /** Moves a journal that has its end already. */
  readonly archive: (callId: string) => void;
}

/**
 * What an earlier process left, in two steps: {@link read} before the door opens, so that a webhook of such a call is
 * known as one and waits for it, and {@link run} when Telnyx can reach us again.
 */
export class Takeover {
  readonly #options: TakeoverOptions;
  readonly #leftovers: readonly Leftover[];
  readonly #waiting = new Map<Leftover, Promise<void>>();
  /** Webhooks that were on file already: their repeat must not act again. */
  readonly webhookIds: readonly string[];
  /** Highest event id of these calls. */
  readonly lastEventId: string;

  private constructor(options: TakeoverOptions, journals: readonly Journal[]) {
    this.#options = options;
    const webhookIds: string[] = [];
    let lastEventId = 0;
    this.#leftovers = journals.map((journal) => {
      const facts = foldFacts(journal.records);
      lastEventId = Math.max(lastEventId, Number(facts.events.at(-1)?.id ?? 0));
      for (const record of journal.records) {
        if (record.k !== 'in' || record.d.type !== 'webhook') continue;
        const event = record.d['event'] as { readonly id?: unknown };
        if (typeof event.id === 'string') webhookIds.push(event.id);
      }
      const legs = Object.values(facts.legs);
      const ids = legs.flatMap((leg) => [leg.callControlId, leg.callLegId, leg.callSessionId]);
      ids.push(journal.head.callId);
      return { journal, ids: new Set(ids.filter((id): id is string => id !== undefined && id !== '')) };
    });
    this.webhookIds = webhookIds;
    this.lastEventId = String(lastEventId);
  }

  static async read(options: TakeoverOptions): Promise<Takeover> {
    const { dataDir, log, archive } = options;
    const journals: Journal[] = [];
    for (const { callId, path } of await listLive(dataDir)) {
      try {
        const journal = await readJournal(path);
        if (journal.ended) archive(callId);
        else journals.push(journal);
      } catch (thrown) {
        if (await isStillborn(path)) {
          await rm(path, { force: true });
          log.warn({ callId }, 'a journal without one whole line was removed: nothing in it was ever acknowledged');
        } else {
          log.error(
            { callId, error: messageOf(thrown) },
            'this journal cannot be taken over; it stays in journal/live',
          );
        }
      }
    }
    return new Takeover(options, journals);
  }

  /** Resolves when every call goes on or is closed. Never rejects. */
  async run(recovery: Omit<RecoveryOptions, 'log' | 'wallSince'>): Promise<void> {
    const { log, wall } = this.#options;
    for (const leftover of this.#leftovers) {
      const { journal } = leftover;
      const wallSince: RecoveryOptions['wallSince'] = ({ head }, facts) =>
        Math.max(0, wall() - (head.wallMs + facts.t));
      const taken = recoverCall(journal, { ...recovery, log, wallSince }).then(
        () => undefined,
        (thrown: unknown) => {
          const { callId } = journal.head;
          log.error({ callId, error: messageOf(thrown) }, 'this call cannot be taken over; its journal stays live');
        },
      );
      this.#waiting.set(leftover, taken);
      void taken.then(() => this.#waiting.delete(leftover));
    }
    await Promise.all(this.#waiting.values());
  }

  /** Waits until the call of this event, if it is one of ours, has been taken over. */
  async settled(event: TelnyxEvent): Promise<void> {
    // A leg that was dialled when the process was killed may be known by nothing but its mark.
    const ids = [event.callControlId, event.callLegId, event.callSessionId, readLegState(event.clientState)?.call];
    for (const [leftover, taken] of this.#waiting) {
      if (ids.some((id) => id !== undefined && leftover.ids.has(id))) await taken;
    }
  }
}

/** Its process was killed while it wrote the first line. */
async function isStillborn(path: string): Promise<boolean> {
  return readFile(path).then(
    (bytes) => !bytes.includes(0x0a),
    () => false,
  );
}
