import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toolChecks } from '../../src/cli/doctor/tool-checks.ts';
import type { Config } from '../../src/config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { httpToolOptions, mcpOptions } from '../../src/tools/options.ts';
import type { ToolSource } from '../../src/tools/create.ts';

const STDIO = join(import.meta.dirname, '../tools/stdio-server.ts');

async function check(...ownTools: readonly ToolSource[]): Promise<string[]> {
  const config = { dir: import.meta.dirname, agents: { desk: { ownTools } } } as unknown as Config;
  const findings = await toolChecks(config, {}, systemClock);
  return findings.map(({ check: what, status, detail }) => `${status}: ${what}: ${detail}`);
}

function http(port: number): ToolSource {
  const place = `127.0.0.1:${port}`;
  return httpToolOptions.parse({
    ...{ type: 'http', name: 'a', description: 'b', url: `http://${place}/x`, allowPrivate: [place] },
  });
}

describe('the doctor', () => {
  it('asks whether a tool server is there, without running a tool', async () => {
    const methods: string[] = [];
    const server = createServer((request, response) => {
      methods.push(request.method ?? '');
      response.writeHead(405).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;

    expect(await check(http(port))).toEqual([`ok: tool server http://127.0.0.1:${port}: answers (405 to HEAD)`]);
    expect(methods).toEqual(['HEAD']);
    await new Promise((resolve) => server.close(resolve));
    expect((await check(http(port)))[0]).toContain('problem: tool server');
  });

  it('asks an MCP server for its tools', async () => {
    const entry = { type: 'mcp', name: 'greeter', command: process.execPath, args: [STDIO] };

    expect(await check(mcpOptions.parse(entry))).toEqual(['ok: MCP server greeter: offers 1 tool(s)']);
    expect(await check(mcpOptions.parse({ ...entry, allow: ['greet', 'wave'] }))).toEqual([
      'problem: MCP server greeter: has no tool wave',
    ]);
    expect((await check(mcpOptions.parse({ ...entry, command: '/nowhere/program' })))[0]).toContain(
      'problem: MCP server greeter: cannot be used',
    );
  });
});
