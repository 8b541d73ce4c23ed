import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ApiDoc } from './api/documented.ts';
import { asyncApi } from './async-api.ts';
import type { Metrics } from './metrics.ts';

/** Why no calls are taken, and what is worse than it should be while they are. */
export interface Readiness {
  readonly reasons: readonly string[];
  readonly degraded: readonly string[];
}

export interface OperationsRoutesOptions {
  readonly readiness: () => Readiness;
  /** Strangers may ask: they are told what is wrong, and not with which host or file. The log says it all. */
  readonly isPublic: boolean;
  readonly metrics: Pick<Metrics, 'registry'>;
  /** Of Landline. */
  readonly version: string;
}

const readySchema = z.strictObject({
  status: z.enum(['ready', 'not ready']),
  reasons: z.array(z.string()).describe('why no calls are taken'),
  degraded: z.array(z.string()).exactOptional().describe('what is down while calls are taken all the same'),
});

const docs = {
  health: {
    tag: 'operations',
    isOpen: true,
    summary: 'Is the process alive?',
    answers: {
      200: { description: 'It is.', schema: z.strictObject({ status: z.literal('ok') }), example: { status: 'ok' } },
    },
  },
  ready: {
    tag: 'operations',
    isOpen: true,
    summary: 'Can it take calls?',
    answers: {
      200: { description: 'It can.', schema: readySchema, example: { status: 'ready', reasons: [] } },
      503: {
        description: 'Not now: it drains, is full, or cannot write its journals.',
        schema: readySchema,
        example: { status: 'not ready', reasons: ['draining'] },
      },
    },
  },
  metrics: {
    tag: 'operations',
    isOpen: true,
    summary: 'Metrics for Prometheus',
    answers: { 200: { description: 'See docs/metrics.md.', types: { 'text/plain': "Prometheus' text format" } } },
  },
  events: {
    tag: 'events',
    isOpen: true,
    summary: 'What the events are',
    answers: { 200: { description: 'An AsyncAPI 3.0 document.', schema: z.looseObject({ asyncapi: z.string() }) } },
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `/healthz`, `/readyz`, `/metrics` and `/asyncapi.json`. */
export function addOperationsRoutes(app: FastifyInstance, options: OperationsRoutesOptions): void {
  const { readiness, isPublic, metrics, version } = options;
  const shown = (texts: readonly string[]): string[] =>
    texts.map((text) => (isPublic ? (text.split(': ')[0] ?? '') : text));
  app.get('/healthz', { config: { api: docs.health } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { config: { api: docs.ready } }, async (_request, reply) => {
    const { reasons, degraded } = readiness();
    const isReady = reasons.length === 0;
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ready' : 'not ready',
      reasons: shown(reasons),
      ...(degraded.length === 0 ? {} : { degraded: shown(degraded) }),
    });
  });
  app.get('/metrics', { config: { api: docs.metrics } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get('/asyncapi.json', { config: { api: docs.events } }, async () => asyncApi(version));
}
