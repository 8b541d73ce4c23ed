import type { LlmUsage } from '../ports.ts';

/** A piece of one tool call as it came; servers leave out what they please. */
export interface ToolDelta {
  readonly index?: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments: string;
}

/** What we understand of one `chat.completion.chunk`. */
export interface ChatChunk {
  readonly text: string;
  readonly toolDeltas: readonly ToolDelta[];
  /** Words of the model to itself came (`reasoning_content`, `reasoning`); they are never spoken. */
  readonly reasoned: boolean;
  readonly finish?: ChatFinish;
  readonly usage?: LlmUsage;
}

/** `broken`: the server says itself that it did not get to the end. */
export type ChatFinish = 'stop' | 'tool_calls' | 'length' | 'filtered' | 'broken';

const NOTHING = { text: '', toolDeltas: [], reasoned: false } as const;

/**
 * Reads one frame of a chat completion stream, of OpenAI or of a server that calls itself compatible: an empty or absent
 * `choices` (the usage chunk), a missing `delta`, absent or null fields are all fine.
 */
export function readChatChunk(frame: unknown): ChatChunk {
  const chunk = record(frame);
  const usage = readUsage(chunk['usage']);
  const choice = record(list(chunk['choices'])[0]);
  const delta = record(choice['delta']);
  const finish = readFinish(choice['finish_reason']);
  return {
    ...NOTHING,
    // A refusal comes in a field of its own, instead of content; the caller must hear it all the same.
    text: string(delta['content']) + string(delta['refusal']),
    toolDeltas: list(delta['tool_calls']).map(readToolDelta),
    reasoned: string(delta['reasoning_content']) !== '' || string(delta['reasoning']) !== '',
    ...(finish && { finish }),
    ...(usage && { usage }),
  };
}

function readToolDelta(value: unknown): ToolDelta {
  const call = record(value);
  const fn = record(call['function']);
  const index = call['index'];
  const id = string(call['id']);
  const name = string(fn['name']);
  const args = fn['arguments'];
  return {
    ...(typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 && { index }),
    ...(id !== '' && { id }),
    ...(name !== '' && { name }),
    // Ollama's own shape has the arguments as an object.
    arguments: typeof args === 'object' && args !== null ? JSON.stringify(args) : string(args),
  };
}

function readFinish(value: unknown): ChatFinish | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  switch (value) {
    case 'tool_calls':
    case 'function_call':
      return 'tool_calls';
    case 'length':
      return 'length';
    case 'content_filter':
      return 'filtered';
    case 'error':
    case 'abort':
    case 'cancelled':
      return 'broken';
    default:
      // `stop`, and the dialects of it: `eos`, `end_turn`, `stop_sequence`.
      return 'stop';
  }
}

function readUsage(value: unknown): LlmUsage | undefined {
  const usage = record(value);
  const [promptTokens, completionTokens] = [usage['prompt_tokens'], usage['completion_tokens']];
  if (typeof promptTokens !== 'number' || typeof completionTokens !== 'number') return undefined;
  return { promptTokens, completionTokens };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
