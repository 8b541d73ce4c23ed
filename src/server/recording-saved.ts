import { foldFacts } from '../call/facts.ts';
import type { CallRegistry } from '../call/registry.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isCallId } from '../journal/layout.ts';
import { findJournal, readJournal } from '../journal/reader.ts';
import type { NewWork, Store } from '../store/port.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';

type SavedEvent = Extract<TelnyxEvent, { type: 'call.recording.saved' }>;

export interface RecordingSavedOptions {
  readonly registry: Pick<CallRegistry, 'callOf'>;
  readonly dataDir: string;
  readonly store: Pick<Store, 'addWork'>;
  /** There is work in the outbox. */
  readonly wake: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A webhook's answer waits no longer for the store; Telnyx sends it again. */
const PATIENCE_MS = 80;
const RETRY_MS = 5_000;
/** Telnyx' link is good for 10 minutes. */
const TRIES = 120;

/**
 * Telnyx has made a file of a call: live, ended, or of an earlier process. Puts the fetching of it into the outbox, once
 * for each recording, however often the webhook comes.
 */
export class RecordingSaved {
  readonly #options: RecordingSavedOptions;
  readonly #trying = new Set<string>();

  constructor(options: RecordingSavedOptions) {
    this.#options = options;
  }

  /** @returns true when it is in the outbox, or belongs to no call of ours; false: ask Telnyx to say it again. */
  async take(event: SavedEvent): Promise<boolean> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const patience = clock.after(PATIENCE_MS, () => resolve(false));
      void this.#keep(event).then((kept) => {
        patience.cancel();
        resolve(kept);
      });
    });
  }

  async #keep(event: SavedEvent): Promise<boolean> {
    const { log } = this.#options;
    const url = event.urls['wav'] ?? event.urls['mp3'];
    const callId = await this.#callOf(event).catch((thrown: unknown) => {
      log.error({ error: messageOf(thrown) }, 'the journal of a Telnyx recording cannot be read');
      return undefined;
    });
    if (callId === undefined || url === undefined) {
      log.warn(
        { callId, hasUrl: url !== undefined },
        'a Telnyx recording without a call of ours or an address: not fetched',
      );
      return true;
    }
    const { recordingId, startedAt, endedAt, channels } = event;
    return this.#add(
      {
        key: `telnyx-recording:${callId}:${recordingId}`,
        kind: 'telnyxRecording',
        lane: `recording:${callId}`,
        callId,
        payload: {
          url,
          recordingId,
          startedAt: startedAt ?? null,
          endedAt: endedAt ?? null,
          channels: channels ?? null,
        },
      },
      TRIES,
    );
  }

  /** Tries on by itself: Telnyx gives up sooner than its link does. */
  async #add(work: NewWork, tries: number): Promise<boolean> {
    const { store, wake, clock, log } = this.#options;
    try {
      await store.addWork([work]);
      wake();
      this.#trying.delete(work.key);
      return true;
    } catch (thrown) {
      log.warn({ callId: work.callId, error: messageOf(thrown) }, 'a Telnyx recording waits for the store');
      if (tries === TRIES && this.#trying.has(work.key)) return false;
      this.#trying.add(work.key);
      if (tries > 1) clock.after(RETRY_MS, () => void this.#add(work, tries - 1));
      else this.#trying.delete(work.key);
      return false;
    }
  }

  async #callOf(event: SavedEvent): Promise<string | undefined> {
    const known = this.#options.registry.callOf(event);
    if (known !== undefined) return known;
    // What we gave Telnyx along with the command is only a hint: the journal has to know the leg.
    const hinted = hintOf(event.clientState);
    const path = hinted === undefined ? undefined : await findJournal(this.#options.dataDir, hinted);
    if (hinted === undefined || path === undefined) return undefined;
    const { legs } = foldFacts((await readJournal(path)).records);
    const isOurs = Object.values(legs).some(
      (leg) =>
        (event.callLegId !== undefined && leg.callLegId === event.callLegId) ||
        (event.callControlId !== '' && leg.callControlId === event.callControlId),
    );
    return isOurs ? hinted : undefined;
  }
}

function hintOf(clientState: string | undefined): string | undefined {
  try {
    const { call } = JSON.parse(clientState ?? '{}') as { call?: unknown };
    return typeof call === 'string' && isCallId(call) ? call : undefined;
  } catch {
    return undefined;
  }
}
