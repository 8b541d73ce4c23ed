import { createDecoder, type Decoder } from '../audio/codec.ts';
import type { AudioFormat } from '../audio/format.ts';
import { createResampler, type Resampler } from '../audio/resample.ts';
import { wavHeader } from '../audio/wav.ts';
import { LandlineError } from '../core/errors.ts';
import { trackPath } from '../journal/layout.ts';
import { readTrack, type OpenTrack, type TrackDamage, type TrackRecord } from '../journal/tracks.ts';

const RATE = 8000;
/** Two hours more than the longest call Telnyx allows; a damaged position must not ask for all memory. */
const MAX_SAMPLES = 6 * 3600 * RATE;
const PIECE_FRAMES = RATE;
/** Agent audio is written after the caller's of the same time: a turn's length at most. What comes later than this is left out. */
const MAX_LATE_FRAMES = 300 * RATE;

/** Both sides of a call on its own clock, 8 kHz. */
export interface Recording {
  readonly caller: Int16Array;
  readonly agent: Int16Array;
}

/** A recording that is made while it is read. */
export interface RecordingPcm {
  readonly sampleRate: 8000;
  /** Samples of each channel. */
  readonly frames: number;
  /** All of it, in order, interleaved: caller, agent, caller … One second each; a piece is only valid until the next. */
  readonly pieces: () => AsyncIterable<Int16Array>;
}

/** Gives the records of a track from its beginning, each time it is asked. */
export type TrackSource = () => AsyncIterable<TrackRecord | TrackDamage>;

/**
 * A call's recording, piece by piece: an hour takes no more memory than a minute. Where nothing was recorded there is
 * silence.
 * @param open for a track that is sealed; see {@link readTrack}.
 * @throws LandlineError `recording_not_found` when the call has no track.
 */
export async function renderRecordingPcm(dataDir: string, callId: string, open?: OpenTrack): Promise<RecordingPcm> {
  const path = trackPath(dataDir, callId);
  try {
    const pcm = await renderTrackPcm(() => readTrack(path, open));
    if (pcm) return pcm;
  } catch (thrown) {
    // No file at all: nothing was recorded. The reader tells the cause.
    const cause = thrown instanceof LandlineError ? (thrown.cause as NodeJS.ErrnoException | undefined) : undefined;
    if (cause?.code !== 'ENOENT') throw thrown;
  }
  throw new LandlineError('recording_not_found', `call ${callId} has no recording (switched off, or it had no audio)`);
}

/** The same from any source of records; undefined when there is nothing in them. Reads them once now, once for the pieces. */
export async function renderTrackPcm(source: TrackSource): Promise<RecordingPcm | undefined> {
  let records = 0;
  let frames = 0;
  let late = 0;
  for await (const { at, samples } of audioOf(source, () => records++)) {
    late = Math.max(late, frames - at);
    frames = Math.max(frames, at + samples.length);
  }
  if (records === 0) return undefined;
  return { sampleRate: RATE, frames, pieces: () => piecesOf(source, frames, Math.min(late, MAX_LATE_FRAMES)) };
}

/**
 * Reads a call's track file whole.
 * @throws LandlineError `recording_not_found` when the call has no track.
 */
export async function readRecording(dataDir: string, callId: string): Promise<Recording> {
  const pcm = await renderRecordingPcm(dataDir, callId);
  const caller = new Int16Array(pcm.frames);
  const agent = new Int16Array(pcm.frames);
  let at = 0;
  for await (const piece of pcm.pieces()) {
    for (let n = 0; n < piece.length; n += 2, at++) {
      caller[at] = piece[n] ?? 0;
      agent[at] = piece[n + 1] ?? 0;
    }
  }
  return { caller, agent };
}

/** The stereo WAV of a call: caller left, agent as heard right. */
export async function renderRecording(dataDir: string, callId: string): Promise<Uint8Array> {
  const { frames, sampleRate, pieces } = await renderRecordingPcm(dataDir, callId);
  const header = wavHeader({ sampleRate, channels: 2, frames });
  const out = Buffer.alloc(header.length + frames * 4);
  out.set(header);
  let at = header.length;
  for await (const piece of pieces()) {
    for (const sample of piece) at = out.writeInt16LE(sample, at);
  }
  return out;
}

interface PlacedSamples {
  readonly at: number;
  readonly side: 'caller' | 'agent';
  readonly samples: Int16Array;
}

/** What can be heard in a track, decoded, in the order of the file. @param known is called for every record that says something. */
async function* audioOf(source: TrackSource, known: () => void = () => undefined): AsyncGenerator<PlacedSamples> {
  const sides = { caller: new Ear(), agent: new Ear() };
  for await (const record of source()) {
    if (record.kind === 'damage' || record.kind === 'gap' || record.at > MAX_SAMPLES) continue;
    known();
    if (record.kind === 'format') sides[record.side].format(record.codec, record.sampleRate);
    else yield { at: record.at, side: record.kind, samples: sides[record.kind].read(record.bytes) };
  }
}

async function* piecesOf(source: TrackSource, frames: number, late: number): AsyncGenerator<Int16Array> {
  const ring = new Int16Array(2 * (late + 2 * PIECE_FRAMES + MAX_RECORD_FRAMES));
  const out = new Int16Array(2 * PIECE_FRAMES);
  let done = 0;
  let newest = 0;
  const take = (count: number): Int16Array => {
    for (let n = 0; n < 2 * count; n++) {
      const place = (2 * done + n) % ring.length;
      out[n] = ring[place] ?? 0;
      ring[place] = 0;
    }
    done += count;
    return out.subarray(0, 2 * count);
  };
  for await (const { at, side, samples } of audioOf(source)) {
    newest = Math.max(newest, at);
    // Nothing earlier than this can still come.
    while (done + PIECE_FRAMES <= newest - late) yield take(PIECE_FRAMES);
    const channel = side === 'caller' ? 0 : 1;
    for (let n = Math.max(0, done - at); n < samples.length; n++)
      ring[(2 * (at + n) + channel) % ring.length] = samples[n] ?? 0;
  }
  while (done < frames) yield take(Math.min(PIECE_FRAMES, frames - done));
}

/** A record of 64 KiB of G.711, the most one holds. */
const MAX_RECORD_FRAMES = 64 * 1024;

/** Reads one side's bytes as the track says they are. */
class Ear {
  #decoder: Decoder = createDecoder({ codec: 'PCMU', sampleRate: 8000 });
  #resampler: Resampler | undefined;

  format(codec: string, sampleRate: number): void {
    const format = { codec, sampleRate, byteOrder: 'little' } as AudioFormat;
    this.#decoder = createDecoder(format);
    this.#resampler = sampleRate === RATE ? undefined : createResampler(sampleRate, RATE);
  }

  read(bytes: Uint8Array): Int16Array {
    const decoded = this.#decoder.decode(bytes);
    return this.#resampler ? this.#resampler.process(decoded) : decoded;
  }
}
