import { z } from 'zod';
import { LandlineError, messageOf } from '../core/errors.ts';
import { readArguments } from './arguments.ts';
import {
  DEFAULT_DEADLINE_MS,
  failed,
  LONGEST_DEADLINE_MS,
  outcomeOf,
  TOOL_NAME,
  type Tool,
  type ToolContext,
} from './tool.ts';

/** A tool in code, as a person writes it. */
export interface ToolDefinition<S extends z.ZodObject> {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** What it does and when to use it: the model decides by this. */
  readonly description: string;
  /** `z.object({…})`; `.describe(…)` on a field is told to the model. */
  readonly parameters: S;
  /** Default 10,000; at most 120,000. */
  readonly deadlineMs?: number;
  /** Said while the caller waits; a list is said in turn. Default: a fixed line of the agent's language. `[]`: nothing. */
  readonly filler?: string | readonly string[];
  /**
   * The work. A text or a JSON value is the result; {@link ToolError} tells the model its message; any other error
   * is logged, and the model only hears that the tool failed.
   */
  execute(args: z.output<S>, call: ToolContext): unknown;
}

/** What {@link defineTool} makes: an entry for `tools` of an agent. */
export interface CodeTool extends Tool {
  readonly [CODE_TOOL]: true;
}

/** Registered: a config may come with a copy of this package of its own. */
const CODE_TOOL: unique symbol = Symbol.for('landline.tool') as never;

/** A failure that the model is told in these words, and may tell the caller. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/**
 * A tool in code.
 * @throws LandlineError `config_invalid` when a part of the definition cannot be used.
 */
export function defineTool<S extends z.ZodObject>(definition: ToolDefinition<S>): CodeTool {
  const { name, description, parameters, deadlineMs = DEFAULT_DEADLINE_MS } = definition;
  const wrong = (what: string): never => {
    throw new LandlineError('config_invalid', `defineTool ${JSON.stringify(name)}: ${what}`);
  };
  if (!TOOL_NAME.test(name)) wrong('name must be 1 to 64 letters, digits, "_" and "-"');
  if (description.trim() === '') wrong('description must not be empty: the model chooses tools by it');
  if (!(deadlineMs > 0 && deadlineMs <= LONGEST_DEADLINE_MS)) {
    wrong(`deadlineMs must be more than 0 and at most ${LONGEST_DEADLINE_MS}`);
  }
  let schema: Readonly<Record<string, unknown>> = {};
  try {
    const { $schema: _, ...rest } = z.toJSONSchema(parameters, { io: 'input' });
    schema = rest;
  } catch (thrown) {
    wrong(`parameters cannot be told to a model: ${messageOf(thrown)}`);
  }
  if (schema['type'] !== 'object') wrong('parameters must be z.object({…})');
  const filler = typeof definition.filler === 'string' ? [definition.filler] : definition.filler;
  return {
    [CODE_TOOL]: true,
    spec: { name, description, parameters: schema },
    deadlineMs,
    filler,
    run: async (text, call) => {
      try {
        const read = await readArguments(parameters, text);
        if (!read.ok) return read.outcome;
        return outcomeOf(await definition.execute(read.args, call));
      } catch (thrown) {
        // By its name: it may be another copy's class.
        if (thrown instanceof Error && thrown.name === 'ToolError') return failed(thrown.message);
        call.log.warn({ error: messageOf(thrown) }, 'tool failed');
        return failed('the tool failed');
      }
    },
  };
}

export function isCodeTool(value: unknown): value is CodeTool {
  return typeof value === 'object' && value !== null && CODE_TOOL in value;
}
