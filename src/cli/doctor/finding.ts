import type { AccountAnswer } from '../../telnyx/account.ts';

/**
 * What one check found. `not checked` is never good news: it says what stood in the way. A `warning` is allowed, and probably
 * not meant.
 */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'not checked';
  readonly detail: string;
  /** One line: what to do. With every problem; a warning may say it itself. */
  readonly remedy?: string;
  readonly fix?: Fix;
}

/** A change at Telnyx that would solve a problem. */
export interface Fix {
  /** What it changes, from what, to what: people agree to this sentence. */
  readonly what: string;
  /** @returns why it failed; undefined when it is done. Never rejects. */
  apply(): Promise<string | undefined>;
}

export function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail };
}

export function problem(check: string, detail: string, remedy: string, fix?: Fix): Finding {
  return { check, status: 'problem', detail, remedy, ...(fix ? { fix } : {}) };
}

export function warning(check: string, detail: string, remedy?: string): Finding {
  return { check, status: 'warning', detail, ...(remedy === undefined ? {} : { remedy }) };
}

export function notChecked(check: string, detail: string): Finding {
  return { check, status: 'not checked', detail };
}

/** How a change ended, in the words of {@link Fix.apply}. */
export function failureOf(answer: AccountAnswer<unknown>): string | undefined {
  return answer.ok ? undefined : answer.message;
}
