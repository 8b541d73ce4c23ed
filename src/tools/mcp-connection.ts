import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Dispatcher } from 'undici';
import { fetch as undiciFetch } from 'undici';
import { guardedAgent, type Resolve } from './guarded-agent.ts';
import { resolveSettings, type McpOptions } from './options.ts';

/** The only file that knows the SDK; it is loaded when the first server is connected to. */

export interface McpTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface McpResult {
  readonly isError: boolean;
  readonly text: string;
}

export interface McpConnection {
  listTools(): Promise<readonly McpTool[]>;
  /** Rejects when the server is gone, or answers with a protocol error ({@link isAnswer}). */
  call(
    name: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<McpResult>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface McpConnectOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the config file: programs are started in it. */
  readonly dir: string;
  readonly software: string;
  readonly resolve?: Resolve | undefined;
  readonly onClosed: () => void;
  readonly onToolsChanged: () => void;
}

const REQUEST_MS = 10_000;
/** Of a stream of events this is hours; then it is opened again. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
/** A server that pages for ever is not followed for ever. */
const MAX_PAGES = 20;

/** Connects and shakes hands. Rejects when the server cannot be reached or does not speak the protocol. */
export async function connectMcp(options: McpOptions, setup: McpConnectOptions): Promise<McpConnection> {
  const [{ Client }, { ToolListChangedNotificationSchema }] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/types.js'),
  ]);
  const [name = 'landline', version = '0'] = setup.software.split(' ');
  const client = new Client({ name, version });
  const { transport, release } = await transportOf(options, setup);
  client.onclose = () => {
    release();
    setup.onClosed();
  };
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => setup.onToolsChanged());
  try {
    await client.connect(transport, { timeout: REQUEST_MS });
  } catch (thrown) {
    await client.close().catch(() => undefined);
    release();
    throw thrown;
  }
  return {
    listTools: async () => {
      const tools: McpTool[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const answer = await client.listTools(cursor === undefined ? {} : { cursor }, { timeout: REQUEST_MS });
        for (const tool of answer.tools) {
          tools.push({
            name: tool.name,
            description: tool.description ?? tool.title ?? '',
            parameters: tool.inputSchema,
          });
        }
        cursor = answer.nextCursor;
        if (cursor === undefined) break;
      }
      return tools;
    },
    call: async (tool, args, signal, timeout) => {
      const result = await client.callTool({ name: tool, arguments: { ...args } }, undefined, { signal, timeout });
      return { isError: result.isError === true, text: textOf(result) };
    },
    ping: async () => {
      await client.ping({ timeout: REQUEST_MS });
    },
    close: () => client.close(),
  };
}

/** Did the server answer, though with an error? Then the connection is fine. Codes below -32002 are of JSON-RPC itself. */
export function isAnswer(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  // -32000: connection closed, -32001: no answer in time; both are the SDK's own.
  return thrown instanceof Error && thrown.name === 'McpError' && typeof code === 'number' && code !== -32000;
}

async function transportOf(
  options: McpOptions,
  setup: McpConnectOptions,
): Promise<{ readonly transport: Transport; readonly release: () => void }> {
  if (options.command !== undefined) {
    const { StdioClientTransport, getDefaultEnvironment } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    const env = { ...getDefaultEnvironment(), ...resolveSettings(options.env, setup.env) };
    const { command, args } = options;
    const stdio = new StdioClientTransport({ command, args: [...args], env, cwd: setup.dir, stderr: 'ignore' });
    return { transport: stdio, release: () => undefined };
  }
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const { allowPrivate } = options;
  const agent = guardedAgent({ allowPrivate, resolve: setup.resolve, maxResponseBytes: MAX_RESPONSE_BYTES });
  const http = new StreamableHTTPClientTransport(new URL(options.url ?? ''), {
    fetch: guardedFetch(agent, MAX_RESPONSE_BYTES),
    requestInit: { headers: resolveSettings(options.headers, setup.env) },
    // Within the origin, and so within what the guard has let through.
    redirectPolicy: 'same-origin',
    // Ours begins anew, with a session of its own.
    reconnectionOptions: {
      maxRetries: 0,
      initialReconnectionDelay: 1000,
      maxReconnectionDelay: 1000,
      reconnectionDelayGrowFactor: 1,
    },
  });
  // Its `sessionId` may be undefined, where the interface has it missing.
  return { transport: http, release: () => void agent.destroy() };
}

/**
 * The classes of undici's and of the global fetch differ: what goes in and out is carried over.
 * @param maxBytes of an answer, unpacked: the agent counts them as they come over the wire.
 */
export function guardedFetch(agent: Dispatcher, maxBytes: number): typeof globalThis.fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input;
    const response = await undiciFetch(url, {
      method: init?.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init?.headers)),
      body: typeof init?.body === 'string' ? init.body : null,
      signal: init?.signal ?? null,
      redirect: 'manual',
      dispatcher: agent,
    });
    const { status, headers, body } = response;
    return new Response(body && body.pipeThrough(upTo(maxBytes)), { status, headers: Object.fromEntries(headers) });
  };
}

function upTo(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let length = 0;
  return new TransformStream({
    transform(chunk, controller) {
      length += chunk.length;
      if (length > maxBytes) controller.error(new Error(`the server answers with more than ${maxBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
}

/** Texts as they are; of what cannot be read to a caller, its kind. */
function textOf(result: Readonly<Record<string, unknown>>): string {
  const content: readonly unknown[] = Array.isArray(result['content']) ? result['content'] : [];
  const parts = content.map((part) => {
    const { type, text, resource } = part as { type?: unknown; text?: unknown; resource?: { text?: unknown } };
    if (type === 'text' && typeof text === 'string') return text;
    if (typeof resource?.text === 'string') return resource.text;
    return `[${String(type)}]`;
  });
  if (parts.length > 0) return parts.join('\n');
  return result['structuredContent'] === undefined ? '{"status":"ok"}' : JSON.stringify(result['structuredContent']);
}
