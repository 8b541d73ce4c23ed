import { describe, expect, it } from 'vitest';
import { NumberTable, type NumberStore } from '../../src/call/number-table.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { silentLog } from '../../src/core/log.ts';

const A = '+13125550178';
const B = '+13125550179';

type Row = Awaited<ReturnType<NumberStore['numbers']>>[number];

function world(rows: readonly Row[] = []) {
  const clock = new VirtualClock();
  const kept = new Map(rows.map((row) => [row.number, row]));
  const state = { down: false };
  const need = (): void => {
    if (state.down) throw new LandlineError('store_unavailable', 'the database is away', { retryable: true });
  };
  const store: NumberStore = {
    numbers: async () => (need(), [...kept.values()]),
    putNumber: async (row) => (need(), void kept.set(row.number, row)),
    deleteNumber: async (number) => (need(), kept.delete(number)),
  };
  const log: string[] = [];
  const table = new NumberTable({
    clock,
    log: { ...silentLog, warn: (_, line) => void log.push(line), info: (_, line) => void log.push(line) },
    configured: { [A]: 'reception' },
    agents: new Set(['reception', 'sales']),
    store,
  });
  return { clock, kept, state, table, log };
}

describe('numbers and their agents', () => {
  it('what the API sets wins over the config, and taking it back lets the config hold again', async () => {
    const { table, kept, clock } = world();
    await table.load();

    await table.put(A, 'sales');
    expect(table.numbers).toEqual({ [A]: 'sales' });
    expect(table.get(A)).toEqual({ number: A, agent: 'sales', source: 'api', updatedAt: clock.wall() });
    expect(kept.get(A)?.agent).toBe('sales');

    await table.remove(A);
    expect(table.get(A)).toEqual({ number: A, agent: 'reception', source: 'config', updatedAt: null });
    expect(table.numbers).toEqual({ [A]: 'reception' });
    expect(kept.size).toBe(0);
  });

  it('reads what was stored, and does not use an agent that is gone', async () => {
    const { table, log } = world([
      { number: B, agent: 'sales', updatedAt: 5 },
      { number: A, agent: 'dismissed', updatedAt: 6 },
    ]);
    expect(table.pending).toBe('the store has not answered yet');
    await table.load();
    expect(table.pending).toBeUndefined();

    expect(table.numbers).toEqual({ [A]: 'reception', [B]: 'sales' });
    expect(table.list().map(({ number, agent }) => [number, agent])).toEqual([
      [A, 'dismissed'],
      [B, 'sales'],
    ]);
    expect(log).toEqual(['a stored number names an agent that is not in the config: not used']);
  });

  it('serves the config while the store is away, says so, and asks until it answers', async () => {
    const { table, state, clock, log } = world([{ number: B, agent: 'sales', updatedAt: 5 }]);
    state.down = true;
    await table.load();
    expect(table.pending).toBe('the database is away');
    expect(table.numbers).toEqual({ [A]: 'reception' });
    clock.advance(5_000);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(log).toHaveLength(1);

    state.down = false;
    clock.advance(5_000);
    for (let i = 0; i < 10; i++) await Promise.resolve();

    expect(table.pending).toBeUndefined();
    expect(table.numbers).toEqual({ [A]: 'reception', [B]: 'sales' });
    expect(log.at(-1)).toBe('stored numbers are in use now');
    expect(clock.pending).toBe(0);
  });

  it('changes nothing that it cannot store', async () => {
    const { table, state } = world();
    await table.load();
    state.down = true;

    await expect(table.put(B, 'sales')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(table.get(B)).toBeUndefined();
    state.down = false;
    await table.put(B, 'sales');
    state.down = true;
    await expect(table.remove(B)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(table.numbers[B]).toBe('sales');
  });

  it('ends with the same agent in memory and in the store, however changes overtake each other', async () => {
    const { table, kept } = world();
    await Promise.all([table.put(B, 'sales'), table.put(B, 'reception'), table.remove(B), table.put(B, 'sales')]);

    expect(table.numbers[B]).toBe('sales');
    expect(kept.get(B)?.agent).toBe('sales');
  });

  it('asks no more once it is closed', async () => {
    const { table, state, clock } = world();
    state.down = true;
    await table.load();
    table.close();

    expect(clock.pending).toBe(0);
  });
});
