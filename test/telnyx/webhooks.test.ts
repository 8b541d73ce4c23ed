import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { parseWebhook } from '../../src/telnyx/webhooks.ts';

/** One sample per event in the documented shapes, with invented values. */
interface Sample {
  readonly data: { readonly event_type: string; readonly id: string; readonly payload: Record<string, unknown> };
  readonly meta: { readonly attempt: number };
}
const samples = JSON.parse(readFileSync(new URL('webhook-samples.json', import.meta.url), 'utf8')) as readonly Sample[];

const CALLER_LEG = {
  callControlId: 'v3:Lq7nT2fKXw0aZb9RmVdYpC4sHgJ1uEoN6iBvQxDkWtSrM8yPzU5c3A',
  callLegId: '6f0c2a14-c5d1-11f1-8a3e-02420a1f0b21',
  callSessionId: '6f0c1f88-c5d1-11f1-9d27-02420a1f0b21',
  connectionId: '2764019283746510928',
};
const TARGET_LEG = {
  ...CALLER_LEG,
  callControlId: 'v3:9hWcRb4Tn0YxKqJ7dLmVsE2fGpZuA6oiXtNvQ1SkBrDyC8wMzH5jUg',
  callLegId: '7b91e6d2-c5d1-11f1-b0c4-02420a1f0b21',
};
const CALLER = { ...CALLER_LEG, clientState: '{"call":"c1"}' };
const TARGET = { ...TARGET_LEG, clientState: '{"call":"c1","leg":"agent"}' };
const CALLER_ENDS = { from: '+14155550142', to: '+13125550178' };
const TARGET_ENDS = { from: '+13125550178', to: '+17735550119' };
const NO_ENDS = { from: undefined, to: undefined };

/** What each sample becomes, without `id` and `occurredAt`, which are checked for all alike. */
const expected: readonly object[] = [
  {
    ...CALLER_LEG,
    ...CALLER_ENDS,
    clientState: undefined,
    type: 'call.initiated',
    direction: 'incoming',
    offeredCodecs: ['PCMU', 'G729'],
    callerIdName: '+14155550142',
  },
  {
    ...TARGET,
    ...TARGET_ENDS,
    type: 'call.initiated',
    direction: 'outgoing',
    offeredCodecs: [],
    callerIdName: undefined,
  },
  { ...CALLER, ...CALLER_ENDS, type: 'call.answered' },
  { ...TARGET, ...TARGET_ENDS, type: 'call.bridged' },
  { ...CALLER, ...CALLER_ENDS, type: 'call.hangup', cause: 'normal_clearing', source: 'caller', sipCode: '200' },
  { ...CALLER, ...NO_ENDS, type: 'streaming.started' },
  { ...CALLER, ...NO_ENDS, type: 'streaming.stopped' },
  {
    ...CALLER,
    ...NO_ENDS,
    type: 'streaming.failed',
    reason: 'connection_failed',
    streamId: 'b7d4c0e1-5a2f-4e0b-8c31-90f1d2a3b4c5',
  },
  { ...CALLER, ...CALLER_ENDS, type: 'call.dtmf.received', digit: '5' },
  { ...TARGET, ...TARGET_ENDS, type: 'call.machine.detection.ended', result: 'machine', premium: false },
  { ...TARGET, ...TARGET_ENDS, type: 'call.machine.greeting.ended', result: 'beep_detected', premium: false },
  { ...TARGET, ...TARGET_ENDS, type: 'call.machine.detection.ended', result: 'human_residence', premium: true },
  { ...TARGET, ...TARGET_ENDS, type: 'call.machine.greeting.ended', result: 'beep_detected', premium: true },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.playback.started' },
  { ...CALLER, ...NO_ENDS, type: 'call.playback.ended', status: 'call_hangup' },
  { ...CALLER, ...NO_ENDS, type: 'call.speak.started' },
  { ...CALLER, ...NO_ENDS, type: 'call.speak.ended', status: 'completed' },
  {
    ...CALLER,
    ...NO_ENDS,
    type: 'call.recording.saved',
    urls: { mp3: 'https://recordings.example.com/r1.mp3?sig=abc' },
    recordingId: '3d5f1c12-0b7a-4c1e-9f44-5a2b7c9d0e12',
    channels: 'dual',
    startedAt: '2026-11-18T09:14:03.000000Z',
    endedAt: '2026-11-18T09:16:40.000000Z',
  },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.recording.error' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.transcription' },
  { ...CALLER, ...NO_ENDS, type: 'call.cost', totalCost: '0.0102' },
  { ...CALLER, ...CALLER_ENDS, type: 'other', eventType: 'call.refer.started' },
  { ...CALLER, ...CALLER_ENDS, type: 'other', eventType: 'call.refer.completed' },
  { ...CALLER, ...CALLER_ENDS, type: 'other', eventType: 'call.refer.failed' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.enqueued' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.dequeued' },
  { ...CALLER, ...CALLER_ENDS, type: 'other', eventType: 'call.gather.ended' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.fork.started' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'call.fork.stopped' },
  { ...CALLER, ...CALLER_ENDS, type: 'other', eventType: 'call.hold' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'conference.created' },
  { ...TARGET, ...NO_ENDS, type: 'other', eventType: 'conference.participant.joined' },
  { ...TARGET, ...NO_ENDS, type: 'other', eventType: 'conference.participant.left' },
  { ...CALLER, ...NO_ENDS, type: 'other', eventType: 'conference.ended' },
];

function parsed(body: unknown): TelnyxEvent {
  const result = parseWebhook(typeof body === 'string' ? body : JSON.stringify(body));
  if (!result.ok) throw new Error(result.reason);
  return result.event;
}

function reasonOf(body: Buffer | string): string {
  const result = parseWebhook(body);
  return result.ok ? 'accepted' : result.reason;
}

const event = (eventType: string, payload: unknown = {}): object => ({
  data: { record_type: 'event', event_type: eventType, id: 'e1', payload },
});
const leg = { call_control_id: 'v3:abc' };

describe('documented samples', () => {
  it('have a row each', () => {
    expect(samples.length).toBe(expected.length);
  });

  it.each(samples.map((sample, n) => [sample.data.event_type, sample, expected[n]] as const))(
    '%s becomes its event',
    (_, sample, fields) => {
      const number = sample.data.id.slice(-2);

      const result = parseWebhook(Buffer.from(JSON.stringify(sample)));

      expect(result).toEqual({
        ok: true,
        attempt: 1,
        event: {
          id: `3d5f1c${number}-0b7a-4c1e-9f44-5a2b7c9d0e${number}`,
          occurredAt: expect.any(String) as string,
          ...fields,
        },
      });
      expect(result.ok && result.event.occurredAt).toMatch(/^2026-11-18T09:14:\d\d\.\d{6}Z$/);
    },
  );

  it.each(samples.map((sample, n) => [sample.data.event_type, sample, expected[n]] as const))(
    '%s survives every field being null, and every field being missing',
    (_, sample, fields) => {
      const { event_type, payload } = sample.data;
      const nulls = Object.fromEntries(Object.keys(payload).map((key) => [key, null]));

      for (const emptied of [nulls, {}, null, undefined]) {
        const { type } = parsed({ data: { event_type, payload: emptied } });
        const wanted = (fields as { type: string }).type;
        // Without an id nobody can answer it, without a digit nobody pressed one.
        const needsFields = wanted === 'call.initiated' || wanted === 'call.dtmf.received';
        expect(type).toBe(needsFields ? 'other' : wanted);
      }
    },
  );
});

describe('leniency', () => {
  it('reads meta.attempt, and 1 when it is not told', () => {
    const attempt = (meta: unknown): unknown => {
      const result = parseWebhook(JSON.stringify({ ...event('call.answered'), meta }));
      return result.ok && result.attempt;
    };

    expect(
      [{ attempt: 3 }, undefined, null, [], {}, { attempt: '2' }, { attempt: 0 }, { attempt: 1.5 }].map(attempt),
    ).toEqual([3, 1, 1, 1, 1, 1, 1, 1]);
  });

  it.each([
    [null, undefined],
    ['', undefined],
    ['not base64!', undefined],
    ['eyJhIjox', '{"a":1'],
    ['eyJhIjoxfQ', undefined],
    ['/w==', undefined],
    ['Wm/DqyDimI4=', 'Zoë ☎'],
    [17, undefined],
    [{ a: 1 }, undefined],
  ])('reads client_state %j as %j', (wire, text) => {
    expect(parsed(event('call.answered', { ...leg, client_state: wire })).clientState).toBe(text);
  });

  it.each([
    ['streaming_started', 'streaming.started'],
    ['streaming_failed', 'streaming.failed'],
    ['call_answered', 'call.answered'],
    ['call_machine_premium_detection_ended', 'call.machine.detection.ended'],
  ])('takes %s inside data for %s', (wire, type) => {
    expect(parsed(event(wire, leg)).type).toBe(type);
  });

  it('keeps the name of an event nobody documented', () => {
    expect(parsed(event('call.ai_gather.ended', leg))).toMatchObject({
      type: 'other',
      eventType: 'call.ai_gather.ended',
    });
    expect(parsed(event('something_new', leg))).toMatchObject({ type: 'other', eventType: 'something_new' });
    expect(parsed(event('constructor', leg))).toMatchObject({ type: 'other', eventType: 'constructor' });
  });

  it('accepts conference.floor.changed, which comes flat', () => {
    const flat = {
      id: 'f1',
      event_type: 'conference.floor.changed',
      record_type: 'event',
      payload: { ...leg, occurred_at: 'T' },
    };

    expect(parsed(flat)).toEqual({
      id: 'f1',
      type: 'other',
      eventType: 'conference.floor.changed',
      occurredAt: 'T',
      callControlId: 'v3:abc',
      callLegId: undefined,
      callSessionId: undefined,
      connectionId: undefined,
      clientState: undefined,
      from: undefined,
      to: undefined,
    });
  });

  it.each([
    [{ direction: 'incoming' }, 'incoming'],
    [{ direction: 'outgoing', state: 'parked' }, 'outgoing'],
    [{ state: 'parked' }, 'incoming'],
    [{ state: 'bridging' }, 'outgoing'],
    [{ direction: 'sideways', state: 'parked' }, 'outgoing'],
    [{}, 'outgoing'],
  ])('calls a leg with %j %s: an answer is never a guess', (fields, direction) => {
    expect(parsed(event('call.initiated', { ...leg, ...fields }))).toMatchObject({ type: 'call.initiated', direction });
  });

  it.each([
    ['PCMA,PCMU', ['PCMA', 'PCMU']],
    [' pcma , , G722', ['PCMA', 'G722']],
    ['', []],
    [['PCMU'], []],
    [null, []],
  ])('reads the offered codecs %j as %j', (offered, codecs) => {
    expect(parsed(event('call.initiated', { ...leg, offered_codecs: offered }))).toMatchObject({
      offeredCodecs: codecs,
    });
  });

  it.each([
    ['5', '5'],
    ['#', '#'],
    ['a', 'A'],
    [7, '7'],
  ])('reads the digit %j as %j', (wire, digit) => {
    expect(parsed(event('call.dtmf.received', { ...leg, digit: wire }))).toMatchObject({
      type: 'call.dtmf.received',
      digit,
    });
  });

  it.each(['', '12', 'x', null, undefined, {}, '٥'])('counts a press of %j as other', (digit) => {
    expect(parsed(event('call.dtmf.received', { ...leg, digit })).type).toBe('other');
  });

  it('says what a hangup did not say', () => {
    expect(parsed(event('call.hangup', { ...leg, sip_hangup_cause: 'unspecified' }))).toMatchObject({
      cause: 'unspecified',
      source: 'unknown',
      sipCode: undefined,
    });
    expect(parsed(event('call.hangup', { ...leg, sip_hangup_cause: 486 }))).toMatchObject({ sipCode: '486' });
  });

  it('leaves callControlId empty where Telnyx leaves it out', () => {
    expect(parsed(event('call.recording.saved', { call_leg_id: 'l1', call_session_id: 's1' }))).toMatchObject({
      type: 'call.recording.saved',
      callControlId: '',
      callLegId: 'l1',
      callSessionId: 's1',
      urls: {},
    });
  });

  it('does not pass on an id that JSON numbers cannot hold', () => {
    expect(
      parsed('{"data":{"event_type":"call.answered","payload":{"connection_id":2764019283746510928}}}').connectionId,
    ).toBe(undefined);
  });

  it('takes the public link of a recording only where there is no private one', () => {
    const payload = {
      recording_urls: { mp3: 'private', wav: null },
      public_recording_urls: { mp3: 'public', wav: 'wav' },
    };

    expect(parsed(event('call.recording.saved', payload))).toMatchObject({ urls: { mp3: 'private', wav: 'wav' } });
  });

  it('gives an event without id one that its replay has, too', () => {
    const anonymous = JSON.stringify({ data: { event_type: 'call.answered', payload: leg } });

    expect(parsed(anonymous).id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(parsed(anonymous).id).toBe(parsed(anonymous).id);
    expect(parsed(anonymous).id).not.toBe(parsed(`${anonymous} `).id);
  });

  it('lets the last of duplicate keys count', () => {
    expect(parsed('{"data":{"id":"1","id":"2","event_type":"call.answered","payload":{}}}').id).toBe('2');
  });
});

describe('what is not a webhook', () => {
  it('of API version 1 is told what to change', () => {
    const v1 = { record_type: 'event', event_type: 'call_initiated', id: 'x', payload: { call_control_id: 'y' } };

    expect(reasonOf(JSON.stringify(v1))).toContain('API version 1 (call_initiated)');
    expect(reasonOf(JSON.stringify(v1))).toContain('webhook_api_version "2"');
  });

  it.each([
    ['', 'the body is not JSON'],
    ['hello', 'the body is not JSON'],
    ['{"data":', 'the body is not JSON'],
    ['\uFEFF{"data":{"event_type":"call.answered"}}', 'the body is not JSON'],
    ['{"data":{"event_type":"call.answered"}}\0', 'the body is not JSON'],
    ['null', 'the body is not a JSON object'],
    ['[]', 'the body is not a JSON object'],
    ['"call.answered"', 'the body is not a JSON object'],
    ['{}', 'data is missing or not an object'],
    ['{"data":null}', 'data is missing or not an object'],
    ['{"data":[{"event_type":"call.answered"}]}', 'data is missing or not an object'],
    ['{"data":"call.answered"}', 'data is missing or not an object'],
    ['{"data":null,"event_type":"call_initiated"}', 'data is missing or not an object'],
    ['{"data":{}}', 'data.event_type is missing'],
    ['{"data":{"event_type":{}}}', 'data.event_type is missing'],
    ['{"data":{"event_type":""}}', 'data.event_type is missing'],
    ['{"data":{"event_type":"call.answered","payload":[]}}', 'data.payload is not an object'],
    ['{"data":{"event_type":"call.answered","payload":"x"}}', 'data.payload is not an object'],
    ['{"__proto__":{"data":{"event_type":"call.answered"}}}', 'data is missing or not an object'],
  ])('%j is refused', (body, reason) => {
    expect(reasonOf(body)).toContain(reason);
    expect(reasonOf(Buffer.from(body))).toContain(reason);
  });

  it('may be nested 100,000 deep', () => {
    expect(reasonOf('['.repeat(100_000) + ']'.repeat(100_000))).toBe('the body is not a JSON object');
    const deep = `{"data":{"event_type":"call.answered","payload":{"from":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}`;
    expect(parsed(deep).from).toBe(undefined);
  });

  it('does not reach a prototype', () => {
    const payload = '{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}';
    const body = `{"data":{"event_type":"call.recording.saved","payload":{"recording_urls":${payload},"__proto__":{"from":"x"}}}}`;

    expect(parsed(body)).toMatchObject({ from: undefined, urls: {} });
    expect(({} as { polluted?: string }).polluted).toBe(undefined);
  });

  it('never makes it throw', () => {
    const key = fc.constantFrom('data', 'meta', 'payload', 'event_type', 'id', '__proto__', 'recording_urls', 'digit');
    const any = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.dictionary(key, fc.dictionary(key, fc.dictionary(key, fc.jsonValue()))).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(any, (body) => {
        const result = parseWebhook(Buffer.from(body));
        expect(typeof (result.ok ? result.event.id : result.reason)).toBe('string');
      }),
      { numRuns: 250 },
    );
  });

  it('is never made by damaging a field of a good one', () => {
    const strange = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.bigInt().map(Number));
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat(), strange, (sample, pick, value) => {
        const keys = Object.keys(sample.data.payload);
        const payload = { ...sample.data.payload, [keys[pick % keys.length] ?? '']: value };
        const result = parseWebhook(JSON.stringify({ ...sample, data: { ...sample.data, payload } }));
        expect(result).toMatchObject({ ok: true, event: { id: sample.data.id } });
      }),
      { numRuns: 500 },
    );
  });
});
