import alawmulaw from 'alawmulaw';
import { createCodecCheck } from '../src/audio/codec.ts';
import type { G711 } from '../src/audio/format.ts';
import { decodeG711Into, encodeG711, encodeG711Into } from '../src/audio/g711.ts';
import { createEnergyVad } from '../src/audio/vad.ts';
import { printRows, sideBySide, type BenchRow } from './row.ts';

const FRAME = 160;
/** Ten seconds of a voice-like rise and fall with noise in it: a short loop would let branch predictors learn it by heart. */
const FRAMES = 500;
const sound = makeSound();

/** Decode + encode of a frame, and the two detectors that hear every inbound frame. */
export async function run(): Promise<BenchRow[]> {
  return [...(['PCMU', 'PCMA'] as const).flatMap(codecRows), ...detectorRows()];
}

function codecRows(law: G711): BenchRow[] {
  const reference = law === 'PCMU' ? alawmulaw.mulaw : alawmulaw.alaw;
  const frames = sound.map((frame) => encodeG711(law, frame));
  const pcm = new Int16Array(FRAME);
  const bytes = new Uint8Array(FRAME);
  let n = 0;
  const next = (): Uint8Array => frames[n++ % FRAMES]!;
  const ours = (): void => {
    decodeG711Into(law, next(), pcm);
    encodeG711Into(law, pcm, bytes);
  };
  const [oursNs, theirsNs] = sideBySide([ours, () => reference.encode(reference.decode(next()))], 20_000) as [
    number,
    number,
  ];
  const allocated = bytesPerCall(ours);
  return [
    {
      name: `${law}: decode + encode of a 20 ms frame`,
      goal: '>= 6x the array calls of alawmulaw',
      measured: `${oursNs.toFixed(0)} ns against ${theirsNs.toFixed(0)} ns`,
      ratio: `${(theirsNs / oursNs).toFixed(1)}x`,
      ok: theirsNs / oursNs >= 6,
    },
    {
      name: `${law}: bytes allocated per frame`,
      goal: '0',
      measured: allocated.toFixed(1),
      ok: allocated < 1,
    },
  ];
}

function detectorRows(): BenchRow[] {
  const vad = createEnergyVad();
  const bytes = sound.map((frame) => encodeG711('PCMU', frame));
  let n = 0;
  const listen = (): void => void vad.process(sound[n++ % FRAMES]!);
  const checkOnce = (): void => {
    const check = createCodecCheck('PCMU');
    for (const frame of bytes) if (check.push(frame)) return;
  };
  const [vadNs, checkNs] = sideBySide([listen, checkOnce], 5000) as [number, number];
  const allocated = bytesPerCall(listen);
  return [
    { name: 'VAD: a 20 ms frame', goal: '<= 10 us', measured: `${(vadNs / 1000).toFixed(2)} us`, ok: vadNs <= 10_000 },
    { name: 'VAD: bytes allocated per frame', goal: '0', measured: allocated.toFixed(1), ok: allocated < 1 },
    {
      name: 'codec check: one call, until it is sure',
      goal: '<= 200 us',
      measured: `${(checkNs / 1000).toFixed(1)} us`,
      ok: checkNs <= 200_000,
    },
  ];
}

function makeSound(): Int16Array[] {
  let state = 1;
  return Array.from({ length: FRAMES }, (_, frame) =>
    Int16Array.from({ length: FRAME }, (_, n) => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const envelope = 0.5 + 0.5 * Math.sin(frame / 5);
      return Math.round(envelope * (8000 * Math.sin((frame * FRAME + n) * 0.11) + (state >> 20)));
    }),
  );
}

/**
 * Growth of the JavaScript heap and of array buffers per call. So few calls that no garbage collection runs in between
 * and hides it (alawmulaw's arrays show as 60 bytes or more); the least of some attempts, as whatever else the
 * process does only adds.
 */
function bytesPerCall(call: () => unknown): number {
  const calls = 2000;
  for (let n = 0; n < 10 * calls; n++) call();
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const growths = Array.from({ length: 9 }, () => {
    const before = used();
    for (let n = 0; n < calls; n++) call();
    return (used() - before) / calls;
  });
  // Negative: a collection did run.
  return Math.min(...growths.filter((growth) => growth >= 0));
}

if (import.meta.main) printRows(await run());
