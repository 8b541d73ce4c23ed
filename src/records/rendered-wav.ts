import { wavHeader } from '../audio/wav.ts';
import type { OpenTrack } from '../journal/tracks.ts';
import { renderRecordingPcm, type RecordingPcm } from './recording.ts';
import type { RecordingKeys } from './recording-keys.ts';
import { openTrack } from './sealed-track.ts';

/** A call's stereo WAV as it comes out of its track. */
export interface RenderedWav {
  /** Of the whole file. */
  readonly bytes: number;
  /** 8 kHz samples of each channel. */
  readonly samples: number;
  readonly stream: AsyncIterable<Uint8Array>;
}

/** How tracks of this call are read, sealed or not. */
export function trackOpener(keys: RecordingKeys, callId: string): OpenTrack {
  return (file) => openTrack(file, keys, callId);
}

/**
 * The stereo WAV of a call out of its track, made while it is read.
 * @throws LandlineError `recording_not_found` when the call has no track.
 */
export async function renderWav(dataDir: string, callId: string, keys: RecordingKeys): Promise<RenderedWav> {
  const pcm = await renderRecordingPcm(dataDir, callId, trackOpener(keys, callId));
  const header = wavHeader({ sampleRate: pcm.sampleRate, channels: 2, frames: pcm.frames });
  return { bytes: header.length + pcm.frames * 4, samples: pcm.frames, stream: bytesOf(header, pcm) };
}

async function* bytesOf(header: Uint8Array, pcm: RecordingPcm): AsyncGenerator<Uint8Array> {
  yield header;
  for await (const piece of pcm.pieces()) {
    const out = Buffer.allocUnsafe(piece.length * 2);
    let at = 0;
    for (const sample of piece) at = out.writeInt16LE(sample, at);
    yield out;
  }
}
