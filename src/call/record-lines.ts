import type { BriefingInput } from '../agent/briefing/state.ts';
import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import { KEY, type KeyLane, type Redactor, type TextLane, type TextStream } from '../core/redaction.ts';
import type { JournalData } from '../journal/format.ts';
import type { LlmEvent, SttEvent, TimedWord, TtsEvent } from '../providers/ports.ts';
import type { AnyEffect, CallInput, PublicEvent } from './inputs.ts';
import type { RunBriefing } from './machines.ts';

/** Stands where a text is not kept because the agent says `"transcripts": false`. */
const NOT_KEPT = '•••';

/** What one call's texts are masked by. */
export interface RecordLinesOptions {
  readonly redactor: Redactor;
  /** False: the agent says `"transcripts": false`. */
  readonly keepTexts: boolean;
  /** Are the keys that are pressed now nobody's business? */
  readonly digitsAreSensitive: () => boolean;
  /** And what the caller says? */
  readonly wordsAreSensitive: () => boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The gate through which everything goes that one call writes down or shows: journal, events and whatever reads them hold
 * what comes out here. The call itself, its caller and its model go on with the texts as they are.
 *
 * A number may come in pieces: tokens of the model, pieces of the voice, turns, keys. Each kind of text has its lane, which
 * remembers the digits it ended with. Text of a stream waits in memory until its number is whole, so a line's text may stand
 * in the next line, or as `rest` in the one that ends the stream.
 */
export class RecordLines {
  readonly #options: RecordLinesOptions;
  readonly #heard: TextLane;
  readonly #thought: TextLane;
  readonly #voiced: TextLane;
  readonly #caller: TextLane;
  readonly #agent: TextLane;
  readonly #generations = new Map<number, TextStream>();
  readonly #utterances = new Map<number, TextStream>();
  readonly #keys: Readonly<Record<'webhook' | 'socket' | 'event', KeyLane>>;

  constructor(options: RecordLinesOptions) {
    const { redactor } = options;
    this.#options = options;
    this.#heard = redactor.lane();
    this.#thought = redactor.lane();
    this.#voiced = redactor.lane();
    this.#caller = redactor.lane();
    this.#agent = redactor.lane();
    this.#keys = { webhook: redactor.keys(), socket: redactor.keys(), event: redactor.keys() };
  }

  /** An input as the journal keeps it. @param t the call's logical milliseconds */
  input(input: CallInput | DialogueInput | BriefingInput, t: number): JournalData {
    switch (input.type) {
      case 'stt': {
        const event = this.#stt(input.event);
        return this.#line({ ...input, event: this.#options.wordsAreSensitive() ? hideTexts(event) : event });
      }
      case 'control':
        return this.#line({ ...(this.#walk(input, '') as typeof input), action: this.#keysOut(input.action) });
      case 'llm':
        return this.#line({ ...input, event: this.#llm(input.generation, input.event) });
      case 'tts':
        return this.#line({ ...input, event: this.#tts(input.event) });
      case 'webhook': {
        const event = this.#walk(input.event, '') as typeof input.event;
        const isKey = event.type === 'call.dtmf.received';
        return this.#line({
          ...input,
          event: isKey ? { ...event, digit: this.#key('webhook', event.digit, t) } : event,
        });
      }
      default:
        return this.#line(this.#walk(input, '') as typeof input);
    }
  }

  /** What came by the media socket and is no input of a machine, as the journal keeps it. */
  media(d: JournalData, t: number): JournalData {
    const digit = d['digit'];
    return typeof digit === 'string' ? { ...d, digit: this.#key('socket', digit, t) } : d;
  }

  /**
   * An effect as the journal keeps it. A request to the model is kept as its size: its messages are the history, which the
   * turns before it already tell.
   */
  effect(effect: AnyEffect | DialogueEffect | RunBriefing): JournalData {
    switch (effect.type) {
      case 'llmStart':
        return {
          type: 'llmStart',
          generation: effect.generation,
          messages: effect.messages.length,
          tools: effect.tools.map((tool) => tool.name),
        };
      case 'llmAbort':
        return this.#line({ ...effect, ...this.#rest(this.#generations, effect.generation, true) });
      case 'collected':
        return this.#line({
          ...effect,
          outcome: 'digits' in effect.outcome ? { ...effect.outcome, digits: this.#entry(effect) } : effect.outcome,
        });
      case 'command':
        return this.#line({ ...(this.#walk(effect, '') as typeof effect), command: this.#keysOut(effect.command) });
      case 'ttsCancel': {
        const [running] = this.#utterances.keys();
        return this.#line({ ...effect, ...this.#rest(this.#utterances, running, true) });
      }
      default:
        return this.#line(this.#walk(effect, '') as typeof effect);
    }
  }

  /** An event as people and the journal get it. */
  event(event: PublicEvent, t: number): PublicEvent {
    return this.#line(this.#event(event, t)) as unknown as PublicEvent;
  }

  #event(event: PublicEvent, t: number): PublicEvent {
    switch (event.type) {
      case 'transcript.partial':
        return { ...event, data: { ...event.data, text: this.#caller.open(event.data.text) } };
      case 'turn.ended': {
        const { role, text, interrupted } = event.data;
        const lane = role === 'caller' ? this.#caller : this.#agent;
        return { ...event, data: { ...event.data, text: interrupted ? lane.cut(text) : lane.whole(text) } };
      }
      case 'speech.interrupted':
        return { ...event, data: { ...event.data, heard: this.#agent.cut(event.data.heard) } };
      case 'dtmf.received':
        return { ...event, data: { ...event.data, digit: this.#key('event', event.data.digit, t) } };
      case 'dtmf.sent':
        return { ...event, data: this.#keysOut(event.data) };
      case 'tool.called': {
        const shown = this.#walk(event, '') as typeof event;
        if (event.data.name !== 'send_dtmf' || !this.#options.digitsAreSensitive()) return shown;
        return { ...shown, data: { ...shown.data, arguments: JSON.stringify({ digits: KEY }) } };
      }
      default:
        return this.#walk(event, '') as PublicEvent;
    }
  }

  /** Keys that we press: covered one by one where keys are nobody's business; what is waited between them is not. */
  #keysOut<T extends object>(keys: T): T {
    const shown = this.#walk(keys, '') as T;
    if (!('digits' in keys) || typeof keys.digits !== 'string' || !this.#options.digitsAreSensitive()) return shown;
    return { ...shown, digits: keys.digits.replace(/[^wW]/g, KEY) };
  }

  #entry({ isSensitive, outcome }: Extract<DialogueEffect, { type: 'collected' }>): string {
    const digits = 'digits' in outcome ? outcome.digits : '';
    return isSensitive ? KEY.repeat(digits.length) : this.#options.redactor.text(digits);
  }

  #stt(event: SttEvent): Fields {
    switch (event.type) {
      case 'sttPartial':
      case 'sttEagerEndOfTurn':
        return { ...event, text: this.#heard.open(event.text) };
      case 'sttEndOfTurn':
      case 'sttUtterance':
        return {
          ...event,
          text: this.#heard.whole(event.text),
          ...timesOf('words' in event ? event.words : undefined),
        };
      default:
        return this.#walk(event, '') as Fields;
    }
  }

  #llm(generation: number, event: LlmEvent): Fields {
    if (event.type === 'llmDelta') {
      const stream = opened(this.#generations, generation, () => this.#options.redactor.stream(this.#thought));
      return { ...event, text: stream.push(event.text) };
    }
    if (event.type === 'llmToolCall' && event.call.name === 'send_dtmf' && this.#options.digitsAreSensitive()) {
      return { ...event, call: { ...event.call, arguments: JSON.stringify({ digits: KEY }) } };
    }
    const done = this.#walk(event, '') as Fields;
    const isOver = event.type === 'llmDone' || event.type === 'llmFailed';
    return isOver ? { ...done, ...this.#rest(this.#generations, generation, event.type === 'llmFailed') } : done;
  }

  #tts(event: Exclude<TtsEvent, { type: 'ttsAudio' }>): Fields {
    switch (event.type) {
      case 'ttsText': {
        const stream = opened(this.#utterances, event.utterance, () => this.#options.redactor.stream(this.#voiced));
        // Pieces of a voice are words or sentences: the next one begins a new word.
        const isApart = /\s$/u.test(event.text);
        const text = stream.push(isApart ? event.text : `${event.text} `);
        return { ...event, text: isApart ? text : text.trimEnd(), ...timesOf(event.words) };
      }
      case 'ttsSpoken':
        return { ...event, text: this.#voiced.cut(event.text) };
      case 'ttsDone':
      case 'ttsFailed': {
        const done = this.#walk(event, '') as Fields;
        return { ...done, ...this.#rest(this.#utterances, event.utterance, event.type === 'ttsFailed') };
      }
      default:
        return event;
    }
  }

  /** What waited in a stream that ends here. */
  #rest(streams: Map<number, TextStream>, key: number | undefined, isCut: boolean): { readonly rest?: string } {
    if (key === undefined) return {};
    const rest = streams.get(key)?.end(isCut).trimEnd() ?? '';
    streams.delete(key);
    return rest === '' ? {} : { rest };
  }

  #key(from: 'webhook' | 'socket' | 'event', digit: string, t: number): string {
    return this.#options.digitsAreSensitive() ? KEY : this.#keys[from].key(digit, t);
  }

  /** Every text in `value`, however deep, but for those that are names of ours or of Telnyx. */
  #walk(value: unknown, key: string): unknown {
    if (typeof value === 'string') {
      const { redactor } = this.#options;
      return JSON_KEYS.has(key) ? redactor.json(value) : redactor.text(value);
    }
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((inner) => this.#walk(inner, key));
    const copy: Record<string, unknown> = {};
    for (const [name, inner] of Object.entries(value)) copy[name] = NAMES.has(name) ? inner : this.#walk(inner, name);
    return copy;
  }

  #line(line: object): JournalData {
    return (this.#options.keepTexts ? line : hideTexts(line)) as JournalData;
  }
}

/** Texts that are JSON. */
const JSON_KEYS: ReadonlySet<string> = new Set(['arguments', 'result', 'content']);

/** Never a person's words: looked at by nobody but machines, and broken by a mask. Numbers are kept in full in the record. */
const NAMES: ReadonlySet<string> = new Set([
  ...['type', 'id', 'leg', 'name', 'agent', 'by', 'status', 'stream', 'streamId', 'encoding', 'tag', 'toolCallId'],
  ...['callControlId', 'callLegId', 'callSessionId', 'connectionId', 'clientState', 'occurredAt', 'commandId'],
  ...['from', 'to', 'direction', 'offeredCodecs', 'eventType', 'urls', 'tools', 'digit'],
]);

const TEXT_KEYS: ReadonlySet<string> = new Set([
  ...['text', 'heard', 'transcript', 'message', 'announce', 'arguments', 'result', 'rest'],
]);

function hideTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      TEXT_KEYS.has(key) && typeof inner === 'string' ? NOT_KEPT : hideTexts(inner),
    ]),
  );
}

/** A journal record's `d` as an agent with `"transcripts": false` would have written it. */
export function withoutTexts(d: JournalData): JournalData {
  return hideTexts(d) as JournalData;
}

/** Words with their times: the words themselves stand in `text`, where a number can be seen whole. */
function timesOf(words: readonly TimedWord[] | undefined): Fields {
  return words ? { words: words.map(({ startMs, endMs }) => ({ startMs, endMs })) } : {};
}

function opened(streams: Map<number, TextStream>, key: number, open: () => TextStream): TextStream {
  const stream = streams.get(key) ?? open();
  streams.set(key, stream);
  return stream;
}
