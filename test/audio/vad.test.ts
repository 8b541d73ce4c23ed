import { describe, expect, test } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { beep, sine } from '../../src/audio/tones.ts';
import { createEnergyVad, type EnergyVadOptions } from '../../src/audio/vad.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { cut, hum, join, loud, noise, over, quiet, speech } from './voices.ts';

interface Heard {
  readonly change: 'started' | 'stopped';
  readonly atMs: number;
  readonly voicedMs: number;
}

/** Everything the detector says about a line that came through G.711, with the time at the end of the frame. */
function listen(line: Int16Array, options?: EnergyVadOptions): Heard[] {
  const vad = createEnergyVad(options);
  const heard: Heard[] = [];
  cut(decodeG711('PCMU', encodeG711('PCMU', line)), [160]).forEach((frame, n) => {
    const { change, voicedMs } = vad.process(frame);
    if (change) heard.push({ change, atMs: 20 * (n + 1), voicedMs });
  });
  return heard;
}

const changes = (heard: readonly Heard[]): string => heard.map(({ change }) => change).join(' ');
const COMFORT_RMS = 580; // -35 dBFS

describe('lines without speech', () => {
  test.each([
    ['digital silence', quiet(5000)],
    ['comfort noise at -35 dBFS', noise(5000, COMFORT_RMS)],
    ['loud noise at -20 dBFS', noise(5000, 3277)],
    ['idle noise', noise(5000, 4)],
    ['hum', hum(5000, 3000)],
    ['hum of 60 Hz over comfort noise', over(noise(5000, COMFORT_RMS), hum(5000, 1500, 60))],
    ['hum that sets in on a silent line, below the gate', join(quiet(2000), hum(3000, 200))],
    ['a DC offset that sets in', join(quiet(2000), new Int16Array(16000).fill(900))],
    ['noise that fades to silence', join(noise(2000, COMFORT_RMS), noise(1000, 100), quiet(2000))],
    ['clicks of 10 ms', join(...[1, 2, 3, 4].flatMap((n) => [quiet(393), noise(10, 12000, n)]), quiet(508))],
    ['a click over comfort noise', over(noise(2000, COMFORT_RMS), join(quiet(1003), noise(10, 15000)))],
  ])('%s: nobody speaks', (_, line) => {
    expect(listen(line)).toEqual([]);
  });
});

describe.each([
  ['digital silence', 0],
  ['a quiet line', 30],
  ['comfort noise at -35 dBFS', COMFORT_RMS],
] as const)('speech on %s', (_, floor) => {
  const line = over(join(quiet(1000), speech(1200, 4000, 5), quiet(800)), noise(3000, floor));

  test('starts within 120 ms and stops one hangover after its end', () => {
    const heard = listen(line);

    expect(changes(heard)).toBe('started stopped');
    expect(heard[0]!.atMs).toBeGreaterThan(1000);
    expect(heard[0]!.atMs).toBeLessThanOrEqual(1120);
    expect(heard[1]!.atMs).toBeGreaterThanOrEqual(2300);
    expect(heard[1]!.atMs).toBeLessThanOrEqual(2440);
  });

  test('a longer hangover ends later by exactly that', () => {
    const [, short] = listen(line);
    const [, long] = listen(line, { hangoverMs: 500 });

    expect(long!.atMs - short!.atMs).toBe(300);
    expect(long!.voicedMs).toBe(short!.voicedMs);
  });
});

test('speech from the very first frame is heard', () => {
  const heard = listen(join(speech(1000, 4000, 2), quiet(600)));

  expect(changes(heard)).toBe('started stopped');
  expect(heard[0]!.atMs).toBeLessThanOrEqual(300);
});

test('a long monologue is not taken for noise', () => {
  const line = over(join(quiet(500), speech(12_000, 4000, 3), quiet(1000)), noise(13_500, 60));
  const heard = listen(line, { hangoverMs: 500 });

  expect(changes(heard)).toBe('started stopped');
  expect(heard[1]!.voicedMs).toBeGreaterThan(6000);
});

test('clipped speech is speech', () => {
  expect(changes(listen(join(quiet(500), loud(speech(1000, 4000, 4), 20), quiet(500))))).toBe('started stopped');
});

describe('the floor moves', () => {
  test('comfort noise that sets in after silence is a false alarm of at most 800 ms, once', () => {
    const heard = listen(join(quiet(2000), noise(8000, COMFORT_RMS)));

    expect(changes(heard)).toBe('started stopped');
    expect(heard[1]!.atMs - 2000).toBeLessThanOrEqual(800);
  });

  test('after a step up, speech above the new floor is heard', () => {
    const line = join(
      noise(2000, 60),
      noise(3000, COMFORT_RMS),
      over(speech(1000, 6000, 6), noise(1000, COMFORT_RMS, 2)),
      noise(1000, COMFORT_RMS, 3),
    );
    const after = listen(line).filter(({ atMs }) => atMs > 5000);

    expect(changes(after)).toBe('started stopped');
    expect(after[0]!.atMs).toBeLessThanOrEqual(5120);
  });

  test('after a step down, speech that the old noise would have hidden is heard within 500 ms', () => {
    const line = join(noise(3000, 3000), noise(500, 60), over(speech(1000, 1500, 7), noise(1000, 60)), quiet(500));
    const heard = listen(line);

    expect(changes(heard)).toBe('started stopped');
    expect(heard[0]!.atMs).toBeGreaterThan(3500);
    expect(heard[0]!.atMs).toBeLessThanOrEqual(3640);
  });

  test('an endless tone is speech for at most 800 ms', () => {
    const heard = listen(join(quiet(1000), sine({ hz: 440, ms: 6000 })));

    expect(changes(heard)).toBe('started stopped');
    expect(heard[1]!.atMs - 1000).toBeLessThanOrEqual(800);
  });
});

describe('what a frame says', () => {
  const voice = beep({ hz: 500, ms: 20, level: 8000 });
  const silence = quiet(20);

  /** A detector that has heard a second of silence, and a function that feeds it voice (v) and silence (.) frames. */
  function feeder(options?: EnergyVadOptions): (pattern: string) => string[] {
    const vad = createEnergyVad(options);
    for (let n = 0; n < 50; n++) vad.process(silence);
    return (pattern) =>
      Array.from(pattern, (letter) => {
        const { voiced, speech: speaking, change, voicedMs, silenceMs } = vad.process(letter === 'v' ? voice : silence);
        expect(voiced).toBe(letter === 'v');
        return `${change ?? (speaking ? 'speech' : '-')} ${voicedMs}/${silenceMs}`;
      });
  }

  test('speech starts with the third voiced frame within five', () => {
    expect(feeder()('vvv')).toEqual(['- 0/0', '- 0/0', 'started 60/0']);
    expect(feeder()('v.v.v')).toEqual(['- 0/0', '- 0/20', '- 0/0', '- 0/20', 'started 60/0']);
    expect(feeder()('v..v.v').at(-1)).toBe('- 0/0');
    expect(feeder()('vv...v.').at(-1)).toBe('- 0/20');
  });

  test('counts voice and silence, and stops when the hangover is over', () => {
    const feed = feeder({ hangoverMs: 60 });

    expect(feed('vvvv..v...')).toEqual([
      '- 0/0',
      '- 0/0',
      'started 60/0',
      'speech 80/0',
      'speech 80/20',
      'speech 80/40',
      'speech 100/0',
      'speech 100/20',
      'speech 100/40',
      'stopped 100/60',
    ]);
    expect(feed('.v')).toEqual(['- 0/80', '- 0/0']);
  });

  test('silence counts from the beginning when there was no voice yet', () => {
    expect(createEnergyVad().process(silence).silenceMs).toBe(20);
    expect(feeder()('.')).toEqual(['- 0/1020']);
  });
});

test('two detectors say the same about the same frames', () => {
  const line = over(speech(3000, 3000, 9), noise(3000, 200));

  expect(listen(line)).toEqual(listen(line));
  expect(listen(line).length).toBeGreaterThan(0);
});

test('the loudest possible signal does not overflow', () => {
  const square = Int16Array.from({ length: 8000 }, (_, n) => (n % 16 < 8 ? 32767 : -32768));
  const vad = createEnergyVad();
  const voiced = cut(join(quiet(1000), square), [160]).filter((frame) => vad.process(frame).voiced).length;

  expect(voiced).toBeGreaterThanOrEqual(20);
});

test.each([0, 80, 159, 320])('a frame of %i samples is refused', (length) => {
  expect(() => createEnergyVad().process(new Int16Array(length))).toThrow(LandlineError);
});
