import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { McpServer as SdkServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { systemClock, VirtualClock, type Clock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { createTools, type AgentTools, type ToolSet } from '../../src/tools/create.ts';
import { defineTool } from '../../src/tools/define-tool.ts';
import { mcpOptions } from '../../src/tools/options.ts';
import type { ToolOutcome } from '../../src/tools/tool.ts';
import { toolContext } from './context.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A calendar as its owner would write it. */
function calendar(hang: { until: Promise<void> }): SdkServer {
  const sdk = new SdkServer({ name: 'calendar', version: '1.0.0' });
  const inputSchema = { day: z.string() };
  sdk.registerTool('free', { description: 'When there is time.', inputSchema }, ({ day }) => ({
    content: [{ type: 'text', text: `${day} at five` }],
  }));
  sdk.registerTool('book', { description: 'Books.', inputSchema }, () => ({
    isError: true,
    content: [{ type: 'text', text: 'monday is full' }],
  }));
  sdk.registerTool('hang', { description: 'Hangs.' }, async () => {
    await hang.until;
    return { content: [] };
  });
  return sdk;
}

/** The calendar on loopback, one session per client, as the SDK serves it. */
class McpHost {
  readonly sessions = new Map<string, { sdk: SdkServer; transport: StreamableHTTPServerTransport }>();
  headers: (string | undefined)[] = [];
  initialised = 0;
  release: () => void = () => undefined;
  readonly hang = { until: new Promise<void>((resolve) => (this.release = resolve)) };
  #server: Server | undefined;
  port = 0;

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      void (async () => {
        this.headers.push(request.headers['x-key']?.toString());
        const known = this.sessions.get(String(request.headers['mcp-session-id'] ?? ''));
        if (known) return known.transport.handleRequest(request, response);
        if (request.headers['mcp-session-id'] !== undefined) return response.writeHead(404).end();
        const sdk = calendar(this.hang);
        const transport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => `s${++this.initialised}`,
          onsessioninitialized: (id) => void this.sessions.set(id, { sdk, transport }),
        });
        await sdk.connect(transport);
        return transport.handleRequest(request, response);
      })();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    closing.push(() => this.stop());
    return this;
  }

  stop(): Promise<void> {
    this.release();
    const server = this.#server;
    this.#server = undefined;
    this.sessions.clear();
    server?.closeAllConnections();
    return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  entry(more: Record<string, unknown> = {}): AgentTools {
    const place = `127.0.0.1:${this.port}`;
    const source = mcpOptions.parse({ type: 'mcp', url: `http://${place}/mcp`, allowPrivate: [place], ...more });
    return { tools: ['hang_up'], ownTools: [source] };
  }
}

async function started(agents: Record<string, AgentTools>, clock: Clock = systemClock): Promise<ToolSet> {
  const set = createTools(agents, {
    ...{ clock, log: silentLog, env: { KEY: 'key-of-the-test' }, dir: import.meta.dirname, software: 'landline test' },
  });
  closing.push(() => set.close());
  await set.start(10_000);
  return set;
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  await vi.waitFor(() => expect(isSo(), what).toBe(true), { timeout: 10_000, interval: 10 });
}

const names = (set: ToolSet, agent = 'desk'): string[] => set.of(agent).map(({ spec }) => spec.name);

function call(set: ToolSet, name: string, args = '{"day":"monday"}', signal?: AbortSignal): Promise<ToolOutcome> {
  const tool = set.of('desk').find(({ spec }) => spec.name === name);
  return tool?.run(args, toolContext(signal ? { signal } : {})) ?? Promise.reject(new Error(`no tool ${name}`));
}

describe('a server of the Model Context Protocol', () => {
  it('offers its tools and does their work', async () => {
    const host = await new McpHost().start();
    const set = await started({ desk: host.entry({ headers: { 'x-key': { env: 'KEY' } } }) });

    expect(names(set)).toEqual(['free', 'book', 'hang']);
    expect(set.of('desk')[0]?.spec).toMatchObject({
      description: 'When there is time.',
      parameters: { type: 'object', properties: { day: { type: 'string' } } },
    });
    expect(await call(set, 'free')).toEqual({ ok: true, result: 'monday at five' });
    expect(await call(set, 'book')).toEqual({ ok: false, kind: 'failed', message: 'monday is full' });
    expect(await call(set, 'free', '[1]')).toMatchObject({ ok: false, kind: 'invalid' });
    expect(await call(set, 'free', '{')).toMatchObject({ ok: false, kind: 'invalid' });
    expect(await call(set, 'free', '{"day":5}')).toMatchObject({ ok: false });
    expect(new Set(host.headers)).toEqual(new Set(['key-of-the-test']));
    expect(set.failures()).toEqual([]);
  });

  it('is connected to once for all agents; each gets what it is allowed', async () => {
    const host = await new McpHost().start();
    const set = await started({ desk: host.entry(), night: host.entry({ allow: ['free'] }) });

    expect(names(set, 'night')).toEqual(['free']);
    expect(names(set, 'desk')).toHaveLength(3);
    expect(host.initialised).toBe(1);
  });

  it('whose tools have names that are taken gets its own before them', async () => {
    const host = await new McpHost().start();
    const own = defineTool({ name: 'free', description: 'Ours.', parameters: z.object({}), execute: () => 'ours' });
    const { ownTools } = host.entry({ name: 'cal' });
    const set = await started({ desk: { tools: [], ownTools: [...ownTools, own] } });

    expect(names(set)).toEqual(['cal_free', 'book', 'hang', 'free']);
    expect(await call(set, 'cal_free')).toEqual({ ok: true, result: 'monday at five' });
  });

  it('that is down at the start is waited for: its tools come for later calls', async () => {
    const host = await new McpHost().start();
    const entry = host.entry({ name: 'cal' });
    await host.stop();
    const set = await started({ desk: entry });
    expect(names(set)).toEqual([]);
    expect(set.failures()).toMatchObject([{ server: 'cal' }]);

    await host.start();
    await until(() => set.failures().length === 0, 'the server to be back');
    expect(names(set)).toHaveLength(3);
  });

  it('that goes away in the middle fails its calls and comes back', async () => {
    const host = await new McpHost().start();
    const set = await started({ desk: host.entry() });
    const offered = set.of('desk');
    await host.stop();

    expect(await call(set, 'free')).toMatchObject({ ok: false });
    expect(set.of('desk')).toEqual([]);
    await host.start();
    await until(() => set.failures().length === 0, 'the server to be back');
    expect(offered).toHaveLength(3);
    expect(await call(set, 'free')).toEqual({ ok: true, result: 'monday at five' });
  });

  it('that hangs costs its deadline, and nobody else', async () => {
    const host = await new McpHost().start();
    const set = await started({ desk: host.entry() });
    const stop = new AbortController();
    const hanging = call(set, 'hang', '{}', stop.signal);

    expect(await call(set, 'free')).toEqual({ ok: true, result: 'monday at five' });
    stop.abort();
    expect(await hanging).toEqual({ ok: false, kind: 'failed', message: 'the tool failed' });
    expect(set.failures()).toEqual([]);
  });

  it('that changes its tools is asked for them again', async () => {
    const host = await new McpHost().start();
    const set = await started({ desk: host.entry() });
    await until(() => host.headers.length >= 4, 'the stream of notifications to be open');
    for (const { sdk } of host.sessions.values()) {
      sdk.registerTool('cancel', { description: 'Cancels.' }, () => ({ content: [] }));
    }

    await until(() => names(set).includes('cancel'), 'the new tool');
  });

  it('may be a program', async () => {
    const program = join(import.meta.dirname, 'stdio-server.ts');
    const source = mcpOptions.parse({
      ...{ type: 'mcp', command: process.execPath, args: [program], env: { GREETING: { env: 'KEY' } } },
    });
    const set = await started({ desk: { tools: [], ownTools: [source] } });

    expect(set.failures()).toEqual([]);
    expect(await call(set, 'greet', '{}')).toEqual({ ok: true, result: 'key-of-the-test' });
  });

  it('at a private address that is not listed is not connected to', async () => {
    const host = await new McpHost().start();
    const { ownTools } = host.entry();
    const set = await started({ desk: { tools: [], ownTools: ownTools.map((one) => ({ ...one, allowPrivate: [] })) } });

    expect(set.of('desk')).toEqual([]);
    expect(set.failures()).toHaveLength(1);
    expect(host.headers).toEqual([]);
  });

  it('is asked again after growing pauses', async () => {
    const clock = new VirtualClock();
    const source = mcpOptions.parse({ type: 'mcp', url: 'http://127.0.0.1:9/', allowPrivate: ['127.0.0.1:9'] });
    const set = await started({ desk: { tools: [], ownTools: [source] } }, clock);

    expect(set.failures()).toHaveLength(1);
    expect(clock.pending).toBe(1);
  });
});
