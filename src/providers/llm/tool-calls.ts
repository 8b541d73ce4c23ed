import type { ChatMessage, ToolCall } from '../ports.ts';
import type { ToolDelta } from './chat-chunk.ts';

const MAX_CALLS = 32;

interface OpenCall {
  readonly index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: string;
}

/** Puts the pieces of one answer's tool calls together. */
export interface ToolCallAssembler {
  /** @returns what is wrong when the calls grow past every sense, else nothing. */
  push(delta: ToolDelta): string | undefined;
  /** The calls in the order of the server's indexes, each with an id of its own. A call without a name is not one. */
  finish(): { readonly calls: readonly ToolCall[]; readonly nameless: number };
  readonly count: number;
}

/**
 * @param messages the request: ids used in it are not used again, because every call must have exactly one result.
 * @param maxArgumentBytes of all calls together; beyond it `push` reports.
 */
export function createToolCallAssembler(messages: readonly ChatMessage[], maxArgumentBytes: number): ToolCallAssembler {
  const open: OpenCall[] = [];
  let bytes = 0;

  return {
    push(delta) {
      let call = callFor(open, delta);
      if (!call) {
        if (open.length === MAX_CALLS) return `more than ${MAX_CALLS} tool calls in one answer`;
        call = { index: delta.index, id: undefined, name: undefined, arguments: '' };
        open.push(call);
      }
      call.id ??= delta.id;
      call.name ??= delta.name;
      call.arguments += delta.arguments;
      bytes += Buffer.byteLength(delta.arguments);
      return bytes > maxArgumentBytes ? `more than ${maxArgumentBytes} bytes of tool arguments` : undefined;
    },
    finish() {
      const history = messages.flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []) : []));
      const taken = new Set(history.map((call) => call.id));
      // Calls without an index keep the place in which they came.
      const ordered = open
        .map((call, position) => ({ call, at: call.index ?? position }))
        .sort((a, b) => a.at - b.at)
        .map(({ call }) => call);
      const calls: ToolCall[] = [];
      for (const call of ordered) {
        if (call.name === undefined) continue;
        let id = call.id;
        // Made from the place in the conversation, so that the same answer gives the same ids in a replay.
        for (let n = history.length + calls.length; id === undefined || taken.has(id); n++) id = `call_${n}`;
        taken.add(id);
        calls.push({ id, name: call.name, arguments: call.arguments });
      }
      return { calls, nameless: ordered.length - calls.length };
    },
    get count() {
      return open.length;
    },
  };
}

/** The open call that `delta` continues; undefined when it begins a new one. */
function callFor(open: readonly OpenCall[], delta: ToolDelta): OpenCall | undefined {
  // Some servers number every parallel call 0: another id together with a name is another call.
  const isOther = (call: OpenCall): boolean =>
    delta.id !== undefined && call.id !== undefined && delta.id !== call.id && delta.name !== undefined;
  if (delta.index !== undefined) return open.findLast((call) => call.index === delta.index && !isOther(call));
  if (delta.id !== undefined) {
    const known = open.find((call) => call.id === delta.id);
    if (known) return known;
  }
  const last = open.at(-1);
  if (!last || isOther(last)) return undefined;
  // Without index and known id, a name is the beginning and no name is more of the last call.
  return delta.name === undefined || last.name === undefined ? last : undefined;
}
