import { describe, expect, it } from 'vitest';
import type { TelnyxCommand } from '../../src/telnyx/commands.ts';
import { createWorld, endReason, type World, type WorldOptions } from './harness.ts';

/** An answered call whose greeting was heard. */
function up(config: Record<string, unknown> = {}, options: WorldOptions = {}): World {
  const world = createWorld(config, options);
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  world.run(2000);
  return world;
}

function transfers(world: World): Extract<TelnyxCommand, { name: 'transfer' }>[] {
  return world.telnyx.sent.flatMap(({ command }) => (command.name === 'transfer' ? [command] : []));
}

/** The model asks for a transfer and, told how it went, says so. */
function modelTransfers(world: World, target: string): void {
  world.llm.script = (request) =>
    request.messages.some(({ role }) => role === 'tool')
      ? [
          { type: 'llmDelta', text: 'I cannot reach them.' },
          { type: 'llmDone', finish: 'stop' },
        ]
      : [
          { type: 'llmToolCall', call: { id: 't1', name: 'transfer_call', arguments: JSON.stringify({ target }) } },
          { type: 'llmDone', finish: 'tool_calls' },
        ];
  world.stt.emit({ type: 'sttEndOfTurn', text: 'put me through' });
  world.run(4000);
}

/** Somebody with an API key hands the caller over. */
function peopleTransfer(world: World, to: string): void {
  world.session().post({ type: 'control', by: 'api', action: { type: 'transfer', target: to, to } });
  world.run(1000);
}

/** A call that takes the only place. */
const FIRST = { callControlId: 'cc-first', callLegId: 'leg-first', callSessionId: 'session-first' };

describe('the gate before every dialled leg', () => {
  it('dials a listed target in its one form', () => {
    const world = up({ transferTargets: { sales: 'tel:+1-510-555-0200' } });

    modelTransfers(world, 'sales');

    expect(transfers(world)).toMatchObject([{ to: '+15105550200' }]);
    expect(world.refusals).toEqual([]);
  });

  it('holds although the agent lists what may never be dialled: no command, and the agent is back and knows', () => {
    for (const to of ['112', '+8821612345678', '+13125550178', 'sip:911@example.com']) {
      const world = up({ transferTargets: { sales: to } });

      modelTransfers(world, 'sales');

      expect(transfers(world)).toEqual([]);
      expect(world.refusals).toHaveLength(1);
      expect(world.events).toContainEqual(
        expect.objectContaining({
          type: 'transfer.ended',
          data: { target: 'sales', outcome: 'not_allowed', mode: 'blind' },
        }),
      );
      expect(world.events.find((event) => event.type === 'tool.ended')?.data.result).toContain('not_allowed');
      expect(world.tts.texts.at(-1)).toBe('I cannot reach them.');
      // What was intended and what became of it is on file.
      const intents = world.records.filter(
        (record) => record.k === 'fx' && (record.d['command'] as { name?: string } | undefined)?.name === 'transfer',
      );
      expect(intents).toHaveLength(1);
      expect(world.session().state.status).toBe('active');
    }
  });

  it('lets people with a key name a number, for this call only', () => {
    const world = up();
    peopleTransfer(world, '+32475123456');
    expect(transfers(world)).toMatchObject([{ to: '+32475123456' }]);

    const other = up();
    peopleTransfer(other, '+19005551234');
    expect(transfers(other)).toEqual([]);
    expect(other.refusals).toEqual(['premium']);
  });

  it('counts the legs of a call, and refuses the one too many', () => {
    const world = up({}, { destinations: { maxPerCall: 1 } });
    world.telnyx.answers = (command) =>
      command.name === 'transfer' ? { ok: false, kind: 'refused', status: 422, message: 'no' } : { ok: true };

    peopleTransfer(world, '+32475123456');
    peopleTransfer(world, '+32475123456');

    expect(transfers(world)).toHaveLength(1);
    expect(world.refusals).toEqual(['max_per_call']);
  });

  it('stands before the fallback of a full gateway too', () => {
    const config = { fallbackTarget: 'sales', transferTargets: { sales: '+15105550200' } };
    const open = createWorld(config, { max: 1 });
    open.webhook('call.initiated', FIRST);
    open.webhook('call.initiated');
    open.clock.advance(5);
    open.webhook('call.answered');
    open.clock.advance(100);
    expect(transfers(open)).toMatchObject([{ to: '+15105550200' }]);

    const shut = createWorld(config, { max: 1, destinations: { maxPerDay: 0 } });
    shut.webhook('call.initiated', FIRST);
    shut.webhook('call.initiated');
    shut.clock.advance(5);
    shut.webhook('call.answered');
    shut.clock.advance(100);
    expect(transfers(shut)).toEqual([]);
    expect(shut.refusals).toEqual(['max_per_day']);
    expect(shut.telnyx.count('speak')).toBe(1);
    shut.webhook('call.hangup');
    expect(endReason(shut)).toBe('limit');
  });
});
