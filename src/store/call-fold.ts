import type { TurnRecord } from '../agent/dialogue/inputs.ts';
import { briefingText, FactsFold, toolText, type CallFacts } from '../call/facts.ts';
import type { PublicEvent } from '../call/inputs.ts';
import { LandlineError } from '../core/errors.ts';
import type { EventRecord, HeadRecord, JournalRecord } from '../journal/format.ts';
import { hangupText } from '../telnyx/hangup-causes.ts';
import { isObject, objectOf } from '../telnyx/json-fields.ts';
import { LegFold } from './leg-fold.ts';
import type { ActionRow, CallRow, EventRow, LegRow, TurnRow } from './port.ts';
import { UsageFold } from './usage-fold.ts';

/** Rows that come to be once and never change. */
export interface NewRows {
  readonly turns: readonly TurnRow[];
  readonly events: readonly EventRow[];
  readonly actions: readonly ActionRow[];
}

/** A tool that was called, and not yet known to have returned. */
interface OpenTool {
  readonly seq: number;
  readonly name: string;
  readonly args: string;
  readonly t: number;
}

/**
 * One call as the store keeps it, made from its journal record by record: what `/v1` and the command line show is read
 * off the same rows, whether they come from the database or from the journal.
 */
export class CallFold {
  readonly callId: string;
  readonly #createdAt: number;
  readonly #facts = new FactsFold();
  readonly #legs: LegFold;
  readonly #usage = new UsageFold();
  readonly #tools = new Map<string, OpenTool>();
  #metadata: Readonly<Record<string, string>> = {};
  #hangup: { readonly cause: string | null; readonly sipCode: string | null } | undefined;
  /** Why it ended, where neither the reason nor Telnyx says enough. */
  #detail: string | undefined;
  #answeredAt: number | null = null;
  #endedAt: number | null = null;
  #endReason: string | null = null;
  #ended = false;
  #empty = true;
  /** Wall milliseconds of logical time 0, as the clocks of the last head have it. */
  #wallZero: number;
  #t = 0;
  #lastEventId = '0';
  #turns: TurnRow[] = [];
  #events: EventRow[] = [];
  #actions: ActionRow[] = [];

  constructor(head: HeadRecord) {
    this.callId = head.callId;
    this.#createdAt = Math.round(head.wallMs);
    this.#wallZero = head.wallMs;
    this.#legs = new LegFold(head.callId);
  }

  /** Its journal has its last record. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing but heads so far. */
  get empty(): boolean {
    return this.#empty;
  }

  get recorded(): boolean {
    return this.#facts.facts().recorded;
  }

  /** Id of the newest event read. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** @param isNew its rows are wanted by {@link take}; otherwise it only moves the fold. */
  add(record: JournalRecord, isNew = true): void {
    if (record.k === 'head') {
      // The process that took the call over went on where the journal stood, at its own time of day.
      this.#wallZero = Math.max(this.#wallZero, record.wallMs - this.#t);
      this.#usage.add(record);
      return;
    }
    this.#empty = false;
    this.#t = Math.max(this.#t, record.t);
    const at = this.#wall(record.t);
    this.#facts.add(record);
    this.#legs.add(record, at);
    this.#usage.add(record);
    if (record.k === 'ev') this.#event(record, at);
    if (record.k === 'in' && record.d.type === 'control') {
      const { type, ...detail } = objectOf(record.d['action']);
      const by = typeof record.d['by'] === 'string' ? record.d['by'] : 'unknown';
      this.#actions.push({ callId: this.callId, seq: record.s, at, by, type: String(type), detail });
    }
    if (record.k === 'end') {
      this.#ended = true;
      this.#endedAt ??= at;
      this.#endReason ??= typeof record.d['reason'] === 'string' ? record.d['reason'] : 'error';
      this.#closeTools(record.t);
    }
    if (!isNew) this.take();
  }

  /** Rows that came to be since the last time. */
  take(): NewRows {
    const rows = { turns: this.#turns, events: this.#events, actions: this.#actions };
    this.#turns = [];
    this.#events = [];
    this.#actions = [];
    return rows;
  }

  legs(): readonly LegRow[] {
    return this.#legs.rows();
  }

  call(): CallRow {
    const facts: CallFacts = this.#facts.facts();
    const leg = this.#legs.talking;
    const isOver = this.#endedAt !== null;
    const cause = this.#hangup?.cause ?? leg?.hangupCause ?? null;
    const sipCode = this.#hangup?.sipCode ?? leg?.sipCode ?? null;
    return {
      id: this.callId,
      direction: facts.direction,
      status: isOver ? 'ended' : facts.status,
      from: facts.from,
      to: facts.to,
      agent: facts.agent,
      metadata: this.#metadata,
      createdAt: this.#createdAt,
      answeredAt: this.#answeredAt,
      endedAt: this.#endedAt,
      endReason: this.#endReason,
      durationMs: isOver ? (facts.durationMs ?? 0) : null,
      hangupCause: cause,
      sipCode,
      hangupText: this.#detail ?? hangupText(cause, sipCode),
      callControlId: leg?.callControlId ?? '',
      callLegId: leg?.callLegId ?? null,
      callSessionId: leg?.callSessionId ?? null,
      usage: isOver ? { ...this.#usage.usage(this.#legs.seconds()) } : null,
      summary: null,
    };
  }

  #event(record: EventRecord, at: number): void {
    const event = record.d as unknown as PublicEvent;
    this.#lastEventId = record.id;
    this.#events.push({
      id: record.id,
      callId: this.callId,
      type: event.type,
      at: eventTime(record.id) ?? at,
      data: objectOf(event.data),
    });
    switch (event.type) {
      case 'call.created':
        this.#metadata = texts(objectOf(event.data)['metadata']);
        return;
      case 'call.answered':
        this.#answeredAt ??= at;
        return;
      case 'turn.ended':
        this.#turns.push(this.#turn(record.s, event.data));
        return;
      case 'transfer.briefed':
        this.#turns.push(this.#briefing(record.s, event.data));
        return;
      case 'tool.called': {
        const { id, name, arguments: args } = event.data;
        this.#tools.set(id, { seq: record.s, name, args, t: record.t });
        return;
      }
      case 'tool.ended': {
        const { id, name, result } = event.data;
        const called = this.#tools.get(id) ?? { seq: record.s, name, args: '', t: record.t };
        this.#tools.delete(id);
        this.#turns.push(this.#tool(record.s, called, result, record.t));
        return;
      }
      case 'call.ended':
        this.#endedAt ??= at;
        this.#endReason ??= event.data.reason;
        this.#detail = event.data.detail;
        this.#hangup = { cause: event.data.cause ?? null, sipCode: event.data.sipCode ?? null };
        this.#closeTools(record.t);
        return;
      default:
    }
  }

  #briefing(seq: number, data: Extract<PublicEvent, { type: 'transfer.briefed' }>['data']): TurnRow {
    const { target, text, startMs, endMs } = data;
    return {
      ...{ callId: this.callId, seq, turn: null, role: 'tool', text: briefingText(target, text), startMs, endMs },
      ...{ interrupted: false, latency: null },
    };
  }

  #turn(seq: number, turn: TurnRecord): TurnRow {
    return {
      callId: this.callId,
      seq,
      turn: turn.turn,
      role: turn.role,
      text: turn.text,
      startMs: turn.startMs,
      endMs: turn.endMs,
      interrupted: turn.interrupted ?? false,
      latency: turn.latency ? { ...turn.latency } : null,
    };
  }

  #tool(seq: number, { name, args, t }: OpenTool, result: string, endT: number): TurnRow {
    return {
      callId: this.callId,
      seq,
      turn: null,
      role: 'tool',
      text: toolText(name, args, result),
      startMs: Math.round(t),
      endMs: Math.round(endT),
      interrupted: false,
      latency: null,
    };
  }

  /** What had begun and not returned when the call ended: whether it happened nobody knows. */
  #closeTools(t: number): void {
    for (const tool of this.#tools.values()) this.#turns.push(this.#tool(tool.seq, tool, 'no result', t));
    this.#tools.clear();
  }

  #wall(t: number): number {
    return Math.round(this.#wallZero + t);
  }
}

/** @throws LandlineError `journal_invalid` when the first line is no head. */
export function foldFrom(path: string, first: JournalRecord): CallFold {
  if (first.k === 'head') return new CallFold(first);
  throw new LandlineError('journal_invalid', `${path}: line 1 must be a journal's head record: it is "${first.k}"`);
}

/** The whole of a journal that was read already. */
export function foldCall(journal: { readonly head: HeadRecord; readonly records: readonly JournalRecord[] }): CallFold {
  const fold = new CallFold(journal.head);
  for (const record of journal.records) fold.add(record);
  return fold;
}

/** An id is the wall time in microseconds at which the event was told, or a little more (server/event-bus.ts). */
function eventTime(id: string): number | undefined {
  const ms = Math.floor(Number(id) / 1000);
  return ms > 1_000_000_000_000 ? ms : undefined;
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, text]) => (typeof text === 'string' ? [[key, text]] : [])),
  );
}
