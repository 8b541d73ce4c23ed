import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { endedPath } from '../../src/journal/layout.ts';
import { readJournal } from '../../src/journal/reader.ts';
import { foldCall } from '../../src/store/call-fold.ts';
import { openStore, type OpenedStore } from '../../src/store/client.ts';
import { NO_FOLLOW_UPS } from '../../src/store/follow-ups.ts';
import { journalBytes, LIVES } from './journals.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

const DAY = '2026-01-05';
const IDS = Object.keys(LIVES).map((_, n) => `call_${n + 1}`);

let postgres: TestPostgres | undefined;
const folder = mkdtempSync(join(tmpdir(), 'landline-projected-'));
const dataDir = join(folder, 'data');
beforeAll(async () => {
  for (const [n, live] of Object.values(LIVES).entries()) {
    const path = endedPath(dataDir, DAY, `call_${n + 1}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, journalBytes(`call_${n + 1}`, live().records, Date.UTC(2026, 0, 5, 9, n)));
  }
  postgres = await startPostgres();
}, 60_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function open(databaseUrl: string): OpenedStore {
  const projector = { dataDir, followUps: NO_FOLLOW_UPS };
  return openStore({ databaseUrl, clock: systemClock, log: silentLog, projector });
}

describe.each(['SQLite', 'PostgreSQL'])('journals in %s', (engine) => {
  it('read as the journals themselves do, row by row, and are found by what was said', async () => {
    const url = engine === 'SQLite' ? `sqlite:${join(folder, 'records.db')}` : ((await postgres?.database()) ?? '');
    const store = open(url);
    try {
      await store.rest();
      for (const id of IDS) {
        const fold = foldCall(await readJournal(endedPath(dataDir, DAY, id)));
        const { turns, events, actions } = fold.take();
        expect(await store.call(id)).toEqual(fold.call());
        expect(await store.legs(id)).toEqual(fold.legs());
        expect(await store.turns(id)).toEqual(turns);
        expect(await store.events({ callId: id, limit: 1000 })).toEqual(events);
        expect(await store.actions(id)).toEqual(actions);
      }
      const found = async (text: string): Promise<string[]> =>
        (await store.listCalls({ text, limit: 10 })).calls.map(({ id }) => id);
      expect(await found('room have')).toEqual(['call_1']);
      expect(await found('secret')).toEqual([]);
      const { calls } = await store.listCalls({ limit: 10 });
      expect(calls.map(({ id }) => id)).toEqual([...IDS].reverse());
      await store.close();

      // Another process over the same journals adds nothing.
      const again = open(url);
      await again.rest();
      expect((await again.listCalls({ limit: 10 })).calls).toEqual(calls);
      await again.close();
    } finally {
      await store.close();
    }
  });
});
