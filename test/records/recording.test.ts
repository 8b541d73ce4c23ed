import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { rmsDbfs } from '../../src/audio/level.ts';
import { sine } from '../../src/audio/tones.ts';
import { readWav } from '../../src/audio/wav.ts';
import { trackPath } from '../../src/journal/layout.ts';
import { encodeTrackRecord, type TrackRecord } from '../../src/journal/tracks.ts';
import { readRecording, renderRecording } from '../../src/records/recording.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'landline-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const format = (side: 'caller' | 'agent', codec = 'PCMU', sampleRate = 8000, at = 0): TrackRecord => ({
  kind: 'format',
  at,
  side,
  codec,
  sampleRate,
});

/** Writes the track of `call_1`. */
function track(...records: readonly (TrackRecord | Uint8Array)[]): void {
  const path = trackPath(dataDir, 'call_1');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    Buffer.concat(records.map((record) => (record instanceof Uint8Array ? record : encodeTrackRecord(record)))),
  );
}

const TONE = encodeG711('PCMU', sine({ hz: 400, ms: 100 }));

describe('a recording', () => {
  it('has every piece at its place and silence around it, both sides of one length', async () => {
    track(
      format('caller'),
      format('agent'),
      { kind: 'caller', at: 0, bytes: TONE },
      { kind: 'agent', at: 4000, bytes: TONE },
      { kind: 'caller', at: 1600, bytes: TONE },
    );

    const { caller, agent } = await readRecording(dataDir, 'call_1');

    const tone = decodeG711('PCMU', TONE);
    const silence = (samples: number): number[] => new Array<number>(samples).fill(0);
    expect([...caller]).toEqual([...tone, ...silence(800), ...tone, ...silence(2400)]);
    expect([...agent]).toEqual([...silence(4000), ...tone]);
  });

  it('is a stereo WAV, caller left and agent right', async () => {
    track(
      format('caller'),
      format('agent'),
      { kind: 'caller', at: 0, bytes: TONE },
      { kind: 'agent', at: 800, bytes: TONE },
    );

    const wav = readWav(await renderRecording(dataDir, 'call_1'));

    expect([wav.sampleRate, wav.encoding, wav.channels.length]).toEqual([8000, 'pcm16', 2]);
    expect(rmsDbfs(wav.channels[0]?.subarray(0, 800) ?? new Int16Array(0))).toBeGreaterThan(-20);
    expect(rmsDbfs(wav.channels[0]?.subarray(800) ?? new Int16Array(0))).toBe(-Infinity);
    expect(rmsDbfs(wav.channels[1]?.subarray(0, 800) ?? new Int16Array(0))).toBe(-Infinity);
    expect(rmsDbfs(wav.channels[1]?.subarray(800) ?? new Int16Array(0))).toBeGreaterThan(-20);
  });

  it.each([
    ['A-law', 'PCMA', 8000, Buffer.from(encodeG711('PCMA', sine({ hz: 400, ms: 100 })))],
    ['L16 at 16 kHz', 'L16', 16_000, l16(sine({ hz: 400, ms: 100, sampleRate: 16_000 }))],
  ])('reads %s as what the track says it is', async (_name, codec, sampleRate, bytes) => {
    track(format('caller', codec, sampleRate), { kind: 'caller', at: 0, bytes });

    const { caller } = await readRecording(dataDir, 'call_1');

    const original = sine({ hz: 400, ms: 100 });
    // Resampling holds its last samples back; what is there is the tone.
    const worst = Math.max(...Array.from(caller.subarray(50, 750), (s, i) => Math.abs(s - (original[i + 50] ?? 0))));
    expect(caller.length).toBeGreaterThan(760);
    expect(worst).toBeLessThan(400);
  });

  it('changes the law in the middle of a call', async () => {
    const samples = sine({ hz: 400, ms: 100 });
    track(
      format('caller', 'PCMU'),
      { kind: 'caller', at: 0, bytes: encodeG711('PCMU', samples) },
      format('caller', 'PCMA', 8000, 800),
      { kind: 'caller', at: 800, bytes: encodeG711('PCMA', samples) },
    );

    const { caller } = await readRecording(dataDir, 'call_1');

    expect(caller.subarray(800)).toEqual(decodeG711('PCMA', encodeG711('PCMA', samples)));
    expect(caller.subarray(0, 800)).toEqual(decodeG711('PCMU', encodeG711('PCMU', samples)));
  });

  it('is read around damage, gaps and a place that no call reaches', async () => {
    const lost = encodeTrackRecord({ kind: 'caller', at: 0, bytes: TONE });
    lost[20] = (lost[20] ?? 0) ^ 0xff;
    track(
      format('caller'),
      lost,
      Buffer.from('garbage'),
      { kind: 'gap', at: 800, samples: 800, reason: 'sensitive' },
      { kind: 'caller', at: 2 ** 40, bytes: TONE },
      { kind: 'caller', at: 1600, bytes: TONE },
    );

    const { caller, agent } = await readRecording(dataDir, 'call_1');

    expect(caller.length).toBe(2400);
    expect(caller.subarray(0, 1600).every((sample) => sample === 0)).toBe(true);
    expect(caller.subarray(1600)).toEqual(decodeG711('PCMU', TONE));
    expect(agent).toEqual(new Int16Array(2400));
  });

  it('grows with the call: nothing is lost beyond the first minute', async () => {
    const places = [0, 8000 * 59, 8000 * 61, 8000 * 200];
    track(format('caller'), ...places.map((at) => ({ kind: 'caller', at, bytes: TONE }) as const));

    const { caller } = await readRecording(dataDir, 'call_1');

    expect(caller.length).toBe(8000 * 200 + 800);
    for (const at of places) expect(caller.subarray(at, at + 800)).toEqual(decodeG711('PCMU', TONE));
  });

  it('is the same however the audio was cut into records', async () => {
    const samples = sine({ hz: 300, ms: 500 });
    const bytes = encodeG711('PCMU', samples);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 8 }),
        async (cuts) => {
          const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length];
          const pieces = borders.slice(1).map((end, i): TrackRecord => {
            const at = borders[i] ?? 0;
            return { kind: 'agent', at, bytes: bytes.subarray(at, end) };
          });
          track(format('agent'), ...pieces);

          expect((await readRecording(dataDir, 'call_1')).agent).toEqual(decodeG711('PCMU', bytes));
        },
      ),
      { numRuns: 20 },
    );
  });

  it.each([
    ['there is no track', () => undefined],
    ['the track is empty', () => track()],
    ['nothing in it can be read', () => track(Buffer.from('not a track at all'))],
  ])('is missing when %s', async (_why, make) => {
    make();

    await expect(readRecording(dataDir, 'call_1')).rejects.toMatchObject({
      code: 'recording_not_found',
      message: expect.stringContaining('call_1') as string,
    });
  });
});

function l16(samples: Int16Array): Buffer {
  const bytes = Buffer.alloc(samples.length * 2);
  samples.forEach((sample, i) => bytes.writeInt16LE(sample, i * 2));
  return bytes;
}
