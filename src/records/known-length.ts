import { wavHeader } from '../audio/wav.ts';

/** Stereo, 16 bits. */
const FRAME_BYTES = 4;

/** A WAV file of exactly `samples` stereo samples: what the stream has too few is silence, what it has too many is dropped. */
export async function* wavOf(pcm: AsyncIterable<Uint8Array>, samples: number): AsyncGenerator<Uint8Array> {
  yield wavHeader({ sampleRate: 8000, channels: 2, frames: samples });
  let left = samples * FRAME_BYTES;
  for await (const chunk of pcm) {
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    if (part.length > 0) yield part;
  }
  for (; left > 0; left -= SILENCE.length) yield SILENCE.subarray(0, left);
}

const SILENCE = new Uint8Array(64 * 1024);

/** Bytes of a FLAC file up to the end of its STREAMINFO: the marker, the block's header and its 34 bytes. */
const STREAMINFO_END = 42;
/** 20 bits sample rate, 3 channels, 5 bits per sample, then 36 bits for the number of samples. */
const TOTAL_AT = 21;

/** Writes the length into a FLAC stream that does not say it, so that players can show it and seek. */
export async function* flacOf(flac: AsyncIterable<Uint8Array>, samples: number): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of flac) {
    if (!head) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < STREAMINFO_END) continue;
    yield withTotal(head, samples);
    head = undefined;
  }
  if (head && head.length > 0) yield head;
}

function withTotal(head: Buffer, samples: number): Buffer {
  const isStreamInfo = head.toString('latin1', 0, 4) === 'fLaC' && (head.readUInt8(4) & 0x7f) === 0;
  if (!isStreamInfo) return head;
  const high = head.readUInt8(TOTAL_AT) & 0xf0;
  head[TOTAL_AT] = high | Math.floor(samples / 2 ** 32);
  head.writeUInt32BE(samples % 2 ** 32, TOTAL_AT + 1);
  return head;
}
