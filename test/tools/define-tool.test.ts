import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { silentLog } from '../../src/core/log.ts';
import { defineTool, isCodeTool, ToolError, type ToolDefinition } from '../../src/tools/define-tool.ts';
import type { ToolContext } from '../../src/tools/tool.ts';
import { toolContext } from './context.ts';

const parameters = z.object({
  day: z.enum(['monday', 'tuesday']).describe('the day'),
  people: z.number().int().min(1),
});

function tool(
  execute: (args: z.output<typeof parameters>, call: ToolContext) => unknown,
): ReturnType<typeof defineTool> {
  return defineTool({ name: 'look_up', description: 'Looks it up.', parameters, execute });
}

describe('a tool in code', () => {
  it('is told to the model as JSON Schema', () => {
    expect(tool(() => '').spec).toEqual({
      name: 'look_up',
      description: 'Looks it up.',
      parameters: {
        type: 'object',
        properties: {
          day: { type: 'string', enum: ['monday', 'tuesday'], description: 'the day' },
          people: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
        },
        required: ['day', 'people'],
      },
    });
    expect(isCodeTool(tool(() => ''))).toBe(true);
    expect(isCodeTool({ spec: {} })).toBe(false);
  });

  it('gets checked arguments and the facts of the call', async () => {
    const seen: unknown[] = [];
    const look = tool(({ day, people }, { from, agent }) => {
      seen.push(day, people, from, agent);
      return { free: true };
    });

    expect(await look.run('{"day":"monday","people":2,"more":1}', toolContext())).toEqual({
      ok: true,
      result: '{"free":true}',
    });
    expect(seen).toEqual(['monday', 2, '+14155550142', 'desk']);
  });

  it.each([
    ['{"day":', 'the arguments are not JSON'],
    ['{"day":"friday","people":2}', 'day: '],
    ['{"day":"monday"}', 'people: '],
    ['[]', 'the arguments are wrong'],
    ['null', 'the arguments are wrong'],
    ['', 'day: '],
  ])('is not run with %s, and the model is told why', async (args, why) => {
    let runs = 0;
    const outcome = await tool(() => runs++).run(args, toolContext());

    expect(runs).toBe(0);
    expect(outcome).toMatchObject({ ok: false, kind: 'invalid', message: expect.stringContaining(why) as string });
  });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  it.each([
    ['a text', 'At five.', 'At five.'],
    ['a number', 5, '5'],
    ['nothing', undefined, '{"status":"ok"}'],
    ['null', null, 'null'],
    ['a promise', Promise.resolve(['a']), '["a"]'],
  ])('may give %s', async (_, given, result) => {
    expect(await tool(() => given).run('{"day":"monday","people":1}', toolContext())).toEqual({ ok: true, result });
  });

  it.each([
    ['something circular', circular],
    ['a BigInt', 5n],
    ['a function', () => 1],
  ])('that gives %s has failed', async (_, given) => {
    expect(await tool(() => given).run('{"day":"monday","people":1}', toolContext())).toMatchObject({
      ok: false,
      kind: 'failed',
    });
  });

  it('has a result of five megabytes cut', async () => {
    const outcome = await tool(() => 'x'.repeat(5_000_000)).run('{"day":"monday","people":1}', toolContext());

    expect(outcome.ok && outcome.result).toHaveLength(8192);
    expect(outcome.ok && outcome.result).toMatch(/x… \[cut here\]$/);
  });

  it.each([
    ['throws', () => expect.fail('postgres://user:secret@db')],
    ['rejects', () => Promise.reject(new Error('postgres://user:secret@db'))],
  ])('that %s tells the model no more than that, and the operator why', async (_, execute) => {
    const warned: unknown[] = [];
    const log = { ...silentLog, warn: (fields: unknown) => void warned.push(fields) };

    expect(await tool(execute).run('{"day":"monday","people":1}', toolContext({ log }))).toEqual({
      ok: false,
      kind: 'failed',
      message: 'the tool failed',
    });
    expect(warned).toEqual([{ error: 'postgres://user:secret@db' }]);
  });

  it('tells the model what a ToolError says', async () => {
    const full = tool(() => {
      throw new ToolError('monday is full');
    });

    expect(await full.run('{"day":"monday","people":1}', toolContext())).toEqual({
      ok: false,
      kind: 'failed',
      message: 'monday is full',
    });
  });

  const wrong: readonly (readonly [string, Partial<ToolDefinition<z.ZodObject>>])[] = [
    ['name', { name: 'look up' }],
    ['name', { name: '' }],
    ['name', { name: 'x'.repeat(65) }],
    ['description', { description: ' ' }],
    ['deadlineMs', { deadlineMs: 0 }],
    ['deadlineMs', { deadlineMs: 200_000 }],
    ['parameters', { parameters: z.string() as never }],
    ['parameters', { parameters: z.object({ when: z.date() }) }],
  ];
  it.each(wrong)('with a wrong %s is refused when it is defined: %j', (part, change) => {
    const definition = { name: 'a', description: 'b', parameters: z.object({}), execute: () => '', ...change };

    expect(() => defineTool(definition)).toThrow(part);
  });
});
