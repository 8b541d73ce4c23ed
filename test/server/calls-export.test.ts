import { describe, expect, it } from 'vitest';
import { csvCell, exportLines } from '../../src/server/calls-export.ts';
import type { CallRow } from '../../src/store/port.ts';

const ROW: CallRow = {
  id: 'call_1',
  direction: 'inbound',
  status: 'ended',
  from: '+14155550142',
  to: '+13125550178',
  agent: 'reception',
  metadata: { note: '=1+1' },
  createdAt: 0,
  answeredAt: 800,
  endedAt: 5000,
  endReason: 'caller_hangup',
  durationMs: 4200,
  hangupCause: 'normal_clearing',
  sipCode: '200',
  hangupText: 'One side hung up.',
  callControlId: 'v3:secret',
  callLegId: null,
  callSessionId: null,
  usage: null,
  summary: null,
};

async function* pages(...more: CallRow[][]): AsyncGenerator<readonly CallRow[]> {
  yield* more;
}

describe('a cell of the CSV export', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    [null, ''],
    [17, '17'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'],
    ['+14155550142', "'+14155550142"],
    ['-2', "'-2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['\rx', '"\'\rx"'],
    ['\n=1+1', '"\'\n=1+1"'],
    ['＝1+1', "'＝1+1"],
    ['＠SUM(A1)', "'＠SUM(A1)"],
    ['a=b', 'a=b'],
    [{ a: 1 }, '"{""a"":1}"'],
  ])('%j is written as %j', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});

describe('an export', () => {
  it('is one head and a line for each call, page after page', async () => {
    let text = '';
    for await (const lines of exportLines('csv', [ROW], pages([{ ...ROW, id: 'call_2' }]))) text += lines;

    expect(text.split('\r\n').map((line) => line.split(',')[0])).toEqual(['id', 'call_1', 'call_2', '']);
    expect(text.split('\r\n')[1]).toBe(
      `call_1,inbound,ended,'+14155550142,'+13125550178,reception,1970-01-01T00:00:00.000Z,1970-01-01T00:00:00.800Z,1970-01-01T00:00:05.000Z,4200,caller_hangup,normal_clearing,200,One side hung up.,"{""note"":""=1+1""}",,`,
    );
    expect(text).not.toContain('secret');
  });

  it('asks for the next page only when the one before was taken', async () => {
    let asked = 0;
    const endless = (async function* (): AsyncGenerator<readonly CallRow[]> {
      for (;;) yield [{ ...ROW, id: `call_${++asked}` }];
    })();
    const lines = exportLines('jsonl', [], endless);

    await lines.next();
    expect(asked).toBe(0);
    expect(JSON.parse((await lines.next()).value as string)).toMatchObject({ id: 'call_1' });
    expect(asked).toBe(1);
    await lines.return(undefined);
  });
});
