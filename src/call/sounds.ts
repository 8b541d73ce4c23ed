import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { createEncoder } from '../audio/codec.ts';
import type { AudioFormat } from '../audio/format.ts';
import { createResampler, RATES_IN } from '../audio/resample.ts';
import { readWav } from '../audio/wav.ts';
import { messageOf } from '../core/errors.ts';

/** Audio files that may be played to callers, by name. */
export interface Sounds {
  readonly names: readonly string[];
  /** The whole sound as it goes onto the wire; undefined: there is none of that name. */
  audio(name: string, format: AudioFormat): Uint8Array | undefined;
}

export const NO_SOUNDS: Sounds = { names: [], audio: () => undefined };

/** `sounds` of the config: name -> path of a WAV file, relative to the config file. */
export const soundOptions: z.ZodType<Readonly<Record<string, string>>> = z
  .record(
    z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a name of letters, digits, "_" and "-"'),
    z.string().min(1, 'must be the path of a WAV file'),
  )
  .default({});

/** What playout takes of one turn. */
const LONGEST_SECONDS = 60;
/** A minute of the best audio we read, and a bit. */
const MOST_BYTES = 64 * 1024 * 1024;

interface Sound {
  readonly sampleRate: number;
  readonly samples: Int16Array;
}

/**
 * Reads every file once, so that no call waits for the disk.
 * @param complain hears the name of each sound that cannot be used, and why; it is left out.
 */
export function loadSounds(
  files: Readonly<Record<string, string>>,
  dir: string,
  complain: (name: string, what: string) => void,
): Sounds {
  const sounds = new Map<string, Sound>();
  for (const [name, file] of Object.entries(files)) {
    try {
      sounds.set(name, readSound(resolve(dir, file)));
    } catch (thrown) {
      complain(name, `cannot be played: ${messageOf(thrown)}`);
    }
  }
  const ready = new Map<string, Uint8Array>();
  return {
    names: [...sounds.keys()],
    audio: (name, format) => {
      const sound = sounds.get(name);
      if (!sound) return undefined;
      const key = `${name} ${JSON.stringify(format)}`;
      const made = ready.get(key) ?? encode(sound, format);
      ready.set(key, made);
      return made;
    },
  };
}

function readSound(path: string): Sound {
  if (statSync(path).size > MOST_BYTES) throw new Error(`the file is larger than ${MOST_BYTES / 1024 / 1024} MB`);
  const { sampleRate, channels } = readWav(readFileSync(path));
  const [first] = channels;
  if (!first || first.length === 0) throw new Error('the file has no audio');
  if (!RATES_IN.includes(sampleRate)) throw new Error(`${sampleRate} Hz: supported are ${RATES_IN.join(', ')}`);
  const seconds = first.length / sampleRate;
  if (seconds > LONGEST_SECONDS) {
    throw new Error(`it is ${Math.ceil(seconds)} s long; at most ${LONGEST_SECONDS} s are played in one piece`);
  }
  const samples = first.map((_, i) =>
    Math.round(channels.reduce((sum, channel) => sum + (channel[i] ?? 0), 0) / channels.length),
  );
  return { sampleRate, samples };
}

function encode({ sampleRate, samples }: Sound, format: AudioFormat): Uint8Array {
  const resampler = createResampler(sampleRate, format.sampleRate);
  const encoder = createEncoder(format);
  return Buffer.concat([encoder.encode(resampler.process(samples)), encoder.encode(resampler.flush())]);
}
