import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock, type TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log, LogFields } from '../core/log.ts';
import { openEngine } from './open-engine.ts';
import type { StoreState } from './port.ts';
import { Projector } from './projector.ts';
import type { FromThread, ThreadSetup, ToThread } from './protocol.ts';
import { createSqlStore } from './sql-store.ts';

/**
 * The thread that owns the database: SQLite blocks whoever calls it, and reading journals takes time, so both happen
 * here and never where the sound is. Answers questions, runs the projector, tells its state once a second.
 */

const STATE_MS = 1_000;
/** What the projector may still bring in when the gateway ends. */
const FINISH_MS = 5_000;

function run(port: MessagePort, { databaseUrl, projector: setup }: ThreadSetup): void {
  const say = (message: FromThread): void => port.postMessage(message);
  const log = forwardingLog(say);
  const clock = systemClock;
  const store = createSqlStore(openEngine(databaseUrl, log), clock);
  const projector = setup && new Projector({ ...setup, store, clock, log, onWork: () => say({ type: 'work' }) });
  const underWay = new Set<Promise<void>>();

  const answer = async (id: number, work: () => Promise<unknown>): Promise<void> => {
    try {
      say({ type: 'answer', id, value: await work() });
    } catch (thrown) {
      const { code, retryable } =
        thrown instanceof LandlineError ? thrown : { code: 'internal_error' as const, retryable: false };
      say({ type: 'failure', id, code, message: messageOf(thrown), retryable });
    }
  };
  const begin = (id: number, work: () => Promise<unknown>): void => {
    const asked: Promise<void> = answer(id, work).finally(() => underWay.delete(asked));
    underWay.add(asked);
  };

  let isClosing = false;
  let next: TimerHandle | undefined;
  const watch = async (): Promise<void> => {
    const state = await look();
    if (isClosing) return;
    say({ type: 'state', state });
    next = clock.after(STATE_MS, () => void watch());
  };
  const look = async (): Promise<StoreState> => {
    const { failed, pendingCalls = 0, lagMs = 0, skipped = 0 } = projector?.state() ?? {};
    try {
      const outbox = await store.waitingWork();
      return { ...(failed === undefined ? {} : { failed }), pendingCalls, lagMs, skipped, outbox };
    } catch (thrown) {
      return { failed: messageOf(thrown), pendingCalls, lagMs, skipped, outbox: 0 };
    }
  };
  const close = async (): Promise<void> => {
    isClosing = true;
    next?.cancel();
    await Promise.all(underWay);
    await projector?.finish(FINISH_MS);
    await store.close();
    say({ type: 'closed' });
    port.close();
  };

  port.on('message', (message: ToThread) => {
    switch (message.type) {
      case 'ask': {
        const { id, method, args } = message;
        // The two halves were built from one list: these are the method's own arguments.
        begin(id, () => (store[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args));
        return;
      }
      case 'touched':
        projector?.touched(message.callId, message.eventId);
        return;
      case 'rest':
        begin(message.id, async () => projector?.rest());
        return;
      case 'settled':
        begin(message.id, async () => projector?.settled());
        return;
      case 'close':
        void close();
    }
  });
  void watch();
  void projector?.catchUp();
}

function forwardingLog(say: (message: FromThread) => void, more: LogFields = {}): Log {
  const line =
    (level: Exclude<keyof Log, 'child'>) =>
    (fields: LogFields, message: string): void =>
      say({ type: 'log', level, fields: { ...more, ...fields }, message });
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => forwardingLog(say, { ...more, ...fields }),
  };
}

if (parentPort) run(parentPort, workerData as ThreadSetup);
