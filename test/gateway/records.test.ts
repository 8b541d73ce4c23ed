import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectProblem } from './problems.ts';
import { CALLER, inWorld, RECEPTION, until, type GatewayWorld } from './world.ts';

interface View {
  readonly id: string;
  readonly status: string;
  readonly from: string;
  readonly endReason: string | null;
  readonly legs?: readonly { readonly name: string }[];
  readonly usage: object | null;
}

async function list(world: GatewayWorld, query = ''): Promise<View[]> {
  const answer = await world.request(`/v1/calls${query}`);
  expect(answer.status, answer.text).toBe(200);
  return (answer.json as { calls: View[] }).calls;
}

async function hangUp(world: GatewayWorld, call: ReturnType<GatewayWorld['ring']>): Promise<void> {
  call.hangup();
  await until(() => world.of('call.ended', call).length === 1, 'the end');
}

async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean, what: string): Promise<T> {
  let value = await read();
  for (const end = performance.now() + 12_000; !holds(value); value = await read()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return value;
}

describe.concurrent('a call', () => {
  it('is in the list as soon as it has begun, and there with its end when it is over', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      expect(await list(world)).toMatchObject([{ id: world.idOf(call), status: 'active', from: CALLER, usage: null }]);
      expect(await list(world, '?status=ended')).toEqual([]);

      await hangUp(world, call);

      const [row] = await list(world, '?status=ended');
      expect(row).toMatchObject({
        id: world.idOf(call),
        endReason: 'caller_hangup',
        hangup: { text: 'One side hung up.' },
        usage: { tts: { characters: 'Hello there.'.length } },
      });
      const one = (await world.request(`/v1/calls/${world.idOf(call)}`)).json as View;
      expect(one).toMatchObject({ ...row, legs: [{ name: 'caller', to: RECEPTION }] });
    }));

  it('is found by what it is filtered by, and by what was said', () =>
    inWorld({}, async (world) => {
      const one = await world.talk();
      const other = await world.talk({ from: '+442071838750' });
      await hangUp(world, one);
      const found = async (query: string): Promise<string[]> =>
        (await list(world, `?${query}`)).map(({ id }) => (id === world.idOf(one) ? 'one' : 'other')).sort();
      const both = ['one', 'other'];
      const rows: [query: string, expected: string[]][] = [
        ['', both],
        ['status=active', ['other']],
        ['endReason=caller_hangup', ['one']],
        [`from=${encodeURIComponent(CALLER)}`, ['one']],
        ['from=+442071838750', ['other']],
        [`number=${encodeURIComponent(RECEPTION)}`, both],
        [`to=${encodeURIComponent(CALLER)}`, []],
        ['direction=outbound', []],
        ['agent=reception', both],
        ['agent=nobody', []],
        ['q=hello+there', both],
        ['q=goodbye', []],
        ['q=hel*', both],
        ['before=2020-01-01', []],
        ['after=2020-01-01T00:00:00%2B02:00', both],
        ['metadata.order=17', []],
      ];
      for (const [query, expected] of rows) expect(await found(query), query).toEqual(expected);
      const first = (await world.request('/v1/calls?limit=1')).json as { calls: View[]; nextCursor: string };
      const second = (await world.request(`/v1/calls?limit=1&cursor=${encodeURIComponent(first.nextCursor)}`)).json;
      expect(first.calls[0]?.id).toBe(world.idOf(other));
      expect(second).toMatchObject({ calls: [{ id: world.idOf(one) }], nextCursor: null });
      for (const wrong of [
        'after=yesterday',
        'before=2026-13-01',
        'direction=up',
        'limit=0',
        'cursor=x',
        'metadata.a=',
      ]) {
        expectProblem(await world.request(`/v1/calls?${wrong}`), 400, 'request_invalid');
      }
      await hangUp(world, other);
    }));

  it('is exported as CSV and as JSON Lines', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      await hangUp(world, call);
      const csv = await world.request('/v1/calls/export?format=csv&status=ended');
      const jsonl = await world.request('/v1/calls/export');

      expect(csv.headers.get('content-type')).toMatch(/^text\/csv/);
      expect(csv.text.split('\r\n')[0]).toBe(
        'id,direction,status,from,to,agent,createdAt,answeredAt,endedAt,durationMs,endReason,hangupCause,sipCode,hangup,metadata,usage,summary',
      );
      expect(csv.text.split('\r\n')[1]).toContain(
        `${world.idOf(call)},inbound,ended,'${CALLER},'${RECEPTION},reception,`,
      );
      expect(csv.text.split('\r\n')).toHaveLength(3);
      expect(
        jsonl.text
          .trimEnd()
          .split('\n')
          .map((line) => (JSON.parse(line) as View).id),
      ).toEqual([world.idOf(call)]);
      expect((await world.request('/v1/calls/export?status=ringing&format=jsonl')).text).toBe('');
      expectProblem(await world.request('/v1/calls/export?format=xml'), 400, 'request_invalid', /format/);
    }));

  it('is still told when retention has removed its journal', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      await hangUp(world, call);
      const id = world.idOf(call);
      const [view, transcript] = [
        await world.request(`/v1/calls/${id}`),
        await world.request(`/v1/calls/${id}/transcript`),
      ];
      expect(await list(world, '?status=ended')).toHaveLength(1);

      rmSync(join(world.dataDir, 'journal', 'ended'), { recursive: true });

      expect((await world.request(`/v1/calls/${id}`)).json).toEqual(view.json);
      expect((await world.request(`/v1/calls/${id}/transcript`)).json).toEqual(transcript.json);
      expectProblem(await world.request('/v1/calls/call_unknown'), 404, 'call_not_found');
    }));
});

describe.concurrent('a database that is not there', () => {
  it('holds up no call, says so where operators look, and has every record when it is back', () =>
    inWorld({ expectErrors: /database cannot be used/ }, async (world) => {
      const file = join(world.dataDir, 'landline.db');
      await world.gateway.stop();
      for (const end of ['', '-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, `${file}.away${end}`);
      // A folder where the file should be: it cannot be opened.
      mkdirSync(file);
      await world.restart();
      const call = await world.talk();
      await hangUp(world, call);

      const ready = await eventually(
        () => world.request('/readyz'),
        ({ text }) => text.includes('store: '),
        'readiness to tell',
      );
      expect(ready.status).toBe(200);
      expect(ready.json).toMatchObject({
        status: 'ready',
        degraded: expect.arrayContaining([expect.stringMatching(/^store: /)]) as unknown,
      });
      const refused = await world.request('/v1/calls');
      expectProblem(refused, 503, 'store_unavailable');
      expect(refused.headers.get('retry-after')).toBe('5');
      expectProblem(await world.request('/v1/calls/export'), 503, 'store_unavailable');
      expect((await world.request(`/v1/calls/${world.idOf(call)}`)).json).toMatchObject({ status: 'ended' });
      expect((await world.request('/metrics')).text).toContain('landline_store_failed 1');

      rmSync(file, { recursive: true });

      await eventually(
        () => world.request('/v1/calls?status=ended'),
        ({ json }) => (json as { calls?: View[] }).calls?.length === 1,
        'the record to arrive',
      );
      await eventually(
        () => world.request('/readyz'),
        ({ text }) => !text.includes('store: '),
        'readiness to be clean',
      );
      const told = world.logs.filter(({ message }) => /^the database (cannot be used|answers again)/.test(message));
      expect(told.map(({ level }) => level)).toEqual(['error', 'info']);
    }));
});

describe.concurrent('a data directory with calls of an earlier process', () => {
  it('has each of them in the list exactly once, also when the database was lost', () =>
    inWorld({}, async (world) => {
      const calls = [await world.talk(), await world.talk()];
      for (const call of calls) await hangUp(world, call);
      const before = await list(world, '?status=ended');
      expect(before).toHaveLength(2);
      await world.gateway.stop();
      await world.restart();
      expect(await list(world)).toEqual(before);
      await world.gateway.stop();
      for (const end of ['', '-wal', '-shm']) rmSync(join(world.dataDir, `landline.db${end}`), { force: true });
      writeFileSync(join(world.dataDir, 'journal', 'ended', 'not-a-day.txt'), '');
      await world.restart();

      expect(
        await eventually(
          () => list(world),
          (rows) => rows.length === 2,
          'the records to be made again',
        ),
      ).toEqual(before);
    }));
});
