import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CLEAR_MESSAGE,
  createMarkMessage,
  createMediaMessage,
  parseMediaScan,
  parseStreamJson,
  parseStreamMessage,
  type StreamMessage,
} from '../../src/telnyx/stream-messages.ts';

const STREAM = 'b7d4c0e1-5a2f-4e0b-8c31-90f1d2a3b4c5';

/** The payload lives in a shared buffer: copied here, so that messages can be compared. */
function copied(message: StreamMessage | undefined): unknown {
  return message?.event === 'media' ? { ...message, payload: Buffer.from(message.payload).toString('hex') } : message;
}

function parse(message: unknown): unknown {
  return copied(parseStreamMessage(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))));
}

/** A frame as Telnyx writes it. */
function frame(
  parts: { track?: string; chunk?: string; timestamp?: string; payload?: string; seq?: string } = {},
): string {
  const { track = 'inbound', chunk = '1', timestamp = '20', payload = '//////////8=', seq = '2' } = parts;
  return `{"event":"media","sequence_number":"${seq}","stream_id":"${STREAM}","media":{"track":"${track}","chunk":"${chunk}","timestamp":"${timestamp}","payload":"${payload}"}}`;
}

describe('documented samples', () => {
  it.each([
    ['{"event":"connected","version":"1.0.0"}', { event: 'connected' }],
    [
      '{"event":"connected","version":"1.0.0","connected":{"x-telnyx-streaming-auth-token":"tok_9f2c"}}',
      { event: 'connected' },
    ],
    [
      '{"event":"start","sequence_number":"1","stream_id":"b7d4c0e1-5a2f-4e0b-8c31-90f1d2a3b4c5","start":{"user_id":"0a1b2c3d-1111-4222-8333-444455556666","call_control_id":"v3:Lq7nT2fKXw0aZb9RmVdYpC4s","call_session_id":"6f0c1f88-c5d1-11f1-9d27-02420a1f0b21","from":"+14155550142","to":"+13125550178","tags":["support-line"],"client_state":"eyJjYWxsIjoiYzEifQ==","custom_parameters":{"tenant":"t_17"},"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}}}',
      {
        event: 'start',
        streamId: STREAM,
        callControlId: 'v3:Lq7nT2fKXw0aZb9RmVdYpC4s',
        callSessionId: '6f0c1f88-c5d1-11f1-9d27-02420a1f0b21',
        from: '+14155550142',
        to: '+13125550178',
        clientState: '{"call":"c1"}',
        format: { encoding: 'PCMU', sampleRate: 8000, channels: 1 },
      },
    ],
    [frame(), { event: 'media', track: 'inbound', chunk: 1, timestampMs: 20, payload: 'ffffffffffffffff' }],
    [
      '{"event":"dtmf","sequence_number":"212","stream_id":"b7d4c0e1","occurred_at":"2026-11-18T09:14:22.410133Z","dtmf":{"digit":"5"}}',
      { event: 'dtmf', digit: '5', occurredAt: '2026-11-18T09:14:22.410133Z' },
    ],
    [
      '{"event":"mark","sequence_number":"340","stream_id":"b7d4c0e1","mark":{"name":"utt-3:end"}}',
      { event: 'mark', name: 'utt-3:end' },
    ],
    [
      '{"event":"error","stream_id":"b7d4c0e1","payload":{"code":100003,"title":"malformed_frame","detail":"Unexpected frame"}}',
      { event: 'error', code: 100003, title: 'malformed_frame', detail: 'Unexpected frame' },
    ],
    [
      '{"event":"stop","sequence_number":"9120","stream_id":"b7d4c0e1","stop":{"user_id":"0a1b2c3d","call_control_id":"v3:Lq7nT2fKXw0aZb9RmVdYpC4s"}}',
      { event: 'stop', callControlId: 'v3:Lq7nT2fKXw0aZb9RmVdYpC4s' },
    ],
  ])('%s', (text, message) => {
    expect(parse(text)).toEqual(message);
  });
});

describe('leniency', () => {
  it.each([
    ['inbound', 'inbound'],
    ['inbound_track', 'inbound'],
    ['outbound', 'outbound'],
    ['outbound_track', 'outbound'],
    ['both_tracks', 'unknown'],
    [null, 'unknown'],
    [undefined, 'unknown'],
    [1, 'unknown'],
  ])('takes the track %j for %s', (track, expected) => {
    expect(parse({ event: 'media', media: { track, payload: 'AAAA' } })).toMatchObject({ track: expected });
  });

  it.each([
    ['7', 7],
    [7, 7],
    ['0', 0],
    ['007', 7],
    ['', undefined],
    ['-1', undefined],
    [-1, undefined],
    ['1.5', undefined],
    [1.5, undefined],
    ['1e3', undefined],
    ['99999999999999999999', undefined],
    [null, undefined],
    [undefined, undefined],
    [{}, undefined],
  ])('reads the counter %j as %j', (wire, count) => {
    const message = parse({
      event: 'media',
      media: { track: 'inbound', chunk: wire, timestamp: wire, payload: 'AAAA' },
    });

    expect(message).toEqual({ event: 'media', track: 'inbound', chunk: count, timestampMs: count, payload: '000000' });
  });

  it('takes payloads of any length as they are', () => {
    for (const bytes of [0, 1, 80, 159, 160, 161, 240, 320, 1600, 40_000]) {
      const payload = Buffer.alloc(bytes, 0xa5);

      expect(parse(frame({ payload: payload.toString('base64') }))).toMatchObject({ payload: payload.toString('hex') });
    }
  });

  it('does without what start leaves out, but not without the ids that bind it', () => {
    const bare = { event: 'start', stream_id: 's', start: { call_control_id: 'c', from: null, client_state: null } };

    expect(parse(bare)).toEqual({
      event: 'start',
      streamId: 's',
      callControlId: 'c',
      callSessionId: undefined,
      from: undefined,
      to: undefined,
      clientState: undefined,
      format: undefined,
    });
    expect(parse({ ...bare, stream_id: undefined })).toEqual({ event: 'bad', reason: 'bad_start' });
    expect(parse({ event: 'start', stream_id: 's', call_control_id: 'c' })).toEqual({
      event: 'bad',
      reason: 'bad_start',
    });
  });

  it.each([
    [{ encoding: 'PCMA' }, { encoding: 'PCMA', sampleRate: undefined, channels: undefined }],
    [
      { encoding: 'L16', sample_rate: '16000', channels: 2 },
      { encoding: 'L16', sampleRate: 16000, channels: 2 },
    ],
    [{ sample_rate: 8000 }, undefined],
    ['PCMU', undefined],
    [null, undefined],
  ])('reads media_format %j as %j', (wire, format) => {
    const start = { call_control_id: 'c', media_format: wire };

    expect(parse({ event: 'start', stream_id: 's', start })).toMatchObject({ format });
  });

  it('names an event nobody documented', () => {
    expect(parse({ event: 'transcript' })).toEqual({ event: 'unknown', name: 'transcript' });
    expect(parse({ event: 'constructor' })).toEqual({ event: 'unknown', name: 'constructor' });
  });

  it('accepts an error and a stop that say nothing', () => {
    expect(parse({ event: 'error' })).toEqual({ event: 'error', code: undefined, title: '', detail: '' });
    expect(parse({ event: 'stop', stop: null })).toEqual({ event: 'stop', callControlId: undefined });
  });
});

describe('what is not a message', () => {
  it.each([
    ['', 'not_json'],
    ['hello', 'not_json'],
    [frame().slice(0, -1), 'not_json'],
    [`${frame()}x`, 'not_json'],
    [`\uFEFF${frame()}`, 'not_json'],
    ['null', 'not_an_object'],
    ['[]', 'not_an_object'],
    ['['.repeat(30_000) + ']'.repeat(30_000), 'not_an_object'],
    ['{}', 'no_event'],
    ['{"event":null}', 'no_event'],
    ['{"event":{}}', 'no_event'],
    ['{"__proto__":{"event":"media"}}', 'no_event'],
    ['{"event":"media"}', 'bad_media'],
    ['{"event":"media","media":[]}', 'bad_media'],
    ['{"event":"media","media":{}}', 'bad_media'],
    ['{"event":"media","media":{"payload":17}}', 'bad_media'],
    ['{"event":"media","media":{"payload":null}}', 'bad_media'],
    [frame({ payload: 'A' }), 'bad_payload'],
    [frame({ payload: 'AAA' }), 'bad_payload'],
    [frame({ payload: 'AA=A' }), 'bad_payload'],
    [frame({ payload: '====' }), 'bad_payload'],
    [frame({ payload: 'AAA-' }), 'bad_payload'],
    [frame({ payload: 'AAA ' }), 'bad_payload'],
    [frame({ payload: 'AAA\u0141' }), 'bad_payload'],
    [frame({ payload: 'A'.repeat(100_000) }), 'bad_payload'],
    ['{"event":"dtmf"}', 'bad_dtmf'],
    ['{"event":"dtmf","dtmf":{"digit":"12"}}', 'bad_dtmf'],
    ['{"event":"mark","mark":{}}', 'bad_mark'],
    ['{"event":"start"}', 'bad_start'],
  ])('%.80s', (text, reason) => {
    expect(parse(text)).toEqual({ event: 'bad', reason });
  });

  it('never makes it throw', () => {
    const key = fc.constantFrom('event', 'media', 'start', 'payload', 'track', 'chunk', 'mark', 'name', '__proto__');
    const event = fc.constantFrom('connected', 'start', 'media', 'dtmf', 'mark', 'error', 'stop');
    const shaped = fc
      .tuple(event, fc.dictionary(key, fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.dictionary(key, fc.jsonValue()))))
      .map(([name, rest]) => JSON.stringify({ ...rest, event: name }));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json(), shaped), (input) => {
        const bytes = Buffer.from(input as string);
        expect(typeof parseStreamMessage(bytes).event).toBe('string');
      }),
      { numRuns: 500 },
    );
  });
});

describe('the fast way', () => {
  const digits = fc.stringMatching(/^[0-9]{0,18}$/);
  const payload = fc.oneof(
    fc.base64String({ maxLength: 400 }),
    fc.uint8Array({ minLength: 160, maxLength: 160 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    fc.stringMatching(/^[A-D+/=\\-]{0,12}$/),
  );
  const track = fc.constantFrom('inbound', 'outbound', 'inbound_track', 'outbound_track', 'both', '');
  const exact = fc.record({ track, chunk: digits, timestamp: digits, payload, seq: digits }).map(frame);
  const anyField = fc.oneof(digits, fc.nat(), fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 20 }));
  const loose = fc
    .record(
      {
        event: fc.constantFrom('media', 'mark', 'medıa'),
        sequence_number: anyField,
        stream_id: anyField,
        media: fc.record(
          {
            track: fc.oneof(track, anyField),
            chunk: anyField,
            timestamp: anyField,
            payload: fc.oneof(payload, anyField),
          },
          { requiredKeys: [] },
        ),
        extra: anyField,
      },
      { requiredKeys: [] },
    )
    .chain((message) =>
      fc
        .record({
          keys: fc.shuffledSubarray(Object.keys(message), { minLength: Object.keys(message).length }),
          indent: fc.constantFrom(0, 1),
          escape: fc.boolean(),
        })
        .map(({ keys, indent, escape }) => {
          const shuffled = Object.fromEntries(keys.map((key) => [key, (message as Record<string, unknown>)[key]]));
          const text = JSON.stringify(shuffled, undefined, indent);
          return escape ? text.replaceAll('/', '\\/').replaceAll('a', '\\u0061') : text;
        }),
    );
  const damaged = fc
    .tuple(exact, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('replace', 'insert', 'delete'))
    .map(([text, place, byte, how]) => {
      const bytes = Buffer.from(text);
      const at = place % bytes.length;
      const middle = how === 'delete' ? [] : [byte];
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(middle),
        bytes.subarray(how === 'insert' ? at : at + 1),
      ]);
    });

  it('says what the slow way says, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(exact, loose, damaged), (input) => {
        const bytes = Buffer.from(input as string);
        const fast = copied(parseMediaScan(bytes));
        const slow = copied(parseStreamJson(bytes));
        if (fast !== undefined) expect(fast).toEqual(slow);
        expect(copied(parseStreamMessage(bytes))).toEqual(slow);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes the frames Telnyx sends', () => {
    const payload = Buffer.alloc(160, 0x7f).toString('base64');

    for (const track of ['inbound', 'outbound']) {
      const fast = parseMediaScan(Buffer.from(frame({ track, chunk: '123456789', timestamp: '86400000', payload })));
      expect(copied(fast)).toEqual({
        event: 'media',
        track,
        chunk: 123456789,
        timestampMs: 86400000,
        payload: '7f'.repeat(160),
      });
    }
  });

  it.each([
    ['another order', frame().replace('"track":"inbound","chunk":"1"', '"chunk":"1","track":"inbound"')],
    ['spaces', frame().replaceAll(',', ', ')],
    ['numbers', frame().replace('"1"', '1')],
    ['escapes', frame().replaceAll('/', '\\/')],
    ['a field more', frame().replace('"event"', '"version":"2","event"')],
    ['a repeated key', frame().replace('"chunk":"1"', '"chunk":"9","chunk":"1"')],
    ['another spelling of the track', frame({ track: 'inbound_track' })],
    ['letters beyond ASCII', frame().replace(STREAM, 'ströüm')],
    ['a line break at the end', `${frame()}\n`],
  ])('leaves %s to the slow way, which reads the same', (_, text) => {
    expect(parseMediaScan(Buffer.from(text))).toBe(undefined);
    expect(parse(text)).toEqual(parse(frame()));
  });

  it.each([
    ['a quote that is escaped', frame().replace(`${STREAM}"`, `${STREAM}\\"`), { event: 'bad', reason: 'not_json' }],
    ['an escape that is none', frame().replace(STREAM, 'a\\qb'), { event: 'bad', reason: 'not_json' }],
    ['a bare line break', frame().replace(STREAM, 'a\nb'), { event: 'bad', reason: 'not_json' }],
    [
      'a payload cut to a quote',
      `${frame().split('"payload"')[0] ?? ''}"payload":"}}`,
      { event: 'bad', reason: 'not_json' },
    ],
    [
      'counters beyond what numbers hold',
      frame({ chunk: '9007199254740993', timestamp: '9007199254740993', payload: '' }),
      { event: 'media', track: 'inbound', chunk: undefined, timestampMs: undefined, payload: '' },
    ],
  ])('is not taken in by %s', (_, text, message) => {
    expect(parseMediaScan(Buffer.from(text))).toBe(undefined);
    expect(parse(text)).toEqual(message);
  });

  it('hands out one buffer: a payload is valid until the next parse', () => {
    const first = parseStreamMessage(Buffer.from(frame({ payload: 'AAAA' })));
    const second = parseStreamMessage(Buffer.from(frame({ payload: '////' })));

    if (first.event !== 'media' || second.event !== 'media') throw new Error('both are media');
    expect([...second.payload]).toEqual([255, 255, 255]);
    expect(first.payload.buffer).toBe(second.payload.buffer);
  });
});

describe('messages to Telnyx', () => {
  it('have exactly the documented shape', () => {
    expect(createMediaMessage(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toBe(
      '{"event":"media","media":{"payload":"/////w=="}}',
    );
    expect(createMarkMessage('t3:1600')).toBe('{"event":"mark","mark":{"name":"t3:1600"}}');
    expect(CLEAR_MESSAGE).toBe('{"event":"clear"}');
  });

  it('carry any payload, also a part of a larger buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 50 }), (bytes, skip) => {
        const part = bytes.subarray(Math.min(skip, bytes.length));
        const message = JSON.parse(createMediaMessage(part)) as { media: { payload: string } };
        expect(Buffer.from(message.media.payload, 'base64')).toEqual(Buffer.from(part));
      }),
    );
  });

  it('carry any mark name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(JSON.parse(createMarkMessage(name))).toEqual({ event: 'mark', mark: { name } });
      }),
    );
  });
});
