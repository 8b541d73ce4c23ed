import { describe, expect, it } from 'vitest';
import { encodeG711 } from '../../src/audio/g711.ts';
import { sine } from '../../src/audio/tones.ts';
import type { EmulatedCall, ReceivedCommand } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { heardWords } from './ear.ts';
import { startNeighbour } from './neighbour.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const SALES = '+15105550200';
const LINE = 'One moment, I am putting you through.';

/** The model puts the caller through to sales. */
async function askForSales(world: GatewayWorld, call: EmulatedCall, then?: string): Promise<void> {
  world.test.call('transfer_call', { target: 'sales' }, '', then);
  world.test.recognise({ type: 'sttEndOfTurn', text: 'sales please' });
  await until(() => world.of('transfer.started', call).length === 1, 'the transfer');
}

const words = (heard: Int16Array, text: string): string[] =>
  heardWords(heard, text)
    .filter((word) => word.complete)
    .map((word) => word.text);

const outcomes = (world: GatewayWorld, call: EmulatedCall): string[] =>
  world.of('transfer.ended', call).map(({ data }) => data.outcome);

describe.concurrent('a transfer', () => {
  it('is announced in full, then both people hear each other and nobody else, until one of them ends it', () =>
    inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      const from = call.sample;
      await askForSales(world, call);
      await call.waitFor('bridged');
      await until(() => outcomes(world, call).length === 1, 'the bridge to be known');
      const sales = world.emulator.targets.phone(SALES);
      if (!sales) throw new Error('nobody was called');
      await until(() => world.commands(call).includes('streaming_stop'), 'our stream to be stopped');
      const bridgedAt = call.sample;
      await Promise.all([
        call.play(renderVoice('hello sales', 8000).samples),
        sales.play(renderVoice('good morning', 8000).samples),
      ]);
      await until(() => words(call.heardSince(bridgedAt), 'good morning').length === 2, 'sales to be heard');
      await until(() => words(sales.heard(), 'hello sales').length === 2, 'the caller to be heard');
      const view = await world.request(`/v1/calls/${world.idOf(call)}`);
      expect(view.json).toMatchObject({ status: 'transferred' });
      expect(world.test.openStt).toBe(0);
      sales.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      await neighbour.isUntouched();

      expect(words(call.heardSince(from), LINE)).toEqual(LINE.split(' '));
      expect(outcomes(world, call)).toEqual(['answered']);
      expect(world.commands(call)).toEqual(['answer', 'transfer', 'streaming_stop']);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('transferred');
      const transfer = world.emulator.commands.find(({ command }) => command === 'transfer');
      expect(transfer?.body).toMatchObject({ to: SALES });
      expect(transfer?.body).not.toHaveProperty('park_after_unbridge');
    }));

  it.each([
    ['sip:desk@example.com', undefined, 'sip:desk@example.com'],
    ['tel:+15105550233', 'A moment please.', '+15105550233'],
    ['sales', 'A moment please.', SALES],
  ])('can be asked for by the API: to %s', (to, message, dialled) =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      const answer = await world.request(`/v1/calls/${world.idOf(call)}/transfer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ to, message }),
      });
      expect(answer.status).toBe(200);
      await call.waitFor('bridged');
      await until(() => outcomes(world, call).length === 1, 'the bridge to be known');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.emulator.targets.phones.map((phone) => [phone.to, phone.state])).toEqual([[dialled, 'ended']]);
      expect(words(call.heardSince(from), message ?? '')).toEqual(message?.split(' ') ?? []);
    }),
  );

  it.each([
    ['busy', 'busy'],
    ['reject', 'rejected'],
    ['notFound', 'not_found'],
  ] as const)('to somebody who is %s leaves the caller with the agent, who knows', (behaviour, outcome) =>
    inWorld({}, async (world) => {
      world.emulator.targets.set(SALES, behaviour);
      const call = await world.talk();
      await askForSales(world, call, 'Sorry, nobody is there.');
      await until(() => outcomes(world, call).length === 1, 'the outcome');
      await until(() => words(call.heard(), 'Sorry, nobody is there.').length === 4, 'the agent to speak again');
      const from = call.sample;
      const told = world.test.requests.at(-1)?.messages.at(-1);
      expect(told).toMatchObject({ role: 'tool', content: expect.stringContaining(outcome) as unknown });
      await call.play(sine({ hz: 500, ms: 400 }));
      world.test.say('Goodbye then.');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'never mind' });
      await until(() => words(call.heardSince(from), 'Goodbye then.').length === 2, 'the conversation to go on');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(outcomes(world, call)).toEqual([outcome]);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('caller_hangup');
    }),
  );

  it('is taken back when the caller hangs up while it rings', () =>
    inWorld({}, async (world) => {
      world.emulator.targets.set(SALES, 'noAnswer');
      const call = await world.talk();
      await askForSales(world, call);
      await until(() => world.emulator.targets.phone(SALES)?.state === 'ringing', 'sales to ring');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.emulator.targets.phone(SALES)?.state).toBe('ended');
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('caller_hangup');
    }));

  it('is taken back when the API hangs up while it rings', () =>
    inWorld({}, async (world) => {
      world.emulator.targets.set(SALES, 'noAnswer');
      const call = await world.talk();
      await askForSales(world, call);
      await until(() => world.emulator.targets.phone(SALES)?.state === 'ringing', 'sales to ring');
      const answer = await world.request(`/v1/calls/${world.idOf(call)}/hangup`, { method: 'POST' });
      expect(answer.status).toBe(200);
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect([call.state, world.emulator.targets.phone(SALES)?.state]).toEqual(['ended', 'ended']);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('api_hangup');
    }));

  it.each([
    ['the answer was lost', (world: GatewayWorld) => world.emulator.faults.api.reset('transfer', { times: 1 })],
    [
      'Telnyx did not answer',
      (world: GatewayWorld) => world.emulator.faults.api.hang('transfer', { executed: true, times: 1 }),
    ],
    ['Telnyx failed twice', (world: GatewayWorld) => world.emulator.faults.api.fail('transfer', { status: 503 }, 2)],
    ['Telnyx was slow', (world: GatewayWorld) => world.emulator.faults.api.slow('transfer', 800, 1)],
  ])('dials once when %s', (_name, fault) =>
    inWorld({}, async (world) => {
      fault(world);
      const call = await world.talk();
      await askForSales(world, call);
      const tries = (): ReceivedCommand[] => world.emulator.commands.filter(({ command }) => command === 'transfer');
      await call.waitFor('bridged');
      await until(() => outcomes(world, call).length === 1, 'the bridge to be known');
      await until(() => tries().length > 1, 'another try');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(new Set(tries().map((one) => one.command_id)).size).toBe(1);
      expect(world.emulator.targets.phones).toHaveLength(1);
    }),
  );

  it.each([
    ['a number', { target: '+18825550100' }],
    ['a stranger', { target: 'ceo' }],
    ['a name with something after it', { target: 'sales ' }],
    ['an inherited name', { target: 'constructor' }],
    ['a number beside a name', { target: ['sales'], to: '+18825550100' }],
  ])('to %s is refused, whatever the model wants', (_name, args) =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      world.test.call('transfer_call', args, '', 'I cannot do that.');
      const from = call.sample;
      world.test.recognise({ type: 'sttEndOfTurn', text: 'put me through to somebody expensive' });
      await until(() => words(call.heardSince(from), 'I cannot do that.').length === 4, 'the agent to say no');
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
      expect(world.commands()).toEqual(['answer']);
      expect(world.of('tool.ended', call)[0]?.data.result).toContain('error');
    }),
  );

  it('sends no sound of ours once the people talk', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      await askForSales(world, call);
      await call.waitFor('bridged');
      const frames = call.frames.filter(({ kind }) => kind === 'media').length;
      await until(() => outcomes(world, call).length === 1, 'the bridge to be known');
      await call.play(encodeG711('PCMU', renderVoice('one two three', 8000).samples));
      expect(call.frames.filter(({ kind }) => kind === 'media')).toHaveLength(frames);
      call.hangup();
      await until(() => world.of('call.ended', call).length === 1, 'the end');
    }));
});
