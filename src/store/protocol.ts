import type { ErrorCode } from '../core/errors.ts';
import type { Log, LogFields } from '../core/log.ts';
import type { FollowUps } from './follow-ups.ts';
import type { Store, StoreState } from './port.ts';

/** What the gateway's thread and the store's say to each other. */

export type StoreMethod = Exclude<keyof Store, 'close'>;

/** All of them, so that either side can build its half from the list. */
export const STORE_METHODS: readonly StoreMethod[] = Object.keys({
  project: true,
  positions: true,
  listCalls: true,
  call: true,
  legs: true,
  turns: true,
  actions: true,
  events: true,
  callsOfNumber: true,
  expired: true,
  addSummary: true,
  erase: true,
  addWork: true,
  dueWork: true,
  nextDue: true,
  waitingIn: true,
  knownWork: true,
  retryWork: true,
  workDone: true,
  workFailed: true,
  numbers: true,
  putNumber: true,
  deleteNumber: true,
  claimKey: true,
  addDial: true,
  dialsSince: true,
  migrate: true,
  ping: true,
} satisfies Record<StoreMethod, true>) as StoreMethod[];

/** What the thread needs of the projector's options; the rest it has itself. */
export interface ProjectorSetup {
  readonly dataDir: string;
  readonly followUps: FollowUps;
  readonly intervalMs?: number;
}

/** Given to the thread when it starts. */
export interface ThreadSetup {
  readonly databaseUrl: string;
  /** Without, nothing is read from journals: the thread only answers. */
  readonly projector?: ProjectorSetup;
}

export type ToThread =
  | { readonly type: 'ask'; readonly id: number; readonly method: StoreMethod; readonly args: readonly unknown[] }
  | { readonly type: 'touched'; readonly callId: string; readonly eventId?: string }
  | { readonly type: 'rest' | 'settled'; readonly id: number }
  | { readonly type: 'close' };

export type FromThread =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly type: 'failure';
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryable: boolean;
    }
  | { readonly type: 'state'; readonly state: StoreState }
  /** Work was put into the outbox. */
  | { readonly type: 'work' }
  | {
      readonly type: 'log';
      readonly level: Exclude<keyof Log, 'child'>;
      readonly fields: LogFields;
      readonly message: string;
    }
  /** Everything under way is finished and the database is closed. */
  | { readonly type: 'closed' };
