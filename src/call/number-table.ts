import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { maskNumber, type Log } from '../core/log.ts';

/** A number and who answers it. `config`: from the config file; `api`: set by API, which wins. */
export interface NumberEntry {
  /** E.164. */
  readonly number: string;
  readonly agent: string;
  readonly source: 'config' | 'api';
  /** Wall milliseconds; null for the config's. */
  readonly updatedAt: number | null;
}

/** The part of the store that keeps numbers set by API. */
export interface NumberStore {
  numbers(): Promise<readonly { readonly number: string; readonly agent: string; readonly updatedAt: number }[]>;
  putNumber(row: { readonly number: string; readonly agent: string; readonly updatedAt: number }): Promise<void>;
  deleteNumber(number: string): Promise<boolean>;
}

export interface NumberTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The config's numbers -> agent name. */
  readonly configured: Readonly<Record<string, string>>;
  readonly agents: { has(name: string): boolean };
  /** Undefined: what is set by API is forgotten with the process. */
  readonly store: NumberStore | undefined;
}

const RETRY_MS = 5_000;

/**
 * Which agent answers which number. Held in memory, so that routing never waits for a database: the store is read at the
 * start and again until it answers; until then the config's numbers serve. A change is stored first and then effective.
 */
export class NumberTable {
  readonly #options: NumberTableOptions;
  readonly #set = new Map<string, { readonly agent: string; readonly updatedAt: number }>();
  /** Changed by this process: what the store said before is old. */
  readonly #touched = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #effective: Readonly<Record<string, string>>;
  #pending: string | undefined;
  #complained = false;
  #retry: { cancel(): void } | undefined;
  #closed = false;

  constructor(options: NumberTableOptions) {
    this.#options = options;
    this.#effective = options.configured;
    this.#pending = options.store && 'the store has not answered yet';
  }

  /** Why the stored numbers are not known yet; undefined when they are. */
  get pending(): string | undefined {
    return this.#pending;
  }

  /** Number -> agent, config and API together. */
  get numbers(): Readonly<Record<string, string>> {
    return this.#effective;
  }

  /** Reads what is stored. Resolves after the first try; never rejects. */
  async load(): Promise<void> {
    const { store, log, clock, agents } = this.#options;
    if (!store) return;
    try {
      const rows = await store.numbers();
      if (this.#closed) return;
      for (const { number, agent, updatedAt } of rows) {
        if (this.#touched.has(number)) continue;
        this.#set.set(number, { agent, updatedAt });
        if (!agents.has(agent)) {
          log.warn(
            { number: maskNumber(number), agent },
            'a stored number names an agent that is not in the config: not used',
          );
        }
      }
      if (this.#complained) log.info({ numbers: rows.length }, 'stored numbers are in use now');
      this.#pending = undefined;
      this.#rebuild();
    } catch (thrown) {
      if (this.#closed) return;
      if (!this.#complained) {
        log.warn(
          { error: messageOf(thrown) },
          "stored numbers cannot be read: the config's numbers serve until they can",
        );
      }
      this.#complained = true;
      this.#pending = messageOf(thrown);
      this.#retry = clock.after(RETRY_MS, () => void this.load());
    }
  }

  list(): readonly NumberEntry[] {
    const numbers = new Set([...Object.keys(this.#options.configured), ...this.#set.keys()]);
    return [...numbers].sort().flatMap((number) => this.get(number) ?? []);
  }

  get(number: string): NumberEntry | undefined {
    const { configured } = this.#options;
    const set = this.#set.get(number);
    if (set) return { number, agent: set.agent, source: 'api', updatedAt: set.updatedAt };
    const agent = Object.hasOwn(configured, number) ? configured[number] : undefined;
    return agent === undefined ? undefined : { number, agent, source: 'config', updatedAt: null };
  }

  /** @throws LandlineError `store_unavailable`; nothing has changed then. */
  async put(number: string, agent: string): Promise<NumberEntry> {
    const { store, clock } = this.#options;
    return this.#inTurn(async () => {
      const updatedAt = clock.wall();
      await store?.putNumber({ number, agent, updatedAt });
      this.#touched.add(number);
      this.#set.set(number, { agent, updatedAt });
      this.#rebuild();
      return { number, agent, source: 'api', updatedAt };
    });
  }

  /** Takes back what the API set; the config's entry, if there is one, holds again. @throws as {@link put}. */
  async remove(number: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#options.store?.deleteNumber(number);
      this.#touched.add(number);
      this.#set.delete(number);
      this.#rebuild();
    });
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
  }

  /** Changes one after the other, so that memory and store end with the same one. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => undefined);
    return done;
  }

  #rebuild(): void {
    const { configured, agents } = this.#options;
    const set = [...this.#set].flatMap(([number, { agent }]) => (agents.has(agent) ? [[number, agent] as const] : []));
    this.#effective = { ...configured, ...Object.fromEntries(set) };
  }
}
