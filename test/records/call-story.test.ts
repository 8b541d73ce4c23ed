import { describe, expect, it } from 'vitest';
import type { PublicEvent } from '../../src/call/inputs.ts';
import type { HeadRecord, JournalRecord } from '../../src/journal/format.ts';
import { callStory } from '../../src/records/call-story.ts';

const head: HeadRecord = {
  k: 'head',
  format: 'landline-journal',
  version: 1,
  callId: 'call_1',
  seed: '00',
  createdAt: '2026-01-05T09:00:00.000Z',
  wallMs: 0,
  monoMs: 0,
  software: 'landline test',
};

/** A journal of these records, numbered. */
function journal(...records: readonly (readonly [t: number, what: Input | PublicEvent])[]): JournalRecord[] {
  return records.map(([t, what], s): JournalRecord => {
    if ('k' in what) return { k: what.k, s, t, d: what.d };
    return { k: 'ev', s, t, id: String(s), d: { ...what } };
  });
}
interface Input {
  readonly k: 'in' | 'fx';
  readonly d: { readonly type: string; readonly [key: string]: unknown };
}

const created: PublicEvent = {
  type: 'call.created',
  data: { direction: 'inbound', from: '+14155550142', to: '+13125550178', agent: 'hotel' },
};
const mediaStarted: Input = { k: 'in', d: { type: 'mediaStarted' } };
const said = (
  turn: number,
  role: 'caller' | 'agent',
  text: string,
  startMs: number,
  endMs: number,
  more: object = {},
): PublicEvent => ({ type: 'turn.ended', data: { turn, role, text, startMs, endMs, ...more } });
const spoken = (utterance: number, turn: number, ...texts: readonly string[]): (readonly [number, Input])[] => [
  [0, { k: 'fx', d: { type: 'ttsBegin', utterance, turn } }],
  ...texts.map(
    (text) =>
      [0, { k: 'in', d: { type: 'tts', event: { type: 'ttsText', utterance, text } } } satisfies Input] as const,
  ),
];
const key = (digit: string): PublicEvent => ({ type: 'dtmf.received', data: { digit } });

describe('the story of a call', () => {
  it('is told on the clock of the recording, in the order of speaking', () => {
    const story = callStory({
      head,
      records: journal(
        [0, created],
        [400, mediaStarted],
        [3000, said(2, 'caller', 'hours', 2400, 2900)],
        [3100, said(1, 'agent', 'Hello.', 500, 3100, { interrupted: true })],
        [9000, { type: 'call.ended', data: { reason: 'caller_hangup', durationMs: 8800 } }],
      ),
    });

    expect(story).toMatchObject({
      callId: 'call_1',
      from: '+14155550142',
      to: '+13125550178',
      agent: 'hotel',
      durationMs: 8800,
      endReason: 'caller_hangup',
    });
    expect(story.turns.map(({ role, startMs, endMs, by }) => [role, startMs, endMs, by])).toEqual([
      ['agent', 100, 2700, 'voice'],
      ['caller', 2000, 2500, 'voice'],
    ]);
    expect(story.moments).toEqual([{ kind: 'end', atMs: 8600, text: 'caller hangup' }]);
  });

  it('knows the words that were cut off', () => {
    const turn = said(1, 'agent', 'We are open day', 0, 2000, { interrupted: true });

    const { turns } = callStory({
      head,
      records: journal(...spoken(7, 1, 'We are open day and night.', 'Come in.'), [2000, turn]),
    });

    expect(turns[0]).toMatchObject({ text: 'We are open day', unheard: 'and night. Come in.', interrupted: true });
  });

  it.each([
    ['the turn was not cut', said(1, 'agent', 'We are', 0, 2000), 'We are open.'],
    ['the voice said something else', said(1, 'agent', 'We are', 0, 2000, { interrupted: true }), 'They are open.'],
    ['another turn was spoken', said(2, 'agent', 'We are', 0, 2000, { interrupted: true }), 'We are open.'],
  ])('claims no cut words when %s', (_why, turn, text) => {
    const { turns } = callStory({ head, records: journal(...spoken(7, 1, text), [2000, turn]) });

    expect(turns[0]?.unheard).toBe('');
  });

  it('puts keys where they were pressed, and takes no waiting for keys as a time to answer', () => {
    const latency = { firstAudioMs: 40 };

    const { turns } = callStory({
      head,
      records: journal(
        [1000, said(1, 'caller', 'hello', 100, 900)],
        [2000, said(2, 'agent', 'Yes?', 1100, 2000, { latency })],
        [5000, key('9')],
        [7000, key('4')],
        [7200, key('2')],
        [8200, said(3, 'caller', '[pressed 42]', 100, 8200)],
        [9000, said(4, 'agent', 'Thanks.', 8240, 9000, { latency })],
      ),
    });

    expect(turns.map(({ by, text, startMs }) => [by, text, startMs])).toEqual([
      ['voice', 'hello', 100],
      ['voice', 'Yes?', 1100],
      ['keys', '42', 7000],
      ['voice', 'Thanks.', 8240],
    ]);
    expect(turns.map((turn) => turn.latency)).toEqual([undefined, latency, undefined, undefined]);
  });

  it('has no words where none were understood', () => {
    const { turns } = callStory({ head, records: journal([900, said(1, 'caller', '[unclear]', 100, 900)]) });

    expect(turns[0]).toMatchObject({ by: 'unclear', text: '' });
  });

  it('tells what happened beside the talking', () => {
    const { moments } = callStory({
      head,
      records: journal(
        [1, key('5')],
        [2, { type: 'dtmf.sent', data: { digits: '12#' } }],
        [3, { type: 'tool.called', data: { id: 'a', name: 'transfer_call', arguments: '{"target":"desk"}' } }],
        [4, { type: 'transfer.started', data: { target: 'desk' } }],
        [5, { type: 'transfer.ended', data: { target: 'desk', outcome: 'busy' } }],
        [6, { type: 'provider.failed', data: { provider: 'stt', kind: 'dropped', message: 'gone' } }],
      ),
    });

    expect(moments).toEqual([
      { kind: 'key', atMs: 1, text: 'caller pressed 5' },
      { kind: 'sent', atMs: 2, text: 'agent sent 12#' },
      { kind: 'tool', atMs: 3, text: 'transfer_call {"target":"desk"}' },
      { kind: 'transfer', atMs: 4, text: 'transfer to desk' },
      { kind: 'transfer', atMs: 5, text: 'transfer to desk: busy' },
      { kind: 'problem', atMs: 6, text: 'stt failed: gone' },
    ]);
  });

  it('is that of a call that has not begun, too', () => {
    expect(callStory({ head, records: [] })).toMatchObject({ turns: [], moments: [], endReason: undefined });
  });
});
