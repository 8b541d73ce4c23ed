import type { Clock, TimerHandle } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { connectMcp, isAnswer, type McpConnection, type McpTool } from './mcp-connection.ts';
import type { Resolve } from './guarded-agent.ts';
import type { McpOptions } from './options.ts';
import { failed, invalid, outcomeOf, type ToolContext, type ToolOutcome } from './tool.ts';

export interface McpServerSetup {
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dir: string;
  readonly software: string;
  readonly resolve?: Resolve | undefined;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** A server that went away without a word is missed after this long, also when nobody calls. */
const PING_MS = 30_000;

/** One MCP server of the whole gateway: connected once, again with growing pauses when it is gone. */
export class McpServer {
  readonly name: string;
  readonly #options: McpOptions;
  readonly #setup: McpServerSetup;
  readonly #log: Log;
  #connection: McpConnection | undefined;
  #tools: readonly McpTool[] = [];
  #failed: string | undefined = 'not connected yet';
  #timer: TimerHandle | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;

  constructor(options: McpOptions, setup: McpServerSetup) {
    this.name = serverName(options);
    this.#options = options;
    this.#setup = setup;
    this.#log = setup.log.child({ toolServer: this.name });
  }

  /** What it offers now; nothing while it is away. */
  get tools(): readonly McpTool[] {
    return this.#failed === undefined ? this.#tools : [];
  }

  /** Why it cannot be used; undefined: it can. */
  get failed(): string | undefined {
    return this.#failed;
  }

  /** The first try; resolves when it is over, however it went. Never rejects. */
  async connect(): Promise<void> {
    if (this.#closed || this.#connection) return;
    // Closed before it was open: the failure of the connecting tells it.
    let connection: McpConnection | undefined;
    try {
      connection = await connectMcp(this.#options, {
        ...this.#setup,
        onClosed: () => {
          if (connection && this.#connection === connection) this.#lost('the server closed the connection');
        },
        onToolsChanged: () => void this.#relist(),
      });
      if (this.#isClosed()) {
        await connection.close().catch(() => undefined);
        return;
      }
      this.#connection = connection;
      this.#tools = await connection.listTools();
    } catch (thrown) {
      this.#lost(messageOf(thrown));
      return;
    }
    this.#failed = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    this.#log.info({ tools: this.#tools.length }, 'tool server connected');
    this.#later(PING_MS, () => void this.#ping());
  }

  async run(tool: string, text: string, call: ToolContext): Promise<ToolOutcome> {
    const connection = this.#connection;
    if (!connection || this.#failed !== undefined) return failed("the tool's server is away");
    let args: unknown;
    try {
      args = text.trim() === '' ? {} : JSON.parse(text);
    } catch {
      return invalid('the arguments are not JSON');
    }
    if (typeof args !== 'object' || args === null || Array.isArray(args)) {
      return invalid('the arguments must be an object');
    }
    try {
      const given = args as Readonly<Record<string, unknown>>;
      const { isError, text: result } = await connection.call(tool, given, call.signal, this.#options.deadlineMs);
      return isError ? failed(result) : outcomeOf(result);
    } catch (thrown) {
      call.log.warn({ error: messageOf(thrown) }, 'tool call failed');
      if (call.signal.aborted || isAnswer(thrown)) return failed('the tool failed');
      if (this.#connection === connection) this.#lost(messageOf(thrown));
      return failed("the tool's server could not be reached");
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close().catch(() => undefined);
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #lost(why: string): void {
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.close().catch(() => undefined);
    if (this.#closed) return;
    this.#failed = why;
    this.#log.warn({ error: why, retryMs: this.#retryMs }, 'tool server away');
    this.#later(this.#retryMs, () => void this.connect());
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
  }

  async #ping(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    try {
      await connection.ping();
      if (this.#connection === connection) this.#later(PING_MS, () => void this.#ping());
    } catch (thrown) {
      if (this.#connection === connection) this.#lost(messageOf(thrown));
    }
  }

  /** The server says that its tools are others now; calls that begin from here on get them. */
  async #relist(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    try {
      this.#tools = await connection.listTools();
      this.#log.info({ tools: this.#tools.length }, 'tool server changed its tools');
    } catch (thrown) {
      if (this.#connection === connection) this.#lost(messageOf(thrown));
    }
  }

  #later(ms: number, run: () => void): void {
    this.#timer?.cancel();
    if (!this.#closed) this.#timer = this.#setup.clock.after(ms, run);
  }
}

/** For logs, and before the names of tools that are taken. */
export function serverName({ name, url, command }: McpOptions): string {
  if (name !== undefined) return name;
  const from = url === undefined ? (command ?? '').split(/[\\/]/).at(-1) : URL.parse(url)?.hostname;
  return (from ?? '').replace(/[^a-zA-Z0-9_-]+/g, '_').slice(0, 32) || 'mcp';
}
