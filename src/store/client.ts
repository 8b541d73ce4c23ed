import { setTimeout as delay } from 'node:timers/promises';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Store, StoreState } from './port.ts';
import {
  STORE_METHODS,
  type FromThread,
  type ProjectorSetup,
  type StoreMethod,
  type ThreadSetup,
  type ToThread,
} from './protocol.ts';

export interface StoreOptions {
  /** `postgres://…`, or `sqlite:` and the path of the file. */
  readonly databaseUrl: string;
  readonly clock: Clock;
  readonly log: Log;
  /** What the projector reads and what follows from it. Without, journals are left alone: for commands that only ask. */
  readonly projector?: ProjectorSetup;
  /** The projector put work into the outbox. */
  readonly onWork?: () => void;
  /** Starts the thread; tests hand in threads that die. */
  readonly startThread?: StartStoreThread;
}

export interface OpenedStore extends Store {
  /** As of the last second, without waiting: for readiness and metrics. */
  state(): StoreState;
  /** Something happened to this call: `eventId` was told, or (without) its journal has its end. Never waits. */
  touched(callId: string, eventId?: string): void;
  /** Resolves when everything the journals said so far is in the store. */
  rest(): Promise<void>;
  /** Resolves when what the journals of the calls touched so far say by now is; at once while the store is down. */
  settled(): Promise<void>;
}

export interface StoreThreadEvents {
  message(message: FromThread): void;
  /** The thread is gone without being asked to. Once. */
  died(reason: string): void;
}

export interface StoreThread {
  post(message: ToThread): void;
  /** Ends the thread; no event follows. */
  terminate(): Promise<void>;
}

export type StartStoreThread = (setup: ThreadSetup, events: StoreThreadEvents) => StoreThread;

/** Questions that wait at a time. More means that the database does not keep up: better told at once than in minutes. */
const MAX_WAITING = 1_000;
/** For any one answer, the wait behind others included. */
const ANSWER_MS = 10_000;
const CLOSE_MS = 15_000;
const EXIT_MS = 2_000;
/** The thread tells its state each second; this long without is as good as gone. */
const SILENT_MS = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

// A clone runs thread.ts as it is, the published package thread.js: the worker is what we are.
const THREAD = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);

export const startStoreThread: StartStoreThread = (setup, events) => {
  // It needs neither our flags nor our environment, which holds keys.
  const worker = new Worker(THREAD, { name: 'landline-store', execArgv: [], env: {}, workerData: setup });
  let isOver = false;
  const died = (reason: string): void => {
    if (isOver) return;
    isOver = true;
    events.died(reason);
  };
  let hasClosed = false;
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.on('message', (message: FromThread) => {
    if (isOver) return;
    if (message.type === 'closed') hasClosed = isOver = true;
    events.message(message);
  });
  worker.on('error', (error) => died(messageOf(error)));
  worker.on('exit', (code) => died(`exited with code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    async terminate() {
      isOver = true;
      // One that has closed its database ends by itself, at once. Cut down while it tears SQLite down, it was seen to
      // take the process along.
      if (hasClosed) await Promise.race([exited, delay(EXIT_MS, undefined, { ref: false })]);
      await worker.terminate();
    },
  };
};

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LandlineError) => void;
  readonly patience: TimerHandle | undefined;
}

/**
 * Opens the store in a thread of its own. Comes back at once, also while the database cannot be reached: calls then
 * reject with `store_unavailable`, and work as soon as it can. The schema is brought up to date on the way.
 */
export function openStore(options: StoreOptions): OpenedStore {
  const connection = new StoreConnection(options);
  const store = Object.fromEntries(
    STORE_METHODS.map((method) => [method, (...args: readonly unknown[]) => connection.ask(method, args)]),
  ) as unknown as Omit<Store, 'close'>;
  return {
    ...store,
    state: () => connection.state(),
    touched: (callId, eventId) => connection.touched(callId, eventId),
    rest: () => connection.finished('rest'),
    settled: () => connection.finished('settled'),
    close: () => connection.close(),
  };
}

class StoreConnection {
  readonly #options: StoreOptions;
  readonly #setup: ThreadSetup;
  readonly #waiting = new Map<number, Waiting>();
  #thread: StoreThread | undefined;
  #lastId = 0;
  #state: StoreState = { pendingCalls: 0, lagMs: 0, skipped: 0, outbox: 0 };
  #heardAt: number;
  /** Why there is no answer at this moment. */
  #down: string | undefined = 'the store is starting';
  #pauseMs = FIRST_PAUSE_MS;
  #restart: TimerHandle | undefined;
  #closing: Promise<void> | undefined;
  #onClosed: (() => void) | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
    const { databaseUrl, projector } = options;
    this.#setup = { databaseUrl, ...(projector && { projector }) };
    this.#heardAt = options.clock.mono();
    this.#start();
  }

  async ask(method: StoreMethod, args: readonly unknown[]): Promise<unknown> {
    // A migration takes as long as it takes.
    const patienceMs = method === 'migrate' ? undefined : ANSWER_MS;
    return this.#ask((id) => ({ type: 'ask', id, method, args }), patienceMs);
  }

  async finished(type: 'rest' | 'settled'): Promise<void> {
    await this.#ask((id) => ({ type, id }), undefined);
  }

  touched(callId: string, eventId?: string): void {
    // A thread that is not there looks at every journal when it comes back.
    if (!this.#closing) this.#thread?.post({ type: 'touched', callId, ...(eventId !== undefined && { eventId }) });
  }

  state(): StoreState {
    const silentMs = this.#options.clock.mono() - this.#heardAt;
    const failed =
      this.#down ??
      (silentMs > SILENT_MS ? `the store's thread has said nothing for ${Math.round(silentMs / 1000)} s` : undefined);
    return failed === undefined ? this.#state : { ...this.#state, failed };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#restart?.cancel();
    const thread = this.#thread;
    if (!thread) return;
    const { clock, log } = this.#options;
    await new Promise<void>((resolve) => {
      const patience = clock.after(CLOSE_MS, () => {
        log.warn({ waiting: this.#waiting.size }, 'the store did not finish in time; the next start brings the rest');
        resolve();
      });
      this.#onClosed = () => {
        patience.cancel();
        resolve();
      };
      thread.post({ type: 'close' });
    });
    this.#thread = undefined;
    await thread.terminate();
    this.#rejectAll('the store is closed');
  }

  #ask(question: (id: number) => ToThread, patienceMs: number | undefined): Promise<unknown> {
    const thread = this.#thread;
    if (this.#closing || !thread) return Promise.reject(unavailable(this.#closing ? 'it is closed' : this.#whyDown()));
    if (this.#waiting.size >= MAX_WAITING) {
      return Promise.reject(unavailable(`${MAX_WAITING} questions wait for the database already`));
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const patience =
        patienceMs === undefined
          ? undefined
          : this.#options.clock.after(patienceMs, () => {
              this.#take(id)?.reject(unavailable(`no answer within ${patienceMs / 1000} s`));
            });
      this.#waiting.set(id, { resolve, reject, patience });
      thread.post(question(id));
    });
  }

  #start(): void {
    const start = this.#options.startThread ?? startStoreThread;
    this.#thread = start(this.#setup, {
      message: (message) => this.#onMessage(message),
      died: (reason) => this.#onDeath(reason),
    });
  }

  #onMessage(message: FromThread): void {
    const { clock, log, onWork } = this.#options;
    switch (message.type) {
      case 'answer':
        this.#take(message.id)?.resolve(message.value);
        return;
      case 'failure': {
        const { id, code, message: text, retryable } = message;
        this.#take(id)?.reject(new LandlineError(code, text, { retryable }));
        return;
      }
      case 'state':
        this.#onState(message.state);
        this.#heardAt = clock.mono();
        return;
      case 'work':
        onWork?.();
        return;
      case 'log':
        log[message.level](message.fields, message.message);
        return;
      case 'closed':
        this.#onClosed?.();
    }
  }

  #onState(state: StoreState): void {
    const { log } = this.#options;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#down = undefined;
    if (state.failed !== this.#state.failed) {
      if (state.failed === undefined) log.info({}, 'the database answers again');
      else if (this.#state.failed === undefined) log.error({ reason: state.failed }, 'the database cannot be used');
    }
    this.#state = state;
  }

  #onDeath(reason: string): void {
    this.#thread = undefined;
    this.#down = `the store's thread died: ${reason}`;
    this.#rejectAll(this.#down);
    this.#onClosed?.();
    if (this.#closing) return;
    const { clock, log } = this.#options;
    log.error({ reason, restartInMs: this.#pauseMs }, 'the thread of the store died; calls go on, it is started again');
    this.#restart = clock.after(this.#pauseMs, () => this.#start());
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #rejectAll(reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(unavailable(reason));
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.patience?.cancel();
    return waiting;
  }

  #whyDown(): string {
    return this.#down ?? 'its thread is not there';
  }
}

function unavailable(reason: string): LandlineError {
  return new LandlineError('store_unavailable', `the store cannot be used now: ${reason}`, { retryable: true });
}
