import { z } from 'zod';
import { urlProblem } from './address-guard.ts';
import { DEFAULT_DEADLINE_MS, LONGEST_DEADLINE_MS, TOOL_NAME } from './tool.ts';

/** A text, or the name of the environment variable that holds it. */
export type Setting = string | { readonly env: string };

/** A tool that is a request to a server of the operator's. */
export interface HttpToolOptions {
  readonly type: 'http';
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers: Readonly<Record<string, Setting>>;
  /** Environment variable with the secret that requests are signed with; undefined: they are not. */
  readonly secretEnv?: string | undefined;
  /** Milliseconds. */
  readonly deadlineMs: number;
  readonly filler?: readonly string[] | undefined;
  /** `host:port` of private places that this tool may reach. */
  readonly allowPrivate: readonly string[];
}

/** A server of the Model Context Protocol, by URL (streamable HTTP) or as a program (stdio). */
export interface McpOptions {
  readonly type: 'mcp';
  /** Stands before tools whose names are taken, and in logs. */
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, Setting>>;
  readonly command?: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, Setting>>;
  /** Tools that are offered, by the server's names; undefined: all. */
  readonly allow?: readonly string[] | undefined;
  /** Milliseconds per call. */
  readonly deadlineMs: number;
  readonly filler?: readonly string[] | undefined;
  readonly allowPrivate: readonly string[];
}

/** What a person writes; what is left out gets its default. */
export type HttpToolInput = Pick<HttpToolOptions, 'type' | 'name' | 'description' | 'url'> &
  Partial<Omit<HttpToolOptions, 'filler'>> & { readonly filler?: string | readonly string[] };
export type McpInput = Pick<McpOptions, 'type'> &
  Partial<Omit<McpOptions, 'filler'>> & { readonly filler?: string | readonly string[] };

const setting = z.union([z.string(), z.strictObject({ env: z.string().min(1) })], {
  error: 'must be a text or {"env": "NAME"}',
});
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is no name of a header');
const headers = z
  .record(headerName, setting)
  .refine((given) => Object.keys(given).every((name) => !OURS.has(name.toLowerCase())), {
    error: 'must not set host, content-length, transfer-encoding or webhook-…: the gateway does',
  })
  .default({});
const OURS: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection'],
  ...['webhook-id', 'webhook-timestamp', 'webhook-signature'],
]);
const deadlineMs = z.number().int().min(100).max(LONGEST_DEADLINE_MS).default(DEFAULT_DEADLINE_MS);
const line = z.string().trim().min(1).max(500);
const filler = z
  .union([line.transform((one) => [one]), z.array(line).max(10)], { error: 'must be a line or a list of lines' })
  .optional();
const allowPrivate = z
  .array(
    z.string().regex(/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'must be "host:port", like "10.0.0.5:8080"'),
  )
  .default([]);

interface Reaching {
  readonly url?: string | undefined;
  readonly allowPrivate: readonly string[];
}

/** Where a URL may not lead is said when the config is read, not at a caller's ear. */
function checkUrl({ value, issues }: { readonly value: Reaching; readonly issues: z.core.$ZodRawIssue[] }): void {
  if (value.url === undefined) return;
  const url = URL.parse(value.url);
  const message = url ? urlProblem(url, value.allowPrivate) : 'must be a URL, like "https://tools.example.com/book"';
  if (message !== undefined) issues.push({ code: 'custom', path: ['url'], message, input: value.url });
}

export const httpToolOptions: z.ZodType<HttpToolOptions> = z
  .strictObject({
    type: z.literal('http'),
    name: z.string().regex(TOOL_NAME, 'must be 1 to 64 letters, digits, "_" and "-"'),
    description: z.string().trim().min(1).max(2000),
    parameters: z.record(z.string(), z.unknown()).default({ type: 'object', properties: {} }),
    url: z.string(),
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    headers,
    secretEnv: z.string().min(1).optional(),
    deadlineMs,
    filler,
    allowPrivate,
  })
  .check(checkUrl, ({ value, issues }) => {
    const message = parametersProblem(value.parameters);
    if (message !== undefined) issues.push({ code: 'custom', path: ['parameters'], message, input: value.parameters });
  });

export const mcpOptions: z.ZodType<McpOptions> = z
  .strictObject({
    type: z.literal('mcp'),
    name: z
      .string()
      .regex(/^[a-zA-Z0-9_-]{1,32}$/, 'must be 1 to 32 letters, digits, "_" and "-"')
      .optional(),
    url: z.string().optional(),
    headers,
    command: z.string().min(1).optional(),
    args: z.array(z.string()).default([]),
    env: z.record(z.string(), setting).default({}),
    allow: z.array(z.string()).optional(),
    deadlineMs,
    filler,
    allowPrivate,
  })
  .check(checkUrl, ({ value, issues }) => {
    if ((value.url === undefined) !== (value.command === undefined)) return;
    const message =
      value.url === undefined
        ? 'needs a url (streamable HTTP) or a command (stdio)'
        : 'must have a url or a command, not both';
    issues.push({ code: 'custom', path: [], message, input: value });
  });

function parametersProblem(parameters: Readonly<Record<string, unknown>>): string | undefined {
  if (parameters['type'] !== 'object') return 'must be a JSON Schema with "type": "object"';
  try {
    schemaOf(parameters);
    return undefined;
  } catch (thrown) {
    return `cannot be checked: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

/** @throws Error when the schema uses what cannot be checked. */
export function schemaOf(parameters: Readonly<Record<string, unknown>>): z.ZodType {
  return z.fromJSONSchema(parameters);
}

/** The settings' texts. @throws Error that names the variables that are not set. */
export function resolveSettings(
  settings: Readonly<Record<string, Setting>>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const missing = missingVariables(settings, env);
  if (missing.length > 0) throw new Error(`environment variables are not set: ${missing.join(', ')}`);
  return Object.fromEntries(
    Object.entries(settings).map(([key, given]) => [key, typeof given === 'string' ? given : (env[given.env] ?? '')]),
  );
}

export function missingVariables(
  settings: Readonly<Record<string, Setting>>,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.values(settings).flatMap((given) =>
    typeof given === 'object' && (env[given.env] ?? '') === '' ? [given.env] : [],
  );
}
