import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, type Config } from '../../src/config.ts';
import { createTools } from '../../src/tools/create.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Tool } from '../../src/tools/tool.ts';
import { toolContext } from '../tools/context.ts';

const ENV = {
  DEEPGRAM_API_KEY: 'deepgram-key-of-the-test',
  OPENAI_API_KEY: 'openai-key-of-the-test',
  BISTRO_TOOL_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

async function example(name: string): Promise<{ readonly config: Config; readonly tools: readonly Tool[] }> {
  const cwd = join(import.meta.dirname, '../../examples');
  const config = await loadConfig({ env: { ...ENV, LANDLINE_CONFIG: name }, cwd });
  const options = { clock: new VirtualClock(), log: silentLog, env: ENV, dir: cwd, software: 'landline test' };
  return { config, tools: createTools(config.agents, options).of('bistro') };
}

describe('the examples of tools', () => {
  it('in code look up, book, and say when there is nothing left', async () => {
    const { config, tools } = await example('tool-in-code.ts');
    const [free, book] = tools;

    expect(config.agents['bistro']?.tools).toEqual(['hang_up']);
    expect(tools.map(({ spec }) => spec.name)).toEqual(['free_tables', 'book_table']);
    expect(await free?.run('{"day":"monday"}', toolContext())).toEqual({ ok: true, result: '{"free":4}' });
    expect(await book?.run('{"day":"monday","people":2}', toolContext())).toEqual({
      ok: true,
      result: 'booked for 2 on monday, under +14155550142',
    });
    expect(await free?.run('{"day":"monday"}', toolContext())).toEqual({ ok: true, result: '{"free":3}' });
    expect(await book?.run('{"day":"tuesday","people":2}', toolContext())).toEqual({
      ok: false,
      kind: 'failed',
      message: 'no table is free on tuesday',
    });
    expect(await book?.run('{"day":"monday","people":20}', toolContext())).toMatchObject({
      ok: false,
      kind: 'invalid',
    });
  });

  it('over HTTP are a config that loads', async () => {
    const { tools } = await example('http-tool.config.json');

    expect(tools).toMatchObject([{ spec: { name: 'free_tables' }, filler: ['Let me look at the book.'] }]);
  });
});
