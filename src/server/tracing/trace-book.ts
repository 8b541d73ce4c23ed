import { createHash } from 'node:crypto';
import type { Attributes, OpenSpan, SpanRecord } from './span.ts';

/** The id of a call's trace: whoever knows the call finds the trace. 32 hex digits, never all zero. */
export function traceIdOf(callId: string): string {
  return createHash('sha256').update(`trace ${callId}`).digest('hex').slice(0, 32);
}

/** The root's follows from the call too: a process that takes a call over after a crash goes on with the same root. */
function rootIdOf(callId: string): string {
  return createHash('sha256').update(`root ${callId}`).digest('hex').slice(0, 16);
}

export interface TraceBookOptions {
  readonly callId: string;
  /** 16 hex digits, other ones each time. */
  readonly newSpanId: () => string;
  /** Unix milliseconds now. */
  readonly wall: () => number;
  readonly finished: (span: SpanRecord) => void;
}

/** The open spans of one call, in logical time; what is closed is told with wall-clock times. */
export class TraceBook {
  readonly traceId: string;
  readonly rootId: string;
  readonly #options: TraceBookOptions;
  readonly #open = new Set<OpenSpan>();
  /** Unix milliseconds of logical 0. */
  #zero: number | undefined;

  constructor(options: TraceBookOptions) {
    this.#options = options;
    this.traceId = traceIdOf(options.callId);
    this.rootId = rootIdOf(options.callId);
  }

  /** The first thing that is seen of a call, at `t`, is now: all other times lie beside it. */
  seen(t: number): void {
    this.#zero ??= this.#options.wall() - t;
  }

  open(
    name: string,
    t: number,
    attributes: Attributes = {},
    place: {
      readonly parentId?: string | undefined;
      readonly kind?: SpanRecord['kind'];
      readonly isRoot?: boolean;
    } = {},
  ): OpenSpan {
    const { parentId = this.rootId, kind = 'internal', isRoot = false } = place;
    const span: OpenSpan = {
      spanId: isRoot ? this.rootId : this.#options.newSpanId(),
      parentId: isRoot ? undefined : parentId,
      name,
      kind,
      startT: t,
      attributes: { ...attributes },
      events: [],
    };
    this.#open.add(span);
    return span;
  }

  /** Closing twice does nothing. */
  close(span: OpenSpan | undefined, t: number, more: Attributes = {}, error?: string): void {
    if (!span || !this.#open.delete(span)) return;
    const { spanId, parentId, name, kind, startT, attributes, events } = span;
    const at = (logical: number): number => (this.#zero ?? 0) + logical;
    this.#options.finished({
      traceId: this.traceId,
      spanId,
      parentId,
      name,
      kind,
      startMs: at(startT),
      endMs: at(Math.max(startT, t)),
      attributes: { ...attributes, ...more },
      events: events.map((event) => ({ name: event.name, atMs: at(event.t) })),
      error,
    });
  }

  /** Everything that is open is over, what was opened last first. */
  closeAll(t: number): void {
    for (const span of [...this.#open].reverse()) this.close(span, t);
  }
}
