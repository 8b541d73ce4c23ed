import { createHash } from 'node:crypto';
import type { Insertable, Selectable } from 'kysely';
import type { ActionRow, CallRow, Direction, EventRow, LegRow, NewWork, TurnRow, Work } from './port.ts';
import type {
  ActionsTable,
  CallsTable,
  CallMetadataTable,
  EventsTable,
  LegsTable,
  OutboxTable,
  TurnsTable,
} from './schema.ts';

/** Between the port's objects and the rows of the tables. */

type Json = Readonly<Record<string, unknown>>;

/** PostgreSQL holds neither U+0000 nor half a surrogate pair: both become U+FFFD, in both engines. */
export function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

function cleanOrNull(text: string | null): string | null {
  return text === null ? null : clean(text);
}

export function encodeJson(value: Json): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? clean(inner) : inner));
}

function encodeJsonOrNull(value: Json | null): string | null {
  return value === null ? null : encodeJson(value);
}

export function decodeJson(text: string): Json {
  return JSON.parse(text) as Json;
}

/** Places in the list for calls of one millisecond. */
export const PLACES = 1_000;

/** The lowest `sort_key` of a call that was created at `at`. */
export function firstSortKey(at: number): number {
  return Math.floor(at) * PLACES;
}

export function callToRow(call: CallRow, sortKey: number): Insertable<CallsTable> {
  return {
    sort_key: sortKey,
    id: call.id,
    direction: call.direction,
    status: call.status,
    from_number: indexed(call.from),
    to_number: indexed(call.to),
    agent: indexed(call.agent),
    metadata: encodeJson(call.metadata),
    created_at: call.createdAt,
    answered_at: call.answeredAt,
    ended_at: call.endedAt,
    end_reason: call.endReason,
    duration_ms: call.durationMs,
    hangup_cause: cleanOrNull(call.hangupCause),
    sip_code: cleanOrNull(call.sipCode),
    hangup_text: cleanOrNull(call.hangupText),
    call_control_id: clean(call.callControlId),
    call_leg_id: cleanOrNull(call.callLegId),
    call_session_id: cleanOrNull(call.callSessionId),
    usage: encodeJsonOrNull(call.usage),
    summary: encodeJsonOrNull(call.summary),
  };
}

export function rowToCall(row: Selectable<CallsTable>): CallRow {
  return {
    id: row.id,
    direction: row.direction as Direction,
    status: row.status,
    from: row.from_number,
    to: row.to_number,
    agent: row.agent,
    metadata: decodeJson(row.metadata) as Record<string, string>,
    createdAt: row.created_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
    endReason: row.end_reason,
    durationMs: row.duration_ms,
    hangupCause: row.hangup_cause,
    sipCode: row.sip_code,
    hangupText: row.hangup_text,
    callControlId: row.call_control_id,
    callLegId: row.call_leg_id,
    callSessionId: row.call_session_id,
    usage: row.usage === null ? null : decodeJson(row.usage),
    summary: row.summary === null ? null : decodeJson(row.summary),
  };
}

/** An index holds entries of some 2,700 bytes: of a longer text it has the beginning and a hash of the whole. */
export function indexed(text: string): string {
  const cleaned = clean(text);
  if (cleaned.length <= 256) return cleaned;
  return `${clean(cleaned.slice(0, 200))}#${createHash('sha256').update(cleaned).digest('hex')}`;
}

export function metadataRows(metadata: CallRow['metadata'], sortKey: number): Insertable<CallMetadataTable>[] {
  return Object.entries(metadata).map(([key, value]) => ({
    key: indexed(key),
    value: indexed(value),
    sort_key: sortKey,
  }));
}

export function legToRow(leg: LegRow): Insertable<LegsTable> {
  return {
    call_id: leg.callId,
    name: clean(leg.name),
    call_control_id: clean(leg.callControlId),
    call_leg_id: cleanOrNull(leg.callLegId),
    call_session_id: cleanOrNull(leg.callSessionId),
    from_number: leg.from === null ? null : indexed(leg.from),
    to_number: leg.to === null ? null : indexed(leg.to),
    created_at: leg.createdAt,
    answered_at: leg.answeredAt,
    ended_at: leg.endedAt,
    hangup_cause: cleanOrNull(leg.hangupCause),
    sip_code: cleanOrNull(leg.sipCode),
  };
}

export function rowToLeg(row: Selectable<LegsTable>): LegRow {
  return {
    callId: row.call_id,
    name: row.name,
    callControlId: row.call_control_id,
    callLegId: row.call_leg_id,
    callSessionId: row.call_session_id,
    from: row.from_number,
    to: row.to_number,
    createdAt: row.created_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
    hangupCause: row.hangup_cause,
    sipCode: row.sip_code,
  };
}

export function turnToRow(turn: TurnRow): Insertable<TurnsTable> {
  return {
    call_id: turn.callId,
    seq: turn.seq,
    turn: turn.turn,
    role: turn.role,
    text: clean(turn.text),
    start_ms: turn.startMs,
    end_ms: turn.endMs,
    interrupted: turn.interrupted ? 1 : 0,
    latency: encodeJsonOrNull(turn.latency),
  };
}

export function rowToTurn(row: Selectable<TurnsTable>): TurnRow {
  return {
    callId: row.call_id,
    seq: row.seq,
    turn: row.turn,
    role: row.role as TurnRow['role'],
    text: row.text,
    startMs: row.start_ms,
    endMs: row.end_ms,
    interrupted: row.interrupted === 1,
    latency: row.latency === null ? null : (decodeJson(row.latency) as Record<string, number>),
  };
}

export function eventToRow(event: EventRow): Insertable<EventsTable> {
  return {
    id: Number(event.id),
    call_id: event.callId,
    type: event.type,
    at: event.at,
    data: encodeJson(event.data),
  };
}

export function rowToEvent(row: Selectable<EventsTable>): EventRow {
  return { id: String(row.id), callId: row.call_id, type: row.type, at: row.at, data: decodeJson(row.data) };
}

export function actionToRow(action: ActionRow): Insertable<ActionsTable> {
  return {
    call_id: action.callId,
    seq: action.seq,
    at: action.at,
    by: clean(action.by),
    type: action.type,
    detail: encodeJson(action.detail),
  };
}

export function rowToAction(row: Selectable<ActionsTable>): ActionRow {
  return {
    callId: row.call_id,
    seq: row.seq,
    at: row.at,
    by: row.by,
    type: row.type,
    detail: decodeJson(row.detail),
  };
}

export function workToRow(work: NewWork, now: number): Insertable<OutboxTable> {
  return {
    key: clean(work.key),
    kind: work.kind,
    lane: clean(work.lane),
    call_id: work.callId,
    payload: encodeJson(work.payload),
    state: 'waiting',
    created_at: now,
    attempts: 0,
    due_at: now,
    error: null,
  };
}

export function rowToWork(row: Selectable<OutboxTable>): Work {
  return {
    id: row.id,
    key: row.key,
    kind: row.kind,
    lane: row.lane,
    callId: row.call_id,
    payload: decodeJson(row.payload),
    createdAt: row.created_at,
    attempts: row.attempts,
    dueAt: row.due_at,
    error: row.error,
  };
}
