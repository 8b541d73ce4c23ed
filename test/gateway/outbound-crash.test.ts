import { expect, it } from 'vitest';
import { inChildWorld, type ChildWorld } from './child.ts';
import { RECEPTION, until } from './world.ts';

const CALLEE = '+15105550200';

interface View {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
}

const dials = (world: ChildWorld): number =>
  world.telnyx.commands.filter(({ command, duplicate }) => command === 'dial' && !duplicate).length;

async function place(origin: string): Promise<View> {
  const response = await fetch(`${origin}/v1/calls`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: CALLEE, from: RECEPTION }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as View;
}

it('a process that is killed while it rings is followed by one that talks to who answers, and dials nobody', () =>
  inChildWorld({}, async (world) => {
    const { telnyx } = world;
    // It rings for as long as it takes to start again.
    let pickUp = false;
    telnyx.targets.set(CALLEE, { answerAfterMs: 6000, phone: () => (pickUp = true) });
    const first = await world.start();
    const call = await place(world.origin);
    await until(() => pickUp, 'the ringing');
    await until(
      () => telnyx.webhooks.some(({ type, status }) => type === 'call.initiated' && status === 200),
      'the webhook',
    );
    first.process.kill('SIGKILL');
    await first.exit;

    await world.start();
    const phone = telnyx.targets.phone(CALLEE);
    await until(
      () => phone?.heard().some((sample) => Math.abs(sample) > 1000) === true,
      'the agent to be heard',
      20_000,
    );
    expect(await world.json(`/v1/calls/${call.id}`)).toMatchObject({ status: 'active', direction: 'outbound' });
    phone?.hangup();
    await until(() => telnyx.liveCalls().length === 0, 'the end');
    expect([dials(world), telnyx.targets.phones.length]).toEqual([1, 1]);
  }));
