/** What one check found. `not checked` is never good news: it says what stood in the way. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'problem' | 'not checked';
  readonly detail: string;
  /** One line: what to do. With every problem. */
  readonly remedy?: string;
  /** What `--fix` would change at Telnyx, and the change. */
  readonly fix?: { readonly what: string; apply(): Promise<string | undefined> };
}

export function ok(check: string, detail: string): Finding {
  return { check, status: 'ok', detail };
}

export function problem(check: string, detail: string, remedy: string, fix?: Finding['fix']): Finding {
  return { check, status: 'problem', detail, remedy, ...(fix ? { fix } : {}) };
}

export function notChecked(check: string, detail: string): Finding {
  return { check, status: 'not checked', detail };
}
