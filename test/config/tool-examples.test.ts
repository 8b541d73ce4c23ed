import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createTools } from '../../src/tools/create.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Tool } from '../../src/tools/tool.ts';

const ENV = {
  DEEPGRAM_API_KEY: 'deepgram-key-of-the-test',
  OPENAI_API_KEY: 'openai-key-of-the-test',
  BISTRO_TOOL_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
};

async function example(name: string): Promise<readonly Tool[]> {
  const cwd = join(import.meta.dirname, '../../examples');
  const config = await loadConfig({ env: { ...ENV, LANDLINE_CONFIG: name }, cwd });
  const options = { clock: new VirtualClock(), log: silentLog, env: ENV, dir: cwd, software: 'landline test' };
  return createTools(config.agents, options).of('bistro');
}

describe('the examples of tools', () => {
  it('over HTTP are a config that loads', async () => {
    expect(await example('http-tool.config.json')).toMatchObject([
      { spec: { name: 'free_tables' }, filler: ['Let me look at the book.'] },
    ]);
  });
});
