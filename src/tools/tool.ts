import type { Log } from '../core/log.ts';
import type { ToolSpec } from '../providers/ports.ts';
import type { CollectOptions, CollectOutcome } from './collect-digits.ts';

/** What a tool may know of the call it is called in. Read-only. */
export interface ToolCallFacts {
  /** The call's id, as in `/v1/calls/{id}`. */
  readonly id: string;
  /** Name of the agent in the config. */
  readonly agent: string;
  /** E.164, `anonymous` or a SIP address; not masked. */
  readonly from: string;
  readonly to: string;
  /** BCP 47, of the agent. */
  readonly language: string;
  /** What was given to the call when it was placed; empty for calls that came in. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a tool gets beside its arguments. */
export interface ToolContext extends ToolCallFacts {
  /** Aborted when the deadline has passed or the call has ended: nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /**
   * Asks the caller for digits, typed or spoken; the tool's deadline runs on meanwhile. Sensitive ones are nowhere but in
   * what this resolves with. Rejects with a ToolError for options that make no sense, never for what the caller does.
   */
  collectDigits(options: CollectOptions): Promise<CollectOutcome>;
  /** Lines carry the call's id and the tool's name. Secrets and card numbers are masked. */
  readonly log: Log;
}

/** How a tool call ended. `result` is what the model reads; `message` is too, and never holds a stack or a secret. */
export type ToolOutcome =
  | { readonly ok: true; readonly result: string }
  /** `invalid`: the arguments are wrong, the tool did not run. */
  | { readonly ok: false; readonly kind: 'invalid' | 'failed'; readonly message: string };

/** What the dialogue knows of a tool; plain data. */
export interface ToolTerms {
  readonly spec: ToolSpec;
  /** Milliseconds from its start until the model is told that there is no answer. */
  readonly deadlineMs: number;
  /** What is said while the caller waits, in turn; the last one stays. Undefined: the language's own lines; empty: nothing. */
  readonly filler: readonly string[] | undefined;
}

/** A tool that can be run, wherever its work is done. */
export interface Tool extends ToolTerms {
  /** @param args JSON text as the model wrote it. Never rejects. */
  run(args: string, call: ToolContext): Promise<ToolOutcome>;
}

export const DEFAULT_DEADLINE_MS = 10_000;
/** Longer ones leave a caller alone for too long. */
export const LONGEST_DEADLINE_MS = 120_000;

/** What vendors of models allow as a tool's name. */
export const TOOL_NAME: RegExp = /^[a-zA-Z0-9_-]{1,64}$/;

/** More than this of a result is cut: a model reads every character of it, again in every turn. */
const LONGEST_RESULT = 8192;

/** A tool's answer as the model reads it: text as it is, anything else as JSON. */
export function outcomeOf(value: unknown): ToolOutcome {
  if (value === undefined) return { ok: true, result: '{"status":"ok"}' };
  let text: string | undefined;
  try {
    text = typeof value === 'string' ? value : JSON.stringify(value);
  } catch {
    // Circular, a BigInt, a `toJSON` that throws.
  }
  if (text === undefined) return failed('the tool gave a result that is neither text nor JSON');
  return { ok: true, result: clip(text, LONGEST_RESULT) };
}

export function failed(message: string): ToolOutcome {
  return { ok: false, kind: 'failed', message: clip(message, 300) };
}

export function invalid(message: string): ToolOutcome {
  return { ok: false, kind: 'invalid', message: clip(message, 500) };
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 12).toWellFormed()}… [cut here]`;
}
