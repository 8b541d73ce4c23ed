import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startNeighbour } from './neighbour.ts';
import { expectProblem } from './problems.ts';
import { HANGUP, obedient, strangeLeg } from './strange-leg.ts';
import { inWorld, until, webhookBody, type GatewayWorld } from './world.ts';

const liveJournals = ({ dataDir }: GatewayWorld): string =>
  readdirSync(join(dataDir, 'journal', 'live'))
    .map((name) => readFileSync(join(dataDir, 'journal', 'live', name), 'utf8'))
    .join('');

describe.concurrent('a webhook that is not from Telnyx', () => {
  it('is refused with 401, whatever is wrong with its signature, and leaves no trace', () =>
    inWorld({}, async (world) => {
      const body = webhookBody('call.initiated', strangeLeg());
      const good = Buffer.alloc(64, 7).toString('base64');
      const now = Math.floor(Date.now() / 1000);
      const foreign = generateKeyPairSync('ed25519').privateKey;

      for (const change of [
        { key: foreign },
        ...[good, good.slice(0, -4), `${good}AAAA`, good.replaceAll('/', '_'), 'not base64', ' '].map((signature) => ({
          signature,
        })),
        ...[now - 301, now + 310, -now, 1.5, 2 ** 63, 'yesterday', now * 1000].map((at) => ({ timestamp: String(at) })),
      ]) {
        expectProblem(await world.webhook(body, change), 401, 'webhook_signature_invalid');
      }
      for (const headers of [{}, { 'telnyx-timestamp': String(now) }, { 'telnyx-signature-ed25519': good }]) {
        const answer = await world.request('/webhooks/telnyx', { method: 'POST', body, headers });
        expectProblem(answer, 401, 'webhook_signature_invalid', /telnyx-timestamp and telnyx-signature-ed25519/);
      }
      for (const at of [now - 295, now + 295]) {
        expect((await world.webhook(webhookBody('something.new', {}), { timestamp: String(at) })).status).toBe(200);
      }

      expect(world.emulator.commands).toEqual([]);
      expect(world.events).toEqual([]);
    }));

  it('is refused when a byte of it was changed, or when it was written down anew', () =>
    inWorld({}, async (world) => {
      const { emulator } = world;
      obedient(world);
      const body = webhookBody('call.initiated', strangeLeg('changed'));
      const timestamp = String(Math.floor(Date.now() / 1000));
      const { signature } = world.sign(body, timestamp);
      for (const forged of [body.replace('incoming', 'outgoing'), JSON.stringify(JSON.parse(body), null, 1)]) {
        expectProblem(await world.webhook(forged, { timestamp, signature }), 401, 'webhook_signature_invalid');
      }
      expect(emulator.commands).toEqual([]);
    }));

  it('floods without hurting a call, and without flooding the log', () =>
    inWorld({}, async (world) => {
      const neighbour = await startNeighbour(world);
      const body = 'x'.repeat(10_000);
      for (let round = 0; round < 10; round++) {
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => world.request('/webhooks/telnyx', { method: 'POST', body })),
        );
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
      }
      await neighbour.isUntouched();

      const metrics = await world.request('/metrics');
      expect(metrics.text).toContain('landline_webhooks_total{verdict="missing_headers"} 500');
      expect(world.logs.filter(({ message }) => message === 'webhook refused').length).toBeLessThanOrEqual(2);
    }));
});

describe.concurrent('a webhook that cannot be read', () => {
  it.each([
    ['no JSON', '{"data":', /not JSON/],
    ['a byte order mark', `\uFEFF${webhookBody('call.answered', {})}`, /not JSON/],
    ['a NUL', `${webhookBody('call.answered', {})}\0`, /not JSON/],
    ['an array', '[]', /not a JSON object/],
    ['a text', '"hello"', /not a JSON object/],
    ['no data', '{"meta":{}}', /data is missing/],
    ['no event type', '{"data":{"payload":{}}}', /event_type is missing/],
    ['a payload that is a list', '{"data":{"event_type":"call.answered","payload":[]}}', /payload is not an object/],
    ['nesting without end', `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /data is missing/],
    ['API version 1', '{"event_type":"call_initiated","payload":{}}', /webhook API version/],
    ['nothing', '', /not JSON/],
  ])('is refused with 400: %s', (_name, body, detail) =>
    inWorld({}, async (world) => {
      expectProblem(await world.webhook(body), 400, 'webhook_malformed', detail);
      expect(world.emulator.commands).toEqual([]);
    }),
  );

  it('pollutes nothing with its keys, and of double keys the last counts', () =>
    inWorld({}, async (world) => {
      const body = webhookBody('something.new', {}).replace(
        '"record_type"',
        '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"event_type":"call.initiated","record_type"',
      );
      expect((await world.webhook(body)).status).toBe(200);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      expect(world.events).toEqual([]);
    }));
});

describe.concurrent('the address of the webhooks', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])('knows no %s', (method) =>
    inWorld({}, async (world) => {
      expectProblem(await world.request('/webhooks/telnyx?data=x', { method }), 405, 'method_not_allowed', /POST/);
    }),
  );

  it.each(['/webhooks/telnyx/', '//webhooks/telnyx', '/webhooks/telnyx/x', '/webhooks', '/%', '/webhooks/%zz'])(
    'is exact: %s is none',
    (path) =>
      inWorld({}, async (world) => {
        const answer = await world.request(path, { method: 'POST', body: webhookBody('call.initiated', strangeLeg()) });
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect([400, 404]).toContain(answer.status);
        expect(world.events).toEqual([]);
      }),
  );

  it('refuses a large body before it looks at the signature', () =>
    inWorld({}, async (world) => {
      const body = 'x'.repeat(2 * 1024 * 1024);
      const headers = { 'telnyx-timestamp': '1', 'telnyx-signature-ed25519': 'A'.repeat(88) };
      expectProblem(
        await world.request('/webhooks/telnyx', { method: 'POST', body, headers }),
        413,
        'request_too_large',
      );
      const chunked = new ReadableStream({
        start: (pieces) => {
          for (let piece = 0; piece < 20; piece++) pieces.enqueue(new Uint8Array(100_000));
          pieces.close();
        },
      });
      const answer = await world
        .request('/webhooks/telnyx', { method: 'POST', body: chunked, headers, duplex: 'half' })
        .catch(() => undefined);
      // The server may close before the client has sent everything; it never takes it in.
      if (answer) expectProblem(answer, 413, 'request_too_large');
      expect((await world.webhook(webhookBody('something.new', {}))).status).toBe(200);
    }));

  it('answers bytes that are no HTTP with a problem and goes on', () =>
    inWorld({}, async (world) => {
      const reply = await raw(world, 'HELO telnyx\r\n\r\n');
      const [head = '', body = ''] = reply.split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1.1 400 /);
      expectProblem(
        { status: 400, headers: new Headers({ 'content-type': 'application/problem+json' }), text: body },
        400,
        'request_invalid',
      );
      expect(head).toContain('content-type: application/problem+json');
      await raw(world, 'POST /webhooks/telnyx HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"data":', true);
      expect((await world.request('/healthz')).status).toBe(200);
    }));

  it('takes two webhooks in one packet', () =>
    inWorld({}, async (world) => {
      obedient(world);
      const one = world.sign(webhookBody('call.initiated', strangeLeg('pipelined')));
      const two = world.sign(webhookBody('call.hangup', { ...strangeLeg('pipelined'), ...HANGUP }));
      const reply = await raw(world, `${one.request}${two.request}`, false, 2);
      expect(reply.match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
      expect(world.of('call.ended')).toHaveLength(1);
    }));
});

/** Sends bytes, and gives what came back by the end of the connection or of `answers` answers. */
function raw(world: GatewayWorld, text: string, abort = false, answers = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(world.gateway.port, '127.0.0.1', () => {
      socket.write(text);
      if (abort) socket.resetAndDestroy();
    });
    socket.on('data', (bytes: Buffer) => {
      reply += bytes.toString();
      if ((reply.match(/HTTP\/1.1 /g) ?? []).length >= answers && reply.includes('\r\n\r\n')) socket.end();
    });
    socket.on('close', () => resolve(reply));
    socket.on('error', (error) => (abort ? resolve(reply) : reject(error)));
  });
}

describe.concurrent('a webhook of Telnyx', () => {
  it('is answered with 200 and nothing else once it is on file, whatever Telnyx itself is up to', () =>
    inWorld({}, async (world) => {
      world.emulator.faults.api.hang('answer');
      const id = randomUUID();
      const leg = strangeLeg('noted');
      const answer = await world.webhook(webhookBody('call.initiated', leg, id));
      const onFile = liveJournals(world);

      expect([answer.status, answer.text, answer.headers.get('content-length')]).toEqual([200, '', '0']);
      expect(onFile).toContain(id);
      await until(() => world.commands().length > 0, 'the answer command');
      expect(world.emulator.commands[0]?.status).toBe('none');
      const end = await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      expect(end.status).toBe(200);
    }));

  it('acts once, however often it comes', () =>
    inWorld({}, async (world) => {
      obedient(world);
      const leg = strangeLeg('repeated');
      const body = webhookBody('call.initiated', leg);
      const answers = await Promise.all(Array.from({ length: 50 }, () => world.webhook(body)));
      answers.push(await world.webhook(body));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      // The same id with another body, signed by Telnyx: the first one counts.
      const id = (JSON.parse(body) as { data: { id: string } }).data.id;
      expect((await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }, id))).status).toBe(200);
      expect(world.of('call.ended')).toEqual([]);
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      // Late, after the call: it was seen.
      expect((await world.webhook(body)).status).toBe(200);

      expect(world.of('call.created')).toHaveLength(1);
      expect(world.commands()).toEqual(['answer']);
    }));

  it('is taken and forgotten when nobody knows its kind or its call', () =>
    inWorld({}, async (world) => {
      const stranger = strangeLeg();
      for (const [type, payload] of [
        ['something.new', stranger],
        ['call.answered', stranger],
        ['call.dtmf.received', { ...stranger, digit: '5' }],
        ['streaming.started', stranger],
        ['streaming.failed', {}],
        ['call.hangup', { ...strangeLeg(), ...HANGUP }],
        ['call.initiated', { ...strangeLeg(), direction: 'outgoing', state: 'bridging' }],
        ['call.initiated', {}],
        ['call.recording.saved', { call_leg_id: 'x' }],
      ] as const) {
        expect((await world.webhook(webhookBody(type, payload))).status, type).toBe(200);
      }
      expect(world.emulator.commands).toEqual([]);
      expect(world.events).toEqual([]);
    }));

  it('may carry any client_state: it is a hint, the call is found by its id', () =>
    inWorld({}, async (world) => {
      obedient(world);
      for (const [n, client_state] of [
        '!!',
        'A'.repeat(10_000),
        17,
        Buffer.from('{"call":"other"}').toString('base64'),
      ].entries()) {
        const leg = { ...strangeLeg(`state${n}`), client_state };
        await world.webhook(webhookBody('call.initiated', leg));
        await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      }
      expect(world.of('call.ended').map((event) => event.data.reason)).toEqual(Array(4).fill('caller_hangup'));
    }));

  it('may come in any order: no more than one answer, none after the hangup, one end', () =>
    inWorld({ gateway: { maxConcurrentCalls: 100 } }, async (world) => {
      obedient(world);
      const types = ['call.initiated', 'call.answered', 'streaming.started', 'call.hangup'];
      await Promise.all(
        orders(types).map(async (order, n) => {
          const leg = strangeLeg(`order${n}`);
          for (const type of order) {
            const payload = type === 'call.hangup' ? { ...leg, ...HANGUP } : leg;
            expect((await world.webhook(webhookBody(type, payload))).status).toBe(200);
          }
        }),
      );
      await until(() => world.gateway.registry.sessions.size === 0, 'every call to be over');

      for (const [n, order] of orders(types).entries()) {
        const id = strangeLeg(`order${n}`)['call_control_id'];
        const commands = world.emulator.commands.filter((command) => command.call_control_id === id);
        // On a busy machine one command may take more than one try.
        const sent = new Map(commands.map(({ command, command_id: of }) => [of, command]));
        const isLate = order.indexOf('call.hangup') < order.indexOf('call.initiated');
        expect([...sent.values()], order.join()).toEqual(isLate ? [] : ['answer']);
      }
      expect(world.of('call.created')).toHaveLength(12);
      expect(world.of('call.ended')).toHaveLength(12);
    }));

  it('finds a number without an agent rejected, and a full gateway busy', () =>
    inWorld({ gateway: { maxConcurrentCalls: 1 } }, async (world) => {
      const nobody = world.ring({ to: '+13125550100' });
      await nobody.waitFor('ended');
      const first = await world.talk();
      const second = world.ring();
      await second.waitFor('ended');
      expectProblemFree(await world.request('/readyz'), 503, ['full']);
      first.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');

      expect([nobody.hangupCause, second.hangupCause]).toEqual(['call_rejected', 'user_busy']);
      expect(world.commands(second)).toEqual(['reject']);
      expect(world.of('call.created')).toHaveLength(1);
    }));
});

function expectProblemFree(answer: { status: number; json: unknown }, status: number, reasons: string[]): void {
  expect([answer.status, answer.json]).toEqual([status, { status: 'not ready', reasons }]);
}

function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) => orders(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}

describe.concurrent('while the gateway drains', () => {
  it('a new call gets 503 for the failover URL, a live one goes on', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const drained = world.gateway.drain(30_000);
      const body = webhookBody('call.initiated', strangeLeg());
      expectProblem(await world.webhook(body), 503, 'gateway_draining');
      // Refused is not seen: the same event may come again, here or elsewhere.
      expectProblem(await world.webhook(body), 503, 'gateway_draining');
      expectProblemFree(await world.request('/readyz'), 503, ['draining']);
      expect((await world.request('/healthz')).status).toBe(200);
      world.test.recognise({ type: 'sttEndOfTurn', text: 'are you there' });
      await until(() => world.of('turn.ended', call).length === 3, 'the answer');
      call.hangup();
      await drained;

      expect(world.of('call.ended').map((event) => event.data.reason)).toEqual(['caller_hangup']);
      const statuses = world.emulator.webhooks.map(({ status }) => status);
      expect(statuses.filter((status) => status !== 200 && status !== 'pending')).toEqual([]);
    }));
});

describe.concurrent('a disk that fails', () => {
  it('delays no webhook for long, ends no call, shows in /readyz, and has everything when it works again', () =>
    inWorld({ expectErrors: /journal/ }, async (world) => {
      const live = join(world.dataDir, 'journal', 'live');
      mkdirSync(join(world.dataDir, 'journal'), { recursive: true });
      rmSync(live, { recursive: true, force: true });
      writeFileSync(live, 'this is no folder');
      const call = await world.talk();
      const ready = await world.request('/readyz');
      expect([ready.status, ready.text]).toEqual([503, expect.stringMatching(/journal: /)]);
      const id = world.idOf(call);
      const view = await world.request(`/v1/calls/${id}`);
      expect([view.status, view.json]).toEqual([200, expect.objectContaining({ id, status: 'active' })]);
      expect((await world.request('/metrics')).text).toMatch(/landline_journal_behind_total [1-9]/);

      rmSync(live);
      await until(() => world.gateway.registry.sessions.size === 1, 'the call to go on');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'hello' });
      await until(() => world.of('turn.ended', call).length === 3, 'the answer');
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      const transcript = await world.request(`/v1/calls/${id}/transcript`);
      expect((transcript.json as { turns: { text: string }[] }).turns.map(({ text }) => text)).toEqual([
        'Hello there.',
        'hello',
        'Yes of course.',
      ]);
    }));
});
