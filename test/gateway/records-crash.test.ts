import { describe, expect, it } from 'vitest';
import { inChildWorld } from './child.ts';
import { CALLER, RECEPTION, until } from './world.ts';

interface Row {
  readonly id: string;
  readonly status: string;
  readonly endedAt: string | null;
  readonly endReason: string | null;
  readonly durationMs: number | null;
  readonly usage: object | null;
}

describe('a process that is killed', () => {
  it(
    'leaves exactly one complete record of every call that ended, before it, with it and after it',
    () =>
      inChildWorld({}, async (world) => {
        const { telnyx } = world;
        const list = async (): Promise<readonly Row[]> => {
          const { calls } = (await world.json('/v1/calls')) as { calls?: Row[] };
          return calls ?? [];
        };
        const settled = async (count: number): Promise<readonly Row[]> => {
          let rows = await list();
          for (const end = performance.now() + 12_000; performance.now() < end; rows = await list()) {
            if (rows.length === count && rows.every(({ status }) => status === 'ended')) return rows;
            await new Promise((resolve) => setTimeout(resolve, 30));
          }
          throw new Error(`not settled: ${JSON.stringify(rows)}`);
        };
        const first = await world.start();
        const calls = [1, 2, 3].map(() => telnyx.placeCall({ from: CALLER, to: RECEPTION }));
        await until(() => calls.every((call) => call.isStreaming), 'streams');
        // Ended, told to the caller's side, and perhaps not yet in the store.
        calls[0]?.hangup();
        await until(() => telnyx.webhooks.every(({ status }) => status !== 'pending'), 'the hangup to be taken');
        first.process.kill('SIGKILL');
        await first.exit;
        calls[1]?.hangup();

        const second = await world.start();
        await until(() => calls[2]?.isStreaming === true, 'the live one to go on');
        calls[2]?.hangup();
        await until(() => telnyx.liveCalls().length === 0, 'every leg to be down');
        const rows = await settled(3);

        expect(new Set(rows.map(({ id }) => id)).size).toBe(3);
        for (const { endedAt, endReason, durationMs, usage } of rows) {
          expect(endReason).toMatch(/^(caller_hangup|crash_recovered)$/);
          expect([endedAt, durationMs, usage]).not.toContain(null);
        }
        second.process.kill('SIGTERM');
        expect(await second.exit).toEqual({ code: 0, signal: null });
        const third = await world.start();
        expect(await settled(3)).toEqual(rows);
        third.process.kill('SIGTERM');
        await third.exit;
      }),
    40_000,
  );
});
