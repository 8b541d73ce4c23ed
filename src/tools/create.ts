import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { BuiltInToolName } from './built-in.ts';
import type { CodeTool } from './define-tool.ts';
import type { Resolve } from './guarded-agent.ts';
import { createHttpTool, type HttpTool } from './http-tool.ts';
import type { McpTool } from './mcp-connection.ts';
import { McpServer } from './mcp-server.ts';
import type { HttpToolOptions, McpOptions } from './options.ts';
import type { Tool } from './tool.ts';

/** Where an agent's own tools come from, in the order of its config. */
export type ToolSource = CodeTool | HttpToolOptions | McpOptions;

/** One agent's tools, as its config has them. */
export interface AgentTools {
  readonly tools: readonly BuiltInToolName[];
  readonly ownTools: readonly ToolSource[];
}

export interface CreateToolsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of the config file. */
  readonly dir: string;
  /** Name and version, e.g. `landline 0.1.0`. */
  readonly software: string;
  /** For tests; by default the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

/** The tools of a whole gateway. */
export interface ToolSet {
  /** What an agent's next call gets; other calls keep what they have. */
  of(agent: string): readonly Tool[];
  /** MCP servers that cannot be used now, and why. */
  failures(): readonly { readonly server: string; readonly why: string }[];
  /** Connects to the servers; resolves when every one was tried once, at most after `patienceMs`. */
  start(patienceMs: number): Promise<void>;
  close(): Promise<void>;
}

type AgentSource = CodeTool | HttpTool | { readonly server: McpServer; readonly options: McpOptions };

/** @throws Error when an HTTP tool's settings are not set; the config's own checks say so first. */
export function createTools(agents: Readonly<Record<string, AgentTools>>, options: CreateToolsOptions): ToolSet {
  const servers: { readonly options: McpOptions; readonly server: McpServer }[] = [];
  const httpTools: HttpTool[] = [];
  /** Agents that name the same server share its connection. */
  const serverFor = (given: McpOptions): McpServer => {
    const known = servers.find((one) => isDeepStrictEqual(placeOf(one.options), placeOf(given)));
    const server = known?.server ?? new McpServer(given, options);
    if (!known) servers.push({ options: given, server });
    return server;
  };
  const sourceOf = (source: ToolSource): AgentSource => {
    if (!('type' in source)) return source;
    if (source.type === 'mcp') return { server: serverFor(source), options: source };
    const tool = createHttpTool(source, options);
    httpTools.push(tool);
    return tool;
  };
  const sources = new Map(
    Object.entries(agents).map(([name, { tools, ownTools }]) => [name, { tools, own: ownTools.map(sourceOf) }]),
  );
  return {
    of: (agent) => {
      const found = sources.get(agent);
      return found ? offered(found.tools, found.own) : [];
    },
    failures: () =>
      servers.flatMap(({ server }) =>
        server.failed === undefined ? [] : [{ server: server.name, why: server.failed }],
      ),
    start: (patienceMs) => {
      const tried = Promise.all(servers.map(({ server }) => server.connect()));
      return new Promise((resolve) => {
        const patience = options.clock.after(servers.length === 0 ? 0 : patienceMs, resolve);
        void tried.then(() => {
          patience.cancel();
          resolve();
        });
      });
    },
    close: async () => {
      for (const tool of httpTools) tool.close();
      await Promise.all(servers.map(({ server }) => server.close()));
    },
  };
}

/** What makes two entries one server: not what of it is offered. */
function placeOf({ url, headers, command, args, env, allowPrivate }: McpOptions): object {
  return { url, headers, command, args, env, allowPrivate };
}

/** Every tool under a name of its own; those of servers give way. */
function offered(builtIn: readonly string[], sources: readonly AgentSource[]): readonly Tool[] {
  const taken = new Set<string>(builtIn);
  for (const source of sources) if ('spec' in source) taken.add(source.spec.name);
  return sources.flatMap((source) => ('spec' in source ? [source] : ofServer(source, taken)));
}

function ofServer(
  { server, options }: { readonly server: McpServer; readonly options: McpOptions },
  taken: Set<string>,
): readonly Tool[] {
  const { allow, deadlineMs, filler } = options;
  const wanted = server.tools.filter(({ name }) => allow === undefined || allow.includes(name));
  return wanted.map((tool) => {
    const name = freeName(tool, server.name, taken);
    taken.add(name);
    return {
      spec: { name, description: tool.description.slice(0, 2000), parameters: tool.parameters },
      deadlineMs,
      filler,
      run: (args, call) => server.run(tool.name, args, call),
    };
  });
}

function freeName({ name }: McpTool, server: string, taken: ReadonlySet<string>): string {
  const plain = (text: string): string => text.replace(/[^a-zA-Z0-9_-]+/g, '_').slice(0, 64);
  const forms = [plain(name), plain(`${server}_${name}`)];
  for (let n = 2; ; n++) {
    const free = forms.find((form) => form !== '' && !taken.has(form));
    if (free !== undefined) return free;
    forms.push(`${plain(`${server}_${name}`).slice(0, 60)}_${n}`);
  }
}
