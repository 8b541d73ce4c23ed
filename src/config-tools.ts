import { configPath, oneOf, readConfig, type Complain } from './config-problems.ts';
import type { Env } from './config-environment.ts';
import { BUILT_IN_TOOLS, type BuiltInToolName } from './tools/built-in.ts';
import type { AgentTools, ToolSource } from './tools/create.ts';
import { isCodeTool } from './tools/define-tool.ts';
import { httpToolOptions, mcpOptions, missingVariables } from './tools/options.ts';
import { secretProblem } from './tools/sign.ts';

/**
 * The `tools` of one agent: names of built-in tools, tools in code, HTTP tools and MCP servers in one list.
 * @param path where the list stands.
 */
export function readTools(given: unknown, path: readonly PropertyKey[], env: Env, complain: Complain): AgentTools {
  if (given === undefined) return { tools: ['hang_up'], ownTools: [] };
  if (!Array.isArray(given)) {
    complain(configPath(path), 'must be a list of names and tools');
    return { tools: [], ownTools: [] };
  }
  const tools: BuiltInToolName[] = [];
  const ownTools: ToolSource[] = [];
  const seen = new Map<string, number>();
  (given as readonly unknown[]).forEach((entry, i) => {
    const at = [...path, i];
    const name = nameOf(entry);
    const first = name === undefined ? undefined : seen.get(name);
    if (name !== undefined && first !== undefined) {
      complain(configPath(at), `is the second tool "${name}"; the first is ${configPath([...path, first])}`);
      return;
    }
    if (name !== undefined) seen.set(name, i);
    if (typeof entry === 'string') {
      const known = BUILT_IN_TOOLS.find((one) => one === entry);
      if (known !== undefined) tools.push(known);
      else complain(configPath(at), oneOf(BUILT_IN_TOOLS, entry));
    } else if (isCodeTool(entry)) ownTools.push(entry);
    else {
      const source = readSource(entry, at, env, complain);
      if (source) ownTools.push(source);
    }
  });
  // Names that models get must be one tool's only; a built-in tool that is not in the list may still be meant by a script.
  for (const [name, i] of seen) {
    if (typeof given[i] !== 'string' && (BUILT_IN_TOOLS as readonly string[]).includes(name)) {
      complain(configPath([...path, i]), `must not be called "${name}": that is a built-in tool`);
    }
  }
  return { tools, ownTools };
}

function nameOf(entry: unknown): string | undefined {
  if (typeof entry === 'string') return entry;
  if (isCodeTool(entry)) return entry.spec.name;
  if (typeof entry !== 'object' || entry === null || !('name' in entry) || typeof entry.name !== 'string')
    return undefined;
  // Several servers may have one name: it only stands before the names of their tools.
  return 'type' in entry && entry.type === 'mcp' ? undefined : entry.name;
}

function readSource(entry: unknown, at: readonly PropertyKey[], env: Env, complain: Complain): ToolSource | undefined {
  const type = typeof entry === 'object' && entry !== null && 'type' in entry ? entry.type : undefined;
  if (type !== 'http' && type !== 'mcp') {
    const isObject = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
    if (isObject) complain(configPath([...at, 'type']), oneOf(['http', 'mcp'], type));
    else complain(configPath(at), 'must be the name of a built-in tool, or a tool');
    return undefined;
  }
  const source =
    type === 'http' ? readConfig(httpToolOptions, entry, at, complain) : readConfig(mcpOptions, entry, at, complain);
  if (!source) return undefined;
  const wanted =
    source.type === 'mcp' ? source.env : source.secretEnv === undefined ? {} : { secret: { env: source.secretEnv } };
  const missing = [...missingVariables(source.headers, env), ...missingVariables(wanted, env)];
  for (const name of new Set(missing))
    complain(configPath(at), `needs the environment variable ${name}, which is not set`);
  const secret = source.type === 'http' && source.secretEnv !== undefined ? (env[source.secretEnv] ?? '') : '';
  const problem = secret === '' ? undefined : secretProblem(secret);
  if (problem !== undefined) complain(configPath([...at, 'secretEnv']), `names a variable that ${problem}`);
  return source;
}
