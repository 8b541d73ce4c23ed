import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { CALL_EXAMPLE, callPage, callParams, callSchema, transcriptSchema } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { CallReader } from './call-reader.ts';
import { callView } from './call-view.ts';
import { exportLines } from './calls-export.ts';
import { exportParameters, exportQuery, listParameters, listQuery } from './calls-query.ts';

const docs = {
  list: {
    tag: 'calls',
    summary: 'Find calls',
    description: 'Newest first, live calls as they are now. Filters add up; `metadata.<key>=<value>` is one too.',
    query: listParameters,
    answers: {
      200: { description: 'One page.', schema: callPage, example: { calls: [CALL_EXAMPLE], nextCursor: null } },
    },
    problems: ['store_unavailable'],
  },
  export: {
    tag: 'calls',
    summary: 'Export calls',
    description: 'All calls that the filters of `GET /v1/calls` find, as long as it takes.',
    query: exportParameters,
    answers: {
      200: {
        description: 'The calls, as a file.',
        types: { 'application/jsonl': 'one call a line', 'text/csv': 'RFC 4180, with a head' },
        headers: { 'Content-Disposition': '`attachment`, with a file name' },
      },
    },
    problems: ['store_unavailable'],
  },
  one: {
    tag: 'calls',
    summary: 'Read a call',
    answers: { 200: { description: 'The call, with its legs.', schema: callSchema, example: CALL_EXAMPLE } },
    problems: ['call_not_found', 'store_unavailable'],
  },
  transcript: {
    tag: 'calls',
    summary: 'Read what was said',
    answers: {
      200: {
        description: 'So far, in order.',
        schema: transcriptSchema,
        example: { turns: [{ role: 'agent', text: 'How can I help?', startMs: 480, endMs: 1460 }] },
      },
    },
    problems: ['call_not_found', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `GET /v1/calls`, `/v1/calls/export`, `/v1/calls/{id}` and its transcript. */
export function addCallRoutes(server: FastifyInstance, reader: CallReader): void {
  const app = server.withTypeProvider<ZodProvider>();

  app.get('/v1/calls', { config: { api: docs.list } }, async ({ query }) => {
    const { calls, nextCursor } = await reader.list(listQuery(query));
    return { calls: calls.map((row) => callView(row)), nextCursor };
  });

  app.get('/v1/calls/export', { config: { api: docs.export } }, async ({ query }, reply) => {
    const { format, filters } = exportQuery(query);
    const pages = reader.all(filters);
    // The first page before the first byte: a store that is down is still a problem document.
    const first = await pages.next();
    return reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/jsonl; charset=utf-8')
      .header('content-disposition', `attachment; filename="calls.${format}"`)
      .send(Readable.from(exportLines(format, first.done ? [] : first.value, pages)));
  });

  app.get('/v1/calls/:id', { schema: { params: callParams }, config: { api: docs.one } }, async ({ params }) =>
    reader.view(params.id),
  );

  app.get(
    '/v1/calls/:id/transcript',
    { schema: { params: callParams }, config: { api: docs.transcript } },
    async ({ params }) => ({ turns: await reader.transcript(params.id) }),
  );
}
