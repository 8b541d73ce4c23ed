/** One finished span, as a trace keeps it; times are Unix milliseconds with fractions. */
export interface SpanRecord {
  /** 32 and 16 hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: the root. */
  readonly parentId: string | undefined;
  readonly name: string;
  /** `client`: we asked somebody outside. `server`: somebody called us. */
  readonly kind: 'internal' | 'client' | 'server';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly { readonly name: string; readonly atMs: number }[];
  /** What went wrong, in a fixed word; undefined: nothing did. */
  readonly error: string | undefined;
}

export type Attributes = SpanRecord['attributes'];

/** A span that is not over. Times are the call's logical ones. */
export interface OpenSpan {
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  readonly kind: SpanRecord['kind'];
  readonly startT: number;
  attributes: Record<string, string | number | boolean>;
  readonly events: { readonly name: string; readonly t: number }[];
}
