import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, describe } from 'vitest';
import { CALLER, inWorld, RECEPTION, until, type GatewayWorld } from './gateway/world.ts';
import { ALLOWED, filesOf, formsOf, leaksIn, type Secret } from './leak-scan.ts';

const CARD = '4539578763621486';
const API_KEY = 'landline-key-Zm9vYmFy-0123456789';
const CANARY = 'canary-7f3a-of-the-prompt';
const PROVIDER_KEY = 'sk-provider-0a1b2c3d4e5f';

function secretsOf(world: GatewayWorld): Secret[] {
  const secrets: Secret[] = [
    { name: 'card', kind: 'card', value: CARD },
    { name: 'api key', kind: 'key', value: API_KEY },
    { name: 'Telnyx key', kind: 'key', value: world.emulator.apiKey },
    { name: 'provider key', kind: 'key', value: PROVIDER_KEY },
    { name: 'prompt', kind: 'prompt', value: CANARY },
    { name: 'caller', kind: 'number', value: CALLER },
    { name: 'reception', kind: 'number', value: RECEPTION },
  ];
  for (const { body, call_control_id: id } of world.emulator.commands) {
    const url = body['stream_url'];
    const token = typeof url === 'string' ? /\/media\/([^/]+)$/.exec(url)?.[1] : undefined;
    if (token !== undefined) secrets.push({ name: 'stream token', kind: 'token', value: token });
    if (id !== undefined) secrets.push({ name: 'call control id', kind: 'controlId', value: id });
  }
  return secrets;
}

const authorized = { headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' } };

describe('a call full of secrets', () => {
  it('leaves none of them where it does not belong: logs, metrics, events, exports, journals, database, problems', async () => {
    const agent = { instructions: `Never tell anybody: ${CANARY}.`, greeting: 'Hello there.' };
    await inWorld(
      { agent, gateway: { apiKeys: [API_KEY], secrets: [PROVIDER_KEY] }, emulator: { dtmf: 'both' } },
      async (world) => {
        const phone = await world.talk();
        const id = world.idOf(phone);
        world.test.answer = () => [
          ...[`Your card ${CARD.slice(0, 6)}`, CARD.slice(6, 11), `${CARD.slice(11)}, right?`].map(
            (text) => ({ type: 'llmDelta', text }) as const,
          ),
          { type: 'llmDone', finish: 'stop' },
        ];
        const spoken = 'four five three nine, five seven eight seven, six three six two, one four eight six';
        for (let n = 8; n < spoken.length; n += 7)
          world.test.recognise({ type: 'sttPartial', text: spoken.slice(0, n) });
        world.test.recognise({ type: 'sttEndOfTurn', text: spoken });
        await until(() => world.of('turn.ended', phone).length >= 3, 'the answer');
        phone.press(CARD);
        await until(() => world.of('turn.ended', phone).length >= 4, 'the keys', 20_000);
        await world.request(`/v1/calls/${id}/say`, {
          ...authorized,
          method: 'POST',
          body: JSON.stringify({ text: `I note ${CARD.replace(/(\d{4})/g, '$1 ')}` }),
        });
        world.test.recognise({
          type: 'sttFailed',
          failure: {
            kind: 'auth',
            message: `refused ${world.emulator.apiKey} or ${PROVIDER_KEY} for ${CALLER} and ${CARD}`,
            retryable: false,
          },
        });
        phone.hangup();
        await until(() => world.of('call.ended', phone).length === 1, 'the end');
        await until(() => world.gateway.registry.sessions.size === 0, 'the registry to be empty');

        const secrets = secretsOf(world);
        const get = async (path: string): Promise<string> => (await world.request(path, authorized)).text;
        const exported = await world.request('/v1/privacy/export', {
          ...authorized,
          method: 'POST',
          body: JSON.stringify({ number: CALLER }),
        });
        expect(exported.text).toContain('[card]');
        const problems = await Promise.all([
          world.request('/v1/calls', { headers: { authorization: 'Bearer wrong' } }),
          world.request('/v1/calls/none', authorized),
          world.request('/v1/privacy/erase', { ...authorized, method: 'POST', body: '{"number":1}' }),
          world.request('/media/wrong', authorized),
        ]);
        const found = [
          ...leaksIn('log', JSON.stringify(world.logs), secrets),
          ...leaksIn('metrics', await get('/metrics'), secrets),
          ...leaksIn('events', JSON.stringify(world.events), secrets),
          ...leaksIn('events', await get(`/v1/calls/${id}/events`), secrets),
          ...leaksIn('api', await get(`/v1/calls/${id}`), secrets),
          ...leaksIn('api', await get('/v1/calls'), secrets),
          ...leaksIn('api', await get(`/v1/calls/${id}/transcript`), secrets),
          ...leaksIn('api', exported.text, secrets),
          ...problems.flatMap(({ text }) => leaksIn('problem', text, secrets)),
          ...filesOf(world.dataDir).flatMap(({ channel, bytes }) => leaksIn(channel, bytes, secrets)),
        ];

        expect(found).toEqual([]);
        // What was looked through is not empty.
        expect(filesOf(world.dataDir).map(({ channel }) => channel)).toEqual(
          expect.arrayContaining(['store', 'journal']),
        );
        expect(problems.map(({ status }) => status)).toEqual([401, 404, 400, 401]);
      },
    );
  }, 40_000);

  it('keyed as sensitive digits is found in no channel and in no prompt', async () => {
    const digits: Secret = { name: 'pin', kind: 'digits', value: '83619274' };
    await inWorld({ agent: { sensitiveDigits: true }, emulator: { dtmf: 'both' } }, async (world) => {
      const phone = await world.talk();
      phone.press(digits.value);
      await until(() => world.of('turn.ended', phone).length >= 3, 'the answer');
      phone.hangup();
      await until(() => world.of('call.ended', phone).length === 1, 'the end');
      await until(() => world.gateway.registry.sessions.size === 0, 'the registry to be empty');

      const keys = world.of('dtmf.received', phone).map(({ data }) => data.digit);
      expect(keys).toEqual(Array.from({ length: 8 }, () => '•'));
      expect(JSON.stringify(world.test.requests)).toContain('[pressed ••••••••]');
      for (const channel of ['log', 'events'] as const) {
        expect(leaksIn(channel, JSON.stringify(channel === 'log' ? world.logs : world.events), [digits])).toEqual([]);
      }
      for (const { channel, bytes, name } of filesOf(world.dataDir)) {
        expect(leaksIn(channel, bytes, [digits]), name).toEqual([]);
        expect(bytes.toString('utf8'), name).not.toMatch(/"digit":"\d"/);
      }
    });
  });
});

describe('the scanner', () => {
  const secret: Secret = { name: 'card', kind: 'card', value: CARD };

  it.each(formsOf(secret).map((form) => [form]))('finds %j', (form) => {
    expect(leaksIn('log', `before ${form} behind`, [secret])).toEqual(['log: card']);
    expect(leaksIn('store', Buffer.from(`\0${form}\0`), [secret])).toEqual(['store: card']);
  });

  it('finds a key inside other base64', () => {
    const key: Secret = { name: 'key', kind: 'key', value: API_KEY };

    for (const before of ['', 'x', 'xy']) {
      const coded = Buffer.from(`${before}${API_KEY} and more`).toString('base64');
      expect(leaksIn('log', coded, [key])).toEqual(['log: key']);
    }
  });

  it('finds what lies in a file of the data directory', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'landline-leaks-'));
    mkdirSync(join(dataDir, 'journal', 'live'), { recursive: true });
    writeFileSync(join(dataDir, 'journal', 'live', 'call_1.jsonl'), `{"d":"${API_KEY}"}\n`);
    writeFileSync(join(dataDir, 'landline.db-wal'), `\0${CARD}`);
    const secrets: Secret[] = [secret, { name: 'key', kind: 'key', value: API_KEY }];

    const found = filesOf(dataDir).flatMap(({ channel, bytes }) => leaksIn(channel, bytes, secrets));

    expect(found.sort()).toEqual(['journal: key', 'store: card']);
    rmSync(dataDir, { recursive: true });
  });

  it('lets through what a channel may hold, and nothing else', () => {
    expect(leaksIn('api', CALLER, [{ name: 'caller', kind: 'number', value: CALLER }])).toEqual([]);
    expect(Object.values(ALLOWED).flat()).not.toContain('card');
    expect(Object.values(ALLOWED).flat()).not.toContain('key');
  });
});
