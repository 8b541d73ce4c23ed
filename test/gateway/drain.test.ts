import { describe, expect, it } from 'vitest';
import { heardWords } from './ear.ts';
import { inChildWorld, type ChildWorld } from './child.ts';
import { expectProblem } from './problems.ts';
import { obedient, strangeLeg } from './strange-leg.ts';
import { CALLER, inWorld, RECEPTION, until, webhookBody } from './world.ts';

const CLOSING = 'I am sorry, this line has to close now. Please call again. Goodbye.';

const ring = (world: ChildWorld): ReturnType<ChildWorld['telnyx']['placeCall']> =>
  world.telnyx.placeCall({ from: CALLER, to: RECEPTION });

const heard = (samples: Int16Array, text: string): string[] =>
  heardWords(samples, text)
    .filter((word) => word.complete)
    .map((word) => word.text);

/** Reasons of all calls, from a gateway that was started again to be asked. */
async function reasons(world: ChildWorld): Promise<unknown[]> {
  const child = await world.start();
  const { calls } = (await world.json('/v1/calls')) as { calls: { endReason: string; status: string }[] };
  child.process.kill('SIGTERM');
  await child.exit;
  return calls.map((call) => [call.status, call.endReason]).sort();
}

describe.concurrent('SIGTERM', () => {
  it('takes no new call, lets live ones end by themselves, says goodbye to the rest, and leaves with 0', () =>
    inChildWorld({ config: { drainTimeoutSeconds: 2 } }, async (world) => {
      const child = await world.start();
      const [stays, leaves] = [ring(world), ring(world)];
      await until(() => [stays, leaves].every((call) => heard(call.heard(), 'Hello there.').length === 2), 'greetings');
      child.process.kill('SIGTERM');
      await until(() => child.lines.some((line) => line.includes('draining')), 'the drain to begin');
      expect(await world.json('/readyz')).toEqual({ status: 'not ready', reasons: ['draining'] });
      expect(await world.json('/healthz')).toEqual({ status: 'ok' });
      const late = ring(world);
      await world.telnyx.waitFor(() => world.telnyx.webhooks.some((hook) => hook.status === 503));
      late.hangup();
      leaves.hangup();
      await stays.waitFor('ended', 20_000);
      expect(await child.exit).toEqual({ code: 0, signal: null });

      expect(heard(stays.heard(), CLOSING)).toEqual(CLOSING.split(' '));
      expect([stays.endedBy, leaves.endedBy, late.endedBy]).toEqual(['gateway', 'phone', 'phone']);
      expect(await reasons(world)).toEqual([
        ['ended', 'caller_hangup'],
        ['ended', 'drain'],
      ]);
    }));

  it('twice ends every call at once', () =>
    inChildWorld({}, async (world) => {
      const child = await world.start();
      const call = ring(world);
      await until(() => heard(call.heard(), 'Hello there.').length === 2, 'the greeting');
      child.process.kill('SIGTERM');
      await until(() => child.lines.some((line) => line.includes('draining')), 'the drain to begin');
      expect(call.state).toBe('answered');
      child.process.kill('SIGINT');
      expect(await child.exit).toEqual({ code: 0, signal: null });
      expect([call.state, call.endedBy]).toEqual(['ended', 'gateway']);
      expect(heard(call.heard(), CLOSING)).toEqual([]);
      expect(await reasons(world)).toEqual([['ended', 'drain']]);
    }));

  it('without a call leaves at once, also while it starts', () =>
    inChildWorld({}, async (world) => {
      const child = world.spawn();
      await until(() => child.lines.some((line) => line.includes('"starting"')), 'the first line', 20_000);
      child.process.kill('SIGTERM');
      expect(await child.exit).toEqual({ code: 0, signal: null });
    }));
});

describe.concurrent('a gateway that stops', () => {
  it('does not wait for a bridged pair, which lives on, and is known to the next process', () =>
    inWorld({}, async (world) => {
      const pair = await world.talk();
      const single = await world.talk();
      world.test.call('transfer_call', { target: 'sales' }, 'One moment.');
      // The recogniser of the first call.
      world.test.ears[0]?.emit({ type: 'sttEndOfTurn', text: 'sales please' });
      await until(() => world.of('transfer.ended', pair).length === 1, 'the bridge');
      const drained = world.gateway.drain(600_000);
      single.hangup();
      await drained;
      await world.gateway.stop();
      expect([pair.state, pair.isBridged, single.state]).toEqual(['answered', true, 'ended']);

      await world.restart();
      await world.gateway.recovered;
      world.emulator.targets.phones[0]?.hangup();
      await until(() => world.of('call.ended', pair).length === 1, 'the end of the pair');
      expect(world.of('call.ended', pair)[0]?.data.reason).toBe('transferred');
      expect(world.commands(pair)).toEqual(['answer', 'transfer', 'streaming_stop']);
    }));

  it(
    'is not held up by a Telnyx that does not answer, nor by its open sockets',
    () =>
      inWorld({}, async (world) => {
        const call = await world.talk();
        call.freezeSocket();
        world.emulator.faults.api.hang('hangup');
        await world.gateway.stop();
        expect(call.state).toBe('answered');

        // The next one finishes what this one had begun.
        world.emulator.faults.api.clear();
        await world.restart();
        await until(() => world.of('call.ended', call).length === 1, 'the end');
        expect(world.of('call.ended', call)[0]?.data.reason).toBe('crash_recovered');
      }),
    20_000,
  );

  it('answers 503 to calls while it drains and nothing afterwards', () =>
    inWorld({}, async (world) => {
      obedient(world);
      await world.gateway.drain(1000);
      expectProblem(await world.webhook(webhookBody('call.initiated', strangeLeg())), 503, 'gateway_draining');
      await world.gateway.stop();
      await world.gateway.stop();
      await expect(world.request('/healthz')).rejects.toThrow();
      await world.restart();
      expect((await world.request('/readyz')).status).toBe(200);
    }));
});
