import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ReadyAgent } from '../call/registry.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import { nextCursor, pageOf, pageQuery } from './api/page.ts';

const agentPage: z.ZodType = z.strictObject({
  agents: z.array(
    z.strictObject({ name: z.string().describe('as in the config'), language: z.string().describe('BCP 47') }),
  ),
  nextCursor,
});

const list: ApiDoc = {
  tag: 'routing',
  summary: 'List the agents',
  answers: {
    200: {
      description: 'One page, by name.',
      schema: agentPage,
      example: { agents: [{ name: 'reception', language: 'en' }], nextCursor: null },
    },
  },
};

/** `GET /v1/agents`. */
export function addAgentRoutes(server: FastifyInstance, agents: ReadonlyMap<string, ReadyAgent>): void {
  const app = server.withTypeProvider<ZodProvider>();
  app.get('/v1/agents', { schema: { querystring: pageQuery }, config: { api: list } }, async ({ query }) => {
    const page = pageOf(agents, ([name]) => name, query);
    return {
      agents: page.items.map(([name, { config }]) => ({ name, language: config.language })),
      nextCursor: page.nextCursor,
    };
  });
}
