import type { Generated } from 'kysely';

/**
 * The tables, the same in both engines; docs/store.md describes them for people who query them. Times are wall
 * milliseconds since the Unix epoch, booleans 0 or 1, columns of JSON hold its text.
 */
export interface Tables {
  calls: CallsTable;
  call_numbers: CallNumbersTable;
  call_metadata: CallMetadataTable;
  /** SQLite: an FTS5 table, whose key is `rowid`. PostgreSQL: a `tsvector` for each `sort_key`. */
  call_words: { rowid: number; sort_key: number; words: string };
  legs: LegsTable;
  turns: TurnsTable;
  events: EventsTable;
  actions: ActionsTable;
  journal_positions: JournalPositionsTable;
  outbox: OutboxTable;
  numbers: NumbersTable;
  idempotency_keys: IdempotencyKeysTable;
  dials: DialsTable;
  landline_migrations: { name: string; applied_at: number };
}

export interface CallsTable {
  /** Place in every list, newest highest: `created_at` × 1000, plus a number that tells calls of one millisecond apart. */
  sort_key: number;
  id: string;
  direction: string;
  status: string;
  from_number: string;
  to_number: string;
  agent: string;
  metadata: string;
  created_at: number;
  answered_at: number | null;
  ended_at: number | null;
  end_reason: string | null;
  duration_ms: number | null;
  hangup_cause: string | null;
  sip_code: string | null;
  hangup_text: string | null;
  call_control_id: string;
  call_leg_id: string | null;
  call_session_id: string | null;
  usage: string | null;
  summary: string | null;
  /** 0 once that kind of data was erased: what arrives later is not taken in. */
  transcript_kept: Generated<number>;
  recording_kept: Generated<number>;
  events_kept: Generated<number>;
  journal_kept: Generated<number>;
}

/** Both parties of every call, for the filter by number. */
export interface CallNumbersTable {
  number: string;
  sort_key: number;
}

/** The metadata of every call once more, for the filter by metadata. */
export interface CallMetadataTable {
  key: string;
  value: string;
  sort_key: number;
}

export interface LegsTable {
  call_id: string;
  name: string;
  call_control_id: string;
  call_leg_id: string | null;
  call_session_id: string | null;
  from_number: string | null;
  to_number: string | null;
  created_at: number;
  answered_at: number | null;
  ended_at: number | null;
  hangup_cause: string | null;
  sip_code: string | null;
}

export interface TurnsTable {
  call_id: string;
  seq: number;
  turn: number | null;
  role: string;
  text: string;
  start_ms: number;
  end_ms: number;
  interrupted: number;
  latency: string | null;
}

export interface EventsTable {
  id: number;
  call_id: string;
  type: string;
  at: number;
  data: string;
}

export interface ActionsTable {
  call_id: string;
  seq: number;
  at: number;
  by: string;
  type: string;
  detail: string;
}

export interface JournalPositionsTable {
  call_id: string;
  bytes: number;
  complete: number;
  /** 1: the call was erased; what its journal still says is not taken in again. */
  erased: Generated<number>;
}

export interface OutboxTable {
  id: Generated<number>;
  key: string;
  kind: string;
  lane: string;
  call_id: string | null;
  payload: string;
  /** `waiting`, `done` or `given_up`. */
  state: string;
  created_at: number;
  attempts: number;
  due_at: number;
  error: string | null;
}

export interface NumbersTable {
  number: string;
  agent: string;
  updated_at: number;
}

export interface IdempotencyKeysTable {
  key: string;
  request_hash: string;
  call_id: string;
  created_at: number;
}

export interface DialsTable {
  id: string;
  at: number;
  to_number: string;
  call_id: string | null;
  spend: number;
}
