import type { Config } from '../../config.ts';
import type { Env } from '../../config-environment.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { SOFTWARE } from '../../library/software.ts';
import { guardedAgent } from '../../tools/guarded-agent.ts';
import { guardedRequest } from '../../tools/guarded-request.ts';
import { McpServer, serverName } from '../../tools/mcp-server.ts';
import type { HttpToolOptions, McpOptions } from '../../tools/options.ts';
import { ok, problem, type Finding } from './finding.ts';

/** People wait for these answers. */
const TIMEOUT_MS = 8_000;

/** Does every tool server answer? Tools over HTTP are not run: a HEAD request to their address is enough to know. */
export async function toolChecks(config: Config, env: Env, clock: Clock): Promise<Finding[]> {
  const sources = Object.values(config.agents).flatMap((agent) => agent.ownTools);
  const origins = new Map<string, HttpToolOptions>();
  const servers = new Map<string, McpOptions>();
  for (const source of sources) {
    if (!('type' in source)) continue;
    if (source.type === 'http') origins.set(new URL(source.url).origin, source);
    else servers.set(JSON.stringify([source.url, source.command, source.args]), source);
  }
  return Promise.all([
    ...[...origins.values()].map(checkHttp),
    ...[...servers.values()].map((source) => checkMcp(source, config.dir, env, clock)),
  ]);
}

async function checkHttp({ url, allowPrivate }: HttpToolOptions): Promise<Finding> {
  const { origin } = new URL(url);
  const check = `tool server ${origin}`;
  const agent = guardedAgent({ allowPrivate, maxResponseBytes: 65_536 });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { status } = await guardedRequest(agent, allowPrivate, {
      ...{ url: new URL(url), method: 'HEAD', headers: {}, body: undefined, signal },
    });
    // Whatever it says to a request that is none of its tools': it is there.
    return ok(check, `answers (${status} to HEAD)`);
  } catch (thrown) {
    return problem(check, `does not answer: ${messageOf(thrown)}`, 'Start the server, or correct the url of its tools');
  } finally {
    void agent.destroy();
  }
}

async function checkMcp(source: McpOptions, dir: string, env: Env, clock: Clock): Promise<Finding> {
  const check = `MCP server ${serverName(source)}`;
  const server = new McpServer(source, { clock, log: silentLog, env, dir, software: SOFTWARE });
  try {
    await server.connect();
    const { failed, tools } = server;
    if (failed !== undefined) {
      return problem(check, `cannot be used: ${failed}`, 'Start the server, or correct its url or command');
    }
    const missing = (source.allow ?? []).filter((name) => tools.every((tool) => tool.name !== name));
    if (missing.length > 0) {
      return problem(
        check,
        `has no tool ${missing.join(', ')}`,
        `Correct allow; it has ${tools.map(({ name }) => name).join(', ')}`,
      );
    }
    return ok(check, `offers ${tools.length} tool(s)`);
  } finally {
    await server.close();
  }
}
