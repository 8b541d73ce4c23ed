import { describe, expect, it } from 'vitest';
import type { JournalData, JournalRecord } from '../../src/journal/format.ts';
import { foldCall, type CallFold } from '../../src/store/call-fold.ts';
import { UsageFold } from '../../src/store/usage-fold.ts';
import { head, LIVES } from './journals.ts';

const T0 = Date.UTC(2026, 0, 5, 9, 0, 0);
const fold = (records: readonly JournalRecord[]): CallFold => foldCall({ head: head('call_1'), records });
const life = (name: string): CallFold => fold(LIVES[name]?.().records ?? []);

describe('a call as the store keeps it', () => {
  it('says who talked to whom, when, how it ended and what it used', () => {
    const { usage, ...row } = life('a caller who asks and hangs up').call();

    expect(row).toEqual({
      id: 'call_1',
      direction: 'inbound',
      status: 'ended',
      from: '+14155550142',
      to: '+13125550178',
      agent: 'reception',
      metadata: {},
      createdAt: T0,
      answeredAt: T0 + 5,
      endedAt: T0 + 6605,
      endReason: 'caller_hangup',
      durationMs: 6600,
      hangupCause: 'normal_clearing',
      sipCode: '200',
      hangupText: 'One side hung up.',
      callControlId: 'cc-caller',
      callLegId: 'leg-caller',
      callSessionId: 'session-1',
      summary: null,
    });
    expect(usage).toEqual({
      stt: { seconds: 6.6 },
      llm: { requests: 1, promptTokens: 40, completionTokens: 6, uncounted: 0 },
      // The greeting and the answer.
      tts: { characters: 'Hello there.'.length + 'Yes, of course.'.length },
      carrier: { seconds: 6.6, legs: { caller: 6.6 } },
    });
  });

  it('has its turns with the text that was heard, in order, with their latency', () => {
    const { turns } = life('a caller who asks and hangs up').take();

    expect(turns.map(({ turn, role, text }) => [turn, role, text])).toEqual([
      [1, 'agent', 'Hello there.'],
      [2, 'caller', 'do you have a room'],
      [3, 'agent', 'Yes, of course.'],
    ]);
    expect(turns[2]?.latency).toMatchObject({ endOfTurnMs: 0, firstTokenMs: 5, firstAudioMs: 10 });
    const seqs = turns.map(({ seq }) => seq);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  });

  it('has every leg, with its own times, and seconds for each', () => {
    const call = life('a call that is handed over');

    expect(
      call.legs().map(({ name, to, createdAt, answeredAt, endedAt }) => [name, to, createdAt, answeredAt, endedAt]),
    ).toEqual([
      ['caller', '+13125550178', T0, T0 + 5, T0 + 11_605],
      ['target1', '+15105550200', T0 + 5605, T0 + 6605, T0 + 11_605],
    ]);
    expect(call.call()).toMatchObject({
      endReason: 'transferred',
      usage: {
        // Nobody listens to a pair that talks to each other.
        stt: { seconds: 4.8 },
        llm: { requests: 1, uncounted: 1 },
        carrier: { seconds: 16.6, legs: { caller: 11.6, target1: 5 } },
      },
    });
  });

  it('has what it cost, by the prices that its last record holds', () => {
    const prices = { currency: 'EUR', sttPerMinute: 0.6, carrierPerMinute: 0.06, ttsPerMillionCharacters: 30 };
    const usage = (d: JournalData): unknown => {
      const fold = new UsageFold();
      fold.add({ k: 'in', s: 1, t: 0, leg: 'caller', d: { type: 'mediaStarted' } });
      fold.add({ k: 'fx', s: 2, t: 0, d: { type: 'sttOpen' } });
      fold.add({ k: 'fx', s: 3, t: 1000, d: { type: 'ttsEnd', characters: 1000 } });
      fold.add({ k: 'end', s: 4, t: 6000, d });
      return fold.usage({ caller: 30, target1: 30 }).cost;
    };

    expect(usage({ type: 'end', reason: 'caller_hangup', prices })).toEqual({
      ...{ currency: 'EUR', stt: 0.06, llm: 0, tts: 0.03, carrier: 0.06, total: 0.15 },
    });
    expect(usage({ type: 'end', reason: 'caller_hangup' })).toBeUndefined();
    expect(usage({ type: 'end', reason: 'caller_hangup', prices: { sttPerMinute: 'much' } })).toBeUndefined();
  });

  it('has control actions, and who did them', () => {
    const call = life('a call that the API ends');

    expect(call.take().actions.map(({ by, type, detail }) => [by, type, detail])).toEqual([
      ['api', 'say', { text: 'One moment.', interrupt: false }],
      ['key ops', 'hangup', { reason: 'closing time' }],
    ]);
    expect(call.call()).toMatchObject({ status: 'ended', endReason: 'api_hangup' });
  });

  it('says in plain words why nobody talked', () => {
    expect(life('a caller who gives up while it rings').call()).toMatchObject({
      answeredAt: null,
      durationMs: 0,
      endReason: 'caller_hangup',
      hangupText: 'The caller gave up before anybody answered (SIP 487: cancelled before it was answered).',
      usage: { stt: { seconds: 0 }, carrier: { seconds: 0, legs: {} } },
    });
  });

  it('keeps no text of an agent whose transcripts are off, and still counts what the voice cost', () => {
    const call = life('a call whose agent keeps no transcripts');

    expect(call.take().turns.map(({ text }) => text)).toEqual(['•••', '•••', '•••']);
    expect(call.call().usage).toMatchObject({ tts: { characters: 27 } });
  });
});

const ev = (s: number, t: number, type: string, data: object = {}): JournalRecord => ({
  k: 'ev',
  s,
  t,
  id: String(s),
  d: { type, data },
});
const created = ev(1, 0, 'call.created', {
  direction: 'outbound',
  from: '+1',
  to: '+2',
  agent: 'a',
  metadata: { order: '17', n: 3 },
});

describe('what a fold makes of', () => {
  it('a live call: no end, no usage, and its status', () => {
    const row = fold([created, ev(2, 10, 'call.answered'), ev(3, 10, 'call.updated', { status: 'active' })]).call();

    expect(row).toMatchObject({ status: 'active', endedAt: null, endReason: null, durationMs: null, usage: null });
    expect(row).toMatchObject({ direction: 'outbound', metadata: { order: '17' }, answeredAt: T0 + 10 });
  });

  it('a tool: its name, arguments and result, from call to return', () => {
    const tool = { id: 'c1', name: 'look_up', arguments: '{"room":12}' };
    const { turns } = fold([
      created,
      ev(2, 100, 'tool.called', tool),
      ev(3, 350, 'tool.ended', { ...tool, result: 'free' }),
    ]).take();

    expect(turns).toEqual([
      {
        callId: 'call_1',
        seq: 3,
        turn: null,
        role: 'tool',
        text: 'look_up {"room":12}: free',
        startMs: 100,
        endMs: 350,
        interrupted: false,
        latency: null,
      },
    ]);
  });

  it('a tool that had not returned when the call ended: one row that says so', () => {
    const { turns } = fold([
      created,
      ev(2, 100, 'tool.called', { id: 'c1', name: 'look_up', arguments: '{}' }),
      ev(3, 900, 'call.ended', { reason: 'caller_hangup', durationMs: 800 }),
      { k: 'end', s: 4, t: 900, d: { type: 'end', reason: 'caller_hangup' } },
    ]).take();

    expect(turns.map(({ seq, text, startMs, endMs }) => [seq, text, startMs, endMs])).toEqual([
      [2, 'look_up: no result', 100, 900],
    ]);
  });

  it('a takeover: times of day go on with the clock of the process that took over', () => {
    const call = fold([
      created,
      ev(2, 1000, 'call.answered'),
      { ...head('call_1', T0 + 61_000), monoMs: 5 },
      ev(3, 3000, 'call.ended', { reason: 'crash_recovered', durationMs: 2000 }),
    ]).call();

    // Killed after one second, taken over a minute later, ended two seconds after that.
    expect(call).toMatchObject({ createdAt: T0, answeredAt: T0 + 1000, endedAt: T0 + 63_000, durationMs: 2000 });
  });

  it('a call that ended without a word of its end: the last record tells the reason', () => {
    const call = fold([{ k: 'end', s: 1, t: 50, d: { type: 'end', reason: 'crash_recovered' } }]);

    expect(call.ended).toBe(true);
    expect(call.call()).toMatchObject({
      status: 'ended',
      endReason: 'crash_recovered',
      endedAt: T0 + 50,
      durationMs: 0,
    });
  });

  it('a leg that Telnyx only answered about: gone is over, at that time', () => {
    const initiated = { type: 'webhook', event: { type: 'call.initiated', callControlId: 'cc' } };
    const at = (s: number, t: number, d: { type: string }): JournalRecord => ({ k: 'in', s, t, leg: 'caller', d });
    for (const gone of [
      { type: 'legStatus', status: { known: true, isAlive: false } },
      { type: 'commandDone', outcome: { ok: false, kind: 'gone', message: 'over' } },
    ]) {
      expect(fold([at(1, 0, initiated), at(2, 70, gone)]).legs()).toMatchObject([{ endedAt: T0 + 70 }]);
    }
    const alive = { type: 'legStatus', status: { known: true, isAlive: true } };
    expect(fold([at(1, 0, initiated), at(2, 70, alive)]).legs()).toMatchObject([{ endedAt: null }]);
  });
});
