import type { FastifyInstance } from 'fastify';
import type { CallRegistry } from '../call/registry.ts';
import type { Session } from '../call/session.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { Erasure, type LiveCall } from '../records/erasure.ts';
import type { Recordings } from '../records/recordings.ts';
import { RetentionJob, type RetentionJobOptions } from '../records/retention.ts';
import type { OpenedStore } from '../store/client.ts';
import type { EventBus } from './event-bus.ts';
import { privacyRoutes } from './privacy-routes.ts';

export interface PrivacyOptions {
  readonly dataDir: string;
  readonly store: OpenedStore;
  readonly recordings: Pick<Recordings, 'keeper' | 'library'>;
  readonly registry: Pick<CallRegistry, 'sessions'>;
  readonly events: Pick<EventBus, 'forget'>;
  /** Undefined: everything is kept for ever. */
  readonly retention: RetentionJobOptions['retention'] | undefined;
  readonly observe: RetentionJobOptions['observe'];
  /** Resolves when the journals are on disk. */
  readonly journaled: () => Promise<void>;
  /** Work was put into the outbox. */
  readonly wake: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Privacy {
  /** Its handlers belong into the outbox. */
  readonly erasure: Erasure;
  /** To be registered where requests are authorised. */
  readonly routes: (app: FastifyInstance) => Promise<void>;
  /** Begins the daily removal of what is too old. */
  start(): void;
  stop(): Promise<void>;
}

/** What is done with data about people: erased, exported, and removed in time. */
export function createPrivacy(options: PrivacyOptions): Privacy {
  const { dataDir, store, recordings, registry, events, retention, observe, journaled, wake, clock, log } = options;
  const settled = async (): Promise<void> => {
    await journaled();
    await store.settled();
  };
  const removeRecording = (callId: string): Promise<void> => recordings.keeper.erase(callId);
  const erasure = new Erasure({
    ...{ dataDir, store, removeRecording, settled, wake, log },
    liveCalls: () => [...registry.sessions.values()].map(liveCall),
    forget: (callId) => events.forget(callId),
  });
  const job = retention && new RetentionJob({ retention, store, erasure, removeRecording, clock, log, observe });
  return {
    erasure,
    routes: privacyRoutes({
      ...{ erasure, store, settled, log },
      recordings: async (callId) =>
        (await recordings.library.list(callId)).map(({ id }) =>
          id === 'call'
            ? `/v1/calls/${callId}/recording`
            : `/v1/calls/${callId}/recording?id=${encodeURIComponent(id)}`,
        ),
    }),
    start: () => job?.start(),
    stop: async () => job?.stop(),
  };
}

function liveCall({ callId, state }: Session): LiveCall {
  return { id: callId, numbers: [state.from, state.to, ...(state.transfer ? [state.transfer.to] : [])] };
}
