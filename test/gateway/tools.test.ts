import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { agentOptions } from '../../src/agent/options.ts';
import { listEnded, readJournal } from '../../src/journal/reader.ts';
import { defineTool } from '../../src/tools/define-tool.ts';
import type { ToolContext } from '../../src/tools/tool.ts';
import { TestProviders } from './providers.ts';
import { CALLER, inWorld, RECEPTION, until } from './world.ts';

describe('a call whose agent has a slow tool in code', () => {
  it('hears a line meanwhile, and then the result', async () => {
    const test = new TestProviders();
    const calls: { readonly day: string; readonly call: ToolContext }[] = [];
    let finish: (free: string) => void = () => undefined;
    const lookUp = defineTool({
      name: 'look_up',
      description: 'When there is time.',
      parameters: z.object({ day: z.string() }),
      filler: 'Looking at the calendar.',
      execute: ({ day }, call) =>
        new Promise((resolve) => {
          calls.push({ day, call });
          finish = resolve;
        }),
    });
    const config = agentOptions.parse({ greeting: 'Hello there.', tools: ['hang_up'] });
    const limits = { maxDurationMs: 60_000, noMediaMs: 15_000 };
    const agents = new Map([['reception', { config, providers: test.providers, limits, tools: () => [lookUp] }]]);
    await inWorld(
      { gateway: { agents, routing: { numbers: { [RECEPTION]: 'reception' }, defaultAgent: undefined } } },
      async (world) => {
        const phone = await world.talk();
        test.answer = (request) =>
          request.messages.at(-1)?.role === 'tool'
            ? [
                { type: 'llmDelta', text: `There is time at ${request.messages.at(-1)?.content ?? ''}.` },
                { type: 'llmDone', finish: 'stop' },
              ]
            : [
                { type: 'llmToolCall', call: { id: 'c1', name: 'look_up', arguments: '{"day":"monday"}' } },
                { type: 'llmDone', finish: 'tool_calls' },
              ];
        test.recognise({ type: 'sttEndOfTurn', text: 'when are you free' });
        await until(() => world.of('turn.started', phone).length === 3, 'the filler to be heard');
        expect(calls.map(({ day, call }) => [day, call.from, call.to, call.id])).toEqual([
          ['monday', CALLER, RECEPTION, world.idOf(phone)],
        ]);
        finish('five');
        await until(() => world.of('turn.ended', phone).length === 3, 'the answer to be heard');

        expect(world.of('turn.ended', phone).at(-1)?.data.text).toBe('Looking at the calendar. There is time at five.');
        expect(world.of('tool.called', phone).map(({ data }) => data)).toEqual([
          { id: 'c1', name: 'look_up', arguments: '{"day":"monday"}' },
        ]);
        expect(world.of('tool.ended', phone).map(({ data }) => data)).toEqual([
          { id: 'c1', name: 'look_up', result: 'five' },
        ]);
        phone.hangup();
        await until(() => world.of('call.ended', phone).length === 1, 'the end of the call');
        expect(calls[0]?.call.signal.aborted).toBe(false);
        // The intent was on file before the tool ran, its outcome is there after it.
        const path = await vi.waitFor(async () => {
          const [ended] = await listEnded(world.dataDir);
          return ended?.path ?? expect.fail('the journal has not ended');
        }, 10_000);
        const { records } = await readJournal(path);
        const lines = records.flatMap((record) =>
          'd' in record && /^(toolStart|toolDone)$/.test(record.d.type) ? [`${record.k} ${record.d.type}`] : [],
        );
        expect(lines).toEqual(['fx toolStart', 'in toolDone']);
      },
    );
  });
});
