import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { LandlineError, messageOf } from '../core/errors.ts';
import { FILE_MODE, FOLDER_MODE } from '../journal/layout.ts';
import { assertStorageName, storageFailed, type RecordingStorage } from './recording-storage.ts';

/** Recordings in a folder: `<folder>/<day>/<file>`, readable by this user only. */
export function createDiskStorage(folder: string): RecordingStorage {
  const pathOf = (name: string): string => {
    assertStorageName(name);
    return join(folder, name);
  };
  const failed = (what: string, thrown: unknown): LandlineError =>
    // A full disk, a lost mount: all of it may pass.
    storageFailed(`${what} failed in ${folder}: ${messageOf(thrown)}`, true, thrown);

  return {
    describe: `disk ${folder}`,

    async put(name, source) {
      const path = pathOf(name);
      const partial = partialOf(path);
      let written = 0;
      try {
        await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
        const file = await open(partial, 'w', FILE_MODE);
        try {
          for await (const chunk of source) {
            await file.appendFile(chunk);
            written += chunk.length;
          }
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(partial, path);
        await syncFolder(dirname(path));
      } catch (thrown) {
        await unlink(partial).catch(() => undefined);
        // What the source says about itself is not the disk's failure.
        if (thrown instanceof LandlineError) throw thrown;
        throw failed('writing a recording', thrown);
      }
      return written;
    },

    async get(name, range) {
      const path = pathOf(name);
      const file = await open(path, 'r').catch((thrown: unknown) => {
        if (isMissing(thrown)) throw notThere(name);
        throw failed('reading a recording', thrown);
      });
      // Node's own `end` is inclusive, and cannot say "nothing".
      if (range && range.end <= range.start) {
        await file.close();
        return Readable.from([]);
      }
      return file.createReadStream(range ? { start: range.start, end: range.end - 1 } : {});
    },

    async head(name) {
      try {
        return (await stat(pathOf(name))).size;
      } catch (thrown) {
        if (isMissing(thrown)) return undefined;
        throw failed('looking for a recording', thrown);
      }
    },

    async delete(name) {
      const path = pathOf(name);
      for (const one of [path, partialOf(path)]) {
        try {
          await unlink(one);
        } catch (thrown) {
          if (!isMissing(thrown)) throw failed('deleting a recording', thrown);
        }
      }
    },

    close: async () => undefined,
  };
}

/** One name for every try: what a killed process left is overwritten by the next one. */
function partialOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.part`);
}

/** Without it a power cut may forget the new name, though not the bytes. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}

function notThere(name: string): LandlineError {
  return new LandlineError('recording_not_found', `there is no ${basename(name)} in the storage of recordings`);
}
