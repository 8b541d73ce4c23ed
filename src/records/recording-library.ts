import { access } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { LandlineError } from '../core/errors.ts';
import { trackPath } from '../journal/layout.ts';
import { FORMATS, needFfmpeg, transcode, type RecordingFormat } from './encoder.ts';
import { sealLabel, type KeptRecording, type KeptRecordings } from './kept-recordings.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { ByteRange, RecordingStorage } from './recording-storage.ts';
import type { RenderedWav } from './rendered-wav.ts';
import { unseal } from './sealed-file.ts';

export interface LibraryOptions {
  readonly dataDir: string;
  readonly storage: RecordingStorage;
  readonly kept: KeptRecordings;
  readonly keys: RecordingKeys;
  readonly ffmpeg: string | undefined;
  readonly render: (callId: string) => Promise<RenderedWav>;
}

/** Which recording of a call, and how. */
export interface Wish {
  /** As kept when left out; of a live call WAV. */
  readonly format?: RecordingFormat | undefined;
  /** Telnyx' id of a recording it made; left out: our own, or the first of Telnyx' when there is none. */
  readonly id?: string | undefined;
}

/** A recording that can be sent. */
export interface Playable {
  readonly contentType: string;
  readonly filename: string;
  readonly extent:
    /** All of it is known: parts can be asked for. `etag` without quotes. */
    | { readonly type: 'file'; readonly bytes: number; readonly etag: string }
    /** Made while it is sent. */
    | { readonly type: 'stream'; readonly bytes: number | undefined };
  /** Nothing is opened before; who calls it reads to the end or destroys it. A range only of a `file`. */
  readonly open: (range?: ByteRange) => Promise<Readable>;
}

/** What can be heard of past and live calls. */
export class RecordingLibrary {
  readonly #options: LibraryOptions;

  constructor(options: LibraryOptions) {
    this.#options = options;
  }

  /** Our own first. */
  list(callId: string): Promise<readonly KeptRecording[]> {
    return this.#options.kept.of(callId);
  }

  /**
   * @throws LandlineError `recording_not_found`; `request_invalid` for a format it cannot be made of; `not_supported` without
   *   ffmpeg; and what storage and sealing throw.
   */
  async find(callId: string, { format, id }: Wish = {}): Promise<Playable> {
    const recording = await this.#pick(callId, id);
    if (!recording) return this.#live(callId, format);
    const bytes = await this.#plain(callId, recording);
    if (format === undefined || format === recording.format) {
      return {
        contentType: recording.contentType,
        filename: filenameOf(callId, recording, recording.format),
        extent: { type: 'file', bytes: recording.bytes, etag: recording.sha256.slice(0, 32) },
        open: bytes,
      };
    }
    const { samples, format: from } = recording;
    if (samples === null || from === 'mp3') {
      throw new LandlineError(
        'request_invalid',
        `format: this recording was made by Telnyx and is there as ${from} only`,
      );
    }
    const ffmpeg = needFfmpeg(this.#options.ffmpeg, format);
    return {
      contentType: FORMATS[format].contentType,
      filename: filenameOf(callId, recording, FORMATS[format].extension),
      extent: { type: 'stream', bytes: undefined },
      open: async () => Readable.from(transcode(ffmpeg, await bytes(), from, format, samples), { objectMode: false }),
    };
  }

  /** An address at the storage itself, which whoever has it may open; undefined: there is none, the gateway must serve it. */
  async directLink(callId: string, { format, id }: Wish, expiresInSeconds: number): Promise<string | undefined> {
    const { storage } = this.#options;
    const recording = await this.#pick(callId, id);
    if (!recording || recording.sealedWith !== null || (format ?? recording.format) !== recording.format)
      return undefined;
    return storage.link?.(recording.name, expiresInSeconds, {
      filename: filenameOf(callId, recording, recording.format),
    });
  }

  async #pick(callId: string, id: string | undefined): Promise<KeptRecording | undefined> {
    const all = await this.list(callId);
    const found = id === undefined ? all[0] : all.find((recording) => recording.id === id);
    if (!found && id !== undefined) {
      throw new LandlineError('recording_not_found', `call ${callId} has no recording ${id.slice(0, 100)}`);
    }
    // Telnyx' own may be there before ours is finished.
    if (id !== undefined || found?.source !== 'telnyx') return found;
    const hasTrack = await access(trackPath(this.#options.dataDir, callId)).then(
      () => true,
      () => false,
    );
    return hasTrack ? undefined : found;
  }

  /** The way to the bytes of a kept recording, opened. */
  async #plain(callId: string, recording: KeptRecording): Promise<(range?: ByteRange) => Promise<Readable>> {
    const { storage, keys } = this.#options;
    const { name, bytes, storedBytes } = recording;
    if (recording.sealedWith === null) {
      const there = await storage.head(name);
      if (there === storedBytes) return (range) => storage.get(name, range);
      if (there === undefined) throw missing(callId, storage);
      throw new LandlineError(
        'recording_damaged',
        `the recording of ${callId} has ${there} bytes, ${storedBytes} were stored`,
      );
    }
    const size = await storage.head(name);
    if (size === undefined) throw missing(callId, storage);
    const sealed = await unseal({
      size,
      read: (start, end) => storage.get(name, { start, end }),
      keys,
      label: sealLabel(callId, recording.id),
    });
    if (sealed.bytes !== bytes) {
      throw new LandlineError(
        'recording_damaged',
        `the recording of ${callId} has ${sealed.bytes} bytes, not ${bytes}`,
      );
    }
    return async (range = { start: 0, end: bytes }) =>
      Readable.from(sealed.stream(range.start, range.end), { objectMode: false });
  }

  async #live(callId: string, format: RecordingFormat = 'wav'): Promise<Playable> {
    const { render } = this.#options;
    const ffmpeg = format === 'wav' ? undefined : needFfmpeg(this.#options.ffmpeg, format);
    const wav = await render(callId);
    const stream = ffmpeg === undefined ? wav.stream : transcode(ffmpeg, wav.stream, 'wav', format, wav.samples);
    return {
      contentType: FORMATS[format].contentType,
      filename: `${callId}.${FORMATS[format].extension}`,
      extent: { type: 'stream', bytes: ffmpeg === undefined ? wav.bytes : undefined },
      open: async () => Readable.from(stream, { objectMode: false }),
    };
  }
}

function filenameOf(callId: string, { id, source }: KeptRecording, extension: string): string {
  return source === 'call' ? `${callId}.${extension}` : `${callId}.${id}.${extension}`;
}

function missing(callId: string, storage: RecordingStorage): LandlineError {
  return new LandlineError('recording_not_found', `the recording of ${callId} is no longer in ${storage.describe}`);
}
