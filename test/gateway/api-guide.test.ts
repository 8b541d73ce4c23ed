import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { problemOf } from '../../src/server/problem.ts';
import { inWorld, until } from './world.ts';

const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
/** Its shell examples, a command each. */
const commands = [...page.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'))
  .filter((line) => line.startsWith('curl '));

describe('docs/api.md', () => {
  it('has examples that do what they say', () =>
    inWorld({ dials: true, gateway: { apiKeys: ['key-of-the-guide'] } }, async (world) => {
      const call = await world.talk();
      const env = { ...process.env, LANDLINE: world.gateway.origin, KEY: 'key-of-the-guide', ID: world.idOf(call) };
      const answers: unknown[] = [];
      for (const command of commands) {
        const { stdout } = await promisify(execFile)('bash', ['-c', command], { env });
        answers.push(JSON.parse(stdout));
      }
      expect(answers).toEqual([
        { agents: expect.arrayContaining([{ name: 'reception', language: 'en' }]) as unknown, nextCursor: null },
        { calls: [expect.objectContaining({ id: env.ID })], nextCursor: null },
        expect.objectContaining({ id: env.ID, status: 'active' }),
        expect.objectContaining({ id: env.ID }),
        { digits: '1w2#' },
        expect.objectContaining({ id: env.ID }),
        expect.objectContaining({ direction: 'outbound', to: '+14155550142', metadata: { order: '4711' } }),
        { numbers: [expect.objectContaining({ source: 'config' })], nextCursor: expect.any(String) as unknown },
      ]);
      await until(() => world.of('call.ended', call).length === 1, 'the end of the call');
      for (const session of world.gateway.registry.sessions.values()) {
        session.post({ type: 'control', action: { type: 'hangup' }, by: 'test' });
      }
      await until(() => world.gateway.registry.sessions.size === 0, 'the end of the other');
    }));

  it('names codes that exist, with the status they have', () => {
    const rows = [...page.matchAll(/^\| (\d{3}) (.*?) \|/gm)];
    expect(rows.length).toBeGreaterThan(7);
    for (const [, , text = ''] of rows.map(([all, status = '', rest = '']) => [all, status, `${status} ${rest}`])) {
      for (const part of text.split(/, (?=\d{3} )/)) {
        const status = Number(part.slice(0, 3));
        for (const [, code = ''] of part.matchAll(/`([a-z_]+)`/g)) {
          expect(ERROR_CODES).toContain(code);
          expect([code, problemOf(code as (typeof ERROR_CODES)[number], '').status]).toEqual([code, status]);
        }
      }
    }
  });
});
