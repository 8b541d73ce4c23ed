import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PCMA_8K, PCMU_8K } from '../../src/audio/format.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import { sine } from '../../src/audio/tones.ts';
import { writeWav } from '../../src/audio/wav.ts';
import { loadSounds } from '../../src/call/sounds.ts';

const dir = mkdtempSync(join(tmpdir(), 'landline-sounds-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const tone = sine({ hz: 440, ms: 200 });
writeFileSync(join(dir, 'mono.wav'), writeWav({ sampleRate: 8000, channels: [tone] }));
writeFileSync(join(dir, 'stereo.wav'), writeWav({ sampleRate: 8000, channels: [tone, tone] }));
writeFileSync(
  join(dir, 'hd.wav'),
  writeWav({ sampleRate: 48_000, channels: [sine({ hz: 440, ms: 200, sampleRate: 48_000 })] }),
);
writeFileSync(join(dir, 'long.wav'), writeWav({ sampleRate: 8000, channels: [new Int16Array(8000 * 61)] }));
writeFileSync(join(dir, 'odd.wav'), writeWav({ sampleRate: 11_025, channels: [tone] }));
writeFileSync(join(dir, 'empty.wav'), writeWav({ sampleRate: 8000, channels: [new Int16Array(0)] }));
writeFileSync(join(dir, 'text.wav'), 'no audio');

const never = (name: string, what: string): void => {
  throw new Error(`${name} ${what}`);
};

describe('sounds of the config', () => {
  it('are the samples of the file, in the law of the call', () => {
    const sounds = loadSounds({ mono: 'mono.wav', stereo: join(dir, 'stereo.wav') }, dir, never);
    expect(sounds.names).toEqual(['mono', 'stereo']);
    for (const format of [PCMU_8K, PCMA_8K]) {
      const bytes = Buffer.from(encodeG711(format.codec === 'PCMA' ? 'PCMA' : 'PCMU', tone));
      expect(Buffer.from(sounds.audio('mono', format) ?? [])).toEqual(bytes);
      expect(Buffer.from(sounds.audio('stereo', format) ?? [])).toEqual(bytes);
    }
    expect(sounds.audio('gong', PCMU_8K)).toBeUndefined();
  });

  it('have their length at any rate', () => {
    const sounds = loadSounds({ hd: 'hd.wav' }, dir, never);
    expect(sounds.audio('hd', PCMU_8K)).toHaveLength(1600);
    expect(sounds.audio('hd', { codec: 'L16', sampleRate: 16_000, byteOrder: 'little' })).toHaveLength(6400);
  });

  it.each([
    ['long', 'long.wav', 'cannot be played: it is 61 s long; at most 60 s are played in one piece'],
    ['odd', 'odd.wav', 'cannot be played: 11025 Hz: supported are 8000, 16000, 22050, 24000, 44100, 48000'],
    ['empty', 'empty.wav', 'cannot be played: the file has no audio'],
    ['text', 'text.wav', 'cannot be played: not a readable WAV file: at byte 0, expected "RIFF", found "no a"'],
    ['none', 'none.wav', /^cannot be played: ENOENT/],
  ])('that cannot be played are complained of, and left out: %s', (name, file, what) => {
    const heard: string[][] = [];
    const sounds = loadSounds({ [name]: file }, dir, (...said) => void heard.push(said));
    expect(sounds.names).toEqual([]);
    expect(heard).toEqual([[name, what instanceof RegExp ? expect.stringMatching(what) : what]]);
  });
});
