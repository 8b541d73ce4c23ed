import type { LlmEvent, ProviderFailure } from '../../providers/ports.ts';
import type { ToolOutcome } from '../../tools/tool.ts';
import { speakable } from '../speakable.ts';
import { act, offeredTools, settleOverdue, settleTool } from './acting.ts';
import { cancelCollection } from './collect.ts';
import { SILENT } from '../speaker.ts';
import { spokenOf } from '../spoken-token.ts';
import { beginSegment, beginSpeech, cutSpeech, endText, finishWords, sayLine, speak, speakLine } from './speaking.ts';
import type { WrapUpReason } from './inputs.ts';
import {
  messagesOf,
  type AfterSpeech,
  type Draft,
  type Generation,
  type HeldEvent,
  type RunningTool,
} from './state.ts';
import { endWait, isWaiting } from './waiting.ts';
import { textOf } from './wording.ts';

/** Begins an agent turn that answers the history as it stands. */
export function reply(d: Draft, askedAt?: number): void {
  newRequest(d);
  goOn(d, askedAt);
}

/** The caller asked for something else: what was counted for the last request is forgotten. */
function newRequest(d: Draft): void {
  d.s.toolRounds = 0;
  d.s.toolRepeats = {};
  d.s.toolsOff = false;
  d.s.fillers = 0;
  d.s.fillerAt = -Infinity;
}

/** Answers the outcome of an action, which is still about what the caller asked for. */
export function goOn(d: Draft, askedAt?: number): void {
  if (d.s.muted || d.s.collection) {
    d.s.replyOwed = true;
    return;
  }
  d.s.replyOwed = false;
  tellLateTools(d);
  beginSpeech(d, 'reply', askedAt === undefined ? {} : { askedAt });
  generate(d, { attempt: 0 });
}

function generate(d: Draft, options: { readonly attempt: number; readonly eagerFor?: string }): void {
  // It begins a new text; marks that a failed attempt left behind are not part of it.
  if (d.s.speech) d.s.speech = { ...d.s.speech, speaker: SILENT };
  d.s.generations += 1;
  d.s.generation = {
    number: d.s.generations,
    eagerFor: options.eagerFor,
    held: [],
    attempt: options.attempt,
    toolCalls: [],
    said: false,
  };
  const messages = messagesOf(d.s);
  if (options.eagerFor !== undefined) messages.push({ role: 'user', content: options.eagerFor });
  d.fx.push({ type: 'llmStart', generation: d.s.generations, messages, tools: offeredTools(d.s) });
}

/** Starts the model on a turn that is probably over; nothing of it leaves before {@link commitEager}. */
export function startEager(d: Draft, text: string): void {
  abortGeneration(d);
  generate(d, { attempt: 0, eagerFor: text });
}

/** The eager guess was right: what the model said meanwhile goes out, the rest follows as it comes. */
export function commitEager(d: Draft, generation: Generation, askedAt: number): void {
  d.s.replyOwed = false;
  newRequest(d);
  beginSpeech(d, 'reply', { askedAt });
  d.s.generation = { ...generation, eagerFor: undefined, held: [] };
  for (const held of generation.held) deliver(d, held);
}

export function abortGeneration(d: Draft): void {
  const generation = d.s.generation;
  if (!generation) return;
  d.fx.push({ type: 'llmAbort', generation: generation.number });
  d.s.generation = undefined;
}

/** Everything of the agent's turn stops: the model and the voice. */
export function interrupt(d: Draft): void {
  abortGeneration(d);
  endWait(d);
  cutSpeech(d);
}

export function onLlm(d: Draft, number: number, event: LlmEvent): void {
  const generation = d.s.generation;
  if (generation?.number !== number) return;
  switch (event.type) {
    case 'llmDelta':
      hold(d, generation, { type: 'text', text: event.text });
      return;
    case 'llmToolCall':
      hold(d, generation, { type: 'tool', call: event.call });
      return;
    case 'llmDone':
      if (d.s.llmFailures > 0)
        d.fx.push({ type: 'event', event: { type: 'provider.recovered', data: { provider: 'llm' } } });
      d.s.llmFailures = 0;
      hold(d, generation, { type: 'done' });
      return;
    case 'llmFailed':
      onFailure(d, generation, event.failure);
  }
}

function hold(d: Draft, generation: Generation, event: HeldEvent): void {
  if (generation.eagerFor === undefined) deliver(d, event);
  else d.s.generation = { ...generation, held: [...generation.held, event] };
}

function deliver(d: Draft, event: HeldEvent): void {
  const generation = d.s.generation;
  if (!generation) return;
  switch (event.type) {
    case 'text':
      d.s.generation = { ...generation, said: generation.said || speakable(event.text).trim() !== '' };
      speak(d, event.text);
      return;
    case 'tool':
      d.s.generation = { ...generation, toolCalls: [...generation.toolCalls, event.call] };
      return;
    case 'done':
      finishGeneration(d, generation);
  }
}

function finishGeneration(d: Draft, generation: Generation): void {
  d.s.generation = undefined;
  finishWords(d);
  if (generation.toolCalls.length > 0) {
    onToolCalls(d, generation);
    return;
  }
  const said = generation.said && spokenOf(d.s.speech?.segments.at(-1)?.tokens ?? []).trim() !== '';
  if (d.s.speech && !said) {
    giveUpTurn(
      d,
      { ...generation, said },
      { kind: 'malformed', message: 'the model answered nothing', retryable: true },
    );
    return;
  }
  endText(d);
}

function onToolCalls(d: Draft, { toolCalls }: Generation): void {
  switch (act(d, toolCalls)) {
    case 'again':
      goOnInTurn(d);
      return;
    case 'wait':
      return;
    case 'end':
      endWithActions(d);
      return;
    case 'enough':
      // It was offered no tool and calls one all the same.
      speakLine(d, d.s.lines.apology);
      endText(d);
  }
}

/** The model hears of the results and answers in the same turn. */
function goOnInTurn(d: Draft): void {
  if (!d.s.speech) return;
  beginSegment(d);
  generate(d, { attempt: 0 });
}

/** Nothing more is said in this turn but what leads over to its actions. */
function endWithActions(d: Draft): void {
  const { speech } = d.s;
  if (!speech) return;
  if (textOf(speech).trim() === '') {
    // Into the segment of the tool calls: in the history the line comes before their results, as it did at the ear.
    if (speech.after.some((action) => action.type === 'hangup')) speakLine(d, d.s.lines.goodbye);
    else if (speech.after.some((action) => action.type === 'transfer')) speakLine(d, d.s.lines.transfer);
  }
  endText(d);
}

/** A tool came back. */
export function onToolDone(d: Draft, id: string, outcome: ToolOutcome): void {
  const tool = settleTool(d, id, outcome);
  if (tool) afterTool(d, tool);
}

/** The time of at least one tool is up. */
export function onToolDeadline(d: Draft): void {
  for (const tool of settleOverdue(d)) afterTool(d, tool);
}

function afterTool(d: Draft, tool: RunningTool): void {
  const { speech } = d.s;
  if (speech?.turn === tool.turn) {
    if (isWaiting(d)) return;
    endWait(d);
    if (speech.after.length > 0) endWithActions(d);
    else goOnInTurn(d);
    return;
  }
  // Its turn was cut short. The history has the result; somebody who still waits for it is told.
  if (d.s.wrapUp !== undefined || d.s.phase === 'closed') return;
  d.s.lateTools = [...d.s.lateTools, tool.name];
  // A guess at the answer does not know of it.
  abortEager(d);
  if (d.s.speech || d.s.phase !== 'live') d.s.replyOwed = true;
  else if (!d.s.callerTurn) goOn(d);
}

/** What came back late stands far up in the history; a short note makes the model look. */
function tellLateTools(d: Draft): void {
  const names = [...new Set(d.s.lateTools)];
  d.s.lateTools = [];
  if (names.length === 0 || d.s.history.at(-1)?.role === 'user') return;
  d.s.history = [...d.s.history, { role: 'user', content: `[${names.join(', ')} has answered]` }];
}

function onFailure(d: Draft, generation: Generation, failure: ProviderFailure): void {
  d.fx.push({
    type: 'event',
    event: { type: 'provider.failed', data: { provider: 'llm', kind: failure.kind, message: failure.message } },
  });
  if (generation.eagerFor !== undefined) {
    // A guess may fail without anybody noticing; the real end of turn asks again.
    d.s.generation = undefined;
    return;
  }
  giveUpTurn(d, generation, failure);
}

/** The model did not bring this turn to its end: once more, else say what there is, else apologise. */
function giveUpTurn(
  d: Draft,
  generation: Generation,
  failure: Pick<ProviderFailure, 'kind' | 'message' | 'retryable'>,
): void {
  d.s.generation = undefined;
  if (generation.said) {
    endText(d);
    return;
  }
  if (failure.retryable && generation.attempt === 0) {
    generate(d, { attempt: 1 });
    return;
  }
  d.s.llmFailures += 1;
  if (!failure.retryable || d.s.llmFailures >= 2) giveUpOnModel(d);
  else {
    speakLine(d, d.s.lines.apology);
    endText(d);
  }
}

function giveUpOnModel(d: Draft): void {
  wrapUp(d, 'provider_failure');
}

/** Ends the call politely: one last line that cannot be interrupted, then hang up. */
export function wrapUp(d: Draft, reason: WrapUpReason): void {
  if (d.s.wrapUp !== undefined || d.s.phase === 'closed') return;
  const ending = d.s.speech?.after.some((action) => action.type === 'hangup') ?? false;
  d.s.wrapUp = reason;
  if (ending) return;
  cancelCollection(d, 'the call is ending');
  interrupt(d);
  const line = {
    max_duration: d.s.lines.timeUp,
    drain: d.s.lines.closing,
    silence: d.s.lines.idleGoodbye,
    provider_failure: d.s.lines.failure,
  }[reason];
  const fallback = reason === 'provider_failure' ? fallbackOf(d) : undefined;
  if (fallback) {
    sayLine(d, d.s.lines.transfer, { interruptible: false, after: [fallback] });
    return;
  }
  sayLine(d, line, { interruptible: false, after: [{ type: 'hangup', reason }] });
}

/** Where a caller goes whom we cannot help any more, if the agent has such a place. */
export function fallbackOf(d: Draft): AfterSpeech | undefined {
  const { fallbackTarget, transferTargets } = d.s.config;
  const to = fallbackTarget === undefined ? undefined : transferTargets[fallbackTarget];
  if (fallbackTarget === undefined || to === undefined) return undefined;
  return { type: 'transfer', target: fallbackTarget, to, toolCallId: undefined };
}

/** What was started on a guess that cannot come true any more is discarded. */
export function abortEager(d: Draft): void {
  if (d.s.generation?.eagerFor !== undefined) abortGeneration(d);
}
