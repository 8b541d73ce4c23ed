import type { SpokenPiece } from '../heard.ts';
import type { SpokenToken } from '../spoken-token.ts';
import type { AgentConfig } from '../options.ts';
import type { DialogueEffect, DialogueInput } from '../dialogue/inputs.ts';
import type { HistoryEntry, PlayoutView } from '../dialogue/state.ts';
import { briefingLines, type BriefingLines } from './lines.ts';

export type BriefingTimer =
  | 'summary' // the target is there, and what the caller wants has not been put into words yet
  | 'endpoint' // silence that ends an utterance, where the recogniser does not decide itself
  | 'turnEnd' // and the answer, which may be several
  | 'answer'; // nothing was answered

/** What reaches the talk with a transfer's target: the same as reaches a dialogue, with timers of its own. */
export type BriefingInput = Exclude<DialogueInput, { type: 'timer' }> | { type: 'timer'; name: BriefingTimer };

/** `no_answer`: the target said nothing, or nothing that could be understood. */
export type BriefingAnswer = 'accepted' | 'declined' | 'no_answer' | 'failed';

export type BriefingEffect =
  | Extract<DialogueEffect, { type: `stt${string}` | `llm${string}` | `tts${string}` | `play${string}` }>
  | { readonly type: 'setTimer'; readonly name: BriefingTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly name: BriefingTimer }
  /** What the target has heard of us until it decided, or left. */
  | { readonly type: 'briefed'; readonly text: string; readonly startMs: number }
  | { readonly type: 'answer'; readonly answer: BriefingAnswer };

/** One thing that is said to the target. */
export interface BriefingSpeech {
  readonly turn: number;
  readonly tokens: readonly SpokenToken[];
  readonly isQuestion: boolean;
  /** Its first sample is on the way. */
  readonly audible: boolean;
  readonly pieces: readonly SpokenPiece[];
  /** The voice broke, and it is said again. */
  readonly again: boolean;
}

export interface BriefingState {
  readonly config: AgentConfig;
  readonly lines: BriefingLines;
  /**
   * `before`: it rings. `summing`: the target is there and waits for the summary. Then it is `told`, `asked` and has its
   * time to answer (`waiting`); an answer that is neither yes nor no goes to the model (`thinking`).
   */
  readonly phase: 'before' | 'summing' | 'told' | 'asked' | 'waiting' | 'thinking' | 'done';
  readonly history: readonly HistoryEntry[];
  /** What the caller wants, in words: undefined while the model is at it, '' when there is none. */
  readonly summary: string | undefined;
  readonly draft: string;
  readonly generation: number;
  /** What the target said and the model was asked about, and the model's words. */
  readonly talk: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[];
  readonly called: 'accept_call' | 'decline_call' | undefined;
  readonly bytesPerMs: number;
  readonly turn: number;
  readonly speech: BriefingSpeech | undefined;
  /** What was heard so far, and since when. */
  readonly heard: string;
  readonly startedAt: number | undefined;
  readonly stt: {
    readonly stream: number;
    readonly endsTurns: boolean;
    readonly utterance: number;
    readonly capturing: boolean;
    readonly lastVoicedAt: number;
    /** What was said of an answer that may go on. */
    readonly held: string;
  };
  readonly ttsSession: number;
  /** Times that the question was put. */
  readonly asked: number;
}

/** The mutable middle of one step. */
export interface BriefingDraft {
  s: { -readonly [K in keyof BriefingState]: BriefingState[K] };
  readonly fx: BriefingEffect[];
  readonly t: number;
  readonly playout: PlayoutView;
}

/** @param summary said instead of what the model would make of the conversation. */
export function createBriefing(
  config: AgentConfig,
  history: readonly HistoryEntry[],
  summary: string | undefined,
): BriefingState {
  return {
    config,
    lines: briefingLines(config.language),
    phase: 'before',
    history,
    summary,
    draft: '',
    generation: 0,
    talk: [],
    called: undefined,
    bytesPerMs: 8,
    turn: 0,
    speech: undefined,
    heard: '',
    startedAt: undefined,
    stt: { stream: 0, endsTurns: true, utterance: 0, capturing: false, lastVoicedAt: 0, held: '' },
    ttsSession: 0,
    asked: 0,
  };
}
