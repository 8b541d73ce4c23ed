import { createDecoder, type Decoder } from '../audio/codec.ts';
import type { AudioFormat } from '../audio/format.ts';
import { createResampler, type Resampler } from '../audio/resample.ts';
import { writeWav } from '../audio/wav.ts';
import { LandlineError } from '../core/errors.ts';
import { trackPath } from '../journal/layout.ts';
import { readTrack } from '../journal/tracks.ts';

const RATE = 8000;
/** An hour and a half more than the longest call Telnyx allows; a damaged position must not ask for all memory. */
const MAX_SAMPLES = 6 * 3600 * RATE;

/** Both sides of a call on its own clock, 8 kHz. */
export interface Recording {
  readonly caller: Int16Array;
  readonly agent: Int16Array;
}

/**
 * Reads a call's track file. Where nothing was recorded there is silence.
 * @throws LandlineError `recording_not_found` when the call has no track.
 */
export async function readRecording(dataDir: string, callId: string): Promise<Recording> {
  const sides = { caller: new Channel(), agent: new Channel() };
  let records = 0;
  try {
    for await (const record of readTrack(trackPath(dataDir, callId))) {
      if (record.kind === 'damage' || record.kind === 'gap' || record.at > MAX_SAMPLES) continue;
      records++;
      if (record.kind === 'format') sides[record.side].format(record.codec, record.sampleRate);
      else sides[record.kind].put(record.at, record.bytes);
    }
  } catch (thrown) {
    // No file at all: nothing was recorded. The reader tells the cause.
    const cause = thrown instanceof LandlineError ? (thrown.cause as NodeJS.ErrnoException | undefined) : undefined;
    if (cause?.code !== 'ENOENT') throw thrown;
  }
  if (records === 0)
    throw new LandlineError(
      'recording_not_found',
      `call ${callId} has no recording (switched off, or it had no audio)`,
    );
  const length = Math.max(sides.caller.length, sides.agent.length);
  return { caller: sides.caller.samples(length), agent: sides.agent.samples(length) };
}

/** The stereo WAV of a call: caller left, agent as heard right. */
export async function renderRecording(dataDir: string, callId: string): Promise<Uint8Array> {
  const { caller, agent } = await readRecording(dataDir, callId);
  return writeWav({ sampleRate: RATE, channels: [caller, agent] });
}

class Channel {
  #samples = new Int16Array(RATE * 60);
  #length = 0;
  #decoder: Decoder = createDecoder({ codec: 'PCMU', sampleRate: 8000 });
  #resampler: Resampler | undefined;

  get length(): number {
    return this.#length;
  }

  format(codec: string, sampleRate: number): void {
    const format = { codec, sampleRate, byteOrder: 'little' } as AudioFormat;
    this.#decoder = createDecoder(format);
    this.#resampler = sampleRate === RATE ? undefined : createResampler(sampleRate, RATE);
  }

  put(at: number, bytes: Uint8Array): void {
    const decoded = this.#decoder.decode(bytes);
    const samples = this.#resampler ? this.#resampler.process(decoded) : decoded;
    const end = at + samples.length;
    if (end > this.#samples.length) {
      const bigger = new Int16Array(Math.max(end, this.#samples.length * 2));
      bigger.set(this.#samples);
      this.#samples = bigger;
    }
    this.#samples.set(samples, at);
    this.#length = Math.max(this.#length, end);
  }

  samples(length: number): Int16Array {
    const out = new Int16Array(length);
    out.set(this.#samples.subarray(0, Math.min(length, this.#length)));
    return out;
  }
}
