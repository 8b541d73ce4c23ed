import { open, stat } from 'node:fs/promises';
import type { PublicEvent } from '../call/inputs.ts';
import type { PublishedEvent } from '../call/ports.ts';
import { isoTime } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { parseRecord } from '../journal/format.ts';
import { utcDay } from '../journal/layout.ts';
import { endedByDay, findJournal, listLive, readLines, type JournalFile } from '../journal/reader.ts';
import type { Store } from '../store/port.ts';

export interface MissedEventsOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** Has what came after the journal's end (`call.summarized`); without one there is none. */
  readonly store?: Pick<Store, 'events'> | undefined;
  /** Resolves when what was told so far is on file, or the disk is stuck. */
  readonly settled: () => Promise<void>;
}

export interface MissedQuery {
  /** With higher ids than this … */
  readonly after: number;
  /** … up to this one. */
  readonly until: number;
  /** Of one call; of all when unset. */
  readonly callId?: string | undefined;
}

/** A file that was last written so long before an id was given has nothing after it: clocks are set a little now and then. */
const SLACK_MS = 300_000;
const STORE_PAGE = 500;
/** A journal's first record is shorter. */
const HEAD_BYTES = 4096;

/** Events in the order of their ids. */
interface Source {
  /** Nothing in it has a lower id. */
  readonly start: number;
  events(): AsyncGenerator<PublishedEvent>;
}

/** Events that no process of ours remembers any more: out of the journals of the calls, and what the store adds to them. */
export class MissedEvents {
  readonly #options: MissedEventsOptions;
  /** Folders are listed by one reader after the other: after a restart all of them come back in one moment. */
  #listing: Promise<unknown> = Promise.resolve();

  constructor(options: MissedEventsOptions) {
    this.#options = options;
  }

  /**
   * Each event once, by rising id. In memory are only the journals' names and one record of each call that lived at the
   * same moment, however many calls lie between `after` and now.
   */
  async *read(query: MissedQuery): AsyncGenerator<PublishedEvent> {
    await this.#options.settled();
    const listing = this.#listing.then(() => this.#journals(query));
    this.#listing = listing.catch(() => undefined);
    yield* merge([...(await listing), ...this.#fromStore(query)]);
  }

  async #journals(query: MissedQuery): Promise<Source[]> {
    const sources: Source[] = [];
    for await (const { callId, path } of this.#files(query)) {
      const start = await startOf(path);
      // Not one whole line: nothing of it was ever told.
      if (start === undefined || start > query.until) continue;
      sources.push({ start, events: () => this.#fromJournal(callId, path, query) });
    }
    return sources;
  }

  async *#files({ after, callId }: MissedQuery): AsyncGenerator<JournalFile> {
    const { dataDir } = this.#options;
    if (callId !== undefined) {
      const path = await findJournal(dataDir, callId);
      if (path !== undefined) yield { callId, path };
      return;
    }
    const live = await listLive(dataDir);
    yield* live;
    // Between the two looks a call may have ended: it was seen alive.
    const seen = new Set(live.map((file) => file.callId));
    const sinceMs = Math.max(0, after / 1000 - SLACK_MS);
    const firstDay = utcDay(sinceMs);
    for await (const files of endedByDay(dataDir)) {
      const day = files[0]?.path.split(/[\\/]/).at(-2) ?? '';
      if (files.length > 0 && day < firstDay) return;
      for (const file of files) {
        if (seen.has(file.callId)) continue;
        const isOld = day === firstDay && ((await stat(file.path).catch(() => undefined))?.mtimeMs ?? 0) < sinceMs;
        if (!isOld) yield file;
      }
    }
  }

  async *#fromJournal(callId: string, path: string, { after, until }: MissedQuery): AsyncGenerator<PublishedEvent> {
    let last = after;
    try {
      // It may have moved from live to ended since it was listed.
      for await (const item of readLines((await findJournal(this.#options.dataDir, callId)) ?? path)) {
        if (!('record' in item) || item.record.k !== 'ev') continue;
        const { id, d } = item.record;
        if (Number(id) <= last) continue;
        if (Number(id) > until) return;
        last = Number(id);
        // The id is the wall time in microseconds (EventBus): the same moment as when the event was first told.
        yield { ...(d as unknown as PublicEvent), id, callId, at: isoTime(Math.floor(last / 1000)) };
      }
    } catch (thrown) {
      this.#options.log.warn({ callId, error: messageOf(thrown) }, 'events of this call cannot be told again');
    }
  }

  #fromStore({ after, until, callId }: MissedQuery): Source[] {
    const { store } = this.#options;
    if (!store) return [];
    const events = async function* (): AsyncGenerator<PublishedEvent> {
      for (let last = String(after); ;) {
        const rows = await store.events({
          ...(callId === undefined ? {} : { callId }),
          after: last,
          types: ['call.summarized'],
          limit: STORE_PAGE,
        });
        for (const { id, callId: of, type, at, data } of rows) {
          if (Number(id) > until) return;
          // What is in the store was an event of ours.
          yield { type, data, id, callId: of, at: isoTime(at) } as unknown as PublishedEvent;
        }
        if (rows.length < STORE_PAGE) return;
        last = rows.at(-1)?.id ?? last;
      }
    };
    return [{ start: after, events }];
  }
}

/** When a journal began, in the unit of event ids. */
async function startOf(path: string): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return 0;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
    const parsed = end < 0 ? undefined : parseRecord(buffer.toString('utf8', 0, end));
    // A first line that is longer, damaged or newer: whoever reads the file says so.
    if (!parsed) return bytesRead < HEAD_BYTES ? undefined : 0;
    return parsed.ok && parsed.record.k === 'head' ? parsed.record.wallMs * 1000 : 0;
  } finally {
    await file.close();
  }
}

/** All sources as one, by rising id. A source is opened when its time has come and closed when it is through. */
async function* merge(sources: readonly Source[]): AsyncGenerator<PublishedEvent> {
  const waiting = sources.toSorted((a, b) => a.start - b.start);
  const running: { events: AsyncGenerator<PublishedEvent>; next: PublishedEvent; id: number }[] = [];
  const advance = async (events: AsyncGenerator<PublishedEvent>): Promise<void> => {
    const item = await events.next();
    if (item.done !== true) running.push({ events, next: item.value, id: Number(item.value.id) });
  };
  let at = 0;
  try {
    for (;;) {
      let first = lowest(running);
      for (let source = waiting[at]; source && (!first || source.start <= first.id); source = waiting[at]) {
        at += 1;
        await advance(source.events());
        first = lowest(running);
      }
      if (!first) return;
      running.splice(running.indexOf(first), 1);
      yield first.next;
      await advance(first.events);
    }
  } finally {
    await Promise.all(running.map(({ events }) => events.return(undefined)));
  }
}

function lowest<T extends { readonly id: number }>(items: readonly T[]): T | undefined {
  let found: T | undefined;
  for (const item of items) if (!found || item.id < found.id) found = item;
  return found;
}
