import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { COMPONENTS } from './components.ts';
import { openApi, type Json } from './openapi.ts';
import type { KnownRoutes } from './known-routes.ts';

/** Everything the page needs comes from this server, and it talks to nobody else. */
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Files of Swagger UI. Its plugin for Fastify is not used: it leaves marks on a server that may be somebody else's. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Links are relative to `docs/`, so that the page works below any prefix. */
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Landline API</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png" />
    <link rel="stylesheet" href="docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;
/** The key that a reader types in stays in this page: it is not persisted. */
const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;

/** `GET /openapi.json`, and `GET /docs`: the same to read and to try, also without a way to the internet. */
export function addDocsPage(app: FastifyInstance, routes: KnownRoutes, version: string): void {
  let document: Json = {};
  // Complete only when the last route was added; made now, so that no live call waits for it later.
  app.addHook('onReady', async () => {
    document = openApi(routes.all(), { version, components: COMPONENTS });
  });
  app.get(
    '/openapi.json',
    {
      config: {
        api: {
          tag: 'operations',
          isOpen: true,
          summary: 'This document',
          answers: { 200: { description: 'OpenAPI 3.1.', schema: z.looseObject({ openapi: z.string() }) } },
        },
      },
    },
    async () => document,
  );

  const folder = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui')), 'static');
  const add = (path: string, type: string, body: () => string | Promise<Buffer>): void => {
    app.get(path, async (_request, reply) =>
      reply
        .type(type)
        .header('content-security-policy', CSP)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .send(await body()),
    );
  };
  add('/docs', 'text/html; charset=utf-8', () => PAGE);
  add('/docs/start.js', 'text/javascript; charset=utf-8', () => START);
  for (const [name, type] of Object.entries(ASSETS)) add(`/docs/${name}`, type, () => readFile(join(folder, name)));
}
