import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { LandlineError, messageOf } from '../core/errors.ts';
import { assertCallId, FILE_MODE, FOLDER_MODE } from '../journal/layout.ts';

/** A finished recording that is safely in the storage. */
export interface KeptRecording {
  /** `call`: our own; else Telnyx' id of a recording it made. */
  readonly id: string;
  readonly source: 'call' | 'telnyx';
  /** In the storage. */
  readonly name: string;
  readonly format: 'wav' | 'flac' | 'opus' | 'mp3';
  readonly contentType: string;
  /** Of the recording itself. */
  readonly bytes: number;
  /** As it lies in the storage. */
  readonly storedBytes: number;
  /** Hex, of the recording itself. */
  readonly sha256: string;
  /** 8 kHz samples of each channel, of our own. */
  readonly samples: number | null;
  /** Id of the key it is sealed with; null: it lies in clear. */
  readonly sealedWith: string | null;
  /** Wall milliseconds. */
  readonly keptAt: number;
}

const keptRecording: z.ZodType<KeptRecording> = z.object({
  id: z.string().min(1),
  source: z.enum(['call', 'telnyx']),
  name: z.string(),
  format: z.enum(['wav', 'flac', 'opus', 'mp3']),
  contentType: z.string(),
  bytes: z.number().int().nonnegative(),
  storedBytes: z.number().int().nonnegative(),
  sha256: z.string(),
  samples: z.number().int().nonnegative().nullable(),
  sealedWith: z.string().nullable(),
  keptAt: z.number(),
});

/** What a recording is sealed as: exchanging two files is noticed. */
export function sealLabel(callId: string, id: string): string {
  return id === 'call' ? callId : `${callId}/${id}`;
}

const sidecar = z.object({
  version: z.literal(1),
  callId: z.string(),
  recordings: z.array(keptRecording),
  /** Names that something may lie under in the storage, whole or in part, though no recording says so. */
  storing: z.array(z.string()).default([]),
});
type Sidecar = z.infer<typeof sidecar>;

/**
 * Which recordings of a call are kept and where: one small file a call, `kept/<callId>.json` in the data directory. A
 * recording's name is in it before it is stored and until it is deleted, so that an erasure finds whatever a failure left.
 */
export class KeptRecordings {
  readonly #dataDir: string;
  /** Changes of one call come one after the other. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Our own first. @throws LandlineError `journal_invalid` for an id that cannot be one, or a file of a later Landline. */
  async of(callId: string): Promise<readonly KeptRecording[]> {
    const { recordings } = await this.#read(callId);
    return recordings.toSorted((a, b) => Number(b.source === 'call') - Number(a.source === 'call'));
  }

  /** Every name in the storage that is the call's, also of what was stored in part or could not be noted. */
  async namesOf(callId: string): Promise<readonly string[]> {
    const { recordings, storing } = await this.#read(callId);
    return [...new Set([...recordings.map(({ name }) => name), ...storing])];
  }

  /** Something will be stored under this name. On disk when it resolves. */
  async announce(callId: string, name: string): Promise<void> {
    await this.exclusively(callId, async () => {
      const { recordings, storing } = await this.#read(callId);
      if (!storing.includes(name)) await this.#write({ callId, recordings, storing: [...storing, name] });
    });
  }

  async #read(callId: string): Promise<Pick<Sidecar, 'recordings' | 'storing'>> {
    const path = this.#path(callId);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (thrown) {
      if (isMissing(thrown)) return { recordings: [], storing: [] };
      throw thrown;
    }
    try {
      return sidecar.parse(JSON.parse(text));
    } catch (thrown) {
      throw new LandlineError('journal_invalid', `${path} does not say what is kept: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
  }

  /** Replaces the entry with the same id. On disk when it resolves. */
  async add(callId: string, recording: KeptRecording): Promise<void> {
    await this.exclusively(callId, async () => {
      const { recordings, storing } = await this.#read(callId);
      const others = recordings.filter(({ id }) => id !== recording.id);
      await this.#write({
        callId,
        recordings: [...others, recording],
        storing: storing.filter((name) => name !== recording.name),
      });
    });
  }

  async forget(callId: string): Promise<void> {
    await this.exclusively(callId, async () => {
      await unlink(this.#path(callId)).catch((thrown: unknown) => {
        if (!isMissing(thrown)) throw thrown;
      });
    });
  }

  /** Runs one change of a call after the one before it. */
  async exclusively<T>(callId: string, change: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(callId) ?? Promise.resolve();
    const result = before.then(change);
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#busy.set(callId, settled);
    try {
      return await result;
    } finally {
      if (this.#busy.get(callId) === settled) this.#busy.delete(callId);
    }
  }

  async #write({ callId, recordings, storing }: Omit<Sidecar, 'version'>): Promise<void> {
    const path = this.#path(callId);
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    const file = await open(`${path}.part`, 'w', FILE_MODE);
    try {
      await file.writeFile(`${JSON.stringify({ version: 1, callId, recordings, storing })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.part`, path);
  }

  #path(callId: string): string {
    assertCallId(callId);
    return join(this.#dataDir, 'kept', `${callId}.json`);
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}
