import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NumberEntry, NumberTable } from '../call/number-table.ts';
import { isoTime } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import { nextCursor, pageOf, pageQuery } from './api/page.ts';

export interface NumberRoutesOptions {
  readonly numbers: NumberTable;
  readonly agents: { has(name: string): boolean; keys(): Iterable<string> };
}

/** A number as the API shows it. */
export interface NumberView {
  readonly number: string;
  readonly agent: string;
  readonly source: 'config' | 'api';
  /** ISO 8601; null for a number of the config. */
  readonly updatedAt: string | null;
}

export const numberParams: z.ZodType<{ readonly number: string }> = z.object({
  number: z
    .string()
    .regex(/^\+[1-9]\d{6,14}$/, 'must be E.164 like "+13125550178" (in a URL, + may be written as %2B)'),
});
export const numberBody: z.ZodType<{ readonly agent: string }> = z.strictObject({ agent: z.string().min(1).max(64) });

const numberSchema: z.ZodType<NumberView> = z.strictObject({
  number: z.string().describe('E.164'),
  agent: z.string(),
  source: z.enum(['config', 'api']).describe('what the API sets wins over the config'),
  updatedAt: z.iso.datetime().nullable().describe('null for a number of the config'),
});
const numberPage: z.ZodType = z.strictObject({ numbers: z.array(numberSchema), nextCursor });
const EXAMPLE: NumberView = {
  number: '+13125550178',
  agent: 'reception',
  source: 'api',
  updatedAt: '2026-01-05T09:00:00.000Z',
};

const docs = {
  list: {
    tag: 'routing',
    summary: 'List the numbers',
    answers: {
      200: {
        description: 'One page, by number.',
        schema: numberPage,
        example: { numbers: [EXAMPLE], nextCursor: null },
      },
    },
  },
  one: {
    tag: 'routing',
    summary: 'Who answers a number',
    answers: { 200: { description: 'The number and its agent.', schema: numberSchema, example: EXAMPLE } },
    problems: ['number_not_found'],
  },
  put: {
    tag: 'routing',
    summary: 'Give a number to an agent',
    description: 'Stored, and effective with the next call.',
    bodyExample: { agent: 'reception' },
    answers: { 200: { description: 'As it is now.', schema: numberSchema, example: EXAMPLE } },
    problems: ['store_unavailable'],
  },
  remove: {
    tag: 'routing',
    summary: 'Take a number away from its agent',
    answers: { 204: { description: 'Done: its calls go where the config says.' } },
    problems: ['number_configured', 'number_not_found', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `/v1/numbers`: which agent answers which number; effective with the next call. Authorisation is the caller's. */
export function numberRoutes({ numbers, agents }: NumberRoutesOptions): (app: FastifyInstance) => Promise<void> {
  return async (server) => {
    const app = server.withTypeProvider<ZodProvider>();
    app.get('/v1/numbers', { schema: { querystring: pageQuery }, config: { api: docs.list } }, async ({ query }) => {
      const page = pageOf(numbers.list(), ({ number }) => number, query);
      return { numbers: page.items.map(viewOf), nextCursor: page.nextCursor };
    });

    app.get(
      '/v1/numbers/:number',
      { schema: { params: numberParams }, config: { api: docs.one } },
      async ({ params: { number } }) => viewOf(numbers.get(number) ?? notFound(number)),
    );

    app.put(
      '/v1/numbers/:number',
      { schema: { params: numberParams, body: numberBody }, config: { api: docs.put } },
      async ({ params: { number }, body: { agent } }) => {
        if (!agents.has(agent)) {
          throw new LandlineError(
            'request_invalid',
            `agent: "${agent}" is no agent; known are ${[...agents.keys()].join(', ')}`,
          );
        }
        return viewOf(await numbers.put(number, agent));
      },
    );

    app.delete(
      '/v1/numbers/:number',
      { schema: { params: numberParams }, config: { api: docs.remove } },
      async ({ params: { number } }, reply) => {
        const { source } = numbers.get(number) ?? notFound(number);
        if (source === 'config') {
          throw new LandlineError(
            'number_configured',
            `${number} is in the config file: take it out of "numbers" there, or PUT another agent over it`,
          );
        }
        await numbers.remove(number);
        return reply.code(204).send();
      },
    );
  };
}

function viewOf({ number, agent, source, updatedAt }: NumberEntry): NumberView {
  return { number, agent, source, updatedAt: updatedAt === null ? null : isoTime(updatedAt) };
}

function notFound(number: string): never {
  throw new LandlineError(
    'number_not_found',
    `${number} is not routed by itself; GET /v1/numbers lists those that are`,
  );
}
