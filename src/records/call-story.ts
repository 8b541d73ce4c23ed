import type { TurnLatency } from '../agent/dialogue/inputs.ts';
import { foldFacts } from '../call/facts.ts';
import type { EndReason, PublicEvent } from '../call/inputs.ts';
import type { JournalRecord } from '../journal/format.ts';
import type { Journal } from '../journal/reader.ts';

/** A call as a person reads it afterwards. All times are milliseconds on the clock of its recording. */
export interface CallStory {
  readonly callId: string;
  readonly direction: 'inbound' | 'outbound';
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** From answer to end; undefined while the call lives. */
  readonly durationMs: number | undefined;
  readonly endReason: EndReason | undefined;
  readonly turns: readonly StoryTurn[];
  /** What happened beside the talking, in order. */
  readonly moments: readonly StoryMoment[];
}

export interface StoryTurn {
  readonly turn: number;
  readonly role: 'caller' | 'agent';
  /** How the caller said it; `unclear` speech has no text. */
  readonly by: 'voice' | 'keys' | 'unclear';
  /** For the agent: only what was heard. */
  readonly text: string;
  /** The words behind `text` that were going to be said, as far as they were known when the turn was cut. */
  readonly unheard: string;
  readonly interrupted: boolean;
  readonly startMs: number;
  readonly endMs: number;
  /** Of answers to speech. */
  readonly latency: TurnLatency | undefined;
}

export interface StoryMoment {
  readonly kind: 'key' | 'sent' | 'tool' | 'transfer' | 'problem' | 'end';
  readonly atMs: number;
  readonly text: string;
}

/** Reads the story of a call out of its journal. */
export function callStory({ head, records }: Pick<Journal, 'head' | 'records'>): CallStory {
  const facts = foldFacts(records);
  const zero = records.find((record) => record.k === 'in' && record.d.type === 'mediaStarted');
  const zeroMs = zero && 't' in zero ? zero.t : 0;
  const onRecording = (t: number): number => Math.max(0, t - zeroMs);
  const spoken = spokenTexts(records);
  const keys = facts.events.flatMap(({ t, event }) => (event.type === 'dtmf.received' ? [t] : []));
  const turns: StoryTurn[] = [];
  let lastCaller: StoryTurn['by'] = 'voice';
  for (const turn of facts.turns) {
    if (turn.role === 'tool') continue;
    const { role, interrupted = false } = turn;
    const said = role === 'caller' ? callerText(turn.text) : { by: 'voice' as const, text: turn.text };
    if (role === 'caller') lastCaller = said.by;
    turns.push({
      turn: turn.turn,
      role,
      ...said,
      unheard: interrupted ? behind(spoken.get(turn.turn) ?? '', turn.text) : '',
      interrupted,
      startMs: onRecording(said.by === 'keys' ? keyed(keys, said.text.length, turn.endMs) : turn.startMs),
      endMs: onRecording(turn.endMs),
      // After a key the agent waits for more keys: that is no speed of answering.
      latency: lastCaller === 'keys' ? undefined : turn.latency,
    });
  }
  return {
    callId: head.callId,
    direction: facts.direction,
    from: facts.from,
    to: facts.to,
    agent: facts.agent,
    createdAt: head.createdAt,
    durationMs: facts.durationMs,
    endReason: facts.endReason,
    turns: turns.sort((a, b) => a.startMs - b.startMs),
    moments: facts.events.flatMap(({ t, event }) => momentOf(onRecording(t), event) ?? []),
  };
}

function callerText(text: string): Pick<StoryTurn, 'by' | 'text'> {
  const pressed = /^\[pressed ([0-9A-D*#•]+)\]$/.exec(text)?.[1];
  if (pressed !== undefined) return { by: 'keys', text: pressed };
  return text === '[unclear]' ? { by: 'unclear', text: '' } : { by: 'voice', text };
}

/** When the first of `count` keys was pressed, the last of them by `endMs`. */
function keyed(keys: readonly number[], count: number, endMs: number): number {
  const before = keys.filter((t) => t <= endMs);
  return before[before.length - count] ?? endMs;
}

/** All text that was given a voice, by turn. */
function spokenTexts(records: readonly JournalRecord[]): Map<number, string> {
  const turnOf = new Map<number, number>();
  const texts = new Map<number, string>();
  for (const record of records) {
    if (record.k === 'fx' && record.d.type === 'ttsBegin')
      turnOf.set(Number(record.d['utterance']), Number(record.d['turn']));
    if (record.k !== 'in' || record.d.type !== 'tts') continue;
    const event = record.d['event'] as Readonly<Record<string, unknown>>;
    const turn = turnOf.get(Number(event['utterance']));
    // What waited for the end of a number stands in the line that ends the utterance.
    const text = event['type'] === 'ttsText' ? event['text'] : event['rest'];
    if (typeof text !== 'string' || turn === undefined) continue;
    texts.set(turn, `${texts.get(turn) ?? ''} ${text}`);
  }
  return texts;
}

/** The words of `whole` that follow those of `heard`; nothing when it begins otherwise. */
function behind(whole: string, heard: string): string {
  const words = whole.split(/\s+/u).filter((word) => word !== '');
  const first = heard.split(/\s+/u).filter((word) => word !== '');
  return first.every((word, i) => words[i] === word) ? words.slice(first.length).join(' ') : '';
}

function momentOf(atMs: number, event: PublicEvent): StoryMoment | undefined {
  switch (event.type) {
    case 'dtmf.received':
      return { kind: 'key', atMs, text: `caller pressed ${event.data.digit}` };
    case 'dtmf.sent':
      return { kind: 'sent', atMs, text: `agent sent ${event.data.digits}` };
    case 'tool.called':
      return { kind: 'tool', atMs, text: `${event.data.name} ${event.data.arguments}` };
    case 'transfer.started':
      return { kind: 'transfer', atMs, text: `transfer to ${event.data.target}` };
    case 'transfer.ended':
      return { kind: 'transfer', atMs, text: `transfer to ${event.data.target}: ${event.data.outcome}` };
    case 'provider.failed':
      return { kind: 'problem', atMs, text: `${event.data.provider} failed: ${event.data.message}` };
    case 'call.ended':
      return { kind: 'end', atMs, text: event.data.reason.replaceAll('_', ' ') };
    default:
      return undefined;
  }
}
