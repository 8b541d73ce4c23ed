import { describe, expect, it } from 'vitest';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const received = (world: GatewayWorld, call: EmulatedCall): string =>
  world
    .of('dtmf.received', call)
    .map(({ data }) => data.digit)
    .join('');

function send(world: GatewayWorld, call: EmulatedCall, digits: string): ReturnType<GatewayWorld['request']> {
  return world.request(`/v1/calls/${world.idOf(call)}/dtmf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ digits }),
  });
}

describe.concurrent('keys the caller presses', () => {
  it.each(['both', 'socket', 'webhook'] as const)(
    'count once each, reported by %s, and reach the model as one entry',
    (dtmf) =>
      inWorld({ emulator: { dtmf } }, async (world) => {
        const call = await world.talk();
        call.press('1123');
        await until(() => received(world, call).length >= 4, 'the keys');
        call.press('#');
        await until(() => world.of('turn.ended', call).length === 3, 'the answer');
        call.hangup();
        await until(() => world.of('call.ended', call).length === 1, 'the end');
        // Webhooks may overtake each other, so only the number of each key is sure.
        expect(received(world, call).split('').sort().join('')).toBe('#1123');
        expect(world.test.lastMessages().at(-1)?.role).toBe('user');
        expect(world.test.lastMessages().at(-1)?.content).toMatch(/^\[pressed [1-3]{4}#\]$/);
        const lines = JSON.stringify(world.logs.filter(({ level }) => level !== 'debug'));
        expect(lines).not.toContain('1123');
      }),
  );

  it('interrupt the agent at once', () =>
    inWorld(
      { agent: { greeting: 'For a room press one, for a table press two, for everything else please wait here.' } },
      async (world) => {
        const call = world.ring();
        await until(() => world.of('turn.started', call).length === 1, 'the greeting to begin');
        call.press('1#');
        await call.waitFor('clear');
        await until(() => world.of('turn.ended', call).length === 3, 'the answer');
        call.hangup();
        await until(() => world.of('call.ended', call).length === 1, 'the end');
        expect(world.of('turn.ended', call)[0]?.data.interrupted).toBe(true);
      },
    ));
});

describe.concurrent('keys we send', () => {
  it('are heard in order, with their pauses, and said to have been sent', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const answers = [await send(world, call, '12'), await send(world, call, 'w3#')];
      expect(answers.map(({ status, json }) => [status, json])).toEqual([
        [200, { digits: '12' }],
        [200, { digits: 'w3#' }],
      ]);
      await until(() => call.digitsHeard === '123#', 'the keys to be heard');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.of('dtmf.sent', call).map(({ data }) => data.digits)).toEqual(['12', 'w3#']);
      expect(world.commands(call)).toEqual(['answer', 'send_dtmf', 'send_dtmf']);
    }));

  it('can be the model’s, who hears what became of them', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      world.test.call('send_dtmf', { digits: '9' }, 'I press nine.', 'Done.');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'press nine for me' });
      await until(() => call.digitsHeard === '9', 'the key to be heard');
      await until(() => world.of('turn.ended', call).length === 4, 'the model to go on');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.of('tool.ended', call).map(({ data }) => data.result)).toEqual(['{"status":"sent"}']);
      expect(world.test.lastMessages().at(-1)).toEqual({ role: 'tool', content: '{"status":"sent"}' });
    }));

  it.each([
    ['the answer was lost', (world: GatewayWorld) => world.emulator.faults.api.reset('send_dtmf', { times: 1 })],
    [
      'Telnyx did not answer',
      (world: GatewayWorld) => world.emulator.faults.api.hang('send_dtmf', { executed: true, times: 1 }),
    ],
    ['Telnyx failed twice', (world: GatewayWorld) => world.emulator.faults.api.fail('send_dtmf', { status: 500 }, 2)],
    ['Telnyx said not so fast', (world: GatewayWorld) => world.emulator.faults.api.rateLimit('send_dtmf', 1, 1)],
  ])('are heard once when %s', (_name, fault) =>
    inWorld({}, async (world) => {
      fault(world);
      const call = await world.talk();
      await send(world, call, '5');
      await send(world, call, '6');
      await until(() => call.digitsHeard.length === 2, 'the keys to be heard');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(call.digitsHeard).toBe('56');
      const tries = world.emulator.commands.filter(({ command }) => command === 'send_dtmf');
      expect(tries.length).toBeGreaterThan(2);
      expect(new Set(tries.map((one) => one.command_id)).size).toBe(2);
    }),
  );
});
