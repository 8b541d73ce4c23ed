/** A message as it came over the wire. */
export interface WireMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_call_id?: string;
}

export interface WireToolCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** The body of `POST /chat/completions`, checked as far as {@link refusalOf} does. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly WireMessage[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  readonly tools?: readonly { readonly type: string; readonly function: { readonly name: string } }[];
  readonly [field: string]: unknown;
}

/**
 * What OpenAI would answer 400 for, so that a client's wrong history is noticed here. Undefined: the request is good.
 * Rules: https://platform.openai.com/docs/api-reference/chat/create and the messages of its errors.
 */
export function refusalOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return 'We could not parse the JSON body of your request.';
  const { model, messages, stream, tools } = body as Partial<ChatRequest>;
  if (typeof model !== 'string' || model === '') return 'you must provide a model parameter';
  if (!Array.isArray(messages)) return "Missing required parameter: 'messages'.";
  if (messages.length === 0) return "Invalid 'messages': empty array. Expected an array with minimum length 1.";
  if (tools?.length === 0) return "Invalid 'tools': empty array. Expected an array with minimum length 1.";
  if (stream !== true) return 'this emulator only streams: set stream to true';
  return refusalOfHistory(messages as readonly WireMessage[]);
}

/** Every tool call is answered by exactly one tool message, right behind the message that made it. */
function refusalOfHistory(messages: readonly WireMessage[]): string | undefined {
  let open: string[] = [];
  for (const [at, message] of messages.entries()) {
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? '';
      if (!open.includes(id)) {
        return `Invalid parameter: messages[${at}] with role 'tool' must be a response to a preceding message with 'tool_calls'.`;
      }
      open = open.filter((other) => other !== id);
      continue;
    }
    if (open.length > 0) return unanswered(open);
    if (!['system', 'developer', 'user', 'assistant'].includes(message.role)) {
      return `Invalid value: '${message.role}' in messages[${at}].role.`;
    }
    const calls = message.tool_calls ?? [];
    if (typeof message.content !== 'string' && !Array.isArray(message.content) && calls.length === 0) {
      return `Invalid value for 'content' in messages[${at}]: expected a string, got null.`;
    }
    open = calls.map((call) => call.id);
  }
  return open.length > 0 ? unanswered(open) : undefined;
}

function unanswered(ids: readonly string[]): string {
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(', ')}`;
}
