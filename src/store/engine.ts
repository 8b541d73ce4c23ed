import type { Kysely, RawBuilder, Transaction } from 'kysely';
import type { LandlineError } from '../core/errors.ts';
import type { Tables } from './schema.ts';
import type { SearchWord } from './words.ts';

/** Everything in which the two databases differ. */
export interface Engine {
  readonly db: Kysely<Tables>;
  /** Column types of the schema. */
  readonly types: {
    /** A whole number of 64 bits. */
    readonly integer: string;
    readonly real: string;
    readonly json: string;
    /** A primary key that counts by itself and never gives a number twice. */
    readonly counter: string;
  };
  /** Statements that make the table of words. */
  readonly wordTable: readonly string[];
  /** Column of `call_words` that holds the call's `sort_key`. */
  readonly wordKey: 'rowid' | 'sort_key';
  /** Does the index of words give calls newest first? */
  readonly findsWordsInOrder: boolean;
  /** The condition that a row of `call_words` has all of these words. */
  hasWords(words: readonly SearchWord[]): RawBuilder<boolean>;
  /** Puts the words of a call in place of those it had; none takes it out. */
  putWords(trx: Transaction<Tables>, sortKey: number, words: readonly string[]): Promise<void>;
  /** Holds others who ask for the same lock back until `trx` ends. */
  lock(trx: Transaction<Tables>, name: 'migrations' | 'calls'): Promise<void>;
  /** Runs `work` where statements may take as long as they need. */
  patiently<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /**
   * Takes the bytes of deleted rows out of the files, in steps between which others are served. False: not all of it, as
   * another process reads them.
   */
  wipe(): Promise<boolean>;
  /** What a failure of the database means to a caller. */
  failure(thrown: unknown): LandlineError;
}
