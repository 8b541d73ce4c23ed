import type { ActionRow, CallRow, EventRow, LegRow, TurnRow } from '../../store/port.ts';
import { hangupText } from '../../telnyx/hangup-causes.ts';
import type { Screen, Speaker } from '../screen.ts';
import { localTime, printable, seconds, words } from './table.ts';

/** Everything that is kept of one call. */
export interface CallRecord {
  readonly call: CallRow;
  readonly legs: readonly LegRow[];
  readonly turns: readonly TurnRow[];
  readonly events: readonly EventRow[];
  readonly actions: readonly ActionRow[];
}

interface Line {
  /** Milliseconds since the call began. */
  readonly atMs: number;
  readonly speaker: Speaker;
  readonly text: string;
  readonly note?: string;
}

/** Tells one call on the screen: who, when, what was said and done, how it ended and what it used. */
export function showCall(screen: Screen, record: CallRecord): void {
  const { call, legs } = record;
  screen.title(printable(call.id));
  fact(screen, 'call', `${call.direction}, ${call.from || 'unknown'} -> ${call.to || 'unknown'}, agent ${call.agent}`);
  const ring =
    call.answeredAt === null ? 'not answered' : `answered after ${seconds(call.answeredAt - call.createdAt)}`;
  fact(screen, 'began', `${localTime(call.createdAt)}, ${ring}`);
  fact(screen, 'state', ending(call));
  for (const [key, value] of Object.entries(call.metadata)) fact(screen, key, value);
  screen.line();
  const lines = storyLines(record);
  if (lines.length === 0) screen.line('  nothing was said');
  for (const { atMs, speaker, text, note } of lines) screen.said(atMs, speaker, printable(text), note);
  screen.line();
  for (const leg of legs) fact(screen, leg.name, legLine(leg));
  if (call.usage) fact(screen, 'used', usageLine(call.usage));
  if (call.summary) fact(screen, 'summary', JSON.stringify(call.summary, null, 2));
}

/** What was said and what happened, in the order in which it began. */
export function storyLines({ call, turns, events, actions }: CallRecord): Line[] {
  const lines: Line[] = [
    ...turns.map(turnLine),
    ...events.flatMap((event) => eventLine(event, event.at - call.createdAt) ?? []),
    ...actions.map(({ at, by, type, detail }) => ({
      atMs: at - call.createdAt,
      speaker: 'call' as const,
      text: `${by}: ${type}${Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`}`,
    })),
  ];
  return lines.sort((a, b) => a.atMs - b.atMs);
}

function turnLine({ role, text, startMs, interrupted, latency }: TurnRow): Line {
  if (role === 'tool') return { atMs: startMs, speaker: 'call', text: `tool: ${text}` };
  const wait = latency?.['firstAudioMs'];
  const notes = [
    ...(role === 'agent' && wait !== undefined ? [`after ${(wait / 1000).toFixed(2)} s`] : []),
    ...(interrupted ? ['interrupted'] : []),
  ];
  return { atMs: startMs, speaker: role, text, ...(notes.length > 0 ? { note: notes.join(', ') } : {}) };
}

function eventLine({ type, data }: EventRow, atMs: number): Line | undefined {
  const text = (key: string): string => String(data[key]);
  const line = (what: string): Line => ({ atMs, speaker: 'call', text: what });
  switch (type) {
    case 'dtmf.received':
      return line(`caller pressed ${text('digit')}`);
    case 'dtmf.sent':
      return line(`agent sent ${text('digits')}`);
    case 'transfer.started':
      return line(`transfer to ${text('target')}`);
    case 'transfer.ended':
      return line(`transfer to ${text('target')}: ${words(text('outcome'))}`);
    case 'provider.failed':
      return line(`${text('provider')} failed: ${text('message')}`);
    case 'call.answered':
      return line('answered');
    case 'call.ended':
      return line(`ended: ${words(text('reason'))}`);
    default:
      return undefined;
  }
}

function ending({ status, endReason, durationMs, hangupText: why }: CallRow): string {
  if (endReason === null) return status;
  return `ended: ${words(endReason)}, after ${seconds(durationMs ?? 0)}${why === null ? '' : `. ${why}`}`;
}

function legLine(leg: LegRow): string {
  const { from, to, answeredAt, endedAt } = leg;
  const spoken =
    answeredAt === null ? 'not answered' : endedAt === null ? 'up' : `up for ${seconds(endedAt - answeredAt)}`;
  const why = hangupText(leg.hangupCause, leg.sipCode);
  return `${from ?? 'unknown'} -> ${to ?? 'unknown'}, ${spoken}${why === null ? '' : `. ${why}`}`;
}

function usageLine(usage: Readonly<Record<string, unknown>>): string {
  const of = (part: string, key: string): string => {
    const value = usage[part];
    const count = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    return typeof count === 'number' ? String(count) : '0';
  };
  return [
    `${of('stt', 'seconds')} s recognised`,
    `${of('llm', 'promptTokens')} + ${of('llm', 'completionTokens')} tokens in ${of('llm', 'requests')} requests`,
    `${of('tts', 'characters')} characters spoken`,
    `${of('carrier', 'seconds')} s of telephone`,
    ...(usage['cost'] === undefined ? [] : [`cost ${of('cost', 'total')} ${textOf(usage['cost'], 'currency')}`]),
  ].join(', ');
}

function textOf(part: unknown, key: string): string {
  const value = typeof part === 'object' && part !== null ? (part as Record<string, unknown>)[key] : undefined;
  return typeof value === 'string' ? value : '';
}

function fact(screen: Screen, name: string, text: string): void {
  const [first = '', ...more] = text.split('\n').map(printable);
  screen.line(`  ${screen.style('dim', printable(name).padEnd(10))}  ${first}`);
  for (const line of more) screen.line(`${' '.repeat(14)}${line}`);
}
