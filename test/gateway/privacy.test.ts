import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { privacyErase, privacyExport } from '../../src/cli/privacy.ts';
import { CALLER, inWorld, until, type GatewayWorld } from './world.ts';

/** One ended call; its id. */
async function oneCall(world: GatewayWorld, from = CALLER): Promise<string> {
  const phone = await world.talk({ from });
  const id = world.idOf(phone);
  phone.hangup();
  await until(() => world.of('call.ended', phone).length === 1, 'the call to end');
  await until(() => world.gateway.registry.sessions.size === 0, 'the registry to be empty');
  return id;
}

async function journalOf(world: GatewayWorld, id: string): Promise<string[]> {
  const folder = join(world.dataDir, 'journal', 'ended');
  return existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(id))
    : [];
}

const post = (world: GatewayWorld, path: string, body: unknown): ReturnType<GatewayWorld['request']> =>
  world.request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('DELETE /v1/calls/{id}', () => {
  it('takes an ended call away: record, journal, recording, events; and once more says that there is none', async () => {
    await inWorld({}, async (world) => {
      const id = await oneCall(world);
      await until(() => existsSync(join(world.dataDir, 'tracks', `${id}.track`)), 'the track');

      const answer = await world.request(`/v1/calls/${id}`, { method: 'DELETE' });

      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(await journalOf(world, id)).toEqual([]);
      expect(existsSync(join(world.dataDir, 'tracks', `${id}.track`))).toBe(false);
      for (const path of ['', '/transcript', '/recording', '/events']) {
        expect((await world.request(`/v1/calls/${id}${path}`)).status, path).toBe(404);
      }
      expect((await world.request(`/v1/calls/${id}`, { method: 'DELETE' })).json).toMatchObject({
        status: 404,
        code: 'call_not_found',
      });
      expect(world.logs.find(({ message }) => message === 'call erased')?.fields).toMatchObject({
        callId: id,
        by: 'api',
      });
    });
  });

  it('refuses a call that lives', async () => {
    await inWorld({}, async (world) => {
      const phone = await world.talk();

      const answer = await world.request(`/v1/calls/${world.idOf(phone)}`, { method: 'DELETE' });

      expect(answer.json).toMatchObject({ status: 409, code: 'call_active' });
      phone.hangup();
    });
  });
});

describe('a phone number', () => {
  it('is exported with everything, and erased with every trace, however it is written', async () => {
    await inWorld({}, async (world) => {
      const [one, two] = [await oneCall(world), await oneCall(world)];
      const other = await oneCall(world, '+14155550199');

      const exported = await post(world, '/v1/privacy/export', { number: '+1 (415) 555-0142' });
      const lines = exported.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);

      expect(exported.headers.get('content-type')).toContain('application/x-ndjson');
      expect(lines.map((line) => (line['call'] as { id: string }).id).sort()).toEqual([one, two].sort());
      expect(Object.keys(lines[0] ?? {})).toEqual(['call', 'legs', 'transcript', 'actions', 'events', 'recordings']);
      expect(JSON.stringify(lines[0]?.['transcript'])).toContain('Hello there.');

      expect((await post(world, '/v1/privacy/erase', { number: '0014155550142' })).json).toEqual({
        calls: 2,
        afterEnd: 0,
      });
      expect((await post(world, '/v1/privacy/export', { number: CALLER })).text).toBe('');
      expect((await world.request(`/v1/calls/${other}`)).status).toBe(200);
      const files = readdirSync(world.dataDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
        /\.(jsonl|track)$/.test(name),
      );
      for (const name of files) expect(readFileSync(join(world.dataDir, name), 'utf8'), name).not.toContain(CALLER);
      const audit = world.logs.filter(({ message }) => message.startsWith('calls of a number'));
      expect(audit.map(({ fields }) => fields['number'])).toEqual(['+1415•••42', '+1415•••42', '+1415•••42']);
    });
  });

  it('of a live call is erased when that has ended', async () => {
    await inWorld({}, async (world) => {
      const phone = await world.talk();

      expect((await post(world, '/v1/privacy/erase', { number: CALLER })).json).toEqual({ calls: 0, afterEnd: 1 });
      const id = world.idOf(phone);
      phone.hangup();
      await until(
        () => world.logs.some(({ message }) => message === 'call erased after its end'),
        'the erasure',
        20_000,
      );
      expect(await journalOf(world, id)).toEqual([]);
      expect((await world.request(`/v1/calls/${id}`)).status).toBe(404);
    });
  });

  it('that is none is refused', async () => {
    await inWorld({}, async (world) => {
      expect((await post(world, '/v1/privacy/erase', { number: 'Bob' })).json).toMatchObject({
        status: 400,
        code: 'request_invalid',
      });
    });
  });
});

describe('landline privacy', () => {
  it('exports, asks before it erases, and erases', async () => {
    await inWorld({}, async (world) => {
      const id = await oneCall(world);
      const out: string[] = [];
      const terminal = (answer: string): Parameters<typeof privacyErase>[1] => ({
        write: (text) => void out.push(text),
        ask: async () => answer,
      });
      const gateway = world.gateway.origin;

      expect(await privacyExport({ call: id, gateway }, terminal(''))).toBe(0);
      expect((JSON.parse(out.splice(0).join('')) as { call: { id: string } }).call.id).toBe(id);
      expect(await privacyErase({ call: id, gateway }, terminal('n'))).toBe(1);
      expect(out.splice(0)).toEqual(['nothing was erased\n']);
      expect(await privacyErase({ number: CALLER, gateway }, terminal('y'))).toBe(0);
      expect(out.splice(0)).toEqual(['erased 1 call(s)\n']);
      await expect(privacyErase({ call: id, gateway, yes: true }, terminal(''))).rejects.toThrow(/there is no call/);
      await expect(privacyErase({ gateway }, terminal(''))).rejects.toThrow(/either --call <id> or --number/);
      await expect(privacyErase({ call: id, gateway }, { write: () => undefined, ask: undefined })).rejects.toThrow(
        /--yes/,
      );
    });
  });
});
