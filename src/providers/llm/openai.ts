import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import { createOpenAiClient, type OpenAiClient, type OpenAiClientOptions } from '../openai-client.ts';
import type {
  ChatMessage,
  LlmEvent,
  LlmGeneration,
  LlmProvider,
  LlmRequest,
  LlmUsage,
  ProviderFailure,
} from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { readChatChunk, type ChatChunk, type ChatFinish } from './chat-chunk.ts';
import { createToolCallAssembler } from './tool-calls.ts';

export interface OpenAiLlmOptions extends OpenAiClientOptions {
  /** As the server calls it. There is no default: OpenAI switches models off within months. */
  readonly model: string;
  /** From the request to the first text or tool call; reasoning does not count. Default 5000; local servers load a model first. */
  readonly firstTokenMs?: number;
  /** Longest silence inside an answer. Default 5000. */
  readonly interTokenMs?: number;
  /** Sent as `max_completion_tokens`. */
  readonly maxTokens?: number;
  readonly temperature?: number;
  /** `none` or `minimal` is what a phone call wants from a model that reasons. Sent only when set. */
  readonly reasoningEffort?: string;
  /** More fields of the request body, as they are; they win over ours (`{"max_tokens": 300}` for older servers). */
  readonly extraBody?: Readonly<Record<string, unknown>>;
}

/** An answer longer than this is no phone answer; it is ended with `length`. */
const MAX_TEXT_CHARS = 16_000;
/** A text that nobody waits for may be longer, and its model may think about it. */
const DOCUMENT = { maxTextChars: 400_000, firstTokenMs: 60_000, interTokenMs: 30_000 } as const;
const MAX_TOOL_ARGUMENT_BYTES = 64 * 1024;
/** After the finish only the usage frame and the end can follow; how long to wait for them. */
const USAGE_WAIT_MS = 500;

/** `chat.completions` streaming of OpenAI and every server that speaks it (llama.cpp, Ollama, vLLM, Groq, …). */
export function createOpenAiLlm(options: OpenAiLlmOptions): LlmProvider {
  const client = createOpenAiClient(options);
  return {
    name: `openai ${options.model}`,
    warm: () => client.warm(),
    generate: (request, emit) => generate(client, options, request, emit),
  };
}

function generate(
  client: OpenAiClient,
  options: OpenAiLlmOptions,
  request: LlmRequest,
  emit: (event: LlmEvent) => void,
): LlmGeneration {
  const { firstTokenMs, interTokenMs, maxTextChars } = limitsOf(options, request);
  const doing = `openai ${options.model}`;
  const abort = new AbortController();
  const watchdog = createWatchdog(options.clock);
  const tools = createToolCallAssembler(request.messages, MAX_TOOL_ARGUMENT_BYTES);
  let over = false;
  let textChars = 0;
  let reasoned = false;
  let finish: Exclude<ChatFinish, 'broken'> | undefined;
  let usage: LlmUsage | undefined;

  const end = (event: LlmEvent): void => {
    if (over) return;
    over = true;
    watchdog.stop();
    emit(event);
  };
  const done = (): void => end({ type: 'llmDone', finish: finish ?? 'stop', ...(usage && { usage }) });
  const fail = (failure: ProviderFailure): void => {
    end({ type: 'llmFailed', failure });
    abort.abort();
  };
  const failWith = (kind: ProviderFailure['kind'], what: string): void =>
    fail({ kind, message: `${doing}: ${what}`, retryable: true });

  /** The answer is complete: hand out its tool calls, then wait a moment for the usage frame. */
  const complete = (reason: Exclude<ChatFinish, 'broken'>): void => {
    const { calls, nameless } = tools.finish();
    const isWhole = reason === 'stop' || reason === 'tool_calls';
    // An answer that was cut may end in half a call: only whole arguments count. What was withheld is not acted on.
    const chosen = calls.filter((call) => isWhole || (reason === 'length' && isJson(call.arguments)));
    if (nameless > 0 && isWhole) {
      failWith('malformed', 'a tool call without a name');
      return;
    }
    // Some servers say `stop` although they called tools, or `tool_calls` although they called none.
    finish = isWhole ? (chosen.length > 0 ? 'tool_calls' : 'stop') : reason;
    watchdog.arm(USAGE_WAIT_MS, () => {
      done();
      abort.abort();
    });
    for (const call of chosen) {
      if (over) return;
      emit({ type: 'llmToolCall', call });
    }
  };

  const take = (chunk: ChatChunk): void => {
    usage = chunk.usage ?? usage;
    reasoned ||= chunk.reasoned;
    if (finish) return;
    const room = maxTextChars - textChars;
    const text = chunk.text.slice(0, room);
    textChars += text.length;
    if (text !== '' || chunk.toolDeltas.length > 0) {
      watchdog.arm(interTokenMs, () => failWith('stalled', `silent for ${interTokenMs} ms in the middle of an answer`));
    }
    if (text !== '') emit({ type: 'llmDelta', text });
    if (over) return;
    if (chunk.text.length > room) {
      complete('length');
      done();
      abort.abort();
      return;
    }
    for (const delta of chunk.toolDeltas) {
      const wrong = tools.push(delta);
      if (wrong) {
        failWith('malformed', wrong);
        return;
      }
    }
    if (chunk.finish === 'broken') {
      failWith('truncated', 'the server gave the answer up');
      return;
    }
    if (chunk.finish) complete(chunk.finish);
  };

  const run = async (): Promise<void> => {
    try {
      const { data: stream, response } = await client.sdk.chat.completions
        .create(requestBody(options, request), { signal: abort.signal })
        .withResponse();
      let frames = 0;
      for await (const frame of stream) {
        if (over) return;
        frames++;
        take(readChatChunk(frame));
      }
      if (over) return;
      if (finish) {
        done();
        return;
      }
      const contentType = response.headers.get('content-type') ?? 'no content type';
      if (frames === 0 && !contentType.startsWith('text/event-stream')) {
        failWith(
          'malformed',
          `answered ${contentType} instead of an event stream; is the base URL right (it ends in /v1)?`,
        );
        return;
      }
      failWith('truncated', 'the answer ended without a finish_reason');
    } catch (error) {
      if (over) return;
      // What breaks after the finish costs nothing but the usage numbers.
      if (finish) done();
      else fail(client.failure(doing, error));
    }
  };

  watchdog.arm(firstTokenMs, () =>
    failWith('timeout', `no token within ${firstTokenMs} ms${reasoned ? ', only reasoning; set reasoningEffort' : ''}`),
  );
  void run();

  return {
    abort() {
      over = true;
      watchdog.stop();
      abort.abort();
    },
  };
}

function limitsOf(
  { firstTokenMs = 5_000, interTokenMs = 5_000 }: OpenAiLlmOptions,
  { document }: LlmRequest,
): { readonly firstTokenMs: number; readonly interTokenMs: number; readonly maxTextChars: number } {
  if (!document) return { firstTokenMs, interTokenMs, maxTextChars: MAX_TEXT_CHARS };
  return {
    firstTokenMs: Math.max(firstTokenMs, DOCUMENT.firstTokenMs),
    interTokenMs: Math.max(interTokenMs, DOCUMENT.interTokenMs),
    maxTextChars: DOCUMENT.maxTextChars,
  };
}

function requestBody(options: OpenAiLlmOptions, request: LlmRequest): ChatCompletionCreateParamsStreaming {
  const { model, temperature, reasoningEffort, extraBody } = options;
  const { document } = request;
  const maxTokens = document?.maxTokens ?? options.maxTokens;
  const body = {
    model,
    messages: request.messages.map(wireMessage),
    // An empty list is refused.
    ...(request.tools.length > 0 && {
      tools: request.tools.map(({ name, description, parameters }) => ({
        type: 'function',
        function: { name, description, parameters },
      })),
    }),
    stream_options: { include_usage: true },
    ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(reasoningEffort !== undefined && { reasoning_effort: reasoningEffort }),
    ...extraBody,
    ...(document?.schema && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: document.schema, strict: canBeStrict(document.schema) },
      },
    }),
    stream: true,
  };
  // `extraBody` and free effort names are what compatible servers understand, not what OpenAI's types list.
  return body as unknown as ChatCompletionCreateParamsStreaming;
}

/**
 * Strict answers follow the schema to the letter, but OpenAI refuses (400) schemas that leave anything open: every object
 * must close itself and require all that it names (https://platform.openai.com/docs/guides/structured-outputs).
 */
function canBeStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(canBeStrict);
  if (typeof schema !== 'object' || schema === null) return true;
  const node = schema as Readonly<Record<string, unknown>>;
  if ('oneOf' in node || 'allOf' in node || 'not' in node || 'patternProperties' in node) return false;
  if (node['type'] === 'object' || 'properties' in node) {
    const names = Object.keys(node['properties'] ?? {});
    const required = Array.isArray(node['required']) ? node['required'] : [];
    if (node['additionalProperties'] !== false || names.some((name) => !required.includes(name))) return false;
  }
  return Object.values(node).every(canBeStrict);
}

function wireMessage(message: ChatMessage): Record<string, unknown> {
  if (message.role === 'tool') return { role: 'tool', tool_call_id: message.toolCallId, content: message.content };
  if (message.role !== 'assistant' || !message.toolCalls?.length)
    return { role: message.role, content: message.content };
  return {
    role: 'assistant',
    content: message.content === '' ? null : message.content,
    tool_calls: message.toolCalls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    })),
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
