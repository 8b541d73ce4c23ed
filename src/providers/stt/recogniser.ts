import type { ScriptGrammar } from '../script-grammar.ts';

/** The part of `soundswallower` that is used. Its own types pull in Emscripten's. */
export interface Engine {
  readonly Decoder: new (config: Readonly<Record<string, string | number>>) => EngineDecoder;
}

export interface EngineDecoder {
  initialize(): Promise<unknown>;
  reinitialize_audio(): Promise<unknown>;
  set_config(key: string, value: string | number): boolean;
  set_grammar(jsgf: string): void;
  lookup_word(word: string): string | null;
  add_words(...words: readonly (readonly [string, string])[]): void;
  start(): void;
  stop(): void;
  process_audio(samples: Float32Array, noSearch: boolean, wholeUtterance: boolean): number;
  get_text(): string;
  get_alignment(options: object): { readonly w?: readonly EngineSegment[] };
}

/** A stretch of the result: text, begin and duration in seconds, mean acoustic likelihood of its frames (1 is best). */
interface EngineSegment {
  readonly t: string;
  readonly b: number;
  readonly d: number;
  readonly p: number;
}

/** `text` is empty exactly when the utterance was `rejected`: noise, or words the grammar does not have. */
export interface Recognised {
  readonly text: string;
  readonly rejected: boolean;
}

export interface Recogniser {
  /** A whole utterance, 8 kHz. */
  recognise(samples: Int16Array): Recognised;
  /** An utterance that goes on: the words that are certain by now, perhaps none. */
  recogniseSoFar(samples: Int16Array): string;
}

/** The script asks for something the recogniser cannot do; the message says what to change. */
export class GrammarError extends Error {
  override readonly name = 'GrammarError';
}

/**
 * The engine always finds some sentence of the grammar. Whether it was really said shows in four ways, of which each alone
 * lets too much through. Measured with the demo's grammar on 24 human prompts and 75 synthetic sentences that are in it
 * (96 understood, none of the human ones lost) and on 228 human and synthetic ones that are not, many of them single
 * words (81 % refused). A garbage rule in the grammar refused more but lost one human prompt in three, mostly single words.
 */
const LIMITS = {
  /** Least share of the audio with a voice in it that the words cover: the engine takes foreign speech for silence. */
  coverage: 0.85,
  /** Least acoustic likelihood of every word, per frame. */
  word: 0.76,
  /** Least likelihood against the best sequence of any phones: difference of logarithms, per frame of speech. */
  againstAnyPhones: -0.195,
  /** Most phones in the words per phone in that sequence: whole sentences get squeezed into foreign words. */
  density: 1.3,
};

/** `lw`: grammar probabilities against acoustics; the engine's own 6.5 is made for large vocabularies. The beams are its own. */
const GRAMMAR_PASS = { lw: 3, beam: 1e-48, pbeam: 1e-48, wbeam: 7e-29 };
/** Narrower beams save a fifth of the whole time and changed no result. */
const PHONES_PASS: typeof GRAMMAR_PASS = { lw: 2, beam: 1e-20, pbeam: 1e-20, wbeam: 1e-12 };

const PHONES =
  'AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH'.split(' ');
/** One word per phone, named so that no dictionary has it. */
const phoneWord = (phone: string): string => `sound_${phone.toLowerCase()}`;
const ANY_PHONES = `#JSGF V1.0;\ngrammar phones;\npublic <any> = (${PHONES.map(phoneWord).join(' | ')})+;\n`;

/** @throws GrammarError for words the dictionary does not know, all of them named. */
export async function createRecogniser(engine: Engine, grammar: ScriptGrammar): Promise<Recogniser> {
  const decoder = new engine.Decoder({ samprate: 8000, loglevel: 'FATAL' });
  await decoder.initialize();
  // The model's own parameters overwrite the constructor's. Noise removal costs accuracy at every noise level measured.
  decoder.set_config('remove_noise', 0);
  await decoder.reinitialize_audio();
  addWords(decoder, grammar);

  /** Loading a grammar takes 2 to 6 ms; a second decoder would take 25 MB. */
  let loaded = '';
  const decode = (
    jsgf: string,
    pass: typeof GRAMMAR_PASS,
    audio: Float32Array,
    isWhole: boolean,
  ): readonly EngineSegment[] => {
    if (loaded !== jsgf) {
      for (const [key, value] of Object.entries(pass)) decoder.set_config(key, value);
      decoder.set_grammar(jsgf);
      loaded = jsgf;
    }
    decoder.start();
    decoder.process_audio(audio, false, true);
    // Before `stop` the best path may end anywhere in the grammar; after it only at the end of a sentence.
    if (isWhole) decoder.stop();
    const segments = decoder.get_text() === '' ? [] : (decoder.get_alignment({}).w ?? []);
    if (!isWhole) decoder.stop();
    return segments;
  };

  /** The words, if they were really said. */
  const said = (whole: Int16Array, isWhole: boolean): readonly string[] => {
    const samples = whole.subarray(...voicedPart(whole));
    if (samples.length < SHORTEST) return [];
    const audio = Float32Array.from(samples, (sample) => sample / 32768);
    const segments = decode(grammar.jsgf, GRAMMAR_PASS, audio, isWhole);
    const words = segments.filter(isWord);
    if (words.length === 0 || coverage(samples, words) < LIMITS.coverage) return [];
    if (words.some((word) => word.p < LIMITS.word)) return [];
    const anyPhones = decode(ANY_PHONES, PHONES_PASS, audio, isWhole);
    const seconds = words.reduce((sum, word) => sum + word.d, 0);
    if ((logLikelihood(segments) - logLikelihood(anyPhones)) / seconds < LIMITS.againstAnyPhones) return [];
    const phones = words.reduce((sum, word) => sum + (decoder.lookup_word(word.t) ?? '').split(' ').length, 0);
    if (phones > anyPhones.filter(isWord).length * LIMITS.density) return [];
    // Alternative pronunciations are told apart as `your(2)`.
    return words.map((word) => word.t.replace(/\(\d+\)$/, ''));
  };

  decoder.set_grammar(grammar.jsgf);
  return {
    recognise(samples) {
      const text = said(samples, true).join(' ');
      return { text, rejected: text === '' };
    },
    // The last word may still become another one.
    recogniseSoFar: (samples) => said(samples, false).slice(0, -1).join(' '),
  };
}

function addWords(decoder: EngineDecoder, grammar: ScriptGrammar): void {
  decoder.add_words(...PHONES.map((phone) => [phoneWord(phone), phone] as const));
  for (const [word, phones] of Object.entries(grammar.pronounce)) {
    const unknown = phones.split(/\s+/).filter((phone) => !PHONES.includes(phone));
    if (unknown.length > 0) {
      throw new GrammarError(`pronounce.${word}: ${unknown.join(', ')} is no phone; there are ${PHONES.join(' ')}`);
    }
    decoder.add_words([freeName(decoder, word), phones]);
  }
  const missing = grammar.words.filter(({ word }) => decoder.lookup_word(word) === null);
  if (missing.length > 0) {
    const places = missing.map(({ word, place }) => `"${word}" (${place})`).join(', ');
    throw new GrammarError(
      `the recogniser has no pronunciation for ${places}: spell it as it sounds in known words, ` +
        `or add it to the script's "pronounce", as in "pronounce: { wifi: W AY F AY }"`,
    );
  }
}

/** A word the dictionary has already gets one more pronunciation, as `read(2)`. */
function freeName(decoder: EngineDecoder, word: string): string {
  let name = word;
  for (let n = 2; decoder.lookup_word(name) !== null; n++) name = `${word}(${n})`;
  return name;
}

/** `<sil>`, `[NOISE]` and `(NULL)` are no words. */
function isWord(segment: EngineSegment): boolean {
  return !/^[<[(]/.test(segment.t);
}

/** The sum over all frames, in seconds. */
function logLikelihood(segments: readonly EngineSegment[]): number {
  return segments.reduce((sum, { d, p }) => sum + d * Math.log(Math.max(p, 1e-3)), 0);
}

/** Samples of 100 ms: no word is shorter, and the engine fails on nothing at all. */
const SHORTEST = 800;
/** Samples of a 10 ms frame, the engine's. */
const FRAME = 80;
/** Below the loudest frame by this much is no voice, dB. */
const VOICE_RANGE_DB = 30;
/** Nor is what lies this little above the line's noise, dB. */
const ABOVE_NOISE_DB = 10;

/** Silence left around the voice: beginnings and ends can be softer than {@link voicedFrames} hears. */
const MARGIN_MS = 200;

/** Which 10 ms frames have a voice in them. */
function voicedFrames(samples: Int16Array): readonly boolean[] {
  const levels = Array.from({ length: Math.floor(samples.length / FRAME) }, (_, i) => levelOf(samples, i * FRAME));
  const ascending = levels.toSorted((a, b) => a - b);
  const loudest = ascending.at(-1) ?? 0;
  const noise = ascending[Math.floor(ascending.length / 10)] ?? 0;
  // In a loud room the voice stands out by less than the distance wanted; half of what there is must do.
  const limit = Math.max(loudest - VOICE_RANGE_DB, Math.min(noise + ABOVE_NOISE_DB, (noise + loudest) / 2));
  return levels.map((level) => level > limit);
}

/** From and to which sample it is worth decoding: silence costs as much time as speech. */
function voicedPart(samples: Int16Array): readonly [from: number, to: number] {
  const voiced = voicedFrames(samples);
  const margin = MARGIN_MS / 10;
  const from = Math.max(0, voiced.indexOf(true) - margin);
  return [from * FRAME, (voiced.lastIndexOf(true) + 1 + margin) * FRAME];
}

/** Share of the frames with a voice in them that `words` cover. */
function coverage(samples: Int16Array, words: readonly EngineSegment[]): number {
  const voiced = voicedFrames(samples).flatMap((isVoiced, i) => (isVoiced ? [i / 100] : []));
  const covered = voiced.filter((at) => words.some(({ b, d }) => at >= b - 0.005 && at < b + d - 0.005));
  return voiced.length === 0 ? 0 : covered.length / voiced.length;
}

function levelOf(samples: Int16Array, from: number): number {
  let sum = 0;
  for (let i = from; i < from + FRAME; i++) sum += (samples[i] ?? 0) ** 2;
  return 10 * Math.log10(sum / FRAME + 1e-3);
}
