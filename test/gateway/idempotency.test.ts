import { expect, it } from 'vitest';
import { expectProblem } from './problems.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const BODY = { to: '+14155550142', agent: 'reception', metadata: { order: '4711' } };

type Reply = Awaited<ReturnType<GatewayWorld['request']>>;

function place(world: GatewayWorld, body: object, headers: Record<string, string>): Promise<Reply> {
  return world.request('/v1/calls', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

function idOf({ json }: Reply): string {
  return (json as { id: string }).id;
}

it('a call is placed once for each Idempotency-Key: at once, again, by others, otherwise, and after a restart', () =>
  inWorld({ dials: true, gateway: { apiKeys: ['first-key', 'second-key'] } }, async (world) => {
    const mine = { authorization: 'Bearer first-key', 'idempotency-key': 'order-4711' };
    const answers = await Promise.all([1, 2, 3, 4].map(() => place(world, BODY, mine)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 201]);
    const [id = ''] = answers.map(idOf);
    expect(answers.map(idOf)).toEqual([id, id, id, id]);
    const replayed = answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true');
    expect(replayed.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers[0]?.headers.get('location')).toBe(`/v1/calls/${id}`);
    expectProblem(await place(world, { ...BODY, metadata: {} }, mine), 409, 'idempotency_conflict');
    expectProblem(
      await place(world, BODY, { ...mine, 'idempotency-key': 'a b' }),
      400,
      'request_invalid',
      /Idempotency/,
    );
    const theirs = await place(world, BODY, { ...mine, authorization: 'Bearer second-key' });
    expect(theirs.status).toBe(201);
    expect(idOf(theirs)).not.toBe(id);

    await until(() => world.of('call.created').length === 2, 'both calls');
    for (const one of [id, idOf(theirs)]) {
      const hangup = await world.request(`/v1/calls/${one}/hangup`, { method: 'POST', headers: mine });
      expect(hangup.status).toBe(200);
    }
    await until(() => world.gateway.registry.sessions.size === 0, 'the end of both');
    await world.gateway.stop();
    await world.restart();
    const later = await place(world, BODY, mine);
    expect([later.status, idOf(later), (later.json as { status: string }).status]).toEqual([200, id, 'ended']);
    expect(world.of('call.created')).toHaveLength(2);
  }));
