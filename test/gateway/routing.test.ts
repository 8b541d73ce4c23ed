import { describe, expect, it } from 'vitest';
import { defaultDestinations } from '../../src/call/destination-options.ts';
import { hoursOptions } from '../../src/call/hours.ts';
import { inWorld, NEIGHBOUR, RECEPTION, until, type GatewayWorld } from './world.ts';

const SPARE = '+13125550123';

const send = (world: GatewayWorld, method: string, path: string, body?: unknown) =>
  world.request(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });

async function metric(world: GatewayWorld, line: string): Promise<number> {
  const { text } = await world.request('/metrics');
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.split(' ')[1],
  );
}

/** Why Telnyx was told to reject, in order. */
const rejections = (world: GatewayWorld): unknown[] =>
  world.emulator.commands
    .filter(({ command }) => command === 'reject')
    .map(({ body }) => (body as { cause?: unknown }).cause);

describe.concurrent('numbers by API', () => {
  it('are effective with the next call, kept over a restart, and taken back', () =>
    inWorld({}, async (world) => {
      world.ring({ to: SPARE });
      await until(() => rejections(world).length === 1, 'the unknown number to be rejected');

      const put = await send(world, 'PUT', `/v1/numbers/${SPARE}`, { agent: 'reception' });
      expect(put).toMatchObject({ status: 200, json: { number: SPARE, agent: 'reception', source: 'api' } });
      const call = await world.talk({ to: SPARE });
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');

      await world.gateway.stop();
      await world.restart();
      // A slow store does not hold up the start: its numbers may come a moment later.
      let list: unknown;
      for (let tries = 0; tries < 1000 && !JSON.stringify(list ?? '').includes(SPARE); tries++) {
        list = (await send(world, 'GET', '/v1/numbers')).json;
      }
      expect(list).toMatchObject({
        numbers: [
          { number: RECEPTION, agent: 'reception', source: 'config', updatedAt: null },
          { number: NEIGHBOUR, agent: 'neighbour', source: 'config' },
          { number: SPARE, agent: 'reception', source: 'api', updatedAt: expect.stringMatching(/^20\d\d-/) as string },
        ].sort((a, b) => (a.number < b.number ? -1 : 1)),
      });

      expect(await send(world, 'DELETE', `/v1/numbers/${encodeURIComponent(SPARE)}`)).toMatchObject({
        status: 204,
        text: '',
      });
      expect(await send(world, 'GET', `/v1/numbers/${SPARE}`)).toMatchObject({
        status: 404,
        json: { code: 'number_not_found' },
      });
      world.ring({ to: SPARE });
      await until(() => rejections(world).length === 2, 'the number to be rejected again');
      expect(await metric(world, 'landline_calls_rejected_total{reason="no_agent"}')).toBe(1);
    }));

  it('win over the config, which is not deleted', () =>
    inWorld({}, async (world) => {
      const path = `/v1/numbers/${RECEPTION}`;
      expect(await send(world, 'DELETE', path)).toMatchObject({ status: 409, json: { code: 'number_configured' } });
      expect((await send(world, 'PUT', path, { agent: 'neighbour' })).status).toBe(200);
      const call = world.ring();
      await until(() => world.of('call.created').length === 1, 'the call');
      expect(world.of('call.created')[0]?.data.agent).toBe('neighbour');
      call.hangup();

      expect((await send(world, 'DELETE', path)).status).toBe(204);
      expect((await send(world, 'GET', path)).json).toMatchObject({ agent: 'reception', source: 'config' });
    }));

  it.each([
    ['GET', '/v1/numbers/112', undefined, 400, /E\.164/],
    ['PUT', `/v1/numbers/${SPARE}`, { agent: 'nobody' }, 400, /"nobody" is no agent; known are reception, neighbour/],
    ['PUT', `/v1/numbers/${SPARE}`, {}, 400, /agent/],
    ['PUT', `/v1/numbers/${SPARE}`, { agent: 'reception', hours: 1 }, 400, /hours/],
    ['PUT', '/v1/numbers/reception', { agent: 'reception' }, 400, /E\.164/],
    ['DELETE', `/v1/numbers/${SPARE}`, undefined, 404, /not routed by itself/],
  ] as const)('%s %s %j is refused with %i', (method, path, body, status, detail) =>
    inWorld({}, async (world) => {
      expect(await send(world, method, path, body)).toMatchObject({
        status,
        json: { detail: expect.stringMatching(detail) as string },
      });
    }),
  );

  it('need a key', () =>
    inWorld({ gateway: { apiKeys: ['secret-of-the-api'] } }, async (world) => {
      expect((await send(world, 'GET', '/v1/numbers')).status).toBe(401);
      expect((await send(world, 'PUT', `/v1/numbers/${SPARE}`, { agent: 'reception' })).status).toBe(401);
    }));
});

describe.concurrent('who is let in', () => {
  const numbers = { [RECEPTION]: 'reception' };

  it('turns blocked callers away before the answer', () =>
    inWorld({ gateway: { routing: { numbers, blocked: ['+1415*', 'anonymous'] } } }, async (world) => {
      world.ring();
      await until(() => rejections(world).length === 1, 'the rejection');
      world.ring({ from: 'anonymous' });
      await until(() => rejections(world).length === 2, 'the second rejection');

      expect(rejections(world)).toEqual(['CALL_REJECTED', 'CALL_REJECTED']);
      expect(world.events).toEqual([]);
      expect(world.logs.find(({ message }) => message.includes('block list'))?.fields).toMatchObject({
        from: '+1415•••42',
        reason: 'blocked',
      });
      expect(await metric(world, 'landline_calls_rejected_total{reason="blocked"}')).toBe(2);
    }));

  it('takes as many calls of one caller as it may', () =>
    inWorld({ gateway: { routing: { numbers, maxCallsPerCaller: 1 } } }, async (world) => {
      const first = await world.talk();
      world.ring();
      await until(() => rejections(world).length === 1, 'the second call to be rejected');
      const other = world.ring({ from: '+14155550143' });
      await until(() => world.of('call.created').length === 2, 'another caller');

      expect(rejections(world)).toEqual(['USER_BUSY']);
      first.hangup();
      other.hangup();
    }));

  it('gives calls after hours to the agent of the night', () => {
    const hours = hoursOptions.parse({ timezone: 'Europe/Brussels', open: {}, afterHours: 'neighbour' });
    return inWorld({ gateway: { routing: { numbers, hours } } }, async (world) => {
      const call = world.ring();
      await until(() => world.of('call.created').length === 1, 'the call');
      expect(world.of('call.created')[0]?.data.agent).toBe('neighbour');
      call.hangup();
    });
  });
});

describe.concurrent('where people with a key may have calls put through', () => {
  it.each([
    ['911', 'emergency', {}],
    ['sip:911@example.com', 'emergency', {}],
    ['+8821612345678', 'satellite', {}],
    ['+19005551234', 'premium', {}],
    [RECEPTION, 'own_number', {}],
    ['+１５１０５５５０２００', 'malformed', {}],
    ['+32475123456', 'allow', { allow: ['+1'] }],
    ['+15105550299', 'deny', { deny: ['+1510555'] }],
    ['+15105550299', 'max_per_day', { maxPerDay: 0 }],
  ])('%s is refused: %s', (to, rule, more) =>
    inWorld({ gateway: { destinations: { ...defaultDestinations, ...more } } }, async (world) => {
      const call = await world.talk();

      const answer = await send(world, 'POST', `/v1/calls/${world.idOf(call)}/transfer`, { to });

      expect(answer).toMatchObject({ status: 403, json: { code: 'destination_not_allowed' } });
      expect((answer.json as { detail: string }).detail).toContain(`(rule ${rule})`);
      expect(world.logs.find(({ message }) => message === 'destination refused')?.fields).toMatchObject({ rule });
      expect(await metric(world, `landline_destinations_refused_total{rule="${rule}"}`)).toBe(1);
      expect(world.commands(call)).not.toContain('transfer');
      call.hangup();
    }),
  );
});
