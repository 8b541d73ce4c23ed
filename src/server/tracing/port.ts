import type { CallObserver } from '../../call/observer.ts';
import type { AgentProviders } from '../../call/ports.ts';
import type { SpanCounts } from '../metrics/sources.ts';

/** Where the traces of calls go. A call is one trace; its id follows from the call's. */
export interface Tracing {
  /** 32 hex digits. */
  traceIdOf(callId: string): string;
  /** Makes spans of what one call does. */
  observer(callId: string, providers: AgentProviders): CallObserver;
  counts(): SpanCounts;
  /** Sends what waits, for at most 2 s. */
  close(): Promise<void>;
}
