import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { formatOf, fromSamples, toSamples, transcode } from '../../src/emulator/telnyx/codec.ts';
import { Mouth } from '../../src/emulator/telnyx/mouth.ts';
import { PlaybackBuffer } from '../../src/emulator/telnyx/playback.ts';
import type { MarkRecord } from '../../src/emulator/telnyx/playback.ts';
import { Scheduler } from '../../src/emulator/telnyx/scheduler.ts';
import { StreamPlayback } from '../../src/emulator/telnyx/stream-playback.ts';
import type { ClearRecord } from '../../src/emulator/telnyx/stream-playback.ts';
import { streamRequest } from '../../src/emulator/telnyx/stream-request.ts';
import { Ear, Timeline } from '../../src/emulator/telnyx/timeline.ts';

const PCMU = formatOf('PCMU');

describe('playback buffer', () => {
  it('plays frames one after the other, however early they came', () => {
    const buffer = new PlaybackBuffer();

    expect(buffer.append(100, 160)).toEqual({ start: 100, gap: undefined });
    expect(buffer.append(100, 160)).toEqual({ start: 260, gap: 0 });
    expect(buffer.append(150, 160)).toEqual({ start: 420, gap: 0 });
  });

  it('tells the silence when it ran dry', () => {
    const buffer = new PlaybackBuffer();
    buffer.append(0, 160);

    expect(buffer.append(200, 160)).toEqual({ start: 200, gap: 40 });
  });

  it('returns a mark when the media before it was played, not a sample earlier', () => {
    const buffer = new PlaybackBuffer();
    buffer.append(0, 160);
    buffer.mark(0, 0, 'a');
    buffer.append(0, 160);
    buffer.mark(0, 0, 'b');

    expect(buffer.played(159)).toEqual([]);
    expect(buffer.played(160).map((mark) => [mark.name, mark.why])).toEqual([['a', 'played']]);
    expect(buffer.played(1000).map((mark) => mark.name)).toEqual(['b']);
    expect(buffer.waiting).toEqual([]);
  });

  it('returns a mark at once when nothing is queued or playing', () => {
    const buffer = new PlaybackBuffer();
    expect(buffer.mark(0, 0, 'first').why).toBe('idle');
    buffer.append(0, 160);
    expect(buffer.mark(159, 0, 'playing').why).toBeUndefined();
    buffer.played(160);
    expect(buffer.mark(160, 0, 'after').why).toBe('idle');
  });

  it('gives up what is queued and all marks on clear, and counts no gap after it', () => {
    const buffer = new PlaybackBuffer();
    buffer.append(0, 800);
    buffer.mark(0, 0, 'a');
    buffer.append(0, 800);
    buffer.mark(0, 0, 'b');

    const { marks, dropped } = buffer.clear(500);

    expect(marks.map((mark) => mark.name)).toEqual(['a', 'b']);
    expect(dropped).toBe(1100);
    expect(buffer.append(520, 160)).toEqual({ start: 520, gap: undefined });
  });

  it('never lets pieces overlap, and returns every mark once and in order', () => {
    const step = fc.record({
      wait: fc.nat(400),
      what: fc.oneof(fc.constant('mark'), fc.constant('clear'), fc.integer({ min: 1, max: 800 })),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const buffer = new PlaybackBuffer();
        let now = 0;
        let end = 0;
        let sent = 0;
        const back: string[] = [];
        for (const { wait, what } of steps) {
          now += wait;
          for (const mark of buffer.played(now)) back.push(mark.name);
          if (what === 'mark') {
            const mark = buffer.mark(now, now, String(sent++));
            if (mark.why) back.push(mark.name);
          } else if (what === 'clear') {
            for (const mark of buffer.clear(now).marks) back.push(mark.name);
            end = Math.min(end, now);
          } else {
            const { start } = buffer.append(now, what);
            expect(start).toBe(Math.max(now, end));
            end = start + what;
          }
        }
        for (const mark of buffer.played(Infinity)) back.push(mark.name);
        expect(back).toEqual(Array.from({ length: sent }, (_, index) => String(index)));
      }),
    );
  });
});

describe('playback of a stream', () => {
  it('counts a mark as played when its audio was over at the clear, though its timer was late', () => {
    const clock = new VirtualClock();
    const marks: MarkRecord[] = [];
    const clears: ClearRecord[] = [];
    const sent: string[] = [];
    let sample = 0;
    const request = streamRequest(
      { stream_url: 'ws://x.example', stream_bidirectional_mode: 'rtp', stream_bidirectional_target_legs: 'self' },
      'answer',
      'little',
    );
    const playback = new StreamPlayback({
      track: 'stream',
      scheduler: new Scheduler(clock, () => expect.unreachable()),
      request: request!,
      strict: true,
      underrunWindowMs: 200,
      faults: {},
      marks,
      clears,
      underruns: [],
      happens: () => false,
      sample: () => sample,
      timeOf: (at) => at / 8,
      hearers: () => [{ ear: new Ear(), shift: 0 }],
      sendMark: (name) => sent.push(name),
      note: () => undefined,
    });
    for (const name of ['over', 'open']) {
      playback.obey({ kind: 'media', payload: new Uint8Array(160) });
      playback.obey({ kind: 'mark', name });
    }
    sample = 160;
    playback.obey({ kind: 'clear' });

    expect(marks.map((mark) => mark.why)).toEqual(['played', 'cleared']);
    expect(clears).toMatchObject([{ marks: ['open'], droppedSamples: 160 }]);
    expect(sent).toEqual(['over', 'open']);
  });
});

describe('timeline', () => {
  const pieces = fc.array(
    fc.record({ gap: fc.nat(50), bytes: fc.uint8Array({ minLength: 1, maxLength: 60 }), cut: fc.option(fc.nat(30)) }),
    { maxLength: 25 },
  );

  it('renders any window of any pieces, gaps and cuts as a plain array would', () => {
    fc.assert(
      fc.property(pieces, fc.nat(600), fc.integer({ min: 1, max: 600 }), (list, from, length) => {
        const timeline = new Timeline();
        const plain = new Int16Array(5000);
        let end = 0;
        for (const { gap, bytes, cut } of list) {
          const start = end + gap;
          timeline.put(start, bytes, PCMU);
          plain.set(toSamples(PCMU, bytes), start);
          end = start + bytes.length;
          if (cut === null) continue;
          end = Math.max(start, end - cut);
          timeline.cut(end);
          plain.fill(0, end);
        }
        const window = new Int16Array(length);
        timeline.mixInto(window, from);
        expect(window).toEqual(plain.slice(from, from + length));
      }),
    );
  });

  it('cuts wide audio at whole samples', () => {
    const wide = formatOf('L16', 16000);
    const timeline = new Timeline();
    timeline.put(0, fromSamples(wide, Int16Array.of(1, 2, 3, 4)), wide);
    timeline.cut(3);
    const heard = new Int16Array(4);
    timeline.mixInto(heard, 0);

    expect([...heard]).toEqual([1, 2, 3, 0]);
  });

  it('adds sources up and saturates', () => {
    const ear = new Ear();
    const linear = formatOf('L16', 8000);
    ear.track('a').put(0, fromSamples(linear, Int16Array.of(100, 30_000)), linear);
    ear.track('b').put(0, fromSamples(linear, Int16Array.of(-40, 30_000)), linear);

    expect([...ear.render(0, 3)]).toEqual([60, 32_767, 0]);
  });

  it('forgets old audio when nothing is to be kept', () => {
    const timeline = new Timeline(false);
    for (let second = 0; second < 5; second++) timeline.put(second * 8000, new Uint8Array(8000), PCMU);
    const first = new Int16Array(8000);
    const last = new Int16Array(8000);

    timeline.mixInto(first, 0);
    timeline.mixInto(last, 32_000);

    expect(first.every((sample) => sample === 0)).toBe(true);
    expect(last.every((sample) => sample === toSamples(PCMU, Uint8Array.of(0))[0])).toBe(true);
  });
});

describe('formats', () => {
  it.each([8000, 16000, 24000] as const)(
    'carries 8 kHz samples through L16 at %i unchanged, in both byte orders',
    (rate) => {
      for (const order of ['little', 'big'] as const) {
        const format = formatOf('L16', rate, order);
        const samples = Int16Array.of(0, 1, -1, 32_767, -32_768, 1234);
        expect(toSamples(format, fromSamples(format, samples))).toEqual(samples);
      }
    },
  );

  it('gives the very same bytes when nothing is to be transcoded', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(transcode(PCMU, PCMU, bytes)).toBe(bytes);
    expect([...transcode(PCMU, formatOf('PCMA'), Uint8Array.of(0xff))]).toEqual([0xd5]);
  });
});

describe('mouth', () => {
  it('says utterances byte for byte, one after the other, without a break inside a frame', async () => {
    const mouth = new Mouth(PCMU, undefined);
    const said: string[] = [];
    void mouth.say(new Uint8Array(100).fill(1), false).then(() => said.push('first'));
    const second = mouth.say(new Uint8Array(100).fill(2), false).then(() => said.push('second'));

    const frames = [mouth.frame(), mouth.frame()];

    await second;
    expect([...frames[0]!]).toEqual([...Array<number>(100).fill(1), ...Array<number>(60).fill(2)]);
    expect([...frames[1]!]).toEqual([...Array<number>(40).fill(2), ...Array<number>(120).fill(0xff)]);
    expect(said).toEqual(['first', 'second']);
  });

  it('cuts off what may be interrupted, and waits for what may not', async () => {
    const mouth = new Mouth(PCMU, undefined);
    const noise = mouth.say(new Uint8Array(1000).fill(1), true);
    mouth.frame();
    void mouth.say(new Uint8Array(160).fill(2), false);

    await noise;
    expect([...new Set(mouth.frame())]).toEqual([2]);
  });

  it('fills pauses with noise of the level asked for', () => {
    const mouth = new Mouth(formatOf('L16', 8000), -35);
    const samples = toSamples(formatOf('L16', 8000), Buffer.concat(Array.from({ length: 50 }, () => mouth.frame())));
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;

    expect(10 * Math.log10(power / 32_767 ** 2)).toBeCloseTo(-35, 0);
  });
});

describe('scheduler', () => {
  it('runs tasks in due order, each not before its time, with a single timer', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 80 }), (dues) => {
        const clock = new VirtualClock();
        const scheduler = new Scheduler(clock, () => expect.unreachable());
        const ran: number[] = [];
        for (const due of dues) {
          scheduler.at(due, () => {
            expect(clock.mono()).toBeGreaterThanOrEqual(due);
            ran.push(due);
          });
        }
        expect(clock.pending).toBe(1);
        clock.advance(1000);
        expect(ran).toEqual([...dues].sort((a, b) => a - b));
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('forgets cancelled tasks and survives one that throws', () => {
    const clock = new VirtualClock();
    const thrown: unknown[] = [];
    const scheduler = new Scheduler(clock, (error) => thrown.push(error));
    const ran: string[] = [];
    scheduler.after(1, () => ran.push('cancelled')).cancel();
    scheduler.after(2, () => {
      throw new Error('boom');
    });
    scheduler.after(3, () => ran.push('after'));

    clock.advance(5);

    expect(ran).toEqual(['after']);
    expect(thrown).toHaveLength(1);
  });

  it('waits for distant tasks without a timer Node cannot hold', () => {
    const asked: number[] = [];
    const clock = new VirtualClock();
    const scheduler = new Scheduler(
      {
        mono: () => clock.mono(),
        wall: () => clock.wall(),
        after(ms, run) {
          asked.push(ms);
          return clock.after(ms, run);
        },
      },
      () => undefined,
    );
    const ran: string[] = [];
    scheduler.after(Infinity, () => expect.unreachable());
    scheduler.after(2 ** 32, () => ran.push('distant'));
    clock.advance(2 ** 32 + 1);

    expect(ran).toEqual(['distant']);
    expect(Math.max(...asked)).toBeLessThan(2 ** 31);
  });

  it('runs nothing after stop', () => {
    const clock = new VirtualClock();
    const scheduler = new Scheduler(clock, () => undefined);
    scheduler.after(1, () => expect.unreachable());
    scheduler.stop();
    scheduler.after(1, () => expect.unreachable());

    expect(clock.pending).toBe(0);
    clock.advance(10);
  });
});
