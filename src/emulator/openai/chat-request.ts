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
  return (
    refusalOfFormat((body as Partial<ChatRequest>)['response_format']) ??
    refusalOfHistory(messages as readonly WireMessage[])
  );
}

/** Rules of structured answers: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
function refusalOfFormat(format: unknown): string | undefined {
  if (format === undefined || format === null) return undefined;
  const { type, json_schema } = format as { readonly type?: unknown; readonly json_schema?: unknown };
  if (type === 'text' || type === 'json_object') return undefined;
  if (type !== 'json_schema') return `Invalid value: '${String(type)}' in response_format.type.`;
  const { name, schema, strict } = (json_schema ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string') return "Missing required parameter: 'response_format.json_schema.name'.";
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return "Invalid 'response_format.json_schema.name'.";
  const problem = strict === true ? looseness(schema, '') : undefined;
  return problem && `Invalid schema for response_format '${name}': ${problem}`;
}

/** What a strict schema leaves open; undefined: nothing. */
function looseness(schema: unknown, path: string): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const { type, properties, required, additionalProperties } = schema as Readonly<Record<string, unknown>>;
  if (type === 'object') {
    if (additionalProperties !== false) {
      return `In context=(${path}), 'additionalProperties' is required to be supplied and to be false.`;
    }
    const missing = Object.keys(properties ?? {}).find((key) => !Array.isArray(required) || !required.includes(key));
    if (missing !== undefined) {
      return `In context=(${path}), 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
    }
  }
  for (const [key, inner] of Object.entries(schema)) {
    const found = looseness(inner, `${path}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
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
