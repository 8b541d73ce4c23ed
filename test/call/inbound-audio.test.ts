import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AudioFormat, G711 } from '../../src/audio/format.ts';
import { encodeG711, silenceByte } from '../../src/audio/g711.ts';
import { ramp, readRamp } from '../../src/audio/ramp.ts';
import { InboundAudio } from '../../src/call/inbound-audio.ts';
import { noise, speech } from '../audio/voices.ts';

const PCMU: AudioFormat = { codec: 'PCMU', sampleRate: 8000 };

class Ear {
  readonly heard: number[] = [];
  readonly voice: string[] = [];
  readonly mismatches: string[] = [];
  /** Bytes heard at the moment of the first mismatch. */
  switchedAt: number | undefined;
  readonly inbound: InboundAudio;

  constructor(format: AudioFormat = PCMU) {
    this.inbound = new InboundAudio(format, {
      audio: (bytes) => this.heard.push(...bytes),
      voice: (change, voicedMs, silenceMs) => this.voice.push(`${change} ${voicedMs}/${silenceMs}`),
      mismatch: (announced, heard) => {
        this.mismatches.push(`${announced} -> ${heard}`);
        this.switchedAt ??= this.heard.length;
      },
    });
  }

  /** 20 ms frames, numbered from 1, one every 20 ms. */
  play(bytes: Uint8Array): void {
    for (let at = 0; at + 160 <= bytes.length; at += 160)
      this.frame(at / 160 + 1, bytes.subarray(at, at + 160), at / 8);
  }

  frame(chunk: number | undefined, payload: Uint8Array, t: number): void {
    this.inbound.write(chunk, payload, t);
  }
}

function g711(samples: Int16Array, law: G711 = 'PCMU'): Uint8Array {
  return encodeG711(law, samples);
}

describe('the way in', () => {
  it('hands on the original bytes, untouched and in order', () => {
    const ear = new Ear();
    ear.play(ramp(50 * 160));

    expect(readRamp(Uint8Array.from(ear.heard))).toMatchObject({ lost: 0, repeated: 0, foreign: 0, backwards: 0 });
    expect(ear.heard).toHaveLength(50 * 160);
  });

  it('takes frames of any size', () => {
    const ear = new Ear();
    const sound = ramp(4000);
    let at = 0;
    for (const [n, size] of [0, 1, 80, 159, 161, 240, 320, 1600, 1439].entries()) {
      ear.frame(n + 1, sound.subarray(at, at + size), n * 20);
      at += size;
    }

    expect(Uint8Array.from(ear.heard)).toEqual(sound);
  });

  it('puts swapped frames back and fills lost ones, so that time stays true', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('ok', 'ok', 'ok', 'ok', 'lost', 'late', 'twice'), { minLength: 20, maxLength: 80 }),
        (fates) => {
          const ear = new Ear();
          const sound = ramp(fates.length * 160 + 480);
          const late: number[] = [];
          const send = (n: number, t: number): void => ear.frame(n + 1, sound.subarray(n * 160, n * 160 + 160), t);
          for (const [n, fate] of fates.entries()) {
            const t = n * 20;
            if (ear.inbound.due() <= t) ear.inbound.advance(t);
            if (n > 0 && fate === 'lost') continue;
            if (n > 0 && fate === 'late') {
              late.push(n);
              continue;
            }
            send(n, t);
            if (fate === 'twice') send(n, t + 1);
            for (const one of late.splice(0)) send(one, t + 2);
          }
          for (const n of [0, 1, 2]) send(fates.length + n, (fates.length + n) * 20);
          ear.inbound.advance(Infinity);

          expect(ear.heard).toHaveLength(sound.length);
          const heard = Uint8Array.from(ear.heard);
          for (const [n, fate] of fates.entries()) {
            // What arrived in time lies exactly in its place; a late frame may have been given up.
            if (n > 0 && (fate === 'lost' || fate === 'late')) continue;
            const place = [n * 160, n * 160 + 160] as const;
            expect(heard.subarray(...place)).toEqual(sound.subarray(...place));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does not fill a jump of the numbers beyond a second', () => {
    const ear = new Ear();
    ear.frame(1, ramp(160), 0);
    ear.frame(200_000, ramp(160, 160), 20);

    expect(ear.heard).toHaveLength(320);
  });
});

describe('the voice of the caller', () => {
  it('starts, is sustained once after 300 ms, and stops', () => {
    const ear = new Ear();
    const quiet = noise(1000, 20, 3);
    ear.play(g711(Int16Array.from([...quiet, ...speech(900, 3000, 5), ...quiet])));

    expect(ear.voice.map((line) => line.split(' ')[0])).toEqual(['started', 'sustained', 'stopped']);
    expect(Number(ear.voice[1]?.split(/[ /]/)[1])).toBeGreaterThanOrEqual(300);
    expect(ear.voice[2]?.endsWith('/200')).toBe(true);
  });

  it('is not a click', () => {
    const ear = new Ear();
    ear.play(g711(Int16Array.from([...noise(1000, 20, 3), ...speech(40, 3000, 5), ...noise(1000, 20, 4)])));

    expect(ear.voice).toEqual([]);
  });

  it('is found in a 16 kHz stream too', () => {
    const ear = new Ear({ codec: 'L16', sampleRate: 16000, byteOrder: 'little' });
    const at8k = [...noise(1000, 20, 3), ...speech(900, 3000, 5), ...noise(1000, 20, 4)];
    const at16k = Int16Array.from(at8k.flatMap((sample) => [sample, sample]));
    const bytes = new Uint8Array(at16k.buffer);
    for (let at = 0; at < bytes.length; at += 640) ear.frame(at / 640 + 1, bytes.subarray(at, at + 640), at / 32);

    expect(ear.voice.map((line) => line.split(' ')[0])).toEqual(['started', 'sustained', 'stopped']);
  });
});

describe('a wrong announcement', () => {
  it.each<[G711, G711]>([
    ['PCMU', 'PCMA'],
    ['PCMA', 'PCMU'],
  ])('%s that is %s is found within 500 ms of sound and read in the right law from there', (announced, real) => {
    for (let seed = 1; seed <= 20; seed++) {
      const ear = new Ear({ codec: announced, sampleRate: 8000 });
      ear.play(new Uint8Array(1600).fill(silenceByte(real)));
      const before = ear.heard.length;
      ear.play(g711(speech(1500, 2500, seed), real));

      expect(ear.mismatches).toEqual([`${announced} -> ${real}`]);
      expect((ear.switchedAt ?? Infinity) - before).toBeLessThanOrEqual(500 * 8);
      expect(ear.inbound.format.codec).toBe(real);
    }
  });

  it.each<G711>(['PCMU', 'PCMA'])('is never seen in a true %s', (law) => {
    for (let seed = 1; seed <= 20; seed++) {
      const ear = new Ear({ codec: law, sampleRate: 8000 });
      ear.play(g711(speech(1500, 2500, seed), law));
      expect(ear.mismatches).toEqual([]);
    }
  });
});
