import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NumberEntry, NumberTable } from '../call/number-table.ts';
import { isoTime } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';

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

/** `/v1/numbers`: which agent answers which number; effective with the next call. Authorisation is the caller's. */
export function numberRoutes({ numbers, agents }: NumberRoutesOptions): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get('/v1/numbers', async () => ({ numbers: numbers.list().map(viewOf) }));

    app.get('/v1/numbers/:number', async ({ params }) => {
      const { number } = numberParams.parse(params);
      return viewOf(numbers.get(number) ?? notFound(number));
    });

    app.put('/v1/numbers/:number', async ({ params, body }) => {
      const { number } = numberParams.parse(params);
      const { agent } = numberBody.parse(body ?? {});
      if (!agents.has(agent)) {
        throw new LandlineError(
          'request_invalid',
          `agent: "${agent}" is no agent; known are ${[...agents.keys()].join(', ')}`,
        );
      }
      return viewOf(await numbers.put(number, agent));
    });

    app.delete('/v1/numbers/:number', async ({ params }, reply) => {
      const { number } = numberParams.parse(params);
      const { source } = numbers.get(number) ?? notFound(number);
      if (source === 'config') {
        throw new LandlineError(
          'number_configured',
          `${number} is in the config file: take it out of "numbers" there, or PUT another agent over it`,
        );
      }
      await numbers.remove(number);
      return reply.code(204).send();
    });
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
