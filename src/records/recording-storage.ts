import type { Readable } from 'node:stream';
import { LandlineError } from '../core/errors.ts';

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface StoredAs {
  readonly contentType: string;
  /** Length of the stream, when it is known beforehand. */
  readonly bytes?: number | undefined;
}

/**
 * Where finished recordings lie. Names are `<day>/<file>`; what is in them is opaque. Everything rejects with
 * LandlineError `recording_storage_failed`; `retryable` tells whether later has a chance.
 */
export interface RecordingStorage {
  /** For logs: `disk /var/lib/landline/recordings`. */
  readonly describe: string;
  /** Stores all of `source`, or nothing under this name. Done twice, the later one counts. @returns the bytes stored. */
  put(name: string, source: AsyncIterable<Uint8Array>, as: StoredAs): Promise<number>;
  /** @throws LandlineError `recording_not_found` */
  get(name: string, range?: ByteRange): Promise<Readable>;
  /** Length of what is stored under this name; undefined: nothing is. */
  head(name: string): Promise<number | undefined>;
  /** Gone afterwards; it may have been before. */
  delete(name: string): Promise<void>;
  /** An address that gives the bytes as they lie to anybody who has it. */
  link?(name: string, expiresInSeconds: number, as: { readonly filename: string }): Promise<string>;
  close(): Promise<void>;
}

/** @throws LandlineError `internal_error` for a name that could leave its folder. */
export function assertStorageName(name: string): void {
  if (/^\d{4}-\d\d-\d\d\/[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(name)) return;
  throw new LandlineError('internal_error', `"${name.slice(0, 300)}" is no name of a recording`);
}

export function storageFailed(message: string, retryable: boolean, cause?: unknown): LandlineError {
  return new LandlineError('recording_storage_failed', message, { cause, retryable });
}
