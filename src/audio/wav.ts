import { LandlineError } from '../core/errors.ts';
import { decodeG711, encodeG711 } from './g711.ts';
import { createResampler } from './resample.ts';
import { saturate } from './mix.ts';

/** How the samples lay in the file; {@link WavFile.channels} are 16-bit whatever it was. */
export type WavEncoding = 'pcm8' | 'pcm16' | 'pcm24' | 'pcm32' | 'float32' | 'PCMU' | 'PCMA';

export interface WavFile {
  /** Hz. */
  readonly sampleRate: number;
  /** One array per channel, all of one length. */
  readonly channels: readonly Int16Array[];
  readonly encoding: WavEncoding;
}

interface Format {
  readonly encoding: WavEncoding;
  readonly channels: number;
  readonly sampleRate: number;
}

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_ALAW = 6;
const FORMAT_MULAW = 7;
/** The real format is the first word of a GUID further on. */
const FORMAT_EXTENSIBLE = 0xfffe;

const MAX_CHANNELS = 32;
const MIN_RATE = 1000;
const MAX_RATE = 384_000;

const BYTES: Readonly<Record<WavEncoding, number>> = {
  pcm8: 1,
  pcm16: 2,
  pcm24: 3,
  pcm32: 4,
  float32: 4,
  PCMU: 1,
  PCMA: 1,
};

/**
 * Reads a RIFF WAVE file: PCM of 8, 16, 24 and 32 bits, 32-bit float, G.711 (format tags 6 and 7), plain or extensible.
 * What recorders and pipes leave behind is tolerated: extra chunks, a data chunk cut short, sizes of 0 or 0xFFFFFFFF from
 * writers that could not seek back.
 * @throws LandlineError `audio_invalid` naming the byte offset and what is wrong there.
 */
export function readWav(bytes: Uint8Array): WavFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (textAt(bytes, 0) !== 'RIFF') throw bad(0, `expected "RIFF", found ${JSON.stringify(textAt(bytes, 0))}`);
  if (textAt(bytes, 8) !== 'WAVE') throw bad(8, `expected "WAVE", found ${JSON.stringify(textAt(bytes, 8))}`);
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const id = textAt(bytes, at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (id === 'data') {
      if (!format) throw bad(at, 'the "data" chunk comes before any "fmt " chunk');
      return {
        sampleRate: format.sampleRate,
        channels: samplesOf(bytes.subarray(start, dataEnd(bytes, view, start, size)), format),
        encoding: format.encoding,
      };
    }
    if (id === 'fmt ') format = formatAt(view, start, size);
    // Chunks are padded to an even length.
    at = start + size + (size % 2);
  }
  throw bad(bytes.length, `the file ends without a ${format ? '"data"' : '"fmt "'} chunk`);
}

export interface WavToWrite {
  /** Hz, a whole number. */
  readonly sampleRate: number;
  /** At least one, all of one length. */
  readonly channels: readonly Int16Array[];
  /** Default `pcm16`. */
  readonly encoding?: 'pcm16' | 'PCMU' | 'PCMA';
}

/**
 * Writes a WAV file; G.711 with the `fact` chunk that non-PCM formats must have.
 * @throws LandlineError `audio_invalid` for no channels, or channels of different lengths.
 */
export function writeWav({ sampleRate, channels, encoding = 'pcm16' }: WavToWrite): Uint8Array {
  const frames = channels[0]?.length ?? 0;
  if (channels.length === 0 || channels.length > MAX_CHANNELS || channels.some(({ length }) => length !== frames)) {
    throw new LandlineError(
      'audio_invalid',
      `a WAV file needs 1 to ${MAX_CHANNELS} channels of one length, got lengths [${channels.map((c) => c.length).join(', ')}]`,
    );
  }
  if (!Number.isInteger(sampleRate) || sampleRate < MIN_RATE || sampleRate > MAX_RATE) {
    throw new LandlineError('audio_invalid', `a sample rate must be ${MIN_RATE} to ${MAX_RATE} Hz, got ${sampleRate}`);
  }
  const isPcm = encoding === 'pcm16';
  const block = BYTES[encoding] * channels.length;
  const header = wavHeader({ sampleRate, channels: channels.length, frames, encoding });
  const headerBytes = header.length;
  const dataBytes = frames * block;
  const out = new Uint8Array(headerBytes + dataBytes + (dataBytes % 2));
  out.set(header);
  const view = new DataView(out.buffer);
  channels.forEach((samples, channel) => {
    if (isPcm) {
      let at = headerBytes + channel * 2;
      for (let n = 0; n < frames; n++, at += block) view.setInt16(at, samples[n] as number, true);
    } else {
      const codes = encodeG711(encoding, samples);
      for (let n = 0; n < frames; n++) out[headerBytes + n * block + channel] = codes[n] as number;
    }
  });
  return out;
}

/** What a WAV file says of its samples. */
export interface WavShape {
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of each channel; their bytes follow the header, and one more when they are odd. */
  readonly frames: number;
  /** Default `pcm16`. */
  readonly encoding?: 'pcm16' | 'PCMU' | 'PCMA';
}

/** The bytes of a WAV file before its samples: 44, and 58 for G.711. */
export function wavHeader({ sampleRate, channels, frames, encoding = 'pcm16' }: WavShape): Uint8Array {
  const isPcm = encoding === 'pcm16';
  const block = BYTES[encoding] * channels;
  const dataBytes = frames * block;
  const out = new Uint8Array(isPcm ? 44 : 58);
  const view = new DataView(out.buffer);
  putText(out, 0, 'RIFF');
  view.setUint32(4, out.length - 8 + dataBytes + (dataBytes % 2), true);
  putText(out, 8, 'WAVEfmt ');
  view.setUint32(16, isPcm ? 16 : 18, true);
  view.setUint16(20, isPcm ? FORMAT_PCM : encoding === 'PCMU' ? FORMAT_MULAW : FORMAT_ALAW, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * block, true);
  view.setUint16(32, block, true);
  view.setUint16(34, BYTES[encoding] * 8, true);
  if (!isPcm) {
    putText(out, 38, 'fact');
    view.setUint32(42, 4, true);
    view.setUint32(46, frames, true);
  }
  putText(out, out.length - 8, 'data');
  view.setUint32(out.length - 4, dataBytes, true);
  return out;
}

/**
 * One channel of a file, or the mean of all when `channel` is left out, at 8 kHz.
 * @throws LandlineError `audio_invalid` for a channel it does not have or a rate that cannot be resampled.
 */
export function toMono8k(wav: WavFile, channel?: number): Int16Array {
  const chosen = channel === undefined ? mean(wav.channels) : wav.channels[channel];
  if (!chosen) {
    throw new LandlineError(
      'audio_invalid',
      `no channel ${channel ?? 0}: the file has ${wav.channels.length}, from 0 on`,
    );
  }
  const resampler = createResampler(wav.sampleRate, 8000);
  const body = resampler.process(chosen);
  const tail = resampler.flush();
  const out = new Int16Array(body.length + tail.length);
  out.set(body);
  out.set(tail, body.length);
  return out;
}

function formatAt(view: DataView, start: number, size: number): Format {
  if (size < 16 || start + size > view.byteLength) {
    const there = Math.max(0, view.byteLength - start);
    throw bad(start, `the "fmt " chunk needs at least 16 bytes, says ${size} and has ${Math.min(size, there)}`);
  }
  const tag = view.getUint16(start, true);
  const channels = view.getUint16(start + 2, true);
  const sampleRate = view.getUint32(start + 4, true);
  const block = view.getUint16(start + 12, true);
  const bits = view.getUint16(start + 14, true);
  if (tag === FORMAT_EXTENSIBLE && size < 26)
    throw bad(start, `an extensible "fmt " chunk of ${size} bytes has no format`);
  const encoding = encodingOf(tag === FORMAT_EXTENSIBLE ? view.getUint16(start + 24, true) : tag, bits);
  if (!encoding) {
    throw bad(
      start,
      `format tag 0x${tag.toString(16)} with ${bits} bits is not supported: use PCM of 8, 16, 24 or 32 bits, 32-bit float or G.711`,
    );
  }
  if (channels < 1 || channels > MAX_CHANNELS)
    throw bad(start + 2, `${channels} channels: supported are 1 to ${MAX_CHANNELS}`);
  if (sampleRate < MIN_RATE || sampleRate > MAX_RATE) {
    throw bad(start + 4, `${sampleRate} Hz: supported are ${MIN_RATE} to ${MAX_RATE}`);
  }
  if (block !== BYTES[encoding] * channels) {
    throw bad(
      start + 12,
      `${channels} channels of ${bits} bits make blocks of ${BYTES[encoding] * channels} bytes, not ${block}`,
    );
  }
  return { encoding, channels, sampleRate };
}

function encodingOf(tag: number, bits: number): WavEncoding | undefined {
  switch (tag) {
    case FORMAT_PCM:
      return bits === 8 ? 'pcm8' : bits === 16 ? 'pcm16' : bits === 24 ? 'pcm24' : bits === 32 ? 'pcm32' : undefined;
    case FORMAT_FLOAT:
      return bits === 32 ? 'float32' : undefined;
    case FORMAT_ALAW:
      return bits === 8 ? 'PCMA' : undefined;
    case FORMAT_MULAW:
      return bits === 8 ? 'PCMU' : undefined;
    default:
      return undefined;
  }
}

/** Where the samples end. A size of 0 is believed only when nothing or another chunk follows. */
function dataEnd(bytes: Uint8Array, view: DataView, start: number, size: number): number {
  if (size > 0) return Math.min(bytes.length, start + size);
  const chunkFollows =
    start + 8 <= bytes.length &&
    /^[A-Za-z ]{3}[A-Za-z0-9 ]$/.test(textAt(bytes, start)) &&
    start + 8 + view.getUint32(start + 4, true) <= bytes.length;
  return chunkFollows ? start : bytes.length;
}

function samplesOf(data: Uint8Array, { encoding, channels }: Format): Int16Array[] {
  const width = BYTES[encoding];
  const block = width * channels;
  // A block cut short at the end of the file is dropped.
  const frames = Math.floor(data.length / block);
  if (encoding === 'PCMU' || encoding === 'PCMA') {
    const all = decodeG711(encoding, data.subarray(0, frames * block));
    return Array.from({ length: channels }, (_, c) =>
      Int16Array.from({ length: frames }, (_, n) => all[n * block + c] ?? 0),
    );
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = readerOf(encoding, view);
  return Array.from({ length: channels }, (_, c) => {
    const out = new Int16Array(frames);
    for (let n = 0, at = c * width; n < frames; n++, at += block) out[n] = read(at);
    return out;
  });
}

/** Reads the sample at a byte offset as 16 bits; wider ones lose their low bits. */
function readerOf(encoding: Exclude<WavEncoding, 'PCMU' | 'PCMA'>, view: DataView): (at: number) => number {
  switch (encoding) {
    case 'pcm8': // unsigned, 128 is silence
      return (at) => (view.getUint8(at) - 128) * 256;
    case 'pcm16':
      return (at) => view.getInt16(at, true);
    case 'pcm24':
      return (at) => view.getInt16(at + 1, true);
    case 'pcm32':
      return (at) => view.getInt16(at + 2, true);
    case 'float32':
      return (at) => {
        const value = view.getFloat32(at, true);
        return Number.isNaN(value) ? 0 : saturate(Math.round(value * 32768));
      };
  }
}

function mean(channels: readonly Int16Array[]): Int16Array | undefined {
  const [first, ...others] = channels;
  if (!first || others.length === 0) return first;
  return first.map((sample, n) => {
    const sum = others.reduce((total, channel) => total + (channel[n] ?? 0), sample);
    return Math.round(sum / channels.length);
  });
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function putText(out: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
}

function bad(offset: number, what: string): LandlineError {
  return new LandlineError('audio_invalid', `not a readable WAV file: at byte ${offset}, ${what}`);
}
