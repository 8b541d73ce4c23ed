import type { SummaryOptions } from '../agent/summary-options.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { ChatMessage, LlmProvider, LlmRequest, LlmUsage, ProviderFailure } from '../providers/ports.ts';
import { summaryMessages, summarySchema, type HeardTurn } from './summary-prompt.ts';

/** What a model made of a conversation. */
export interface SummaryAnswer {
  readonly text: string;
  readonly data?: unknown;
  readonly usage?: LlmUsage;
}

/** The model answered, twice, and both times not in the form that was asked for. */
export class FormNotKept extends LandlineError {
  constructor(what: string) {
    super('provider_failed', `the model's answer cannot be used: ${what}`, { retryable: true });
  }
}

/**
 * Asks the model for a summary, and once more with what was wrong when the answer does not keep its form.
 * @throws LandlineError `provider_failed`; {@link FormNotKept} when the second answer is no better.
 */
export async function askForSummary(
  llm: LlmProvider,
  options: SummaryOptions,
  language: string,
  turns: readonly HeardTurn[],
  signal: AbortSignal,
): Promise<SummaryAnswer> {
  const messages = summaryMessages(options, language, turns);
  const first = await ask(llm, options, messages, signal);
  const read = readAnswer(options, first);
  if (typeof read !== 'string') return withUsage(read, first.usage);
  const second = await ask(
    llm,
    options,
    [
      ...messages,
      { role: 'assistant', content: first.text },
      { role: 'user', content: `That cannot be used: ${read}. Answer again, the whole of it, and nothing else.` },
    ],
    signal,
  );
  const repaired = readAnswer(options, second);
  if (typeof repaired === 'string') throw new FormNotKept(repaired);
  return withUsage(repaired, sum(first.usage, second.usage));
}

interface Answer {
  readonly text: string;
  readonly isWhole: boolean;
  readonly usage: LlmUsage | undefined;
}

/** One request, by the schema when the server takes it, else with the schema in the words alone. */
async function ask(
  llm: LlmProvider,
  options: SummaryOptions,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): Promise<Answer> {
  const schema = summarySchema(options);
  const document = { maxTokens: options.maxTokens };
  const plain: LlmRequest = { messages, tools: [], document };
  if (!schema) return generate(llm, plain, signal);
  return generate(llm, { ...plain, document: { ...document, schema } }, signal).catch((thrown: unknown) => {
    // Many compatible servers answer 400 to `response_format`.
    if (thrown instanceof Refused && thrown.kind === 'bad_request') return generate(llm, plain, signal);
    throw thrown;
  });
}

class Refused extends LandlineError {
  readonly kind: ProviderFailure['kind'];

  constructor({ kind, message }: ProviderFailure) {
    // `retryable` of a failure means within seconds. An account can be filled up and a key be set right within days.
    super('provider_failed', message, { retryable: kind !== 'bad_request' && kind !== 'missing' });
    this.kind = kind;
  }
}

function generate(llm: LlmProvider, request: LlmRequest, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    const running: { generation?: ReturnType<LlmProvider['generate']> } = {};
    const stopped = (): void => {
      running.generation?.abort();
      reject(new LandlineError('provider_failed', `${llm.name}: stopped`, { retryable: true }));
    };
    const ended = (): void => signal.removeEventListener('abort', stopped);
    if (signal.aborted) {
      stopped();
      return;
    }
    signal.addEventListener('abort', stopped);
    running.generation = llm.generate(request, (event) => {
      switch (event.type) {
        case 'llmDelta':
          text += event.text;
          return;
        case 'llmDone':
          ended();
          resolve({ text, isWhole: event.finish === 'stop', usage: event.usage });
          return;
        case 'llmFailed':
          ended();
          reject(new Refused(event.failure));
          return;
        case 'llmToolCall':
      }
    });
  });
}

/** The summary, or what is wrong with the answer. */
function readAnswer({ schema }: SummaryOptions, { text, isWhole }: Answer): SummaryAnswer | string {
  if (!isWhole) return 'it was cut before its end';
  if (!schema) return text.trim() === '' ? 'it is empty' : { text: text.trim() };
  let value: unknown;
  try {
    value = JSON.parse(withoutFence(text));
  } catch (thrown) {
    return `it is not JSON: ${messageOf(thrown)}`;
  }
  if (typeof value !== 'object' || value === null) return 'it is no JSON object';
  const { summary, data } = value as { readonly summary?: unknown; readonly data?: unknown };
  if (typeof summary !== 'string' || summary.trim() === '') return 'summary: must be a text';
  const checked = schema.check(data);
  if (!checked.ok) return checked.problems.map((problem) => `data: ${problem}`).join('; ');
  return { text: summary.trim(), data: checked.value };
}

/** Models without structured answers like to put JSON between ``` lines. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n```\s*$/.exec(text)?.[1] ?? text;
}

function withUsage(answer: SummaryAnswer, usage: LlmUsage | undefined): SummaryAnswer {
  return usage ? { ...answer, usage } : answer;
}

function sum(a: LlmUsage | undefined, b: LlmUsage | undefined): LlmUsage | undefined {
  if (!a || !b) return a ?? b;
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
  };
}
