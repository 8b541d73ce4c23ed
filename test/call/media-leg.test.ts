import { describe, expect, it } from 'vitest';
import { MediaLeg, type MediaSocket } from '../../src/call/media-leg.ts';
import { Recorder } from '../../src/call/recorder.ts';
import { silentLog } from '../../src/core/log.ts';

class Socket implements MediaSocket {
  bufferedAmount = 0;
  readonly sent: string[] = [];
  readonly closes: string[] = [];

  send(text: string): void {
    this.sent.push((JSON.parse(text) as { event: string }).event);
  }

  close(code: number, reason: string): void {
    this.closes.push(`${code} ${reason}`);
  }
}

class Leg {
  readonly events: string[] = [];
  readonly media: MediaLeg;
  readonly socket = new Socket();
  t = 0;

  constructor() {
    const recorder = new Recorder(0, () => undefined);
    this.media = new MediaLeg(
      'caller',
      { codec: 'PCMU', sampleRate: 8000 },
      {
        input: (input) => this.events.push('encoding' in input ? `${input.type} ${input.encoding}` : input.type),
        digit: (digit) => this.events.push(`digit ${digit}`),
        played: (turn, by) => this.events.push(`played ${turn} ${by}`),
        markEchoed: (name) => this.events.push(`mark ${name}`),
        audio: (bytes) => this.events.push(`audio ${bytes.length}`),
        voice: (change) => this.events.push(change),
        mismatch: () => this.events.push('mismatch'),
      },
      recorder,
      undefined,
      silentLog,
    );
    this.media.attach(1, this.socket);
  }

  say(message: unknown, epoch = 1): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.media.message(epoch, Buffer.from(text), this.t, 'cc-caller');
  }

  start(more: Record<string, unknown> = {}, streamId = 'stream'): void {
    const start = {
      call_control_id: 'cc-caller',
      media_format: { encoding: 'PCMU', sample_rate: 8000, channels: 1 },
      ...more,
    };
    this.say({ event: 'start', stream_id: streamId, start });
  }

  frame(chunk: number, track = 'inbound', bytes = 160): void {
    const payload = Buffer.alloc(bytes, 0xff).toString('base64');
    this.say({ event: 'media', stream_id: 'stream', media: { track, chunk: String(chunk), timestamp: '0', payload } });
  }
}

describe('a stream', () => {
  it('starts once, and its audio goes in', () => {
    const leg = new Leg();
    leg.say({ event: 'connected', version: '1.0.0' });
    leg.start();
    leg.frame(1);

    expect(leg.events).toEqual(['mediaStarted PCMU', 'audio 160']);
    expect(leg.media.counters).toMatchObject({ framesIn: 1, ignored: 0, bad: 0 });
  });

  it('drops audio before start, and audio of our own side', () => {
    const leg = new Leg();
    leg.frame(1);
    leg.start();
    leg.frame(2, 'outbound');

    expect(leg.events).toEqual(['mediaStarted PCMU']);
    expect(leg.media.counters).toMatchObject({ framesIn: 0, ignored: 2 });
  });

  it('that names another call is closed with 1008 and not heard again', () => {
    const leg = new Leg();
    leg.start({ call_control_id: 'cc-somebody-else' });
    leg.start();
    leg.frame(1);

    expect(leg.socket.closes).toEqual(['1008 start names another call']);
    expect(leg.events).toEqual([]);
  });

  it('may repeat its start, but not start another stream', () => {
    const leg = new Leg();
    leg.start();
    leg.start();
    expect(leg.events).toEqual(['mediaStarted PCMU']);
    expect(leg.socket.closes).toEqual([]);
    leg.start({}, 'another stream');
    leg.frame(1);

    expect(leg.socket.closes).toEqual(['1008 second start']);
    expect(leg.events).toEqual(['mediaStarted PCMU']);
  });

  it.each<[string, unknown, string]>([
    ['OPUS', { encoding: 'OPUS', sample_rate: 48_000 }, 'OPUS/48000'],
    ['G722', { encoding: 'G722', sample_rate: 8000 }, 'G722/8000'],
    ['PCMU at 16 kHz', { encoding: 'PCMU', sample_rate: 16_000 }, 'PCMU/16000'],
    ['two channels', { encoding: 'PCMU', sample_rate: 8000, channels: 2 }, 'PCMU/8000'],
    ['nothing', undefined, 'no media_format'],
  ])('in %s cannot be played', (_name, format, told) => {
    const leg = new Leg();
    leg.start({ media_format: format });
    leg.frame(1);

    expect(leg.events).toEqual([`mediaUnsupported ${told}`]);
  });

  it.each([
    ['pcma', 8000, 'PCMA'],
    ['L16', 16_000, 'L16'],
    ['L16', 8000, 'L16'],
  ])('in %s at %i Hz can', (encoding, rate, told) => {
    const leg = new Leg();
    leg.start({ media_format: { encoding, sample_rate: rate } });

    expect(leg.events).toEqual([`mediaStarted ${told}`]);
    expect(leg.media.inboundFormat).toMatchObject({ codec: told, sampleRate: rate });
  });

  it('tells keys after start, marks and stop', () => {
    const leg = new Leg();
    leg.say({ event: 'dtmf', stream_id: 's', dtmf: { digit: '5' } });
    leg.start();
    leg.say({ event: 'dtmf', stream_id: 's', dtmf: { digit: '5' } });
    leg.say({ event: 'mark', stream_id: 's', mark: { name: 't1:160' } });
    leg.say({ event: 'error', payload: { code: 100003, title: 'malformed_frame' } });
    leg.say({ event: 'stop', stream_id: 's', stop: {} });

    expect(leg.events).toEqual(['mediaStarted PCMU', 'digit 5', 'mark t1:160', 'mediaStopped']);
  });
});

describe('garbage', () => {
  const kinds = [
    'no json',
    '[]',
    '{}',
    '{"event":null}',
    '{"event":"start"}',
    '{"event":"media","media":{"payload":"***"}}',
  ];

  it('is counted and dropped; after 50 pieces the socket is closed with 1007 and not heard again', () => {
    const leg = new Leg();
    leg.start();
    for (let n = 0; n < 49; n++) leg.say(kinds[n % kinds.length]);
    expect(leg.socket.closes).toEqual([]);
    leg.frame(1);
    leg.say('still garbage');
    leg.say('and more');
    leg.frame(2);

    expect(leg.socket.closes).toEqual(['1007 too many unreadable messages']);
    expect(leg.media.counters.bad).toBe(50);
    expect(leg.events).toEqual(['mediaStarted PCMU', 'audio 160']);
  });

  it('of an earlier socket is not held against the next one', () => {
    const leg = new Leg();
    for (let n = 0; n < 50; n++) leg.say('garbage');
    const next = new Socket();
    leg.media.attach(2, next);
    for (let n = 0; n < 49; n++) leg.say('garbage', 2);
    expect(next.closes).toEqual([]);
    leg.say('garbage', 2);

    expect(next.closes).toHaveLength(1);
  });

  it('is nothing: an event nobody knows', () => {
    const leg = new Leg();
    for (let n = 0; n < 100; n++) leg.say({ event: 'something new' });

    expect(leg.socket.closes).toEqual([]);
  });
});

describe('a socket', () => {
  it('that does not read is closed, and what follows is dropped', () => {
    const leg = new Leg();
    leg.start();
    leg.media.playout.begin(1);
    leg.media.playout.write(new Uint8Array(1600));
    leg.media.advance(0);
    expect(leg.socket.sent).toHaveLength(10);
    leg.socket.bufferedAmount = 256 * 1024 + 1;
    leg.media.playout.write(new Uint8Array(1600));
    leg.media.advance(100);

    expect(leg.socket.closes).toEqual(['1013 not reading']);
    expect(leg.socket.sent).toHaveLength(10);
  });

  it('gets whole frames, marks and clears, and nothing after it is gone', () => {
    const leg = new Leg();
    leg.start();
    leg.media.playout.begin(1);
    leg.media.playout.write(new Uint8Array(100));
    leg.media.playout.end();
    leg.media.advance(0);
    leg.media.playout.drop(10);
    expect(leg.socket.sent).toEqual(['media', 'mark', 'clear']);
    leg.media.detach(1);
    leg.media.playout.begin(2);
    leg.media.playout.write(new Uint8Array(1600));
    leg.media.advance(20);

    expect(leg.socket.sent).toEqual(['media', 'mark', 'clear']);
  });

  it('of an older stream is not heard, and its end is not the end of the new one', () => {
    const leg = new Leg();
    leg.start();
    const next = new Socket();
    leg.media.attach(2, next);
    leg.frame(1);
    leg.media.detach(1);
    leg.media.playout.begin(1);
    leg.media.playout.write(new Uint8Array(160));
    leg.media.advance(0);

    expect(leg.events).toEqual(['mediaStarted PCMU']);
    expect(leg.socket.sent).toEqual([]);
    expect(next.sent).toEqual(['media']);
  });

  it('that takes over gives its own marks: what the old one owed does not count', () => {
    const leg = new Leg();
    leg.start();
    const { playout } = leg.media;
    playout.begin(1);
    playout.write(new Uint8Array(160));
    playout.end();
    leg.media.advance(0);
    playout.pause(5);
    leg.media.attach(2, new Socket());
    playout.resume(10, 0);
    playout.markEchoed('t1:160', 30);

    expect(leg.events.at(-1)).toBe('played 1 mark');
  });

  it('gives back what waits for a missing frame when it ends', () => {
    const leg = new Leg();
    leg.start();
    leg.frame(1);
    leg.frame(3);
    expect(leg.events).toEqual(['mediaStarted PCMU', 'audio 160']);
    expect(leg.media.due()).toBe(60);
    leg.media.detach(1);

    expect(leg.events.slice(2)).toEqual(['audio 160', 'audio 160']);
    expect(leg.media.due()).toBe(Infinity);
  });
});
