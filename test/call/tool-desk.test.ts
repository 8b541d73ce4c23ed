import { describe, expect, it } from 'vitest';
import type { DialogueInput } from '../../src/agent/dialogue/inputs.ts';
import { ToolDesk, type ToolDeskOptions } from '../../src/call/tool-desk.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Tool, ToolContext, ToolOutcome } from '../../src/tools/tool.ts';

const START = { type: 'toolStart', id: 'a', name: 'look_up', arguments: '{"day":1}' } as const;

class World {
  readonly clock = new VirtualClock();
  readonly runs: { readonly args: string; readonly call: ToolContext }[] = [];
  readonly inputs: DialogueInput[] = [];
  behind = 0;
  finish: (outcome: ToolOutcome) => void = () => undefined;
  readonly desk: ToolDesk;

  constructor(run?: Tool['run']) {
    const tool: Tool = {
      spec: { name: 'look_up', description: '', parameters: {} },
      ...{ deadlineMs: 1000, filler: undefined },
      run: (args, call) => {
        this.runs.push({ args, call });
        return run ? run(args, call) : new Promise((resolve) => (this.finish = resolve));
      },
    };
    const digits: ToolDeskOptions['digits'] = {
      ask: () => Promise.reject(new Error('nobody')),
      open: (args) => args,
      cover: (text) => text,
    };
    this.desk = new ToolDesk({
      ...{ tools: [tool], clock: this.clock, log: silentLog, digits },
      facts: () => ({ id: 'call_1', agent: 'desk', from: '+1', to: '+2', language: 'en', metadata: {} }),
      input: (input) => this.inputs.push(input),
      journalBehind: () => this.behind++,
    });
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the desk of tools', () => {
  it('runs a tool once its intent is on file, once, and posts the outcome', async () => {
    const world = new World();
    let written: () => void = () => undefined;
    world.desk.start(START, (onWritten) => (written = onWritten));
    expect(world.runs).toEqual([]);
    written();
    written();
    world.clock.advance(100);
    world.finish({ ok: true, result: 'five' });
    await settled();

    expect(world.runs.map(({ args, call }) => [args, call.id])).toEqual([['{"day":1}', 'call_1']]);
    expect(world.inputs).toEqual([{ type: 'toolDone', id: 'a', outcome: { ok: true, result: 'five' } }]);
    expect([world.behind, world.clock.pending]).toEqual([0, 0]);
  });

  it('waits 50 ms for the journal, not longer', () => {
    const world = new World();
    world.desk.start(START, () => undefined);
    world.clock.advance(49);
    expect(world.runs).toHaveLength(0);
    world.clock.advance(1);

    expect(world.runs).toHaveLength(1);
    expect(world.behind).toBe(1);
  });

  it('tells a running tool that nobody waits, and still posts what comes of it', async () => {
    const world = new World();
    world.desk.start(START, (onWritten) => onWritten());
    world.desk.stop('a');
    expect(world.runs[0]?.call.signal.aborted).toBe(true);
    world.finish({ ok: true, result: 'late' });
    await settled();

    expect(world.inputs).toHaveLength(1);
  });

  it('starts nothing after the end of the call, and posts nothing', async () => {
    const world = new World();
    let written: () => void = () => undefined;
    world.desk.start(START, (onWritten) => onWritten());
    world.desk.start({ ...START, id: 'b' }, (onWritten) => (written = onWritten));
    world.desk.close();
    written();
    world.finish({ ok: true, result: 'late' });
    await settled();

    expect(world.runs).toHaveLength(1);
    expect(world.runs[0]?.call.signal.aborted).toBe(true);
    expect(world.inputs).toEqual([]);
  });

  it('makes a failure of a tool that throws', async () => {
    const world = new World(() => {
      throw new Error('secret');
    });
    world.desk.start(START, (onWritten) => onWritten());
    await settled();

    expect(world.inputs).toEqual([
      { type: 'toolDone', id: 'a', outcome: { ok: false, kind: 'failed', message: 'the tool failed' } },
    ]);
  });
});
