import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readTools } from '../../src/config-tools.ts';
import type { AgentTools } from '../../src/tools/create.ts';
import { defineTool } from '../../src/tools/define-tool.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const code = defineTool({ name: 'look_up', description: 'Looks it up.', parameters: z.object({}), execute: () => '' });
const http = { type: 'http', name: 'book', description: 'Books.', url: 'https://tools.example.com/book' };
const mcp = { type: 'mcp', url: 'https://mcp.example.com/' };

function read(tools: unknown): { readonly problems: readonly string[]; readonly read: AgentTools } {
  const problems: string[] = [];
  const env = { KEY: 'k', SECRET, BAD_SECRET: 'abc' };
  const result = readTools(tools, ['agents', 'desk', 'tools'], env, (where, what) => problems.push(`${where} ${what}`));
  return { problems, read: result };
}

describe('the tools of an agent', () => {
  it('are built-in names, tools in code, HTTP tools and servers in one list', () => {
    const { problems, read: found } = read([
      'hang_up',
      code,
      { ...http, headers: { 'X-Key': { env: 'KEY' } }, secretEnv: 'SECRET', filler: 'Looking.' },
      mcp,
      { type: 'mcp', command: 'npx', args: ['server'], env: { A: 'b' } },
    ]);

    expect(problems).toEqual([]);
    expect(found.tools).toEqual(['hang_up']);
    expect(found.ownTools[0]).toBe(code);
    expect(found.ownTools.slice(1)).toMatchObject([
      { method: 'POST', deadlineMs: 10_000, filler: ['Looking.'], allowPrivate: [] },
      { url: 'https://mcp.example.com/' },
      { command: 'npx' },
    ]);
  });

  it('are hang_up alone when nothing is said', () => {
    expect(read(undefined).read).toEqual({ tools: ['hang_up'], ownTools: [] });
  });

  const wrong: readonly (readonly [unknown, string])[] = [
    ['hang_up', ' must be a list of names and tools'],
    [
      ['hangup'],
      '[0] must be one of "transfer_call", "hang_up", "send_dtmf", "collect_digits", got "hangup"; did you mean "hang_up"?',
    ],
    [[5], '[0] must be the name of a built-in tool, or a tool'],
    [['hang_up', 'hang_up'], '[1] is the second tool "hang_up"; the first is agents.desk.tools[0]'],
    [[code, { ...http, name: 'look_up' }], '[1] is the second tool "look_up"; the first is agents.desk.tools[0]'],
    [[{ ...http, name: 'send_dtmf' }], '[0] must not be called "send_dtmf": that is a built-in tool'],
    [[{ type: 'htp' }], '[0].type must be one of "http", "mcp", got "htp"; did you mean "http"?'],
    [[{ name: 'x' }], '[0].type is missing: must be one of "http", "mcp"'],
    [[{ ...http, name: 'look up' }], '[0].name must be 1 to 64 letters, digits, "_" and "-"'],
    [[{ ...http, name: 'x'.repeat(65) }], '[0].name must be 1 to 64 letters, digits, "_" and "-"'],
    [[{ ...http, url: 'tools' }], '[0].url must be a URL, like "https://tools.example.com/book"'],
    [
      [{ ...http, url: 'http://10.0.0.5:8080/' }],
      '[0].url must begin with https://; http is for hosts that are listed in allowPrivate, like "10.0.0.5:8080"',
    ],
    [
      [{ ...http, url: 'https://10.0.0.5/' }],
      '[0].url 10.0.0.5 is at a private address; to allow it, list "10.0.0.5:443" in allowPrivate',
    ],
    [
      [{ ...mcp, url: 'https://169.254.169.254/' }],
      '[0].url 169.254.169.254 is at an address that is never connected to',
    ],
    [[{ ...http, allowPrivate: ['10.0.0.5'] }], '[0].allowPrivate[0] must be "host:port", like "10.0.0.5:8080"'],
    [[{ ...http, parameters: { type: 'string' } }], '[0].parameters must be a JSON Schema with "type": "object"'],
    [[{ ...http, headers: { 'X-Key': { env: 'NOPE' } } }], '[0] needs the environment variable NOPE, which is not set'],
    [[{ ...http, secretEnv: 'NOPE' }], '[0] needs the environment variable NOPE, which is not set'],
    [[{ ...http, secretEnv: 'BAD_SECRET' }], '[0].secretEnv names a variable that must be "whsec_" and base64'],
    [
      [{ ...http, headers: { Host: 'x' } }],
      '[0].headers must not set host, content-length, transfer-encoding or webhook-…: the gateway does',
    ],
    [[{ ...http, deadlineMs: 10 }], '[0].deadlineMs must be at least 100, got 10'],
    [[{ ...http, metod: 'GET' }], '[0].metod is not a known key; did you mean "method"?'],
    [[{ type: 'mcp' }], '[0] needs a url (streamable HTTP) or a command (stdio)'],
    [[{ ...mcp, command: 'x' }], '[0] must have a url or a command, not both'],
  ];
  it.each(wrong)('%j are refused', (tools, problem) => {
    expect(read(tools).problems).toEqual([`agents.desk.tools${problem}`]);
  });
});
