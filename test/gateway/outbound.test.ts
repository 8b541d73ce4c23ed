import { describe, expect, it } from 'vitest';
import type { EmulatedCall, ReceivedCommand } from '../../src/emulator/telnyx/index.ts';
import { heardWords } from './ear.ts';
import { inWorld, NEIGHBOUR, RECEPTION, until, type GatewayWorld, type WorldOptions } from './world.ts';

const CALLEE = '+15105550200';
const MESSAGE = 'Please call us back today.';

interface View {
  readonly id: string;
  readonly status: string;
  readonly endReason: string | null;
  readonly hangup: { readonly text: string } | null;
}

const outWorld = (
  options: WorldOptions & { readonly expectErrors?: RegExp },
  run: (world: GatewayWorld) => Promise<void>,
): Promise<void> => inWorld({ ...options, dials: true }, run);

/** What stands for a person with an API key. */
async function post(
  world: GatewayWorld,
  body: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly status: number; readonly location: string | null; readonly json: unknown }> {
  const { status, headers, json } = await world.request('/v1/calls', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: CALLEE, ...body }),
  });
  return { status, location: headers.get('location'), json };
}

async function place(world: GatewayWorld, body: Readonly<Record<string, unknown>> = {}): Promise<View> {
  const { status, json } = await post(world, body);
  expect([status, json]).toEqual([201, expect.anything()]);
  return json as View;
}

const dials = (world: GatewayWorld): ReceivedCommand[] =>
  world.emulator.commands.filter(({ command }) => command === 'dial');
/** Dials that are not another try of one before. */
const orders = (world: GatewayWorld): number => new Set(dials(world).map(({ command_id: id }) => id)).size;
const view = async (world: GatewayWorld, id: string): Promise<View> =>
  (await world.request(`/v1/calls/${id}`)).json as View;
const isEnded = (world: GatewayWorld, id: string): boolean =>
  world.of('call.ended').some(({ callId }) => callId === id);
const reasonOf = (world: GatewayWorld, id: string): string | undefined =>
  world.of('call.ended').find(({ callId }) => callId === id)?.data.reason;

async function phone(world: GatewayWorld): Promise<EmulatedCall> {
  await until(() => world.emulator.targets.phone(CALLEE) !== undefined, 'the phone to ring');
  const call = world.emulator.targets.phone(CALLEE);
  if (!call) throw new Error('nobody was called');
  return call;
}

const words = (heard: Int16Array, text: string): string[] =>
  heardWords(heard, text)
    .filter((word) => word.complete)
    .map((word) => word.text);

describe.concurrent('a call out', () => {
  it('is answered and talked with, and everything about it is on record', () =>
    outWorld({}, async (world) => {
      const placed = await post(world, { metadata: { order: '4711' }, agent: 'reception', waitUntilAnswered: true });
      const call = placed.json as View;
      expect(placed).toMatchObject({ status: 201, location: `/v1/calls/${call.id}` });
      expect(call).toMatchObject({
        direction: 'outbound',
        status: 'active',
        from: RECEPTION,
        to: CALLEE,
        agent: 'reception',
        metadata: { order: '4711' },
      });
      const callee = await phone(world);
      await until(() => words(callee.heard(), 'Hello there.').length === 2, 'the greeting to be heard');
      callee.hangup();
      await until(() => isEnded(world, call.id), 'the end');
      expect(await view(world, call.id)).toMatchObject({
        endReason: 'caller_hangup',
        legs: [{ name: 'callee', to: CALLEE }],
      });
      const [dial] = dials(world);
      expect(dial).toMatchObject({ status: 200, duplicate: false });
      // The emulator keeps no RTP of its own alive.
      expect(dial?.ignored_fields).toEqual(['send_silence_when_idle']);
      expect(dial?.body).toMatchObject({
        to: CALLEE,
        from: RECEPTION,
        timeout_secs: 30,
        time_limit_secs: 90,
        stream_track: 'inbound_track',
        stream_bidirectional_mode: 'rtp',
        stream_bidirectional_target_legs: 'self',
        send_silence_when_idle: true,
      });
      expect([orders(world), world.commands(callee)]).toEqual([1, []]);
    }));

  it.each([
    ['busy', 'busy', /busy/],
    ['reject', 'rejected', /rejected|declined/],
  ] as const)('to somebody who is %s is a problem with the ended call, for who waits', (behaviour, code, text) =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, behaviour);
      const { status, json } = await post(world, { waitUntilAnswered: true });
      const problem = json as { readonly call: View; readonly detail: string };
      expect([status, problem]).toEqual([
        409,
        {
          type: `urn:landline:error:${code}`,
          title: code,
          status: 409,
          code,
          detail: expect.stringMatching(text) as unknown,
          call: expect.anything() as unknown,
        },
      ]);
      expect(problem.call).toMatchObject({ status: 'ended', endReason: code });
      expect(orders(world)).toBe(1);
    }),
  );

  it('that nobody answers ends when it has rung long enough', () =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, 'noAnswer');
      const call = await place(world, { ringTimeoutSeconds: 5 });
      expect(call.status).toMatch(/dialing|ringing/);
      await until(() => isEnded(world, call.id), 'the end');
      expect(await view(world, call.id)).toMatchObject({ endReason: 'no_answer', hangup: { cause: 'timeout' } });
    }));

  it('is hung up while it rings', () =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, 'noAnswer');
      const call = await place(world);
      await until(() => world.of('call.updated').some(({ data }) => data.status === 'ringing'), 'the ringing');
      const { status } = await world.request(`/v1/calls/${call.id}/hangup`, { method: 'POST' });
      expect(status).toBe(200);
      await until(() => isEnded(world, call.id), 'the end');
      expect(reasonOf(world, call.id)).toBe('api_hangup');
      expect(world.commands(await phone(world))).toEqual(['hangup']);
    }));

  it('presses the keys to the extension before it talks', () =>
    outWorld({ agent: { speaksFirst: 'agent' } }, async (world) => {
      const call = await place(world, { dtmf: 'w12#' });
      const callee = await phone(world);
      await until(() => words(callee.heard(), 'Hello there.').length === 2, 'the greeting to be heard');
      expect(callee.digitsHeard).toBe('12#');
      callee.hangup();
      await until(() => isEnded(world, call.id), 'the end');
      expect(world.commands(callee)).toEqual(['send_dtmf']);
    }));

  it('whose dial has no answer is one leg, and is talked with', () =>
    outWorld({ agent: { speaksFirst: 'agent' } }, async (world) => {
      world.emulator.faults.api.reset('dial', { times: 1 });
      const call = await place(world);
      const callee = await phone(world);
      await until(() => words(callee.heard(), 'Hello there.').length === 2, 'the greeting to be heard');
      await until(() => dials(world).length === 2, 'the repeat');
      callee.hangup();
      await until(() => isEnded(world, call.id), 'the end');
      expect([orders(world), world.emulator.targets.phones.length]).toEqual([1, 1]);
      expect(dials(world)[1]?.duplicate).toBe(true);
    }));

  it('is hung up though it was hung up before Telnyx had answered', () =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, 'noAnswer');
      world.emulator.faults.api.slow('dial', 1200, 1);
      world.emulator.faults.webhooks.drop('call.initiated');
      const call = await place(world);
      await until(() => dials(world).length > 0, 'the dial');
      await world.request(`/v1/calls/${call.id}/hangup`, { method: 'POST' });
      await until(() => isEnded(world, call.id), 'the end');
      expect(reasonOf(world, call.id)).toBe('api_hangup');
      expect(world.commands(await phone(world))).toEqual(['hangup']);
    }));

  it('goes on when the client that waits for it is gone', () =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, { answerAfterMs: 1500 });
      const client = new AbortController();
      const asked = world
        .request('/v1/calls', {
          method: 'POST',
          signal: client.signal,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ to: CALLEE, waitUntilAnswered: true }),
        })
        .catch(() => 'gone');
      const callee = await phone(world);
      client.abort();
      expect(await asked).toBe('gone');
      await until(() => world.of('turn.ended').length === 1, 'the greeting');
      callee.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      expect(world.of('call.ended')[0]?.data.reason).toBe('caller_hangup');
    }));
});

describe.concurrent('an answering machine', () => {
  it('hears the whole message after its beep, and nothing before', () =>
    outWorld({ agent: { voicemail: MESSAGE } }, async (world) => {
      world.emulator.targets.set(CALLEE, { machine: { greetingMs: 1500, beep: true } });
      const { status, json } = await post(world, { machineDetection: true, waitUntilAnswered: true });
      expect([status, json]).toMatchObject([409, { code: 'machine', call: { endReason: 'machine' } }]);
      const callee = await phone(world);
      const beep = Math.round(1.8 * 8000);
      const heard = callee.heard();
      expect(words(heard.subarray(0, beep), MESSAGE)).toEqual([]);
      expect(words(heard.subarray(beep), MESSAGE)).toEqual(MESSAGE.split(' '));
      expect(world.commands(callee)).toEqual(['hangup']);
      expect(world.of('turn.ended').map(({ data }) => data.text)).toEqual([MESSAGE]);
    }));

  it.each([
    ['without a message for it', { machine: {} }, true],
    ['that is a fax', { machine: { fax: true } }, 'premium'],
  ] as const)('%s is hung up on', (_, target, machineDetection) =>
    outWorld({}, async (world) => {
      world.emulator.targets.set(CALLEE, target);
      const call = await place(world, { machineDetection });
      await until(() => isEnded(world, call.id), 'the end');
      expect(reasonOf(world, call.id)).toBe('machine');
      expect(world.commands(await phone(world))).toEqual(['hangup']);
    }),
  );

  it('is none when a person answers, who is talked to', () =>
    outWorld({ agent: { voicemail: MESSAGE } }, async (world) => {
      const { status, json } = await post(world, { machineDetection: 'premium', waitUntilAnswered: true });
      expect([status, (json as View).status]).toEqual([201, 'active']);
      const callee = await phone(world);
      await until(() => words(callee.heard(), 'Hello there.').length === 2, 'the greeting to be heard');
      callee.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
    }));
});

describe.concurrent('calls out', () => {
  it('are let go at their rate, however many are asked for at once, through a 429 of Telnyx', () =>
    outWorld(
      {
        gateway: {
          outbound: { maxConcurrent: 50, maxPerSecond: 20, maxQueued: 100, maxQueueSeconds: 60 },
          destinations: undefined,
        },
      },
      async (world) => {
        world.emulator.targets.set(CALLEE, 'busy');
        world.emulator.faults.api.rateLimit('dial', 1, 2);
        const calls = await Promise.all(Array.from({ length: 50 }, async () => place(world)));
        await until(() => world.of('call.ended').length === 50, 'all ends', 20_000);
        const reasons = new Set(calls.map(({ id }) => reasonOf(world, id)));
        expect([...reasons]).toEqual(['busy']);
        const at = dials(world)
          .map(({ t }) => t)
          .sort((a, b) => a - b);
        expect(at).toHaveLength(52);
        // 20 a second, and what a loaded machine delivers late.
        const inOneSecond = at.map((start) => at.filter((t) => t >= start && t < start + 900).length);
        expect(Math.max(...inOneSecond)).toBeLessThanOrEqual(20);
        const page = (await world.request('/metrics')).text;
        expect(page).toMatch(/landline_dial_wait_seconds_count 5[0-2]/);
        expect(page).toMatch(/landline_dials_queued 0/);
      },
    ));

  it('are refused with a reason before they are calls', () =>
    outWorld(
      { gateway: { outbound: { maxConcurrent: 1, maxPerSecond: 5, maxQueued: 0, maxQueueSeconds: 60 } } },
      async (world) => {
        const problems = async (body: Readonly<Record<string, unknown>>): Promise<unknown> => {
          const { status, json } = await post(world, body);
          return [status, (json as { readonly code: string }).code];
        };
        expect(await problems({})).toEqual([503, 'dial_queue_full']);
        world.gateway.registry.drain();
        expect(await problems({})).toEqual([503, 'gateway_draining']);
        expect(world.events).toEqual([]);
      },
    ));

  it.each<readonly [Readonly<Record<string, unknown>>, number, string]>([
    [{ to: '911' }, 403, 'destination_not_allowed'],
    [{ to: NEIGHBOUR }, 403, 'destination_not_allowed'],
    [{ from: '+14155550199', agent: 'reception' }, 403, 'caller_id_not_allowed'],
    [{ agent: 'nobody' }, 400, 'request_invalid'],
    [{ metadata: { a: 1 } }, 400, 'request_invalid'],
    [{ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, 'v'])) }, 400, 'request_invalid'],
    [{ ringTimeoutSeconds: 4 }, 400, 'request_invalid'],
    [{ dtmf: 'x' }, 400, 'request_invalid'],
    [{ machineDetection: 'maybe' }, 400, 'request_invalid'],
  ])('are refused: %o', (body, status, code) =>
    outWorld({}, async (world) => {
      const answer = await post(world, body);
      expect([answer.status, (answer.json as { readonly code: string }).code]).toEqual([status, code]);
      expect(dials(world)).toEqual([]);
    }),
  );

  it('need an application and a caller id', () =>
    inWorld({}, async (world) => {
      const { status, json } = await post(world);
      expect([status, json]).toMatchObject([409, { code: 'dial_not_configured' }]);
      expect((json as { readonly detail: string }).detail).toContain('TELNYX_CONNECTION_ID');
    }));
});
