/**
 * What the store keeps, and how the rest of the gateway asks for it. Everything about calls is written by the projector
 * alone, from journals; the other tables (numbers, outbox, idempotency keys, dials) belong to whoever calls their methods.
 *
 * Times are wall milliseconds since the Unix epoch. Every method may reject with LandlineError `store_unavailable`
 * (retryable) while the database cannot be reached; nothing here ever runs on the way of the sound.
 */

export type Direction = 'inbound' | 'outbound';

/** One call. Exactly one row a call; `endedAt` is set once, together with `endReason`. */
export interface CallRow {
  readonly id: string;
  readonly direction: Direction;
  readonly status: string;
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly endReason: string | null;
  readonly durationMs: number | null;
  /** As Telnyx said it, and in plain words. */
  readonly hangupCause: string | null;
  readonly sipCode: string | null;
  readonly hangupText: string | null;
  readonly callControlId: string;
  readonly callLegId: string | null;
  readonly callSessionId: string | null;
  /** Tokens, characters, seconds and what they cost; see records. Null until the call has ended. */
  readonly usage: Readonly<Record<string, unknown>> | null;
  /** Text and extracted data; null until it was made. */
  readonly summary: Readonly<Record<string, unknown>> | null;
}

export interface LegRow {
  readonly callId: string;
  /** `caller`, `callee`, `target1` … */
  readonly name: string;
  readonly callControlId: string;
  readonly callLegId: string | null;
  readonly callSessionId: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly createdAt: number;
  readonly answeredAt: number | null;
  readonly endedAt: number | null;
  readonly hangupCause: string | null;
  readonly sipCode: string | null;
}

export interface TurnRow {
  readonly callId: string;
  /** Sequence number of its record in the journal: the order of turns. */
  readonly seq: number;
  /** Null for tools. */
  readonly turn: number | null;
  readonly role: 'caller' | 'agent' | 'tool';
  /** For the agent: only what was heard. For a tool: name, arguments and result. */
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly interrupted: boolean;
  /** Milliseconds of each step, as in `turn.ended`. */
  readonly latency: Readonly<Record<string, number>> | null;
}

export interface EventRow {
  /** The public id: increasing decimals over all calls. */
  readonly id: string;
  readonly callId: string;
  readonly type: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A control action and who asked for it. */
export interface ActionRow {
  readonly callId: string;
  readonly seq: number;
  readonly at: number;
  readonly by: string;
  readonly type: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What one pass over a journal found: it is in the store wholly or not at all. */
export interface CallBatch {
  readonly call: CallRow;
  readonly legs: readonly LegRow[];
  /** New since the last batch of this call; writing one twice changes nothing. */
  readonly turns: readonly TurnRow[];
  readonly events: readonly EventRow[];
  readonly actions: readonly ActionRow[];
  /** Work that follows from what was read; put into the outbox once, by `key`. */
  readonly work: readonly NewWork[];
  /** The journal's bytes that are in the store now, and whether that is all of it. */
  readonly position: JournalPosition;
}

export interface JournalPosition {
  readonly callId: string;
  readonly bytes: number;
  /** The journal has its end and everything of it is in the store. */
  readonly complete: boolean;
}

export interface CallQuery {
  readonly status?: string;
  readonly direction?: Direction;
  /** Either party's number, exact. */
  readonly number?: string;
  readonly from?: string;
  readonly to?: string;
  readonly agent?: string;
  readonly endReason?: string;
  /** Created at or after / before, wall milliseconds. */
  readonly after?: number;
  readonly before?: number;
  /** All of these keys with these values. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Words of what was said or summarised, every one of them, in any order; a word ending in `*` is a beginning. */
  readonly text?: string;
  readonly limit: number;
  /** As the page before gave it. @throws LandlineError `request_invalid` when it is none of ours. */
  readonly cursor?: string;
}

export interface CallPage {
  /** Newest first (`createdAt`, then `id`). */
  readonly calls: readonly CallRow[];
  readonly nextCursor: string | null;
}

/** Something to be done outside once the record of it is kept: an outgoing webhook, a summary, an upload. */
export interface NewWork {
  /** Put in once: a second one with this key changes nothing, also when the first is done. */
  readonly key: string;
  readonly kind: string;
  /** Work of one lane is done one after the other, in the order it was put in; a failing head holds its lane. */
  readonly lane: string;
  readonly callId: string | null;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Work extends NewWork {
  readonly id: number;
  readonly createdAt: number;
  readonly attempts: number;
  readonly dueAt: number;
  readonly error: string | null;
}

/** Which lanes of the outbox are meant; all of them when left out. */
export interface LaneScope {
  /** Only lanes whose name begins so. */
  readonly within?: string;
  /** No lanes whose names begin with one of these. */
  readonly without?: readonly string[];
}

/** Work as it stands, also when it is over. What was done keeps its key only. */
export interface KnownWork extends Work {
  readonly state: 'waiting' | 'done' | 'given_up';
}

export interface NumberRow {
  readonly number: string;
  readonly agent: string;
  readonly updatedAt: number;
}

/** A leg that we had dialled: what the destination limits count. */
export interface DialRow {
  readonly id: string;
  readonly at: number;
  readonly to: string;
  readonly callId: string | null;
  /** Estimate, in the unit of `destinations.maxSpendPerDay`. */
  readonly spend: number;
}

export interface StoreState {
  /** Present while the database cannot be used: why. */
  readonly failed?: string;
  /** Calls whose journals hold more than the store does, and for how long the oldest has. */
  readonly pendingCalls: number;
  readonly lagMs: number;
  /** Journals that could not be used since the start; the log names them. */
  readonly skipped: number;
  readonly outbox: number;
}

export interface Store {
  // Calls, written by the projector.
  /** Batches of different calls, in one transaction: one that is refused takes the others with it. */
  project(...batches: readonly CallBatch[]): Promise<void>;
  positions(callIds: readonly string[]): Promise<readonly JournalPosition[]>;

  // Calls, read.
  listCalls(query: CallQuery): Promise<CallPage>;
  call(id: string): Promise<CallRow | undefined>;
  legs(callId: string): Promise<readonly LegRow[]>;
  turns(callId: string): Promise<readonly TurnRow[]>;
  actions(callId: string): Promise<readonly ActionRow[]>;
  /** Of one call, or of all; with a higher id than `after`, oldest first. */
  events(query: {
    readonly callId?: string;
    readonly after?: string;
    readonly types?: readonly string[];
    readonly limit: number;
  }): Promise<readonly EventRow[]>;
  /** Calls that had this number on either side, for export and deletion. */
  callsOfNumber(number: string): Promise<readonly string[]>;
  /** Ended before `endedBefore` and still holding the named kind of data, oldest first. */
  expired(kind: DataKind, endedBefore: number, limit: number): Promise<readonly string[]>;

  /** After the call: its summary, and the event that tells of it, in one transaction. */
  addSummary(callId: string, summary: Readonly<Record<string, unknown>>, event: EventRow): Promise<void>;
  /** Takes one kind of data out of one call; `call` takes everything, also its outbox. Done twice, nothing changes. */
  erase(callId: string, kind: DataKind | 'call'): Promise<void>;

  // The outbox.
  addWork(work: readonly NewWork[]): Promise<void>;
  /** Heads of lanes that are due, oldest first. */
  dueWork(now: number, limit: number, lanes?: LaneScope): Promise<readonly Work[]>;
  /** When the next one is due; undefined: nothing waits. */
  nextDue(lanes?: LaneScope): Promise<number | undefined>;
  /** How much waits, and since when the oldest of it does; null: nothing waits. */
  waitingIn(lanes: LaneScope): Promise<{ readonly count: number; readonly oldestAt: number | null }>;
  /** Newest first, in every state. */
  knownWork(query: {
    readonly lanes: LaneScope;
    readonly state?: KnownWork['state'];
    readonly limit: number;
  }): Promise<readonly KnownWork[]>;
  /** Makes given-up work due again, from its first attempt. False: there is none with this key that was given up. */
  retryWork(key: string, now: number): Promise<boolean>;
  workDone(id: number): Promise<void>;
  /** @param dueAt undefined: given up; it leaves its lane and stays to be seen. */
  workFailed(id: number, error: string, dueAt: number | undefined): Promise<void>;

  // Routing.
  numbers(): Promise<readonly NumberRow[]>;
  putNumber(row: NumberRow): Promise<void>;
  deleteNumber(number: string): Promise<boolean>;

  // Idempotency keys of `POST /v1/calls`.
  /**
   * Takes `key` for `callId`. When it was taken before and is younger than 24 h, gives that call instead; `sameRequest`
   * tells whether the two requests were the same.
   */
  claimKey(claim: {
    readonly key: string;
    readonly requestHash: string;
    readonly callId: string;
    readonly now: number;
  }): Promise<{ readonly callId: string; readonly isNew: boolean; readonly sameRequest: boolean }>;

  // Destination limits.
  addDial(dial: DialRow): Promise<void>;
  dialsSince(since: number): Promise<{ readonly count: number; readonly spend: number }>;

  /** Applies what the schema lacks. Gives the names of what was applied; done at every start. */
  migrate(): Promise<readonly string[]>;
  /** Answers when the database does. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What retention and erasure tell apart. */
export type DataKind = 'transcript' | 'recording' | 'events' | 'journal';
