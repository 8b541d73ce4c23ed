import { findWords, wordTimes, type FoundWord } from '../../src/emulator/voice.ts';

const PER_MS = 8;
/** A gap that a stalled machine tears into a word is shorter than any pause in which it could have been said again. */
const TEAR_MS = 400;

/**
 * The words of `text` a person heard, 8 kHz. A word into which a stall of this machine tore a gap counts once, and as
 * complete when all of its pieces are: what the tests are about is what was said, not how busy two cores were.
 */
export function heardWords(samples: Int16Array, text: string): FoundWord[] {
  const times = wordTimes(text);
  const words: (FoundWord & { sounding: number })[] = [];
  for (const found of findWords(samples, PER_MS * 1000, text).words) {
    const sounding = found.toSample - found.fromSample;
    const last = words.at(-1);
    const isTorn = last?.index === found.index && !last.complete && !found.complete;
    if (!isTorn || found.fromSample - last.toSample > TEAR_MS * PER_MS) {
      words.push({ ...found, sounding });
      continue;
    }
    const time = times[found.index];
    const whole = time ? (time.endMs - time.startMs) * PER_MS : Infinity;
    const heard = last.sounding + sounding;
    // Each edge of a tear may cost the ramp of a window.
    words[words.length - 1] = {
      ...last,
      toSample: found.toSample,
      sounding: heard,
      complete: heard >= whole - 40 * PER_MS,
    };
  }
  return words;
}
