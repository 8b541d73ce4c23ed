import { describe, expect, it } from 'vitest';
import type { LlmEvent } from '../../src/providers/ports.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { heardWords } from './ear.ts';
import { inWorld, until, type GatewayWorld, type WorldOptions } from './world.ts';

const SALES = '+15105550200';
const LINE = 'One moment, I am putting you through.';
const ATTENDED: WorldOptions = { dials: true, agent: { transferMode: 'attended' } };

/** The model makes a summary when it is asked for one, and puts the caller through to sales otherwise. */
function model(world: GatewayWorld, then: string): void {
  const text = (words: string): LlmEvent[] => [
    { type: 'llmDelta', text: words },
    { type: 'llmDone', finish: 'stop' },
  ];
  let transferred = false;
  world.test.answer = ({ document, tools }) => {
    if (document) return text('Mister Miller requests prices.');
    if (tools.some(({ name }) => name === 'accept_call')) return text('It is mister Miller.');
    if (transferred) return text(then);
    transferred = true;
    return [
      { type: 'llmToolCall', call: { id: 'call_1', name: 'transfer_call', arguments: '{"target":"sales"}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
  };
}

async function askForSales(world: GatewayWorld, call: EmulatedCall, then = 'They cannot talk now.'): Promise<void> {
  model(world, then);
  world.test.recognise({ type: 'sttEndOfTurn', text: 'sales please' });
  await until(() => world.of('transfer.started', call).length === 1, 'the transfer');
}

/** Sales has picked up and was asked. */
async function asked(world: GatewayWorld): Promise<EmulatedCall> {
  await until(() => world.emulator.targets.phone(SALES)?.state === 'answered', 'sales to answer');
  const sales = world.emulator.targets.phone(SALES);
  if (!sales) throw new Error('nobody was called');
  // The first mark of the second thing it is told.
  await until(() => sales.marks.some(({ name }) => name.startsWith('t2:')), 'the question', 30_000);
  return sales;
}

const words = (heard: Int16Array, text: string): string[] =>
  heardWords(heard, text)
    .filter((word) => word.complete)
    .map((word) => word.text);

/** Loudest sample of what was heard. */
const peak = (heard: Int16Array): number => heard.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

const ended = (world: GatewayWorld, call: EmulatedCall): unknown[] =>
  world.of('transfer.ended', call).map(({ data }) => data);

async function over(world: GatewayWorld, call: EmulatedCall): Promise<void> {
  await until(() => world.of('call.ended', call).length === 1, 'the end');
  const sales = world.emulator.targets.phone(SALES);
  expect([call.state, sales?.state ?? 'ended']).toEqual(['ended', 'ended']);
}

const dials = (world: GatewayWorld): number =>
  new Set(world.emulator.commands.filter(({ command }) => command === 'dial').map((one) => one.command_id)).size;

describe.concurrent('an attended transfer', () => {
  it('asks the target in private, then puts the two together and leaves', () =>
    inWorld(ATTENDED, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      await askForSales(world, call);
      const sales = await asked(world);
      // The caller hears music, and nothing of what is said to sales; sales hears no music.
      const music = call.heardSince(call.sample - 4000);
      expect(peak(music)).toBeGreaterThan(300);
      expect(words(call.heardSince(from), LINE)).toEqual(LINE.split(' '));
      expect(words(call.heardSince(from), 'Mister Miller requests prices.')).toEqual([]);
      expect(words(sales.heard(), 'Mister Miller requests prices.')).toEqual(
        'Mister Miller requests prices.'.split(' '),
      );
      // What the caller says now reaches nobody.
      const before = sales.sample;
      await call.play(renderVoice('hello sales', 8000).samples);
      expect(words(sales.heardSince(before), 'hello sales')).toEqual([]);

      world.test.recognise({ type: 'sttEndOfTurn', text: 'Yes, sure.' });
      await call.waitFor('bridged');
      await until(() => ended(world, call).length === 1, 'the bridge to be known');
      await until(() => !call.isStreaming && !sales.isStreaming, 'both streams to stop');
      const bridgedAt = [call.sample, sales.sample] as const;
      await Promise.all([
        call.play(renderVoice('hello sales', 8000).samples),
        sales.play(renderVoice('good morning', 8000).samples),
      ]);
      await until(() => words(call.heardSince(bridgedAt[0]), 'good morning').length === 2, 'sales to be heard');
      await until(() => words(sales.heardSince(bridgedAt[1]), 'hello sales').length === 2, 'the caller to be heard');
      expect([world.test.openStt, world.test.openVoices]).toEqual([0, 0]);
      sales.hangup();
      await over(world, call);

      expect(ended(world, call)).toEqual([{ target: 'sales', outcome: 'answered', mode: 'attended' }]);
      expect(world.commands(call)).toEqual(['answer', 'bridge', 'streaming_stop']);
      expect(world.commands(sales)).toEqual(['streaming_stop']);
      expect(dials(world)).toBe(1);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('transferred');
      const briefed = world.of('transfer.briefed', call).map(({ data }) => data.text);
      // It was answered before it was asked to the end: only what was heard is kept.
      expect(briefed).toHaveLength(1);
      expect(briefed[0]).toMatch(
        /^Hello, I have a caller on the line for you\. Mister Miller requests prices\. Press 1/,
      );
    }));

  it.each([
    ['says no', 'declined', (world: GatewayWorld) => world.test.recognise({ type: 'sttEndOfTurn', text: 'No.' })],
    ['presses 2', 'declined', (_: GatewayWorld, sales: EmulatedCall) => sales.press('2')],
    ['hangs up', 'declined', (_: GatewayWorld, sales: EmulatedCall) => sales.hangup()],
  ] as const)('comes back to the caller when the target %s', (_how, outcome, act) =>
    inWorld(ATTENDED, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      await askForSales(world, call);
      const sales = await asked(world);
      act(world, sales);
      await until(() => ended(world, call).length === 1, 'the outcome');
      await until(() => words(call.heardSince(from), 'They cannot talk now.').length === 4, 'the agent to be back');
      await until(() => sales.state === 'ended', 'sales to be let go');
      call.hangup();
      await over(world, call);
      expect(ended(world, call)).toEqual([{ target: 'sales', outcome, mode: 'attended' }]);
      expect(world.of('tool.ended', call)[0]?.data.result).toContain(outcome);
      expect(world.commands(call)).toEqual(['answer']);
    }),
  );

  it.each([
    ['busy', 'busy'],
    ['reject', 'rejected'],
    ['notFound', 'not_found'],
    [{ answerAfterMs: 100, machine: { beep: true } }, 'voicemail'],
  ] as const)('comes back to the caller when the target is %o', (behaviour, outcome) =>
    inWorld(ATTENDED, async (world) => {
      world.emulator.targets.set(SALES, behaviour);
      const call = await world.talk();
      const from = call.sample;
      await askForSales(world, call);
      await until(() => ended(world, call).length === 1, 'the outcome');
      await until(() => words(call.heardSince(from), 'They cannot talk now.').length === 4, 'the agent to be back');
      call.hangup();
      await over(world, call);
      expect(ended(world, call)).toEqual([{ target: 'sales', outcome, mode: 'attended' }]);
    }),
  );

  it.each([
    [
      'rings',
      async (world: GatewayWorld): Promise<void> =>
        until(() => world.emulator.targets.phone(SALES) !== undefined, 'the ring'),
    ],
    [
      'is being asked',
      async (world: GatewayWorld): Promise<void> => {
        await asked(world);
      },
    ],
  ] as const)('ends the target when the caller leaves while it %s', (phase, reached) =>
    inWorld(ATTENDED, async (world) => {
      if (phase === 'rings') world.emulator.targets.set(SALES, 'noAnswer');
      const call = await world.talk();
      await askForSales(world, call);
      await reached(world);
      call.hangup();
      await over(world, call);
      expect(ended(world, call)).toEqual([{ target: 'sales', outcome: 'caller_left', mode: 'attended' }]);
      expect(world.of('call.ended', call)[0]?.data.reason).toBe('caller_hangup');
    }),
  );

  it('is taken back by the API', () =>
    inWorld(ATTENDED, async (world) => {
      world.emulator.targets.set(SALES, 'noAnswer');
      const call = await world.talk();
      const id = world.idOf(call);
      expect((await world.request(`/v1/calls/${id}/transfer/cancel`, { method: 'POST' })).status).toBe(409);
      await askForSales(world, call);
      await until(() => world.emulator.targets.phone(SALES) !== undefined, 'the ring');
      expect((await world.request(`/v1/calls/${id}/hold`, { method: 'POST' })).status).toBe(409);
      expect((await world.request(`/v1/calls/${id}/transfer/cancel`, { method: 'POST' })).status).toBe(200);
      await until(() => world.emulator.targets.phone(SALES)?.state === 'ended', 'sales to be let go');
      await until(() => words(call.heard(), 'They cannot talk now.').length === 4, 'the agent to be back');
      call.hangup();
      await over(world, call);
      expect(ended(world, call)).toEqual([{ target: 'sales', outcome: 'cancelled', mode: 'attended' }]);
    }));

  it.each([
    ['the answer to the dial was lost', (w: GatewayWorld) => w.emulator.faults.api.reset('dial', { times: 1 })],
    ['the answer to the bridge was lost', (w: GatewayWorld) => w.emulator.faults.api.reset('bridge', { times: 1 })],
    ['Telnyx failed to bridge twice', (w: GatewayWorld) => w.emulator.faults.api.fail('bridge', { status: 503 }, 2)],
  ] as const)('dials and bridges once when %s', (_name, fault) =>
    inWorld(ATTENDED, async (world) => {
      fault(world);
      const call = await world.talk();
      await askForSales(world, call);
      const sales = await asked(world);
      sales.press('1');
      await call.waitFor('bridged');
      await until(() => ended(world, call).length === 1, 'the bridge to be known');
      call.hangup();
      await over(world, call);
      expect(world.emulator.targets.phones).toHaveLength(1);
      expect(dials(world)).toBe(1);
      expect(world.commands(call).filter((name) => name === 'bridge')).toHaveLength(1);
      expect(ended(world, call)).toEqual([{ target: 'sales', outcome: 'answered', mode: 'attended' }]);
    }),
  );
});

describe.concurrent('hold', () => {
  it('plays music to the caller and brings the agent back', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const post = async (what: string): Promise<number> =>
        (await world.request(`/v1/calls/${world.idOf(call)}/${what}`, { method: 'POST' })).status;
      expect(await post('hold')).toBe(200);
      const from = call.sample;
      await until(() => call.sample - from > 8000, 'a second of music');
      expect(peak(call.heardSince(call.sample - 4000))).toBeGreaterThan(300);
      expect(world.test.openStt).toBe(0);
      expect(
        (
          await world.request(`/v1/calls/${world.idOf(call)}/say`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ text: 'no' }),
          })
        ).status,
      ).toBe(409);
      expect([await post('hold'), await post('resume')]).toEqual([200, 200]);
      await until(() => words(call.heardSince(from), 'Thank you for holding.').length === 4, 'the agent');
      await until(() => world.test.openStt === 1, 'the recogniser');
      const quiet = call.sample;
      await until(() => call.sample - quiet > 4000, 'half a second');
      expect(peak(call.heardSince(quiet + 800))).toBe(0);
      call.hangup();
      await over(world, call);
      const holds = world.of('call.updated', call).flatMap(({ data }) => data.hold ?? []);
      expect(holds).toEqual([true, false]);
      expect(world.commands(call)).toEqual(['answer']);
    }));
});
