import type { ChatMessage, ToolCall, ToolSpec } from '../../providers/ports.ts';
import { builtInToolSpecs } from '../../tools/built-in.ts';
import type { ToolTerms } from '../../tools/tool.ts';
import type { SpokenPiece } from '../heard.ts';
import type { SpeakerState } from '../speaker.ts';
import { writtenOf, type SpokenToken } from '../spoken-token.ts';
import { fixedLines, type FixedLines } from '../lines.ts';
import type { AgentConfig } from '../options.ts';
import { fillIn, systemPrompt, type PromptFacts } from '../prompt.ts';
import type { Collection, EntryTail } from './collect.ts';
import type { DialogueEffect, TransferTerms, WrapUpReason } from './inputs.ts';
import type { KeyOrder } from './keying.ts';

/** A contribution to the conversation, in the order it was made. Tool results stand beside, by call id. */
export type HistoryEntry =
  | { readonly role: 'user'; readonly content: string }
  | { readonly role: 'assistant'; readonly content: string; readonly toolCalls: readonly ToolCall[] };

/** What happens once the running speech was played to its end. */
export type AfterSpeech =
  | { readonly type: 'hangup'; readonly reason: 'agent_hangup' | 'machine' | WrapUpReason }
  | ({
      readonly type: 'transfer';
      readonly target: string;
      readonly to: string;
      readonly toolCallId: string | undefined;
    } & TransferTerms)
  | { readonly type: 'dtmf'; readonly digits: string; readonly toolCallId: string }
  /** The consent line was heard: recording begins, and then the conversation. */
  | { readonly type: 'record' };

/** Text between two tool rounds of one agent turn. */
export interface Segment {
  readonly tokens: readonly SpokenToken[];
  readonly toolCalls: readonly ToolCall[];
}

/** One agent turn, from the decision to answer until its last sample was played or cut. */
export interface Speech {
  readonly turn: number;
  readonly kind: 'greeting' | 'reply' | 'line' | 'sound';
  /** What is heard instead of a voice. */
  readonly sound: string | undefined;
  readonly interruptible: boolean;
  readonly startedAt: number;
  /** When the caller stopped speaking before this turn; undefined for turns nobody asked for. */
  readonly askedAt: number | undefined;
  readonly endOfTurnAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly firstAudioAt: number | undefined;
  readonly segments: readonly Segment[];
  /** Where the model's text stands, and the word that is not whole yet. */
  readonly speaker: SpeakerState;
  /** The TTS utterance that speaks now, 0 before the first text. */
  readonly utterance: number;
  /** Where in the turn's audio and text that utterance begins (it is not the first one after a TTS failure). */
  readonly baseByte: number;
  readonly baseWord: number;
  readonly pieces: readonly SpokenPiece[];
  /**
   * The turn's text stops for a while, because tools run: `asked` until the voice has said what it has, then `over`. The next
   * text is another utterance; it waits in `held` while it must.
   */
  readonly pause: 'none' | 'asked' | 'over';
  readonly held: string;
  /** All text was decided; nothing more will be said in this turn. */
  readonly textDone: boolean;
  /** Set while a possible barge-in holds the audio. */
  readonly pausedAt: number | undefined;
  readonly after: readonly AfterSpeech[];
  /** A beep follows the last word. */
  readonly beep: boolean;
  readonly ttsFailures: number;
}

export interface Generation {
  readonly number: number;
  /** Started on an eager end of turn with this text; nothing of it may leave before the commit. */
  readonly eagerFor: string | undefined;
  /** What an uncommitted generation has said so far. */
  readonly held: readonly HeldEvent[];
  readonly attempt: number;
  readonly toolCalls: readonly ToolCall[];
  readonly said: boolean;
}

export type HeldEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool'; readonly call: ToolCall }
  | { readonly type: 'done' };

/** A tool that was started and has not come back. */
export interface RunningTool {
  readonly id: string;
  readonly name: string;
  /** The agent turn that asked for it. */
  readonly turn: number;
  readonly deadlineAt: number;
}

export interface DialogueState {
  readonly config: AgentConfig;
  readonly facts: PromptFacts;
  readonly lines: FixedLines;
  readonly tools: readonly ToolSpec[];
  /** The operator's own tools, by name. */
  readonly ownTools: Readonly<Record<string, ToolTerms>>;
  /** `before`: no audio yet. `down`: audio lost, being restored. `yielded`: a transfer is under way. `held`: on hold. */
  readonly phase: 'before' | 'live' | 'down' | 'yielded' | 'held' | 'closed';
  /** The caller hears hold music. */
  readonly music: boolean;
  /** The caller is put on hold as soon as what is being said was heard. */
  readonly holdWanted: { readonly music: boolean } | undefined;
  readonly greeted: boolean;
  /** Of calls out: the callee's first words are waited for; `over`: they came, or did not. */
  readonly hello: 'no' | 'waiting' | 'over';
  /** A machine answered: its greeting is waited for, then the message is `due`, then `said`. */
  readonly voicemail: 'none' | 'waiting' | 'due' | 'said';
  /** Recording has begun once: the consent, if there is one, was heard to its end. */
  readonly recorded: boolean;
  /** `wanted`: it begins once the consent was heard. */
  readonly recording: 'off' | 'wanted' | 'on' | 'paused';
  /** Sensitive digits are being collected: what records is held. */
  readonly recordingHeld: boolean;
  readonly bytesPerMs: number;
  readonly history: readonly HistoryEntry[];
  readonly toolResults: Readonly<Record<string, string>>;
  /** Numbers taken so far. */
  readonly turn: number;
  readonly utterance: number;
  readonly generations: number;
  readonly ears: {
    readonly stream: number;
    readonly endsTurns: boolean;
    readonly failures: number;
    /** Something was recognised since the caller's voice began. */
    readonly answered: boolean;
    /** Own-VAD utterance numbers: last begun, and whether it still runs. */
    readonly utterance: number;
    readonly capturing: boolean;
    /** The last utterance was finished and its text has not come yet. */
    readonly awaiting: boolean;
    /** Utterances up to this one are the sound of keys. */
    readonly toneUtterance: number;
  };
  readonly voice: {
    readonly active: boolean;
    readonly sustained: boolean;
    readonly startedAt: number;
    readonly lastVoicedAt: number;
  };
  /** What the caller has said of a turn that may go on; only where the recogniser does not end turns. */
  readonly heldTurn: string;
  /** The caller's running turn once words of it are known. */
  readonly callerTurn: { readonly turn: number; readonly startMs: number } | undefined;
  /** Keys pressed and not yet answered, and when the last of them came. */
  readonly digits: string;
  readonly digitAt: number;
  readonly generation: Generation | undefined;
  readonly llmFailures: number;
  readonly toolRounds: number;
  readonly toolCallsTotal: number;
  /** How often each tool was started with the same arguments since the caller's last words. */
  readonly toolRepeats: Readonly<Record<string, number>>;
  /** The model went too far: no tools until the caller has spoken again. */
  readonly toolsOff: boolean;
  readonly runningTools: readonly RunningTool[];
  /** Names of tools that came back after their turn was cut short, and that no answer has spoken of yet. */
  readonly lateTools: readonly string[];
  /** Filler lines said since the caller's last words, and when the last one was. */
  readonly fillers: number;
  readonly fillerAt: number;
  /** `open`: session `session` can speak. */
  readonly tts: { readonly session: number; readonly open: boolean; readonly failures: number };
  readonly speech: Speech | undefined;
  /** The caller said something that has had no answer yet because the agent may not be interrupted. */
  readonly replyOwed: boolean;
  readonly wrapUp: WrapUpReason | undefined;
  readonly reprompts: number;
  /** What is to be said or played from outside and waits for the running speech to end. */
  readonly waitingLines: readonly WaitingLine[];
  /** An entry of digits that the caller was asked for. */
  readonly collection: Collection | undefined;
  readonly entryTail: EntryTail | undefined;
  /** Sensitive digits for tools, by token; in memory only, until the call ends. */
  readonly keptDigits: Readonly<Record<string, string>>;
  /** Keys to press, the first under way. */
  readonly keying: readonly KeyOrder[];
  readonly keyOrders: number;
  /** The agent starts no turn of its own. */
  readonly muted: boolean;
  /** The tool call that asked for the transfer under way. */
  readonly transferCallId: string | undefined;
}

export type WaitingLine = { readonly text: string } | { readonly sound: string; readonly interruptible: boolean };

/** What playout knows at the moment of a step. All about the current (or last) turn. */
export interface PlayoutView {
  readonly turn: number;
  readonly writtenBytes: number;
  readonly sentBytes: number;
  readonly heardBytes: number;
  /** When its first frame left, and when the caller heard that, as far as marks tell. */
  readonly firstSentAt?: number | undefined;
  readonly firstPlayedAt?: number | undefined;
}

/** The mutable middle of one step: a copy of the state, the effects so far, the time. Never leaves the step. */
export interface Draft {
  s: { -readonly [K in keyof DialogueState]: DialogueState[K] };
  readonly fx: DialogueEffect[];
  readonly t: number;
  readonly playout: PlayoutView;
}

/** Are the keys that are pressed now to be told to nobody? The one place that decides it. */
export function digitsAreSensitive(s: DialogueState): boolean {
  return s.config.sensitiveDigits || entryIsSensitive(s);
}

/** Are keys and words those of an entry that nobody may see? Also what is reported after it has ended. */
export function entryIsSensitive({ collection, entryTail }: DialogueState): boolean {
  return (collection?.request.sensitive ?? false) || (entryTail?.isSensitive ?? false);
}

export function createDialogue(
  config: AgentConfig,
  facts: PromptFacts,
  resumed?: {
    readonly history: readonly HistoryEntry[];
    readonly toolResults: Readonly<Record<string, string>>;
    readonly turn: number;
    readonly recorded: boolean;
    /** What the recording was doing; taken from the agent when nothing is on file. */
    readonly recording?: 'off' | 'on' | 'paused' | undefined;
    readonly muted?: boolean | undefined;
  },
  ownTools: readonly ToolTerms[] = [],
): DialogueState {
  return {
    config,
    facts,
    lines: fixedLines(config.language),
    tools: [
      ...builtInToolSpecs(config.tools, Object.keys(config.transferTargets)),
      ...ownTools.map(({ spec }) => spec),
    ],
    // Terms without what may hang on them: the state is data.
    ownTools: Object.fromEntries(
      ownTools.map(({ spec, deadlineMs, filler }) => [spec.name, { spec, deadlineMs, filler }]),
    ),
    phase: 'before',
    music: false,
    holdWanted: undefined,
    greeted: (resumed?.history.length ?? 0) > 0,
    hello: 'no',
    voicemail: 'none',
    recorded: resumed?.recorded ?? false,
    recording: resumed?.recording ?? (config.recording === false ? 'off' : 'wanted'),
    recordingHeld: false,
    bytesPerMs: 8,
    history: resumed?.history ?? [],
    toolResults: resumed?.toolResults ?? {},
    turn: resumed?.turn ?? 0,
    utterance: 0,
    generations: 0,
    ears: {
      stream: 0,
      endsTurns: true,
      failures: 0,
      answered: true,
      utterance: 0,
      capturing: false,
      awaiting: false,
      toneUtterance: 0,
    },
    voice: { active: false, sustained: false, startedAt: 0, lastVoicedAt: 0 },
    heldTurn: '',
    callerTurn: undefined,
    digits: '',
    digitAt: -Infinity,
    generation: undefined,
    llmFailures: 0,
    toolRounds: 0,
    toolCallsTotal: (resumed?.history ?? []).reduce(
      (sum, entry) => sum + (entry.role === 'assistant' ? entry.toolCalls.length : 0),
      0,
    ),
    toolRepeats: {},
    toolsOff: false,
    runningTools: [],
    lateTools: [],
    fillers: 0,
    fillerAt: -Infinity,
    tts: { session: 0, open: false, failures: 0 },
    speech: undefined,
    replyOwed: false,
    wrapUp: undefined,
    reprompts: 0,
    waitingLines: [],
    collection: undefined,
    entryTail: wasCollecting(resumed) ? { isSensitive: true, terminator: undefined } : undefined,
    keptDigits: {},
    keying: [],
    keyOrders: 0,
    muted: resumed?.muted ?? false,
    transferCallId: undefined,
  };
}

/** Digits were being collected when the process died: what is pressed on is nobody's business either. */
function wasCollecting(resumed: Parameters<typeof createDialogue>[2]): boolean {
  const last = resumed?.history.findLast((entry) => entry.role === 'assistant');
  const isOpen = (id: string): boolean => !Object.hasOwn(resumed?.toolResults ?? {}, id);
  return last?.role === 'assistant' && last.toolCalls.some(({ id, name }) => name === 'collect_digits' && isOpen(id));
}

/** The greeting with its variables filled in, if the agent has one. */
export function greetingOf(s: DialogueState): string {
  return fillIn(s.config.greeting ?? '', s.config, s.facts);
}

/**
 * The request's messages: system, history, and the running turn as it stands. Every tool call is followed by exactly one
 * result.
 */
export function messagesOf(s: DialogueState): ChatMessage[] {
  const messages: ChatMessage[] = [{ role: 'system', content: systemPrompt(s.config, s.facts) }];
  const running = (s.speech?.segments ?? [])
    .map(({ tokens, toolCalls }): HistoryEntry => ({ role: 'assistant', content: writtenOf(tokens).trim(), toolCalls }))
    .filter((entry) => entry.content !== '' || (entry.role === 'assistant' && entry.toolCalls.length > 0));
  for (const entry of [...s.history, ...running]) {
    if (entry.role === 'user') {
      messages.push(entry);
      continue;
    }
    const { content, toolCalls } = entry;
    messages.push(toolCalls.length > 0 ? { role: 'assistant', content, toolCalls } : { role: 'assistant', content });
    for (const call of toolCalls) {
      messages.push({ role: 'tool', toolCallId: call.id, content: resultOf(s, call.id) });
    }
  }
  return messages;
}

function resultOf(s: DialogueState, id: string): string {
  const known = Object.hasOwn(s.toolResults, id) ? s.toolResults[id] : undefined;
  return known ?? (s.runningTools.some((tool) => tool.id === id) ? '{"status":"running"}' : '{"status":"unknown"}');
}
