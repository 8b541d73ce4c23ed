import { readFileSync, statSync } from 'node:fs';
import { readWav, toMono8k } from '../audio/wav.ts';
import { messageOf } from '../core/errors.ts';

/** Five minutes of the best audio we read, in stereo, is less. */
const MOST_BYTES = 64 * 1024 * 1024;
const LONGEST_SECONDS = 300;

/**
 * An agent's own hold music: any WAV file of 1 second to 5 minutes, mixed to one channel at 8 kHz; it is played round and
 * round.
 * @throws Error in plain words when it cannot be used.
 */
export function readHoldMusic(path: string): Int16Array {
  try {
    if (statSync(path).size > MOST_BYTES) throw new Error(`the file is larger than ${MOST_BYTES / 1024 / 1024} MB`);
    const music = toMono8k(readWav(readFileSync(path)));
    const seconds = music.length / 8000;
    if (seconds < 1 || seconds > LONGEST_SECONDS) {
      throw new Error(`it is ${seconds.toFixed(1)} s long: 1 to ${LONGEST_SECONDS} s are played round and round`);
    }
    return music;
  } catch (thrown) {
    throw new Error(`cannot be played: ${messageOf(thrown)}`, { cause: thrown });
  }
}
