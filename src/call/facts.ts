import type { TurnRecord } from '../agent/dialogue/inputs.ts';
import type { HistoryEntry } from '../agent/dialogue/state.ts';
import type { JournalRecord } from '../journal/format.ts';
import { objectOf } from '../telnyx/json-fields.ts';
import { FIRST_KEYS } from './first-keys.ts';
import type { AnsweredBy, CallStatus, EndReason, LegName, PublicEvent } from './inputs.ts';
import type { DialInput } from './outbound-call.ts';
import { declaredCodec, isTarget, type CallState, type Leg, type LegPhase, type Transfer } from './state.ts';

/** What a call's journal says happened, without running any of its code again. */
export interface CallFacts {
  readonly direction: 'inbound' | 'outbound';
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly status: CallStatus;
  readonly declared: CallState['declared'];
  readonly legs: Readonly<Record<string, Leg>>;
  /** As a call out was asked for. */
  readonly dial: DialInput | undefined;
  /** Keys after the answer were asked for. */
  readonly keysSent: boolean;
  /** Who picked up, as far as detection has said. */
  readonly answeredBy: AnsweredBy | undefined;
  readonly transfer: Transfer | undefined;
  /** The caller was on hold. */
  readonly hold: boolean;
  /** Logical milliseconds. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly endReason: EndReason | undefined;
  readonly durationMs: number | undefined;
  readonly turns: readonly (TurnRecord | ToolTurn)[];
  readonly history: readonly HistoryEntry[];
  readonly toolResults: Readonly<Record<string, string>>;
  readonly turn: number;
  /** Recording had begun. */
  readonly recorded: boolean;
  /** What it was doing; undefined before it was decided. */
  readonly recording: 'off' | 'on' | 'paused' | undefined;
  readonly muted: boolean;
  readonly seq: number;
  readonly t: number;
  /** Call clock, samples of 8 kHz, as far as the journal can tell. */
  readonly samples: number;
  readonly idCounts: Readonly<Record<string, number>>;
  readonly events: readonly { readonly id: string; readonly t: number; readonly event: PublicEvent }[];
}

/** A tool's work as the transcript shows it. */
export interface ToolTurn {
  readonly role: 'tool';
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

type Draft = {
  -readonly [K in keyof CallFacts]: CallFacts[K] extends readonly (infer T)[] ? T[] : CallFacts[K];
};

/** Folds the records of one journal (without its head), in order. Unknown records change nothing. */
export function foldFacts(records: readonly JournalRecord[]): CallFacts {
  const fold = new FactsFold();
  for (const record of records) fold.add(record);
  return fold.facts();
}

/** The same, record by record: what a journal that is still being written says so far. Every record costs the same. */
export class FactsFold {
  readonly #f: Draft = {
    direction: 'inbound',
    from: '',
    to: '',
    agent: '',
    status: 'ringing',
    declared: 'PCMU',
    legs: {},
    dial: undefined,
    keysSent: false,
    answeredBy: undefined,
    transfer: undefined,
    hold: false,
    answeredAt: undefined,
    endedAt: undefined,
    endReason: undefined,
    durationMs: undefined,
    turns: [],
    history: [],
    toolResults: {},
    turn: 0,
    recorded: false,
    recording: undefined,
    muted: false,
    seq: 0,
    t: 0,
    samples: 0,
    idCounts: {},
    events: [],
  };
  readonly #tools = new Map<string, { readonly name: string; readonly arguments: string; readonly t: number }>();
  #streamedAt: number | undefined;
  #commandId: unknown;

  add(record: JournalRecord): void {
    const f = this.#f;
    if ('t' in record) f.t = Math.max(f.t, record.t);
    if ('s' in record) f.seq = Math.max(f.seq, record.s);
    if (record.k === 'in') {
      onInput(f, record.leg, record.d);
      if (record.d.type === 'mediaStarted') this.#streamedAt ??= record.t;
    }
    if (record.k === 'fx' && record.d.type === 'command' && record.leg !== undefined) {
      // A takeover repeats an answer under its first id; that takes no new one.
      if (record.d['commandId'] !== this.#commandId) countIds(f, record.d);
      this.#commandId = record.d['commandId'];
      onCommand(f, record.leg, record.d);
    }
    if (record.k === 'ev') {
      const event = record.d as unknown as PublicEvent;
      onEvent(f, record.id, record.t, event);
      if (event.type === 'tool.called') this.#tools.set(event.data.id, { ...event.data, t: record.t });
      if (event.type === 'tool.ended') this.#toolEnded(event.data.id, event.data.name, event.data.result, record.t);
    }
    if (record.k === 'end') f.endedAt ??= record.t;
  }

  /** Its lists grow with the fold: what is kept of them is copied. */
  facts(): CallFacts {
    const f = this.#f;
    const samples = this.#streamedAt === undefined ? 0 : Math.round((f.t - this.#streamedAt) * 8);
    // A transfer whose command is not on file was never asked for.
    const untold = f.transfer?.to === '';
    return { ...f, samples, ...(untold ? { transfer: undefined, status: 'active' as const } : {}) };
  }

  #toolEnded(id: string, name: string, result: string, t: number): void {
    const called = this.#tools.get(id);
    this.#tools.delete(id);
    const text = toolText(name, called?.arguments, result);
    this.#f.turns.push({ role: 'tool', text, startMs: Math.round(called?.t ?? t), endMs: Math.round(t) });
  }
}

/** A tool's work in one line: `transfer_call {"target":"sales"}: answered`. */
export function toolText(name: string, args: string | undefined, result: string): string {
  return `${name}${args === undefined || args === '' || args === '{}' ? '' : ` ${args}`}: ${result}`;
}

/** What a transfer's target was told, as the transcript shows it. */
export function briefingText(target: string, text: string): string {
  return `told ${target}, not the caller: ${text}`;
}

function onInput(f: Draft, leg: string | undefined, d: Readonly<Record<string, unknown>>): void {
  if (leg === undefined) {
    onGivenUp(f, d);
    return;
  }
  if (d['type'] === 'dial') onDialInput(f, d as unknown as DialInput);
  if (d['type'] === 'commandDone') named(f, leg, objectOf(objectOf(d['outcome'])['leg']));
  if (d['type'] === 'legFound') found(f, leg as LegName, objectOf(objectOf(d['search'])['leg']));
  if (d['type'] === 'webhook') named(f, leg, objectOf(d['event']));
  // Audio only starts on a call that was answered, whatever became of the webhook.
  if (d['type'] === 'mediaStarted') answered(f, leg);
  if (d['type'] !== 'webhook') return;
  const event = d['event'] as Readonly<Record<string, unknown>>;
  const text = (key: string): string | undefined => (typeof event[key] === 'string' ? event[key] : undefined);
  if (!f.legs[leg]) {
    // The first that was heard of a leg, not always `call.initiated`.
    f.legs = {
      ...f.legs,
      [leg]: {
        name: leg as Leg['name'],
        phase: 'ringing',
        callControlId: text('callControlId') ?? '',
        callLegId: text('callLegId'),
        callSessionId: text('callSessionId'),
        answered: false,
        epoch: 0,
        socket: 'none',
        restores: 0,
        restoresTotal: 0,
      },
    };
    if (!isTarget(leg as Leg['name'])) {
      f.from = text('from') ?? 'anonymous';
      f.to = text('to') ?? '';
      f.declared = declaredCodec(Array.isArray(event['offeredCodecs']) ? event['offeredCodecs'].map(String) : []);
    } else if (f.status === 'transferred') change(f, leg, { phase: 'bridged', answered: true });
  }
  switch (event['type']) {
    case 'call.answered':
      answered(f, leg);
      return;
    case 'call.hangup':
      change(f, leg, { phase: 'ended' });
      return;
    default:
  }
}

function onDialInput(f: Draft, dial: DialInput): void {
  f.dial = dial;
  f.direction = 'outbound';
  f.status = 'dialing';
  f.legs = {
    ...f.legs,
    [dial.leg]: {
      name: dial.leg,
      phase: 'queued',
      callControlId: '',
      callLegId: undefined,
      callSessionId: undefined,
      answered: false,
      epoch: 0,
      socket: 'none',
      restores: 0,
      restoresTotal: 0,
    },
  };
}

/** A call out was ended before Telnyx had named its leg: no command says so. */
function onGivenUp(f: Draft, d: Readonly<Record<string, unknown>>): void {
  const isHangup = d['type'] === 'control' && objectOf(d['action'])['type'] === 'hangup';
  if (!isHangup || f.legs['callee']?.callControlId !== '') return;
  f.endReason ??= 'api_hangup';
  change(f, 'callee', { phase: 'ending' });
}

/** Telnyx told what a leg is called that we had dialled. */
function named(f: Draft, leg: string, ids: Readonly<Record<string, unknown>>): void {
  const known = f.legs[leg];
  const text = (key: string): string | undefined => (typeof ids[key] === 'string' ? ids[key] : undefined);
  const callControlId = text('callControlId') ?? '';
  if (known?.callControlId !== '' || callControlId === '') return;
  const phase = known.phase === 'dialing' ? 'ringing' : known.phase;
  change(f, leg, { callControlId, callLegId: text('callLegId'), callSessionId: text('callSessionId'), phase });
}

/** Telnyx was asked for a leg, and has it. Of a blind transfer's target that may be the first that is heard. */
function found(f: Draft, leg: LegName, ids: Readonly<Record<string, unknown>>): void {
  if (typeof ids['callControlId'] !== 'string') return;
  if (!f.legs[leg] && isTarget(leg) && f.transfer && !f.transfer.attended) {
    f.legs = {
      ...f.legs,
      [leg]: {
        ...{ name: leg, phase: 'answered', callControlId: '', callLegId: undefined, callSessionId: undefined },
        ...{ answered: true, epoch: 0, socket: 'none', restores: 0, restoresTotal: 0 },
      },
    };
  }
  named(f, leg, ids);
}

/** An attended transfer: its target has a leg of its own from here on. */
function onTargetDialled(f: Draft, leg: LegName, to: string): void {
  f.transfer = { target: f.transfer?.target ?? '', to, attended: { leg, step: 'dialing' } };
  f.legs = {
    ...f.legs,
    [leg]: {
      name: leg,
      phase: 'dialing',
      callControlId: '',
      callLegId: undefined,
      callSessionId: undefined,
      answered: false,
      epoch: 1,
      socket: 'none',
      restores: 0,
      restoresTotal: 0,
    },
  };
}

function answered(f: Draft, leg: string): void {
  const { phase } = f.legs[leg] ?? {};
  if (phase !== 'dialing' && phase !== 'ringing' && phase !== 'answering') return;
  change(f, leg, { answered: true, phase: 'answered' });
}

function onCommand(f: Draft, leg: string, d: Readonly<Record<string, unknown>>): void {
  const command = d['command'] as Readonly<Record<string, unknown>>;
  switch (command['name']) {
    case 'dial':
      if (isTarget(leg as LegName)) onTargetDialled(f, leg as LegName, String(command['to']));
      change(f, leg, { phase: 'dialing', epoch: Number(command['epoch'] ?? 0) });
      return;
    case 'bridge':
      if (f.transfer?.attended) f.transfer = { ...f.transfer, attended: { ...f.transfer.attended, step: 'bridging' } };
      return;
    case 'sendDtmf':
      if (d['tag'] === FIRST_KEYS) f.keysSent = true;
      return;
    case 'answer':
    case 'streamingStart':
      change(f, leg, {
        epoch: Number(command['epoch'] ?? 0),
        ...(command['name'] === 'answer' ? { phase: 'answering' as const } : {}),
      });
      return;
    case 'hangup':
      change(f, leg, { phase: 'ending' });
      return;
    case 'recordStart':
      // Whether it went out is not asked: a second one would make a second file.
      f.recorded = true;
      f.recording = 'on';
      return;
    case 'transfer':
      f.transfer = { target: f.transfer?.target ?? '', to: String(command['to']) };
      change(f, leg, { phase: 'transferring' });
      return;
    default:
  }
}

function onEvent(f: Draft, id: string, t: number, event: PublicEvent): void {
  f.events.push({ id, t, event });
  switch (event.type) {
    case 'recording.started':
      f.recorded = true;
      f.recording = 'on';
      return;
    case 'recording.stopped':
      // What was sensitive when the process died may still be: somebody has to say that recording may go on.
      f.recording = event.data.reason === 'paused' || event.data.reason === 'sensitive' ? 'paused' : 'off';
      return;
    case 'turn.started':
      f.turn = Math.max(f.turn, event.data.turn);
      return;
    case 'call.created':
      f.direction = event.data.direction;
      f.from = event.data.from;
      f.to = event.data.to;
      f.agent = event.data.agent;
      return;
    case 'call.answered':
      f.answeredAt = t;
      for (const leg of Object.values(f.legs)) {
        if (leg.name === 'caller' || leg.name === 'callee') change(f, leg.name, { answered: true, phase: 'answered' });
      }
      return;
    case 'call.updated':
      if (event.data.muted !== undefined) f.muted = event.data.muted;
      f.status = event.data.status;
      f.answeredBy ??= event.data.answeredBy;
      f.hold = event.data.hold ?? f.hold;
      return;
    case 'transfer.started':
      f.transfer = { target: event.data.target, to: '' };
      return;
    case 'transfer.briefed': {
      const { target, text, startMs, endMs } = event.data;
      // No turn of the conversation: the caller did not hear it.
      f.turns.push({ role: 'tool', text: briefingText(target, text), startMs, endMs });
      return;
    }
    case 'transfer.ended': {
      const bridged = event.data.outcome === 'answered';
      f.transfer = bridged && f.transfer ? { ...f.transfer, isThrough: true } : undefined;
      for (const leg of Object.values(f.legs)) {
        if (bridged && leg.phase !== 'ended' && leg.phase !== 'ending')
          change(f, leg.name, { phase: 'bridged', answered: true });
        else if (leg.phase === 'transferring') change(f, leg.name, { phase: 'answered' });
      }
      return;
    }
    case 'turn.ended':
      f.turn = Math.max(f.turn, event.data.turn);
      f.turns.push(event.data);
      if (event.data.text !== '') addHistory(f, event.data);
      return;
    case 'tool.called': {
      const { id: callId, name, arguments: args } = event.data;
      f.history.push({ role: 'assistant', content: '', toolCalls: [{ id: callId, name, arguments: args }] });
      // Until its end is on file nobody knows whether it happened; it is never run again.
      f.toolResults = { ...f.toolResults, [callId]: '{"status":"outcome unknown"}' };
      return;
    }
    case 'tool.ended': {
      f.toolResults = { ...f.toolResults, [event.data.id]: event.data.result };
      return;
    }
    case 'call.ended':
      f.status = 'ended';
      f.endReason = event.data.reason;
      f.durationMs = event.data.durationMs;
      f.endedAt = t;
      return;
    default:
  }
}

function addHistory(f: Draft, turn: TurnRecord): void {
  const last = f.history.at(-1);
  if (turn.role === 'agent') f.history.push({ role: 'assistant', content: turn.text, toolCalls: [] });
  else if (last?.role === 'user') f.history.splice(-1, 1, { role: 'user', content: `${last.content} ${turn.text}` });
  else f.history.push({ role: 'user', content: turn.text });
}

function change(f: Draft, leg: string, what: Partial<Leg> & { phase?: LegPhase }): void {
  const known = f.legs[leg];
  if (known && known.phase !== 'ended') f.legs = { ...f.legs, [leg]: { ...known, ...what } };
}

/** Ids that a command took, by label: what a resumed call must not use again. */
function countIds(f: Draft, d: Readonly<Record<string, unknown>>): void {
  const { name } = d['command'] as Readonly<Record<string, unknown>>;
  count(f, 'command');
  if (name === 'answer' || name === 'streamingStart' || name === 'dial') count(f, 'media');
}

function count(f: Draft, label: string): void {
  f.idCounts = { ...f.idCounts, [label]: (f.idCounts[label] ?? 0) + 1 };
}
