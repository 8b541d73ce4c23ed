import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, parseRecord } from '../../src/journal/format.ts';
import { head, record } from './samples.ts';

describe('a journal line', () => {
  it('reads back as the record it was made of, whatever its data holds', () => {
    fc.assert(
      fc.property(record, (original) => {
        const line = encodeRecord(original);

        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseRecord(line.slice(0, -1))).toEqual({ ok: true, record: original });
      }),
    );
  });

  it('has the documented key order', () => {
    expect(encodeRecord({ d: { type: 'webhook', id: 'w1' }, leg: 'caller', t: 1.5, s: 3, k: 'in' })).toBe(
      '{"k":"in","s":3,"t":1.5,"leg":"caller","d":{"type":"webhook","id":"w1"}}\n',
    );
    expect(encodeRecord({ k: 'fx', s: 4, t: 2, d: { type: 'answer' } })).toBe(
      '{"k":"fx","s":4,"t":2,"d":{"type":"answer"}}\n',
    );
    expect(encodeRecord({ k: 'ev', s: 5, t: 2, id: '77', d: { type: 'call.answered' } })).toBe(
      '{"k":"ev","s":5,"t":2,"id":"77","d":{"type":"call.answered"}}\n',
    );
    expect(encodeRecord({ k: 'note', t: 2, d: { type: 'trackGap' } })).toBe(
      '{"k":"note","t":2,"d":{"type":"trackGap"}}\n',
    );
    expect(encodeRecord({ k: 'end', s: 6, t: 9, d: { type: 'ended' } })).toBe(
      '{"k":"end","s":6,"t":9,"d":{"type":"ended"}}\n',
    );
    expect(encodeRecord(head('c1'))).toBe(
      '{"k":"head","format":"landline-journal","version":1,"callId":"c1","seed":"5eed",' +
        '"createdAt":"2026-01-05T09:00:00.000Z","wallMs":1767603600000,"monoMs":0,"software":"landline test"}\n',
    );
  });

  it('rounds logical time to a thousandth of a millisecond', () => {
    expect(encodeRecord({ k: 'note', t: 20.000499999, d: { type: 'x' } })).toContain('"t":20,');
    expect(encodeRecord({ k: 'note', t: 0.1 + 0.2, d: { type: 'x' } })).toContain('"t":0.3,');
    expect(encodeRecord({ k: 'note', t: 1234.5678, d: { type: 'x' } })).toContain('"t":1234.568,');
  });

  it('keeps a record of a kind it does not know as a note', () => {
    expect(parseRecord('{"k":"audit","t":12.5,"s":9,"who":"op"}')).toEqual({
      ok: true,
      record: { k: 'note', t: 12.5, d: { type: 'unknownRecord', record: { k: 'audit', t: 12.5, s: 9, who: 'op' } } },
    });
    expect(parseRecord('{"k":"audit"}')).toMatchObject({ ok: true, record: { k: 'note', t: 0 } });
  });

  const refused: readonly (readonly [line: string, reason: string])[] = [
    ['', 'not JSON'],
    ['{"k":"in"', 'not JSON'],
    ['[]', 'not an object'],
    ['null', 'not an object'],
    ['{}', 'k must be a string'],
    ['{"k":1}', 'k must be a string'],
    ['{"k":"in","t":0,"d":{"type":"x"}}', 's must be a whole number'],
    ['{"k":"in","s":-1,"t":0,"d":{"type":"x"}}', 's must be a whole number'],
    ['{"k":"fx","s":1.5,"t":0,"d":{"type":"x"}}', 's must be a whole number'],
    ['{"k":"fx","s":1,"t":-1,"d":{"type":"x"}}', 't must be a number of milliseconds'],
    ['{"k":"ev","s":1,"t":"0","id":"1","d":{"type":"x"}}', 't must be a number of milliseconds'],
    ['{"k":"ev","s":1,"t":0,"id":1,"d":{"type":"x"}}', 'id must be a string'],
    ['{"k":"in","s":1,"t":0,"leg":2,"d":{"type":"x"}}', 'leg must be a string'],
    ['{"k":"in","s":1,"t":0,"d":{"type":1}}', 'd must be an object with a type'],
    ['{"k":"end","s":1,"t":0,"d":[]}', 'd must be an object with a type'],
    ['{"k":"note","t":0}', 'd must be an object with a type'],
    ['{"k":"note","t":1e999,"d":{"type":"x"}}', 't must be a number of milliseconds'],
    ['{"k":"head","format":"other","version":1}', 'format must be "landline-journal"'],
    ['{"k":"head","format":"landline-journal","version":"1"}', 'version must be a whole number'],
    ['{"k":"head","format":"landline-journal","version":0}', 'version must be a whole number'],
    ['{"k":"head","format":"landline-journal","version":1,"callId":"c"}', 'callId and seed must be strings'],
  ];
  it.each(refused)('%s is refused: %s', (line, reason) => {
    expect(parseRecord(line)).toEqual({ ok: false, reason });
  });

  it('never throws, whatever the line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(typeof parseRecord(line).ok).toBe('boolean');
      }),
    );
  });

  it('of a later version is refused and says which', () => {
    expect(parseRecord('{"k":"head","format":"landline-journal","version":2}')).toEqual({
      ok: false,
      reason: 'journal version 2, this Landline reads version 1: read it with a newer Landline',
      newerVersion: 2,
    });
  });
});
