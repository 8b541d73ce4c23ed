import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { onTestFinished } from 'vitest';
import type { InputRecord, JournalData, JournalRecord } from '../../src/journal/format.ts';

export { head } from './sample-head.ts';

export function input(s: number, d: JournalData = { type: 'test' }): InputRecord {
  return { k: 'in', s, t: s, d };
}

export const END = { k: 'end', s: 1_000_000, t: 1_000_000, d: { type: 'ended' } } as const;

/** A data directory that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'landline-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// -0 is 0 after JSON, as it should be.
const jsonValue: fc.Arbitrary<unknown> = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

export const data: fc.Arbitrary<JournalData> = fc
  .record({
    type: fc.string({ unit: 'binary' }),
    more: fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      jsonValue,
    ),
  })
  .map(({ type, more }) => ({ ...more, type }));

const stamp = {
  s: fc.nat(),
  t: fc.nat({ max: 20_000_000_000 }).map((us) => us / 1000),
  d: data,
};

/** Every kind of record but the head. */
export const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  fc.record({ k: fc.constantFrom('in' as const, 'fx' as const), ...stamp, leg: fc.string() }),
  fc.record({ k: fc.constantFrom('in' as const, 'fx' as const), ...stamp }),
  fc.record({ k: fc.constant('ev' as const), ...stamp, id: fc.string() }),
  fc.record({ k: fc.constant('note' as const), t: stamp.t, d: data }),
  fc.record({ k: fc.constant('end' as const), ...stamp }),
);
