import type { TimedWord } from '../providers/ports.ts';
import { spokenOf, writtenOf, type SpokenToken } from './spoken-token.ts';

/** A stretch of an utterance's audio whose text is known (from `ttsText`). Bytes count from the utterance's start. */
export interface SpokenPiece {
  readonly text: string;
  readonly fromByte: number;
  readonly toByte: number;
  /** Word times in milliseconds from the utterance's start, when the voice knows them. */
  readonly words?: readonly TimedWord[];
}

/** A word with the bytes that say it. */
interface PlacedWord {
  readonly fromByte: number;
  readonly toByte: number;
}

/** Typical speech; used only for text whose audio has begun and whose end is not known yet. */
const CHARS_PER_SECOND = 15;

/** The words of a text as the ledger counts them: whatever stands between white space. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}

/**
 * Where each word of `text` lies in the audio of its utterance: by the voice's own word times where they are known, else
 * spread over its piece by length. Text behind the last piece is placed at {@link CHARS_PER_SECOND}.
 */
function placeWords(text: string, pieces: readonly SpokenPiece[], bytesPerMs: number): PlacedWord[] {
  const placed: PlacedWord[] = [];
  for (const piece of pieces) {
    const words = wordsOf(piece.text);
    if (piece.words?.length === words.length) {
      for (const word of piece.words)
        placed.push({ fromByte: word.startMs * bytesPerMs, toByte: word.endMs * bytesPerMs });
    } else {
      spread(placed, words, piece.fromByte, piece.toByte);
    }
  }
  const rest = wordsOf(text).slice(placed.length);
  if (rest.length > 0) {
    const from = pieces.at(-1)?.toByte ?? 0;
    const chars = rest.reduce((sum, word) => sum + word.length + 1, 0);
    spread(placed, rest, from, from + (chars / CHARS_PER_SECOND) * 1000 * bytesPerMs);
  }
  return placed;
}

function spread(placed: PlacedWord[], words: readonly string[], fromByte: number, toByte: number): void {
  const chars = words.reduce((sum, word) => sum + word.length + 1, 0);
  let done = 0;
  for (const word of words) {
    const start = fromByte + ((toByte - fromByte) * done) / chars;
    done += word.length + 1;
    placed.push({ fromByte: start, toByte: fromByte + ((toByte - fromByte) * done) / chars });
  }
}

/**
 * How many words of `text` the caller heard when `heardBytes` of its audio were played. A word counts once half of it
 * was heard.
 */
export function heardWordCount(
  text: string,
  pieces: readonly SpokenPiece[],
  heardBytes: number,
  bytesPerMs: number,
): number {
  let count = 0;
  for (const word of placeWords(text, pieces, bytesPerMs)) {
    if ((word.fromByte + word.toByte) / 2 > heardBytes) break;
    count++;
  }
  return Math.min(count, wordsOf(text).length);
}

/** The byte at which the word begins that was cut by stopping at `heardBytes`: where resumed speech starts again. */
export function wordBorderBefore(
  text: string,
  pieces: readonly SpokenPiece[],
  heardBytes: number,
  bytesPerMs: number,
): number {
  let border = 0;
  for (const word of placeWords(text, pieces, bytesPerMs)) {
    if (word.fromByte > heardBytes) break;
    // A word that was heard to its end is not said twice.
    border = word.toByte <= heardBytes ? word.toByte : word.fromByte;
  }
  return Math.min(border, heardBytes);
}

/** How a sound that was cut stands in history and transcript. */
export function soundText(sound: string, heardBytes: number, bytes: number, bytesPerMs: number): string {
  const seconds = (count: number): string => (count / bytesPerMs / 1000).toFixed(1);
  return `[played ${sound}: ${seconds(heardBytes)} of ${seconds(bytes)} s]`;
}

/**
 * What of the model's text was heard when `count` words of what the voice says were: cut behind the last token that was
 * heard to its end. Of a price said in seven words of which three were heard nothing was heard.
 */
export function firstWritten(tokens: readonly SpokenToken[], count: number): string {
  const spoken = spokenOf(tokens);
  const words = [...spoken.matchAll(/\S+/gu)];
  if (count >= words.length) return writtenOf(tokens).trim();
  const last = words[count - 1];
  if (!last) return '';
  const cut = last.index + last[0].length;
  let heard = '';
  let at = 0;
  for (const token of tokens) {
    const end = at + token.spoken.length;
    if (end > cut) {
      // Said as it is written, so it can be cut like the sound.
      if (token.spoken === token.written) heard += token.written.slice(0, cut - at);
      break;
    }
    heard += token.written;
    at = end;
  }
  return heard.trim();
}
