import { dbfs, rmsDbfs } from '../src/audio/level.ts';
import { createResampler, RATES_IN } from '../src/audio/resample.ts';
import { sine, toneLevel } from '../src/audio/tones.ts';
import { printRows, sideBySide, type BenchRow } from './row.ts';

const PEAK = 16000;

/** Every supported rate to 8 kHz, and 8 kHz up to 16 and 24 kHz: cost, flatness, aliases and delay. */
export async function run(): Promise<BenchRow[]> {
  const pairs = [
    ...RATES_IN.filter((rate) => rate !== 8000).map((from) => [from, 8000] as const),
    [8000, 16000] as const,
    [8000, 24000] as const,
  ];
  return pairs.flatMap(([from, to]) => [costRow(from, to), qualityRow(from, to)]);
}

function costRow(from: number, to: number): BenchRow {
  const resampler = createResampler(from, to);
  const frame = sine({ hz: 1000, ms: 20, sampleRate: from, level: PEAK });
  const [ns] = sideBySide([() => resampler.process(frame)], 2000) as [number];
  // 24 kHz is the rate TTS vendors send; the others have up to twice the taps and no symmetry to fold.
  const goal = from === 24000 ? 20 : 60;
  return {
    name: `${from} -> ${to} Hz: a 20 ms frame`,
    goal: `<= ${goal} us`,
    measured: `${(ns / 1000).toFixed(1)} us`,
    ok: ns <= goal * 1000,
  };
}

function qualityRow(from: number, to: number): BenchRow {
  const ripple = Math.max(...[300, 1000, 2000, 3000, 3400].map((hz) => Math.abs(gain(from, to, hz, hz))));
  const { delayMs } = createResampler(from, to);
  const unwanted = to < from ? alias(from, to, 5000) : gain(from, to, 3000, 5000);
  return {
    name: `${from} -> ${to} Hz: quality`,
    goal: `${to < from ? 'alias of 5 kHz' : 'image of 3 kHz'} <= -60 dB, flat to 3.4 kHz within 0.5 dB, delay <= 3 ms`,
    measured: `${unwanted.toFixed(0)} dB, ${ripple.toFixed(2)} dB, ${delayMs.toFixed(2)} ms`,
    ok: unwanted <= -60 && ripple <= 0.5 && delayMs <= 3,
  };
}

function convert(from: number, to: number, hz: number): Int16Array {
  const out = createResampler(from, to).process(sine({ hz, ms: 500, sampleRate: from, level: PEAK }));
  return out.subarray(out.length >> 3);
}

function gain(from: number, to: number, hz: number, listen: number): number {
  return dbfs(toneLevel(convert(from, to, hz), to, listen)) - dbfs(PEAK);
}

/** All that is left of a tone that does not fit, wherever it landed. */
function alias(from: number, to: number, hz: number): number {
  return rmsDbfs(convert(from, to, hz)) - (dbfs(PEAK) - 3.01);
}

if (import.meta.main) printRows(await run());
