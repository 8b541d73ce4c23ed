import { describe, expect, it } from 'vitest';
import { heardWords } from './ear.ts';
import { expectProblem } from './problems.ts';
import { readEvents, untilEvent, type SseEvent } from './sse-client.ts';
import { CALLER, inWorld, RECEPTION, until, type GatewayWorld } from './world.ts';

type Reply = Awaited<ReturnType<GatewayWorld['request']>>;

function post(world: GatewayWorld, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return world.request(path, { method: 'POST', headers: { ...type, ...headers }, ...content });
}

const READS = ['', '/transcript', '/recording', '/events'];
const ACTIONS: [action: string, body: object][] = [
  ['hangup', {}],
  ['transfer', { to: 'sales' }],
  ['dtmf', { digits: '12#' }],
  ['say', { text: 'hello' }],
];

describe.concurrent('the key of the control API', () => {
  it('is asked for everywhere below /v1, and nowhere else', () =>
    inWorld({ gateway: { apiKeys: ['first-key', 'second-key'] } }, async (world) => {
      const paths = ['/v1/agents', '/v1/calls', '/v1/events', ...READS.map((read) => `/v1/calls/call_x${read}`)];
      const bad = [{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer first-key ' + 'x' }];
      const worse = [{ authorization: 'Basic first-key' }, { authorization: 'first-key' }, { authorization: 'Bearer' }];
      for (const headers of [...bad, ...worse] as Record<string, string>[]) {
        for (const path of paths) {
          const answer = await world.request(path, { headers });
          expectProblem(answer, 401, 'unauthorized', /Bearer/);
          expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        }
        for (const [action, body] of ACTIONS) {
          expectProblem(await post(world, `/v1/calls/call_x/${action}`, body, headers), 401, 'unauthorized');
        }
      }
      for (const authorization of ['Bearer first-key', 'Bearer second-key', 'bearer  second-key']) {
        expect((await world.request('/v1/agents', { headers: { authorization } })).status).toBe(200);
      }
      for (const path of ['/healthz', '/readyz', '/metrics']) expect((await world.request(path)).status).toBe(200);
    }));
});

describe.concurrent('a request that makes no sense', () => {
  it('names what is wrong, whatever it is', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const base = `/v1/calls/${world.idOf(call)}`;
      const wrong: [action: string, body: unknown, detail: RegExp][] = [
        ['hangup', { reason: 17 }, /reason/],
        ['hangup', { reason: 'x'.repeat(201) }, /reason/],
        ['hangup', { because: 'x' }, /because/],
        ['hangup', [], /object/],
        ['hangup', 'null}', /JSON|token/i],
        ['transfer', undefined, /body/],
        ['transfer', {}, /to:/],
        ['transfer', { to: '' }, /to:/],
        ['transfer', { to: 17 }, /to:/],
        ['transfer', { to: 'x'.repeat(257) }, /to:/],
        ['transfer', { to: 'sales', mode: 'warm' }, /mode/],
        ['transfer', { to: 'sales', message: 17 }, /message/],
        ['transfer', { to: 'sales', from: '+15105550100' }, /from/],
        ['dtmf', {}, /digits/],
        ['dtmf', { digits: 123 }, /digits/],
        ['dtmf', { digits: '' }, /digits/],
        ['dtmf', { digits: '12x' }, /digits/],
        ['dtmf', { digits: '1'.repeat(65) }, /digits/],
        ['say', {}, /text/],
        ['say', { text: ' ' }, /text/],
        ['say', { text: ['hello'] }, /text/],
        ['say', { text: 'x'.repeat(3001) }, /text/],
        ['say', { text: 'hello', interrupt: 'yes' }, /interrupt/],
      ];
      for (const to of ['nobody', 'constructor', '__proto__', '0049301234567', 'sip:']) {
        const answer = await post(world, `${base}/transfer`, { to });
        expectProblem(answer, 403, 'destination_not_allowed', /nor is it a name in the agent's transferTargets/);
      }
      for (const [action, body, detail] of wrong) {
        const answer = await post(world, `${base}/${action}`, body);
        expectProblem(answer, 400, 'request_invalid', detail);
      }
      const plain = { method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'a,b' };
      expectProblem(await world.request(`${base}/say`, plain), 415, 'content_type_unsupported', /application.json/);
      expectProblem(await post(world, `${base}/say`, { text: 'x'.repeat(2 * 1024 * 1024) }), 413, 'request_too_large');
      for (const query of ['limit=0', 'limit=201', 'limit=many', 'status=up']) {
        expectProblem(await world.request(`/v1/calls?${query}`), 400, 'request_invalid', /limit|status/);
      }
      for (const path of ['/v1/nothing', '/v1/calls/x/y', '/v2/calls', '/', '/v1']) {
        expectProblem(await world.request(path), 404, 'not_found');
      }
      expectProblem(await world.request(base, { method: 'PATCH' }), 405, 'method_not_allowed', /DELETE, GET, HEAD/);
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      expect(world.commands(call)).toEqual(['answer']);
    }));

  it.each(['call_unknown', 'x', '%2e%2e%2fsecret', '%00', 'a'.repeat(101), '-rf', '%F0%9F%98%80', 'a'.repeat(500)])(
    'about a call that is not there is 404: %s',
    (id) =>
      inWorld({}, async (world) => {
        for (const read of READS) {
          const answer = await world.request(`/v1/calls/${id}${read}`);
          // A path without a call id in it ("..") is another path, one that is too long or no UTF-8 is refused before.
          expect([400, 404]).toContain(answer.status);
          expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        }
        if (!/^[a-z_-]{1,100}$/.test(id)) return;
        expectProblem(await world.request(`/v1/calls/${id}`), 404, 'call_not_found');
        for (const [action, body] of ACTIONS) {
          expectProblem(await post(world, `/v1/calls/${id}/${action}`, body), 404, 'call_not_found');
        }
      }),
  );
});

describe.concurrent('what is done to a call', () => {
  it('says a line, in its turn or at once', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const base = `/v1/calls/${world.idOf(call)}`;
      const said = await post(world, `${base}/say`, { text: 'Your taxi is here.' });
      expect([said.status, said.json]).toEqual([
        200,
        expect.objectContaining({ id: world.idOf(call), status: 'active' }),
      ]);
      await until(() => world.of('turn.ended', call).length === 2, 'the line');
      await post(world, `${base}/say`, { text: 'A long line that nobody will hear to its end.' });
      await until(() => world.of('turn.started', call).length === 3, 'the long line to begin');
      await post(world, `${base}/say`, { text: 'Fire!', interrupt: true });
      await until(() => world.of('turn.ended', call).length === 4, 'the urgent line');
      const turns = world.of('turn.ended', call).map(({ data }) => data);
      expect(turns.map(({ interrupted }) => interrupted ?? false)).toEqual([false, false, true, false]);
      expect(heardWords(call.heard(), 'Your taxi is here. Fire!').at(-1)?.text).toBe('Fire!');
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
    }));

  it('hangs up once, also when asked twice, and an ended call takes nothing else', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const base = `/v1/calls/${world.idOf(call)}`;
      const answers = await Promise.all([
        post(world, `${base}/hangup`, { reason: 'test' }),
        post(world, `${base}/hangup`),
        post(world, `${base}/say`, { text: 'too late' }),
      ]);
      expect(answers.slice(0, 2).map(({ status }) => status)).toEqual([200, 200]);
      await until(() => world.of('call.ended').length === 1, 'the end');
      const again = await post(world, `${base}/hangup`);
      expect([again.status, again.json]).toEqual([
        200,
        expect.objectContaining({ status: 'ended', endReason: 'api_hangup', from: CALLER, to: RECEPTION }),
      ]);
      for (const [action, body] of ACTIONS.slice(1)) {
        expectProblem(await post(world, `${base}/${action}`, body), 409, 'call_not_active', /ended/);
      }
      expect(world.commands(call)).toEqual(['answer', 'hangup']);
      expect(call.endedBy).toBe('gateway');
    }));

  it('is refused while nobody can hear it: before the answer, while the goodbye is said, after the transfer', () =>
    inWorld({}, async (world) => {
      world.emulator.faults.api.slow('answer', 1);
      world.emulator.faults.webhooks.delay('call.answered', 400);
      world.emulator.faults.media = { noStart: true };
      const call = world.ring();
      await until(() => world.of('call.created').length === 1, 'the call');
      const base = `/v1/calls/${world.idOf(call)}`;
      for (const [action, body] of ACTIONS.slice(1)) {
        expectProblem(await post(world, `${base}/${action}`, body), 409, 'call_not_active');
      }
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      world.emulator.faults.media = {};
      const second = await world.talk();
      world.gateway.registry.sessions.get(world.idOf(second))?.post({ type: 'drain', now: false });
      await until(() => world.of('turn.started', second).length === 2, 'the goodbye to begin');
      for (const [action, body] of ACTIONS.slice(1)) {
        const answer = await post(world, `/v1/calls/${world.idOf(second)}/${action}`, body);
        expectProblem(answer, 409, 'call_not_active', /goodbye/);
      }
      await second.waitFor('ended', 12_000);
      await until(() => world.of('call.ended').length === 2, 'the end');
      expect(world.of('call.ended', second)[0]?.data.reason).toBe('drain');
    }));
});

describe.concurrent('what can be read about calls', () => {
  it('is the same while they live and after they have ended', () =>
    inWorld({}, async (world) => {
      const first = await world.talk();
      const second = await world.talk();
      const id = world.idOf(first);
      const live = (await world.request(`/v1/calls/${id}`)).json as Record<string, unknown>;
      expect(live).toEqual({
        id,
        direction: 'inbound',
        status: 'active',
        from: CALLER,
        to: RECEPTION,
        agent: 'reception',
        metadata: {},
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
        answeredAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
        endedAt: null,
        endReason: null,
        durationMs: null,
        telnyx: first.ids,
        hangup: null,
        usage: null,
        legs: [expect.objectContaining({ name: 'caller', endedAt: null, telnyx: first.ids })],
      });
      first.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end of the first');
      const ended = (await world.request(`/v1/calls/${id}`)).json as Record<string, unknown>;
      expect({ ...ended, endedAt: null, durationMs: null }).toEqual({
        ...live,
        status: 'ended',
        endReason: 'caller_hangup',
        hangup: { cause: 'normal_clearing', sipCode: '200', text: 'One side hung up.' },
        usage: expect.objectContaining({ tts: { characters: 'Hello there.'.length } }) as unknown,
        legs: [expect.objectContaining({ name: 'caller', endedAt: ended['endedAt'] })],
      });
      expect(Math.abs(Number(ended['durationMs']) - first.billedMs)).toBeLessThan(500);
      const list = async (query: string): Promise<string[]> =>
        ((await world.request(`/v1/calls?${query}`)).json as { calls: { id: string }[] }).calls.map((call) => call.id);
      expect(await list('')).toEqual([world.idOf(second), id]);
      expect(await list('status=active')).toEqual([world.idOf(second)]);
      expect(await list('status=ended')).toEqual([id]);
      expect(await list('limit=1')).toEqual([world.idOf(second)]);
      second.hangup();
      await until(() => world.of('call.ended').length === 2, 'the end of the second');
    }));

  it('has no recording where the agent says so', () =>
    inWorld({ agent: { recording: false } }, async (world) => {
      const call = await world.talk();
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      expectProblem(await world.request(`/v1/calls/${world.idOf(call)}/recording`), 404, 'recording_not_found');
    }));
});

describe.concurrent('the event stream', () => {
  it('is live, resumes where a reader left off, also after a restart, and can be of one call', () =>
    inWorld({}, async (world) => {
      const { origin } = world.gateway;
      const all = await readEvents(`${origin}/v1/events`);
      const call = await world.talk();
      const other = await world.talk();
      const id = world.idOf(call);
      const one = await readEvents(`${origin}/v1/calls/${id}/events`);
      call.hangup();
      await untilEvent(one, 'call.ended');
      await until(() => all.events.at(-1)?.id === world.events.at(-1)?.id, 'everything on the stream');

      expect(all.events.map((event) => event.id)).toEqual(world.events.map((event) => event.id));
      expect(all.events[0]?.data).toMatchObject({ type: 'call.created', callId: id, data: { from: CALLER } });
      expect(new Set(one.events.map(({ data }) => data['callId']))).toEqual(new Set([id]));

      const middle = all.events[3]?.id ?? '';
      const again = await readEvents(`${origin}/v1/events`, { 'last-event-id': middle });
      await until(() => again.events.length === all.events.length - 4, 'what was missed');
      expect(again.events).toEqual(all.events.slice(4));

      const mine = all.events.filter(({ data }) => data['callId'] === id && data['type'] !== 'transcript.partial');
      const whole = await readEvents(`${origin}/v1/calls/${id}/events`);
      await until(() => whole.isClosed(), 'the stream of an ended call to end');
      const timeless = ({ id, event, data }: SseEvent): unknown => [id, event, { ...data, at: '' }];
      expect(whole.events.map(timeless)).toEqual(mine.map(timeless));

      other.hangup();
      await until(() => world.of('call.ended').length === 2, 'the end of the other');
      await until(() => world.gateway.registry.sessions.size === 0, 'the registry to be empty');
      await world.gateway.stop();
      const before = world.events.map((event) => event.id);
      await world.restart();
      const later = await readEvents(`${world.gateway.origin}/v1/events`, { 'last-event-id': middle });
      await until(() => later.events.length >= before.length - 4, 'what was missed, after the restart');
      const third = await world.talk();
      third.hangup();
      await until(() => later.events.at(-1)?.id === world.events.at(-1)?.id, 'what came then');
      expect(later.events.map((event) => event.id)).toEqual(world.events.slice(4).map((event) => event.id));
      for (const reader of [all, one, again, whole, later]) reader.close();
    }));

  it('takes no id that is none', () =>
    inWorld({}, async (world) => {
      const reader = await readEvents(`${world.gateway.origin}/v1/events`, { 'last-event-id': 'yesterday' });
      expect(reader.status).toBe(200);
      const call = await world.talk();
      await untilEvent(reader, 'turn.ended');
      expect(reader.events[0]?.event).toBe('call.created');
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      reader.close();
    }));
});

describe.concurrent('the state of the gateway', () => {
  it('can be scraped', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      world.test.recognise({ type: 'sttEndOfTurn', text: 'hello' });
      await until(() => world.of('turn.ended', call).length === 3, 'the answer');
      const metrics = await world.request('/metrics');
      expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const sample = /^([a-zA-Z_:][\w:]*)(\{(\w+="([^"\\]|\\.)*",?)*\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/;
      const lines = metrics.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      expect(lines.filter((line) => !sample.test(line))).toEqual([]);
      expect(lines).toContain('landline_calls_active 1');
      expect(lines).toContain('landline_turn_latency_seconds_count{stage="first_tts_byte"} 1');
      expect(metrics.text).not.toContain(call.ids.callControlId);
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      await until(() => world.gateway.registry.sessions.size === 0, 'the registry to be empty');
      const after = (await world.request('/metrics')).text;
      expect(after).toContain('landline_calls_ended_total{reason="caller_hangup"} 1');
      expect(after).toContain('landline_calls_active 0');
      expect((await world.request('/readyz')).json).toEqual({ status: 'ready', reasons: [] });
      expect((await world.request('/healthz')).json).toEqual({ status: 'ok' });
    }));
});
