import type { ToolCall, ToolSpec } from '../../providers/ports.ts';
import { termsOfTarget } from '../transfer-terms.ts';
import { readBuiltInCall } from '../../tools/built-in.ts';
import type { CollectRequest } from '../../tools/collect-digits.ts';
import type { ToolOutcome } from '../../tools/tool.ts';
import { beginCollection } from './collect.ts';
import { beginWait } from './waiting.ts';
import { endTool, pauseText } from './speaking.ts';
import type { AfterSpeech, DialogueState, Draft, RunningTool } from './state.ts';

/** Answers with tool calls in one turn; after them the model answers in words. */
const MAX_TOOL_ROUNDS = 3;
const MAX_CALLS_PER_ANSWER = 8;
const MAX_TOOL_CALLS = 20;
/** A second try with the same arguments may be meant (after a failure), a third is a loop. */
const MAX_REPEATS = 2;
const LONGEST_ARGUMENTS = 16_384;
/** Stands for longer ones: the model would read them again in every turn. */
const TOO_LONG = '{"…":"too long"}';

/**
 * What comes of an answer with tool calls. `again`: all have their results, the model goes on. `wait`: some run.
 * `end`: actions follow once everything was said. `enough`: the model does not learn.
 */
export type Acted = 'again' | 'wait' | 'end' | 'enough';

/** What the model may call in its next answer. */
export function offeredTools({ tools, toolsOff }: Pick<DialogueState, 'tools' | 'toolsOff'>): readonly ToolSpec[] {
  return toolsOff ? tools.filter(({ name }) => name === 'hang_up') : tools;
}

/** Does what the model asked for. Actions that end our turn wait until tools are back and everything said was played. */
export function act(d: Draft, asked: readonly ToolCall[]): Acted {
  const speech = d.s.speech;
  if (!speech) return 'enough';
  const wasOff = d.s.toolsOff;
  d.s.toolRounds += 1;
  const calls = withOwnIds(d, asked);
  const after: AfterSpeech[] = [];
  const started: RunningTool[] = [];
  const entries: Entry[] = [];
  calls.forEach((call, n) => {
    d.s.toolCallsTotal += 1;
    d.fx.push({
      type: 'event',
      event: { type: 'tool.called', data: { id: call.id, name: call.name, arguments: call.arguments } },
    });
    const refusal = refusalOf(d, call, n);
    if (refusal !== undefined) refuse(d, call, refusal);
    else if (Object.hasOwn(d.s.ownTools, call.name)) started.push(startTool(d, call, speech.turn));
    else actBuiltIn(d, call, after, entries);
  });
  if (d.s.toolRounds >= MAX_TOOL_ROUNDS) d.s.toolsOff = true;
  const last = speech.segments.at(-1);
  const segments = [...speech.segments.slice(0, -1), { tokens: last?.tokens ?? [], toolCalls: calls }];
  const ending = after.some((action) => action.type === 'hangup' || action.type === 'transfer');
  d.s.speech = { ...speech, segments, after, interruptible: speech.interruptible && !ending };
  const [entry] = entries;
  if (entry && entries.length + after.length + started.length === 1) {
    beginCollection(d, { type: 'model', toolCallId: entry.call.id }, entry.request);
    return 'end';
  }
  for (const { call } of entries) refuse(d, call, 'collect_digits must be the only tool call of an answer');
  if (started.length > 0) {
    d.s.runningTools = [...d.s.runningTools, ...started];
    armDeadline(d);
    pauseText(d);
    beginWait(d);
    return 'wait';
  }
  if (after.length > 0) return 'end';
  return wasOff ? 'enough' : 'again';
}

/**
 * Providers may use an id twice, in one answer or in two; results are found by it, so it becomes one of its own.
 */
function withOwnIds(d: Draft, asked: readonly ToolCall[]): ToolCall[] {
  const taken = new Set<string>();
  const earlier = [
    ...d.s.history.flatMap((entry) => (entry.role === 'assistant' ? entry.toolCalls : [])),
    ...(d.s.speech?.segments ?? []).flatMap((segment) => segment.toolCalls),
  ];
  for (const { id } of earlier) taken.add(id);
  return asked.map((call) => {
    let id = call.id === '' ? 'call' : call.id;
    // Vendors allow 40 characters.
    for (let n = 2; taken.has(id); n++) id = `${call.id.slice(0, 34) || 'call'}_${n}`;
    taken.add(id);
    return { ...call, id, arguments: call.arguments.length > LONGEST_ARGUMENTS ? TOO_LONG : call.arguments };
  });
}

/** Why a call is not even looked at; undefined: it is. */
function refusalOf(d: Draft, call: ToolCall, n: number): string | undefined {
  if (d.s.toolCallsTotal > MAX_TOOL_CALLS) d.s.toolsOff = true;
  // Ending the call is never too much.
  if (call.name === 'hang_up') return undefined;
  if (d.s.toolsOff || n >= MAX_CALLS_PER_ANSWER) return 'too many tool calls; answer the caller in words';
  if (call.arguments === TOO_LONG) return `the arguments of ${call.name} are too long`;
  if (!Object.hasOwn(d.s.ownTools, call.name)) return undefined;
  const key = `${call.name} ${sameArguments(call.arguments)}`;
  const times = (Object.hasOwn(d.s.toolRepeats, key) ? (d.s.toolRepeats[key] ?? 0) : 0) + 1;
  d.s.toolRepeats = { ...d.s.toolRepeats, [key]: times };
  if (times <= MAX_REPEATS) return undefined;
  d.s.toolsOff = true;
  return `${call.name} was called with these arguments before; answer the caller in words`;
}

/** Arguments that mean the same are the same: order of keys and white space do not count. */
function sameArguments(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)));
  } catch {
    return text.trim();
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

function startTool(d: Draft, call: ToolCall, turn: number): RunningTool {
  d.fx.push({ type: 'toolStart', id: call.id, name: call.name, arguments: call.arguments });
  const deadlineMs = d.s.ownTools[call.name]?.deadlineMs ?? 0;
  return { id: call.id, name: call.name, turn, deadlineAt: d.t + deadlineMs };
}

/** Digits that the caller is to be asked for. */
interface Entry {
  readonly call: ToolCall;
  readonly request: CollectRequest;
}

function actBuiltIn(d: Draft, call: ToolCall, after: AfterSpeech[], entries: Entry[]): void {
  const targets = d.s.config.transferTargets;
  const action = readBuiltInCall(call, d.s.config.tools, Object.keys(targets), Object.keys(d.s.ownTools));
  switch (action.type) {
    case 'hangUp':
      after.push({ type: 'hangup', reason: 'agent_hangup' });
      endTool(d, call, '{"status":"ok"}');
      return;
    case 'transfer':
      after.push({
        ...{ type: 'transfer', target: action.target, to: targets[action.target] ?? '', toolCallId: call.id },
        ...termsOfTarget(d.s.config, action.target),
      });
      return;
    case 'dtmf':
      after.push({ type: 'dtmf', digits: action.digits, toolCallId: call.id });
      return;
    case 'collect':
      entries.push({ call, request: action.request });
      return;
    case 'invalid':
      refuse(d, call, action.reason);
  }
}

function refuse(d: Draft, call: ToolCall, reason: string): void {
  endTool(d, call, JSON.stringify({ status: 'error', error: reason }));
}

/** A running tool has its result, which enters the history whatever became of its turn. Undefined: it is none that runs. */
export function settleTool(d: Draft, id: string, outcome: ToolOutcome): RunningTool | undefined {
  return settle(d, id, outcome.ok ? outcome.result : JSON.stringify({ status: 'error', error: outcome.message }));
}

function settle(d: Draft, id: string, result: string): RunningTool | undefined {
  const tool = d.s.runningTools.find((one) => one.id === id);
  if (!tool) return undefined;
  d.s.runningTools = d.s.runningTools.filter((one) => one !== tool);
  endTool(d, tool, result);
  armDeadline(d);
  return tool;
}

/** Ends the tools whose time is up. @returns them */
export function settleOverdue(d: Draft): readonly RunningTool[] {
  const overdue = d.s.runningTools.filter(({ deadlineAt }) => deadlineAt <= d.t);
  for (const { id, name } of overdue) {
    const seconds = (d.s.ownTools[name]?.deadlineMs ?? 0) / 1000;
    d.fx.push({ type: 'toolStop', id });
    settle(d, id, JSON.stringify({ status: 'timeout', error: `no answer within ${seconds} s` }));
  }
  if (overdue.length === 0) armDeadline(d);
  return overdue;
}

/** The call is over: nobody waits for its tools any more. */
export function stopTools(d: Draft): void {
  for (const { id } of d.s.runningTools) {
    d.fx.push({ type: 'toolStop', id });
    settle(d, id, '{"status":"cancelled","reason":"the call ended"}');
  }
}

function armDeadline(d: Draft): void {
  const first = Math.min(...d.s.runningTools.map(({ deadlineAt }) => deadlineAt));
  if (first === Infinity) d.fx.push({ type: 'cancelTimer', name: 'tool' });
  else d.fx.push({ type: 'setTimer', name: 'tool', ms: Math.max(0, first - d.t) });
}
