import { createInterface } from 'node:readline/promises';
import { LandlineError } from '../core/errors.ts';
import type { ExitCode } from './exit-code.ts';

export interface PrivacyOptions {
  /** Id of one call; or `number`. */
  readonly call?: string;
  readonly number?: string;
  readonly gateway: string;
  /** Do not ask. */
  readonly yes?: boolean;
}

/** What the command line gives and takes; tests hand in their own. */
export interface PrivacyTerminal {
  readonly write: (text: string) => void;
  /** Undefined: there is nobody to ask. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** `landline privacy export`: JSON Lines on stdout, one line a call. Works through a running gateway. */
export async function privacyExport(
  options: PrivacyOptions,
  terminal: PrivacyTerminal = ownTerminal(),
): Promise<ExitCode> {
  const what = whatOf(options);
  const response =
    'call' in what
      ? await request(options, 'GET', `/v1/calls/${encodeURIComponent(what.call)}/export`)
      : await request(options, 'POST', '/v1/privacy/export', { number: what.number });
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) terminal.write(decoder.decode(piece as Uint8Array, { stream: true }));
  return 0;
}

/** `landline privacy erase`: asks, unless `yes` is set; says how many calls are gone. */
export async function privacyErase(
  options: PrivacyOptions,
  terminal: PrivacyTerminal = ownTerminal(),
): Promise<ExitCode> {
  const what = whatOf(options);
  const words = 'call' in what ? `the call ${what.call}` : `every call of ${what.number}`;
  if (!options.yes) {
    if (!terminal.ask) {
      throw new LandlineError(
        'request_invalid',
        'there is no terminal to ask on: use --yes to erase without being asked',
      );
    }
    const answer = await terminal.ask(`Erase ${words}, with recordings and transcripts? It cannot be undone. [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      terminal.write('nothing was erased\n');
      return 1;
    }
  }
  if ('call' in what) {
    await request(options, 'DELETE', `/v1/calls/${encodeURIComponent(what.call)}`);
    terminal.write(`erased ${words}\n`);
    return 0;
  }
  const response = await request(options, 'POST', '/v1/privacy/erase', { number: what.number });
  const { calls, afterEnd } = (await response.json()) as { calls: number; afterEnd: number };
  terminal.write(`erased ${calls} call(s)${afterEnd === 0 ? '' : `; ${afterEnd} more when they have ended`}\n`);
  return 0;
}

function whatOf({ call, number }: PrivacyOptions): { readonly call: string } | { readonly number: string } {
  if (call !== undefined && number === undefined) return { call };
  if (number !== undefined && call === undefined) return { number };
  throw new LandlineError('request_invalid', 'give either --call <id> or --number <number>');
}

/** @throws LandlineError with what the gateway said, or that there is none. */
async function request(
  { gateway }: PrivacyOptions,
  method: string,
  path: string,
  body?: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const key = process.env['LANDLINE_API_KEY']?.split(',')[0]?.trim();
  let response: Response;
  try {
    response = await fetch(`${gateway.replace(/\/$/, '')}${path}`, {
      method,
      headers: {
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  } catch (thrown) {
    throw new LandlineError('request_invalid', `no gateway answers at ${gateway}; is it running? (--gateway)`, {
      cause: thrown,
    });
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new LandlineError('request_invalid', problem.detail ?? `the gateway answered ${response.status}`);
}

function ownTerminal(): PrivacyTerminal {
  return {
    write: (text) => void process.stdout.write(text),
    ask: process.stdin.isTTY
      ? async (question) => {
          const lines = createInterface({ input: process.stdin, output: process.stderr });
          try {
            return await lines.question(question);
          } finally {
            lines.close();
          }
        }
      : undefined,
  };
}
