import type { CallBatch, CallRow, EventRow, LegRow, NewWork, TurnRow } from '../../src/store/port.ts';

export const AT = Date.UTC(2026, 0, 5, 9, 0, 0);

export function callRow(id: string, more: Partial<CallRow> = {}): CallRow {
  return {
    id,
    direction: 'inbound',
    status: 'active',
    from: '+13125550100',
    to: '+15105550200',
    agent: 'front-desk',
    metadata: {},
    createdAt: AT,
    answeredAt: null,
    endedAt: null,
    endReason: null,
    durationMs: null,
    hangupCause: null,
    sipCode: null,
    hangupText: null,
    callControlId: `v3:${id}`,
    callLegId: null,
    callSessionId: null,
    usage: null,
    summary: null,
    ...more,
  };
}

export function endedRow(id: string, more: Partial<CallRow> = {}): CallRow {
  return callRow(id, {
    status: 'ended',
    answeredAt: AT + 1_000,
    endedAt: AT + 61_000,
    endReason: 'caller_hangup',
    durationMs: 60_000,
    hangupCause: 'normal_clearing',
    sipCode: '200',
    hangupText: 'The caller hung up.',
    usage: { llm: { tokens: 12 }, cost: 0.02 },
    ...more,
  });
}

export function turnRow(callId: string, seq: number, text: string, more: Partial<TurnRow> = {}): TurnRow {
  return {
    callId,
    seq,
    turn: seq,
    role: 'caller',
    text,
    startMs: seq * 1000,
    endMs: seq * 1000 + 800.5,
    interrupted: false,
    latency: null,
    ...more,
  };
}

export function legRow(callId: string, name: string, more: Partial<LegRow> = {}): LegRow {
  return {
    callId,
    name,
    callControlId: `v3:${callId}:${name}`,
    callLegId: 'leg',
    callSessionId: 'session',
    from: '+13125550100',
    to: '+15105550200',
    createdAt: AT,
    answeredAt: null,
    endedAt: null,
    hangupCause: null,
    sipCode: null,
    ...more,
  };
}

export function eventRow(callId: string, n: number, type: string, data: EventRow['data'] = {}): EventRow {
  return { id: String(AT * 1000 + n), callId, type, at: AT + n, data };
}

export function newWork(key: string, more: Partial<NewWork> = {}): NewWork {
  return { key, kind: 'webhook', lane: 'one', callId: null, payload: { key }, ...more };
}

export function batchOf(call: CallRow, bytes: number, more: Partial<CallBatch> = {}): CallBatch {
  return {
    call,
    legs: [],
    turns: [],
    events: [],
    actions: [],
    work: [],
    position: { callId: call.id, bytes, complete: call.endedAt !== null },
    ...more,
  };
}
