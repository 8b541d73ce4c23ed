/** A stretch of written text and what is said for it. */
export interface Reading {
  /** Characters of the written text. */
  readonly length: number;
  readonly spoken: string;
}

/** What stands before the group being read. */
export interface Before {
  /** Nothing but white space since the line began. */
  readonly isLineStart: boolean;
  /** The last word, as written. */
  readonly word: string;
}

/** A sticky match of `pattern` at `at`. The pattern has the flag `y`. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

/** `AB1` -> `A B 1`: said one by one. */
export function oneByOne(text: string): string {
  return text.replace(/(?<=\S)(?=\S)/gu, ' ');
}
