import { describe, expect, it } from 'vitest';
import type { ReceivedCommand } from '../../src/emulator/telnyx/index.ts';
import { heardWords } from './ear.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const FAREWELL = 'Thank you for calling and have a pleasant evening, goodbye.';

describe.concurrent('the agent hangs up', () => {
  it.each([
    ['after its own words', FAREWELL, FAREWELL],
    ['after the fixed line when it said nothing', '', 'Goodbye.'],
  ])('%s, when they were heard to their very end', (_name, says, text) =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      world.test.call('hang_up', {}, says);
      world.test.recognise({ type: 'sttEndOfTurn', text: 'that is all' });
      await call.waitFor('ended', 10_000);
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      const heard = call.heardSince(from);
      const words = heardWords(heard, text);
      const untilSample = words.at(-1)?.toSample ?? 0;
      expect(words.map((word) => [word.text, word.complete])).toEqual(text.split(' ').map((word) => [word, true]));
      // The last 200 ms are there: a word that is complete to its last sample, and the line was up until after it.
      const last = words.at(-1);
      const tail = heard.slice(untilSample - 1600, untilSample);
      expect((last?.toSample ?? 0) - (last?.fromSample ?? 0)).toBeGreaterThan(1600);
      expect(tail.filter((sample) => sample !== 0).length).toBeGreaterThan(1400);
      expect(heard.length).toBeGreaterThan(untilSample);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('agent_hangup');
      expect(world.of('turn.ended', call).at(-1)?.data.text).toBe(text);
      expect(call.endedBy).toBe('gateway');
    }),
  );

  it('although the caller says something meanwhile', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      world.test.call('hang_up', {}, FAREWELL);
      world.test.recognise({ type: 'sttEndOfTurn', text: 'that is all' });
      await until(() => heardWords(call.heardSince(from), FAREWELL).length >= 2, 'two words');
      world.test.recognise({ type: 'sttPartial', text: 'bye bye' });
      world.test.recognise({ type: 'sttEndOfTurn', text: 'bye bye then' });
      await call.waitFor('ended', 10_000);
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      const words = heardWords(call.heardSince(from), FAREWELL);
      expect(words.map((word) => word.text)).toEqual(FAREWELL.split(' '));
      expect(world.commands(call)).toEqual(['answer', 'hangup']);
    }));
});

describe.concurrent('the caller hangs up', () => {
  it('while we send a command: Telnyx says so first, the webhook later', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      world.emulator.faults.webhooks.delay('call.hangup', 600);
      const id = world.idOf(call);
      call.hangup();
      await world.request(`/v1/calls/${id}/dtmf`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"digits":"1"}',
      });
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await world.emulator.waitFor(() =>
        world.emulator.webhooks.some((hook) => hook.type === 'call.hangup' && hook.status === 200),
      );
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('caller_hangup');
    }));

  it('and the webhook never comes: the dead stream makes us ask', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      world.emulator.faults.webhooks.drop('call.hangup');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('caller_hangup');
      expect(world.commands(call)).toEqual(['answer', 'streaming_start']);
    }));

  it('before we have answered', () =>
    inWorld({}, async (world) => {
      world.emulator.faults.api.hang('answer', { times: 1 });
      const call = world.ring();
      await until(() => world.commands(call).length === 1, 'the answer command');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.of('call.ended', call)[0]?.data).toMatchObject({ reason: 'caller_hangup', durationMs: 0 });
    }));
});

type Fault = (world: GatewayWorld, command: string) => void;
const FAULTS: [name: string, fault: Fault][] = [
  ['the answer is lost', ({ emulator }, command) => emulator.faults.api.reset(command, { times: 1 })],
  ['the request is lost', ({ emulator }, command) => emulator.faults.api.reset(command, { executed: false, times: 1 })],
  ['nothing is answered', ({ emulator }, command) => emulator.faults.api.hang(command, { executed: true, times: 1 })],
  ['Telnyx fails twice', ({ emulator }, command) => emulator.faults.api.fail(command, { status: 500 }, 2)],
  ['Telnyx is busy', ({ emulator }, command) => emulator.faults.api.rateLimit(command, 1, 1)],
  [
    'Telnyx answers in HTML',
    ({ emulator }, command) => emulator.faults.api.fail(command, { status: 502, body: '<h1>Bad gateway</h1>' }, 1),
  ],
];

describe.concurrent.each(FAULTS)('when %s', (_name, fault) => {
  const effects = (tries: readonly ReceivedCommand[]): number =>
    tries.filter(
      (one) =>
        !one.duplicate &&
        (one.status === 200 || (one.fault !== undefined && 'executed' in one.fault && one.fault.executed)),
    ).length;

  it('a call is answered once, and hung up once', () =>
    inWorld({}, async (world) => {
      for (const command of ['answer', 'hangup']) fault(world, command);
      const call = await world.talk();
      await world.request(`/v1/calls/${world.idOf(call)}/hangup`, { method: 'POST' });
      await call.waitFor('ended');
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      for (const command of ['answer', 'hangup']) {
        const tries = world.emulator.commands.filter((one) => one.command === command);
        expect(new Set(tries.map((one) => one.command_id)).size, command).toBe(1);
        expect(effects(tries), command).toBe(1);
      }
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('api_hangup');
      expect(call.streamIds).toHaveLength(1);
    }));
});
