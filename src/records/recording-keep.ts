import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isCallId, trackPath, utcDay } from '../journal/layout.ts';
import type { Work } from '../store/port.ts';
import { FORMATS, needFfmpeg, transcode, type RecordingFormat } from './encoder.ts';
import { sealLabel, type KeptRecording, type KeptRecordings } from './kept-recordings.ts';
import type { WorkHandler } from './outbox.ts';
import type { RecordingKeys } from './recording-keys.ts';
import type { RecordingStorage } from './recording-storage.ts';
import type { RenderedWav } from './rendered-wav.ts';
import { seal, sealedBytes } from './sealed-file.ts';
import { fetchTelnyxFile, type FetchTelnyxFileOptions } from './telnyx-file.ts';

export type RecordingOutcome = 'kept' | 'empty' | 'failed';

export interface KeeperOptions {
  readonly dataDir: string;
  readonly storage: RecordingStorage;
  readonly kept: KeptRecordings;
  readonly keys: RecordingKeys;
  readonly format: RecordingFormat;
  /** Leave the track where it is once the recording is stored. */
  readonly keepTracks: boolean;
  /** Path of ffmpeg; needed by every format but `wav`. */
  readonly ffmpeg: string | undefined;
  /** @throws LandlineError `recording_not_found` when there is no track. */
  readonly render: (callId: string) => Promise<RenderedWav>;
  /** Resolves when what was given to the journal's writer is on disk. */
  readonly settled: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Where recordings of Telnyx may lie beside Telnyx; see {@link FetchTelnyxFileOptions}. */
  readonly trustedOrigins?: readonly string[] | undefined;
  /** Asks Telnyx for a new address of a recording; undefined: it has none. */
  readonly freshUrl?: ((recordingId: string, signal: AbortSignal) => Promise<string | undefined>) | undefined;
  /** Told of every attempt, for metrics; `bytes` as stored. */
  readonly observe?: ((source: KeptRecording['source'], outcome: RecordingOutcome, bytes: number) => void) | undefined;
}

export interface KeeperState {
  /** Present while recordings cannot be stored: why. */
  readonly failed?: string;
  /** Recordings whose last attempt failed. */
  readonly waiting: number;
}

/** Times a recording that Telnyx does not give is asked for; after about 4 minutes it will not appear any more. */
const MISSING_TRIES = 9;

/**
 * Makes a finished recording out of what a call left, and puts it where recordings are kept: the outbox' handlers for
 * `recording` (a call ended) and `telnyxRecording` (Telnyx made one). Each may be done again at any point without harm: the
 * order is store, look that it is whole, note it down, remove the track.
 */
export class RecordingKeeper {
  readonly handlers: { readonly recording: WorkHandler; readonly telnyxRecording: WorkHandler } = {
    recording: (work, { signal }) =>
      this.#attempt(work, 'call', signal, (callId, either) => this.#keepCall(work, callId, either)),
    telnyxRecording: (work, { signal }) =>
      this.#attempt(work, 'telnyx', signal, (callId, either) => this.#keepTelnyx(work, callId, either)),
  };
  readonly #options: KeeperOptions;
  /** Attempts that run or wait for their turn: an erasure ends them. */
  readonly #attempts = new Map<AbortController, string>();
  /** By key of the work: why its last attempt failed. */
  readonly #failing = new Map<string, string>();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  state(): KeeperState {
    const [failed] = this.#failing.values();
    return { waiting: this.#failing.size, ...(failed === undefined ? {} : { failed }) };
  }

  /**
   * Takes every recording of a call away, with its track; its links lead nowhere afterwards. Done twice, nothing changes.
   * @throws LandlineError `recording_storage_failed` (retryable): some may still be there, do it again.
   */
  async erase(callId: string): Promise<void> {
    const { kept, storage, dataDir } = this.#options;
    // Who waits behind this one would bring it all back.
    for (const [attempt, id] of this.#attempts) {
      if (id === callId) attempt.abort(new LandlineError('recording_not_found', `call ${callId} is being erased`));
    }
    await this.#alone(callId, async () => {
      await removeFile(trackPath(dataDir, callId));
      for (const name of await kept.namesOf(callId)) await storage.delete(name);
      // Last: until everything is deleted, this is what says what there is to delete.
      await kept.forget(callId);
    });
  }

  async #attempt(
    work: Work,
    source: KeptRecording['source'],
    signal: AbortSignal,
    keep: (callId: string, signal: AbortSignal) => Promise<number | undefined>,
  ): Promise<void> {
    const { observe, log } = this.#options;
    const erased = new AbortController();
    try {
      const { callId } = work;
      if (callId === null || !isCallId(callId)) {
        throw new LandlineError('internal_error', `work of kind ${work.kind} without the id of a call`);
      }
      this.#attempts.set(erased, callId);
      const bytes = await this.#alone(callId, () => {
        erased.signal.throwIfAborted();
        return keep(callId, AbortSignal.any([signal, erased.signal]));
      });
      this.#failing.delete(work.key);
      observe?.(source, bytes === undefined ? 'empty' : 'kept', bytes ?? 0);
      log.info({ callId, source, bytes }, bytes === undefined ? 'nothing was recorded' : 'recording kept');
    } catch (reason) {
      const thrown: unknown = erased.signal.aborted ? erased.signal.reason : reason;
      const isHopeless = thrown instanceof LandlineError && !thrown.retryable;
      // What is given up waits no longer.
      if (isHopeless) this.#failing.delete(work.key);
      else this.#failing.set(work.key, messageOf(thrown));
      observe?.(source, 'failed', 0);
      throw thrown;
    } finally {
      this.#attempts.delete(erased);
    }
  }

  /** @returns bytes stored; undefined: nothing was recorded. */
  async #keepCall(work: Work, callId: string, signal: AbortSignal): Promise<number | undefined> {
    const { kept, storage, dataDir, keepTracks, settled } = this.#options;
    await settled();
    const known = (await kept.of(callId)).find(({ source }) => source === 'call');
    // A kill between storing and removing the track: only the removing is left to do.
    let recording = known && (await storage.head(known.name)) === known.storedBytes ? known : undefined;
    recording ??= await this.#store(work, callId, signal);
    if (recording && !keepTracks) await removeFile(trackPath(dataDir, callId));
    return recording?.storedBytes;
  }

  async #store(work: Work, callId: string, signal: AbortSignal): Promise<KeptRecording | undefined> {
    const { format, ffmpeg, render, kept } = this.#options;
    let wav: RenderedWav;
    try {
      wav = await render(callId);
    } catch (thrown) {
      if (thrown instanceof LandlineError && thrown.code === 'recording_not_found') return undefined;
      throw thrown;
    }
    const isWav = format === 'wav';
    const recording = await this.#put(work, signal, {
      ...{ callId, id: 'call', source: 'call', format, contentType: FORMATS[format].contentType },
      file: `${callId}.${FORMATS[format].extension}`,
      samples: wav.samples,
      bytes: isWav ? wav.bytes : undefined,
      stream: isWav ? wav.stream : transcode(needFfmpeg(ffmpeg, format), wav.stream, 'wav', format, wav.samples),
    });
    await kept.add(callId, recording);
    return recording;
  }

  async #keepTelnyx(work: Work, callId: string, signal: AbortSignal): Promise<number | undefined> {
    const { kept, storage } = this.#options;
    const { url, recordingId } = work.payload;
    if (typeof url !== 'string' || typeof recordingId !== 'string' || !/^[A-Za-z0-9-]{1,100}$/.test(recordingId)) {
      throw new LandlineError('internal_error', 'work of kind telnyxRecording without url and recordingId');
    }
    const known = (await kept.of(callId)).find(({ id }) => id === recordingId);
    if (known && (await storage.head(known.name)) === known.storedBytes) return known.storedBytes;
    const file = await this.#fetch(url, recordingId, work, signal);
    const recording = await this.#put(work, signal, {
      ...{ callId, id: recordingId, source: 'telnyx', samples: null },
      ...{ format: file.format, contentType: file.contentType, bytes: file.bytes, stream: file.stream },
      file: `${callId}.${recordingId}.${file.format}`,
    });
    await kept.add(callId, recording);
    return recording.storedBytes;
  }

  async #fetch(url: string, recordingId: string, work: Work, signal: AbortSignal): ReturnType<typeof fetchTelnyxFile> {
    const { trustedOrigins, freshUrl } = this.#options;
    const options: FetchTelnyxFileOptions = { trustedOrigins, signal };
    const isGone = (thrown: unknown): boolean =>
      thrown instanceof LandlineError && thrown.code === 'recording_not_found';
    try {
      return await fetchTelnyxFile(url, options).catch(async (thrown: unknown) => {
        // Addresses are good for 10 minutes; the storage may have been away for longer.
        const fresh = isGone(thrown) ? await freshUrl?.(recordingId, signal) : undefined;
        if (fresh === undefined) throw thrown;
        return fetchTelnyxFile(fresh, options);
      });
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown;
      const retryable = work.attempts + 1 < MISSING_TRIES;
      throw new LandlineError('recording_not_found', messageOf(thrown), { cause: thrown, retryable });
    }
  }

  async #put(
    work: Work,
    signal: AbortSignal,
    what: Pick<KeptRecording, 'id' | 'source' | 'format' | 'contentType' | 'samples'> & {
      readonly callId: string;
      readonly file: string;
      readonly bytes: number | undefined;
      readonly stream: AsyncIterable<Uint8Array>;
    },
  ): Promise<KeptRecording> {
    const { storage, kept, keys, clock } = this.#options;
    const { callId, id, source, format, contentType, samples, bytes } = what;
    const key = keys.current;
    // The day on which the work was put in: another attempt after midnight must not make a second file.
    const name = `${utcDay(work.createdAt)}/${what.file}${key ? '.sealed' : ''}`;
    const label = sealLabel(callId, id);
    const measured = new Measure(what.stream, signal);
    await kept.announce(callId, name);
    const stored = await storage.put(name, key ? seal(measured, { key, label }) : measured, {
      contentType: key ? 'application/octet-stream' : contentType,
      bytes: key && bytes !== undefined ? sealedBytes(bytes, label) : bytes,
    });
    const there = await storage.head(name);
    if (there !== stored) {
      throw new LandlineError(
        'recording_storage_failed',
        `${storage.describe} took ${stored} bytes of ${name} and has ${there ?? 'none'}`,
        { retryable: true },
      );
    }
    return {
      ...{ id, source, name, format, contentType, samples },
      bytes: measured.bytes,
      storedBytes: stored,
      sha256: measured.sha256(),
      sealedWith: key?.id ?? null,
      keptAt: clock.wall(),
    };
  }

  /** Keeping and erasing one call never overlap. */
  #alone<T>(callId: string, run: () => Promise<T>): Promise<T> {
    return this.#options.kept.exclusively(`${callId} keeper`, run);
  }
}

/** Counts and hashes what passes; stops when told to. */
class Measure implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal;
  readonly #hash = createHash('sha256');
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.#signal.throwIfAborted();
      this.#hash.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((thrown: unknown) => {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
  });
}
