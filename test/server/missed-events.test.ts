import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { endedPath, livePath, utcDay } from '../../src/journal/layout.ts';
import { MissedEvents, type MissedQuery } from '../../src/server/missed-events.ts';
import type { EventRow, Store } from '../../src/store/port.ts';

const START = Date.UTC(2026, 0, 5, 22, 0, 0);
const HOUR = 3_600_000;

let dataDir = '';
beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'landline-missed-'))));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** A call's journal with an event at each of these moments, milliseconds after {@link START}. */
function writeCall(
  callId: string,
  moments: readonly number[],
  more: { readonly live?: boolean; readonly torn?: boolean } = {},
): string[] {
  const wallMs = START + (moments[0] ?? 0);
  const endMs = START + (moments.at(-1) ?? 0);
  const head = {
    ...{ k: 'head', format: 'landline-journal', version: 1, callId, seed: '00' },
    ...{ createdAt: isoTime(wallMs), wallMs, monoMs: 0, software: 'landline test' },
  };
  const ids = moments.map((moment) => String((START + moment) * 1000 + Number(callId.replace(/\D/g, ''))));
  const records = ids.flatMap((id, n) => [
    { k: 'in', s: 2 * n, t: n, d: { type: 'timer', name: 'idle' } },
    { k: 'ev', s: 2 * n + 1, t: n, id, d: { type: 'dtmf.received', data: { digit: '1' } } },
  ]);
  const path = more.live ? livePath(dataDir, callId) : endedPath(dataDir, utcDay(endMs), callId);
  mkdirSync(dirname(path), { recursive: true });
  const text = [head, ...records].map((record) => `${JSON.stringify(record)}\n`).join('');
  writeFileSync(path, more.torn ? `${text}{"k":"ev","s":99,"id":"9` : text);
  utimesSync(path, endMs / 1000, endMs / 1000);
  return ids;
}

function summaries(ids: readonly number[]): Pick<Store, 'events'> {
  const rows = ids.map((id): EventRow => {
    return { id: String(id), callId: 'call_1', type: 'call.summarized', at: Math.floor(id / 1000), data: {} };
  });
  return {
    events: async ({ callId, after = '0', types, limit }) =>
      types?.includes('call.summarized') === true
        ? rows.filter((row) => Number(row.id) > Number(after) && (callId ?? row.callId) === row.callId).slice(0, limit)
        : [],
  };
}

async function read(query: Partial<MissedQuery>, store?: Pick<Store, 'events'>): Promise<string[]> {
  const missed = new MissedEvents({ dataDir, log: silentLog, store, settled: async () => undefined });
  const ids: string[] = [];
  for await (const { id } of missed.read({ after: 0, until: Infinity, ...query })) ids.push(id);
  return ids;
}

const sorted = (ids: readonly string[]): string[] => [...ids].sort((a, b) => Number(a) - Number(b));

describe('events that nobody remembers', () => {
  it('come from live and ended calls of any day, each once, by rising id, as they were told', async () => {
    const all = sorted([
      ...writeCall('call_1', [0, 500, HOUR]),
      ...writeCall('call_2', [100, 3 * HOUR, 27 * HOUR]),
      ...writeCall('call_3', [200, 300], { torn: true }),
      ...writeCall('call_4', [28 * HOUR, 29 * HOUR], { live: true }),
    ]);
    expect(await read({})).toEqual(all);
    const missed = new MissedEvents({ dataDir, log: silentLog, settled: async () => undefined });
    for await (const event of missed.read({ after: 0, until: Infinity })) {
      expect(event).toEqual({
        ...{ type: 'dtmf.received', data: { digit: '1' }, id: String(START * 1000 + 1) },
        ...{ callId: 'call_1', at: isoTime(START) },
      });
      break;
    }
  });

  it('are all there for any reader, wherever it stopped and however many calls there were', async () => {
    const moment = fc.integer({ min: 0, max: 60 * HOUR });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ moments: fc.uniqueArray(moment, { minLength: 1, maxLength: 6 }), live: fc.boolean() }), {
          maxLength: 12,
        }),
        fc.uniqueArray(moment, { maxLength: 5 }),
        fc.tuple(moment, moment),
        fc.integer({ min: 0, max: 12 }),
        async (calls, summed, [a, b], one) => {
          rmSync(join(dataDir, 'journal'), { recursive: true, force: true });
          const perCall = calls.map(({ moments, live }, n) =>
            writeCall(
              `call_${n + 1}`,
              moments.toSorted((x, y) => x - y),
              { live },
            ),
          );
          const extra = summed.map((at) => (START + at) * 1000 + 999).sort((x, y) => x - y);
          const [after, until] = [a, b].sort((x, y) => x - y).map((at) => (START + at) * 1000 + 7) as [number, number];
          const within = (ids: readonly string[]): string[] =>
            sorted(ids.filter((id) => Number(id) > after && Number(id) <= until));
          const store = summaries(extra);
          expect(await read({ after, until }, store)).toEqual(within([...perCall.flat(), ...extra.map(String)]));
          const mine = [...(perCall[one - 1] ?? []), ...(one === 1 ? extra.map(String) : [])];
          expect(await read({ after, until, callId: `call_${one}` }, store)).toEqual(within(mine));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are found behind thousands of calls, without looking into those that ended before', async () => {
    for (let n = 0; n < 300; n++) writeCall(`call_${n}`, [0, 1]);
    const late = Array.from({ length: 1500 }, (_, n) => writeCall(`call_${1000 + n}`, [HOUR + n, HOUR + n + 3]));
    expect(await read({ after: (START + HOUR / 2) * 1000 })).toEqual(sorted(late.flat()));
  });

  it('of more summaries than the store gives at once are all there', async () => {
    const ids = Array.from({ length: 1201 }, (_, n) => n + 1);
    expect(await read({}, summaries(ids))).toEqual(ids.map(String));
  });

  it('are not told with a gap: a store that is away is said, and so is a journal that cannot be read', async () => {
    const ids = writeCall('call_1', [0]);
    writeFileSync(livePathOf('call_2'), `${'x'.repeat(5000)}\n`);
    expect(await read({})).toEqual(ids);
    const away = { events: () => Promise.reject(new Error('the store is away')) };
    await expect(read({}, away)).rejects.toThrow('the store is away');
  });
});

function livePathOf(callId: string): string {
  const path = livePath(dataDir, callId);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}
