import type { LlmEvent, ProviderFailure, ToolCall } from '../../providers/ports.ts';
import { readBuiltInCall } from '../../tools/built-in.ts';
import { speakable } from '../speakable.ts';
import { beginSpeech, cutSpeech, endText, endTool, sayLine, speak, textOf } from './speaking.ts';
import type { WrapUpReason } from './inputs.ts';
import { messagesOf, type AfterSpeech, type Draft, type Generation, type HeldEvent } from './state.ts';

const MAX_TOOL_ROUNDS = 3;
const MAX_TOOL_CALLS = 20;

/** Begins an agent turn that answers the history as it stands. */
export function reply(d: Draft, askedAt?: number): void {
  d.s.toolRounds = 0;
  goOn(d, askedAt);
}

/** Answers the outcome of an action, which is still about what the caller asked for. */
export function goOn(d: Draft, askedAt?: number): void {
  d.s.replyOwed = false;
  beginSpeech(d, 'reply', askedAt === undefined ? {} : { askedAt });
  generate(d, { attempt: 0 });
}

function generate(d: Draft, options: { readonly attempt: number; readonly eagerFor?: string }): void {
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
  d.fx.push({ type: 'llmStart', generation: d.s.generations, messages, tools: d.s.tools });
}

/** Starts the model on a turn that is probably over; nothing of it leaves before {@link commitEager}. */
export function startEager(d: Draft, text: string): void {
  abortGeneration(d);
  generate(d, { attempt: 0, eagerFor: text });
}

/** The eager guess was right: what the model said meanwhile goes out, the rest follows as it comes. */
export function commitEager(d: Draft, generation: Generation, askedAt: number): void {
  d.s.replyOwed = false;
  d.s.toolRounds = 0;
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
  if (generation.toolCalls.length > 0) {
    runTools(d, generation.toolCalls);
    return;
  }
  const speech = d.s.speech;
  if (speech && textOf(speech).trim() === '') {
    giveUpTurn(d, generation, { kind: 'malformed', message: 'the model answered nothing', retryable: true });
    return;
  }
  endText(d);
}

/** Does what the model asked for. Actions that end our turn wait until everything said was played. */
function runTools(d: Draft, calls: readonly ToolCall[]): void {
  const speech = d.s.speech;
  if (!speech) return;
  const targets = d.s.config.transferTargets;
  const after: AfterSpeech[] = [];
  d.s.toolRounds += 1;
  for (const call of calls) {
    d.s.toolCallsTotal += 1;
    const tooMany = d.s.toolRounds > MAX_TOOL_ROUNDS || d.s.toolCallsTotal > MAX_TOOL_CALLS;
    const action = tooMany
      ? ({ type: 'invalid', reason: 'too many tool calls; answer the caller in words' } as const)
      : readBuiltInCall(call, d.s.config.tools, Object.keys(targets));
    d.fx.push({
      type: 'event',
      event: { type: 'tool.called', data: { id: call.id, name: call.name, arguments: call.arguments } },
    });
    switch (action.type) {
      case 'hangUp':
        after.push({ type: 'hangup', reason: 'agent_hangup' });
        endTool(d, call, '{"status":"ok"}');
        break;
      case 'transfer':
        after.push({ type: 'transfer', target: action.target, to: targets[action.target] ?? '', toolCallId: call.id });
        break;
      case 'dtmf':
        after.push({ type: 'dtmf', digits: action.digits, toolCallId: call.id });
        break;
      case 'invalid':
        endTool(d, call, JSON.stringify({ status: 'error', error: action.reason }));
    }
  }
  const last = speech.segments.at(-1);
  const segments = [...speech.segments.slice(0, -1), { text: last?.text ?? '', toolCalls: calls }];
  if (after.length === 0) {
    // Only refusals: the model hears about them and answers in the same turn, unless it does not learn.
    d.s.speech = { ...speech, segments: [...segments, { text: ' ', toolCalls: [] }] };
    if (d.s.toolRounds > MAX_TOOL_ROUNDS) giveUpOnModel(d);
    else generate(d, { attempt: 0 });
    return;
  }
  const ending = after.some((action) => action.type === 'hangup' || action.type === 'transfer');
  d.s.speech = { ...speech, segments, after, interruptible: speech.interruptible && !ending };
  if (textOf(speech).trim() === '') {
    // Into the segment of the tool calls: in the history the line comes before their results, as it did at the ear.
    if (after.some((action) => action.type === 'hangup')) speak(d, d.s.lines.goodbye);
    else if (after.some((action) => action.type === 'transfer')) speak(d, d.s.lines.transfer);
  }
  endText(d);
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
    speak(d, d.s.lines.apology);
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
