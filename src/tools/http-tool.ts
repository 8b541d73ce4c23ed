import { randomId } from '../core/ids.ts';
import { messageOf } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { readArguments } from './arguments.ts';
import { guardedAgent, NotConnected, type Resolve } from './guarded-agent.ts';
import { guardedRequestTwice, type GuardedAnswer } from './guarded-request.ts';
import { resolveSettings, schemaOf, type HttpToolOptions } from './options.ts';
import { readSecrets, signatureHeaders } from './sign.ts';
import { failed, outcomeOf, type Tool, type ToolContext, type ToolOutcome } from './tool.ts';

export interface HttpToolSetup {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For tests; by default the system's resolver. */
  readonly resolve?: Resolve | undefined;
}

/** A tool with the connections it keeps. */
export interface HttpTool extends Tool {
  close(): void;
}

/** The longest answer that is read; more is a mistake of the server. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * A tool that is a request: `{tool, arguments, call}` as JSON (for GET the arguments as query), signed if there is a secret.
 * @throws Error when a variable is not set or the parameters cannot be checked.
 */
export function createHttpTool(options: HttpToolOptions, setup: HttpToolSetup): HttpTool {
  const { name, description, parameters, deadlineMs, filler, allowPrivate } = options;
  const schema = schemaOf(parameters);
  const headers = resolveSettings(options.headers, setup.env);
  const keys = options.secretEnv === undefined ? [] : readSecrets(setup.env[options.secretEnv] ?? '');
  const agent = guardedAgent({ allowPrivate, resolve: setup.resolve, maxResponseBytes: MAX_ANSWER_BYTES });

  const send = async (args: unknown, call: ToolContext): Promise<GuardedAnswer> => {
    const url = new URL(options.url);
    const isGet = options.method === 'GET';
    if (isGet) addQuery(url, args, parameters);
    const { id, agent: agentName, from, to, language, metadata } = call;
    const body = isGet
      ? undefined
      : JSON.stringify({ tool: name, arguments: args, call: { id, from, to, agent: agentName, language, metadata } });
    const message = { id: `tool_${randomId()}`, atSeconds: setup.clock.wall() / 1000, body: body ?? '' };
    const signed = keys.length === 0 ? {} : signatureHeaders(keys, message);
    return guardedRequestTwice(agent, allowPrivate, {
      ...{ url, body, method: options.method, signal: call.signal },
      headers: {
        accept: 'application/json, text/plain',
        'user-agent': 'landline',
        ...(isGet ? {} : { 'content-type': 'application/json' }),
        ...headers,
        ...signed,
      },
    });
  };

  return {
    spec: { name, description, parameters },
    deadlineMs,
    filler,
    run: async (text, call) => {
      const read = await readArguments(schema, text);
      if (!read.ok) return read.outcome;
      try {
        return judge(await send(read.args, call), call);
      } catch (thrown) {
        // Where and how is for the operator; the model can do nothing with it, and must not tell a caller.
        call.log.warn({ error: messageOf(thrown) }, 'tool request failed');
        const why = thrown instanceof NotConnected ? 'could not be reached' : 'did not answer properly';
        return failed(`the tool's server ${why}`);
      }
    },
    close: () => void agent.destroy(),
  };
}

/** What the operator wrote into the query stays (a tenant, a key), but for what `parameters` leave to the model. */
function addQuery(url: URL, args: unknown, { properties }: HttpToolOptions['parameters']): void {
  const own = new Set(url.searchParams.keys());
  const isOpen = (key: string): boolean =>
    !own.has(key) || (typeof properties === 'object' && properties !== null && Object.hasOwn(properties, key));
  for (const [key, value] of Object.entries(args as Readonly<Record<string, unknown>>)) {
    if (!isOpen(key)) continue;
    url.searchParams.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
}

function judge({ status, contentType, body }: GuardedAnswer, call: ToolContext): ToolOutcome {
  if (status >= 200 && status < 300) {
    if (body.trim() === '') return outcomeOf(undefined);
    if (!/\bjson\b/i.test(contentType)) return outcomeOf(body);
    try {
      const value: unknown = JSON.parse(body);
      return outcomeOf(value);
    } catch {
      return failed("the tool's server answered with broken JSON");
    }
  }
  call.log.warn({ status }, 'tool request refused');
  return failed(`the tool's server answered ${status}${problemOf(body)}`);
}

/** What the server says to the model about its failure: `{"error": "…"}`. Nothing else of a failed answer is passed on. */
function problemOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : undefined;
    return typeof error === 'string' ? `: ${error.split('\n')[0] ?? ''}` : '';
  } catch {
    return '';
  }
}
