import type { ChatRequest } from './chat-request.ts';
import type { BodyFault, Exchange, Refusal } from './exchange.ts';

export type ChatFault =
  | Refusal
  | BodyFault
  /** Everything but `data: [DONE]`. */
  | { readonly type: 'noDone' }
  /** The stream ends in order, but no frame has a `finish_reason`. */
  | { readonly type: 'noFinish' }
  /** The finish, then neither usage nor end. */
  | { readonly type: 'hangAfterFinish' }
  /** `data: {"error": …}` after `after` frames, then the end. */
  | { readonly type: 'errorFrame'; readonly after: number; readonly code?: string | number }
  /** A frame that is not JSON after `after` frames, then the rest. */
  | { readonly type: 'badJson'; readonly after: number };

export interface ChatToolCall {
  readonly id?: string;
  readonly name: string;
  /** JSON text; as a list, the pieces in which it is streamed. */
  readonly arguments: string | readonly string[];
}

export interface ChatReply {
  /** Spoken text: as a string it is cut into one token a word; as a list it is streamed as it stands. */
  readonly text?: string | readonly string[];
  readonly toolCalls?: readonly ChatToolCall[];
  /** Pieces of several tool calls in turn, instead of one call after the other. */
  readonly interleave?: boolean;
  /** Default `tool_calls` or `stop`. */
  readonly finish?: string;
  /** Instead of all of the above: the frames as they are, for servers with ideas of their own. */
  readonly frames?: readonly unknown[];
  /** Default 0. */
  readonly firstTokenMs?: number;
  /** Default 0. */
  readonly interTokenMs?: number;
  /** Cuts the body into TCP writes of so many bytes: through frames and through UTF-8 characters. */
  readonly writeBytes?: number;
  /** Between the last frame and the end of the body. Default 0. */
  readonly endDelayMs?: number;
  readonly fault?: ChatFault;
}

/** Streams one chat completion as server-sent events. */
export async function streamChat(exchange: Exchange, request: ChatRequest, reply: ChatReply, n: number): Promise<void> {
  const { fault, firstTokenMs = 0, interTokenMs = 0, writeBytes } = reply;
  if (fault?.type === 'status' || fault?.type === 'silent' || fault?.type === 'headersOnly') {
    exchange.perform(fault, 'text/event-stream');
    return;
  }
  const send = (data: string): Promise<boolean> => exchange.write(Buffer.from(`data: ${data}\n\n`), writeBytes);

  if (!(await exchange.pause(firstTokenMs))) return;
  exchange.res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  exchange.res.flushHeaders();
  const frames = framesOf(request, reply, n);
  for (const [at, frame] of frames.entries()) {
    if (fault && 'after' in fault && fault.after === at) {
      if (fault.type === 'stall') return;
      if (fault.type === 'drop') {
        exchange.drop();
        return;
      }
      if (fault.type === 'badJson' && !(await send('{"id": "chatcmpl", "choices": [{'))) return;
      if (fault.type === 'errorFrame') {
        await send(
          JSON.stringify({ error: { message: 'emulated error', type: 'server_error', code: fault.code ?? null } }),
        );
        exchange.res.end();
        return;
      }
    }
    if (at > 1 && !(await exchange.pause(interTokenMs))) return;
    if (!(await send(JSON.stringify(frame)))) return;
  }
  if (fault?.type === 'hangAfterFinish') return;
  if (fault?.type !== 'noDone' && !(await send('[DONE]'))) return;
  if (await exchange.pause(reply.endDelayMs ?? 0)) exchange.res.end();
}

function framesOf(request: ChatRequest, reply: ChatReply, n: number): readonly unknown[] {
  if (reply.frames) return reply.frames;
  const chunk = (choices: readonly unknown[], more: object = {}): unknown => ({
    id: `chatcmpl-${n}`,
    object: 'chat.completion.chunk',
    created: 1_767_603_600,
    model: request.model,
    choices,
    ...more,
  });
  const choice = (delta: object, finish: string | null = null): unknown =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }]);

  const tokens = typeof reply.text === 'string' ? (reply.text.match(/\s*\S+|\s+$/gu) ?? []) : (reply.text ?? []);
  const toolDeltas = toolDeltasOf(reply, n);
  const frames = [
    choice({ role: 'assistant', content: '' }),
    ...tokens.map((content) => choice({ content })),
    ...toolDeltas.map((delta) => choice({ tool_calls: [delta] })),
  ];
  if (reply.fault?.type === 'noFinish') return frames;
  frames.push(choice({}, reply.finish ?? (toolDeltas.length > 0 ? 'tool_calls' : 'stop')));
  if (request.stream_options?.include_usage && reply.fault?.type !== 'hangAfterFinish') {
    const prompt = JSON.stringify(request.messages).length;
    const completion = tokens.length + toolDeltas.length;
    const usage = { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
    frames.push(chunk([], { usage }));
  }
  return frames;
}

function toolDeltasOf(reply: ChatReply, n: number): readonly object[] {
  const calls = (reply.toolCalls ?? []).map((call, index) => {
    const pieces = typeof call.arguments === 'string' ? halves(call.arguments) : call.arguments;
    return [
      { index, id: call.id ?? `call_${n}_${index}`, type: 'function', function: { name: call.name, arguments: '' } },
      ...pieces.map((piece) => ({ index, function: { arguments: piece } })),
    ];
  });
  if (!reply.interleave) return calls.flat();
  const longest = Math.max(0, ...calls.map((deltas) => deltas.length));
  return Array.from({ length: longest }, (_, at) => calls.flatMap((deltas) => deltas.slice(at, at + 1))).flat();
}

function halves(text: string): readonly string[] {
  const middle = text.length >> 1;
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== '');
}
