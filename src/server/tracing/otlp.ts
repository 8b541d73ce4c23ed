import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type HrTime,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Clock } from '../../core/clock.ts';
import { createIds, randomSeed } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { CallTrace } from './call-trace.ts';
import type { Tracing } from './port.ts';
import { SpanQueue } from './span-queue.ts';
import type { SpanRecord } from './span.ts';
import { traceIdOf } from './trace-book.ts';

export interface OtlpTracingOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** E.g. `landline 0.1.0`. */
  readonly software: string;
  /** Where spans are posted, e.g. `http://collector:4318/v1/traces`. */
  readonly url: string;
}

const CLOSE_MS = 2_000;
/** `ExportResultCode.SUCCESS` of @opentelemetry/core, which is no dependency of ours. */
const SUCCESS = 0;
const KINDS = { internal: SpanKind.INTERNAL, client: SpanKind.CLIENT, server: SpanKind.SERVER } as const;

/**
 * Traces over OTLP/HTTP with JSON. This file is the only one that loads OpenTelemetry, and is itself loaded only when an
 * endpoint is set. Headers, timeout, compression, certificates, service name and resource attributes are what the
 * standard `OTEL_…` variables say; the SDK reads them.
 */
export function createOtlpTracing({ clock, log, software, url }: OtlpTracingOptions): Tracing {
  const exporter = new OTLPTraceExporter({ url });
  const queue = new SpanQueue<ReadableSpan>({
    clock,
    log,
    send: (spans, done) =>
      exporter.export([...spans], ({ code, error }) => {
        const number: number = code;
        done(number === SUCCESS ? undefined : (error?.message ?? 'refused').slice(0, 200));
      }),
  });
  /** The ids of the span that is being made. */
  let next = { traceId: '', spanId: '' };
  const [name = 'landline', version = ''] = software.split(' ');
  const own = resourceFromAttributes({ 'service.name': name, 'service.version': version });
  const provider = new TracerProvider({
    resource: own.merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => queue.push(span),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  });
  const tracer = provider.getTracer(name, version);
  const make = (span: SpanRecord): void => {
    next = span;
    record(tracer, span);
  };
  return {
    traceIdOf,
    observer: (callId, providers) => {
      const ids = createIds(randomSeed());
      return new CallTrace({
        callId,
        providers,
        newSpanId: () => ids.hex('span').slice(0, 16),
        wall: () => clock.wall(),
        finished: make,
      });
    },
    counts: () => queue.counts(),
    close: async () => {
      await queue.close(CLOSE_MS);
      // What is still under way is nobody's concern any more.
      void exporter.shutdown().catch(() => undefined);
    },
  };
}

/** Makes the SDK's span of ours; both ends are in the past. */
function record(tracer: Tracer, span: SpanRecord): void {
  const made = tracer.startSpan(
    span.name,
    { kind: KINDS[span.kind], startTime: hrTime(span.startMs), attributes: { ...span.attributes } },
    parentOf(span),
  );
  for (const event of span.events) made.addEvent(event.name, undefined, hrTime(event.atMs));
  if (span.error !== undefined) made.setStatus({ code: SpanStatusCode.ERROR, message: span.error });
  made.end(hrTime(span.endMs));
}

function parentOf({ traceId, parentId }: SpanRecord): Context {
  if (parentId === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: parentId, traceFlags: TraceFlags.SAMPLED });
}

/** Unix milliseconds as seconds and nanoseconds: a bare number would be read as time since the process began. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
