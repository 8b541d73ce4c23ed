import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { problemOf } from '../../src/server/problem.ts';
import { ApiContract, type OpenApi } from './api-contract.ts';
import { expectProblem } from './problems.ts';
import { gatewayWorld, inWorld } from './world.ts';

const KEY = 'key-of-the-document-test';
const authorization = `Bearer ${KEY}`;
/** Ways in that are not for users of the API. */
const NOT_API = ['POST /webhooks/telnyx', 'GET /media', 'GET /media*'];

let document: OpenApi;
/** What fastify has, and the document does not tell. */
let untold: string[];

beforeAll(async () => {
  const registered: string[] = [];
  const world = await gatewayWorld({
    gateway: {
      apiKeys: [KEY],
      extend: async (app) => {
        registered.push(...app.printRoutes({ commonPrefix: false }).split('\n'));
      },
    },
  });
  try {
    document = (await world.request('/openapi.json')).json as OpenApi;
    untold = routesOf(registered).filter((route) => {
      const [method = '', path = ''] = route.split(' ');
      return document.paths[path]?.[method.toLowerCase()] === undefined;
    });
  } finally {
    await world.close();
  }
});

/** `├── /v1/calls (GET, HEAD)` with its indents, as `GET /v1/calls` and `HEAD /v1/calls`. */
function routesOf(tree: readonly string[]): string[] {
  const folders: string[] = [];
  return tree.flatMap((line) => {
    const match = /^([│ ]*)[└├]── ([^ ]*)(?: \(([A-Z, ]+)\))?$/.exec(line);
    if (!match) return [];
    const [, indent = '', part = '', methods] = match;
    const depth = indent.length / 4;
    folders.splice(depth, folders.length, part);
    const shown = folders.join('').replace(/:(\w+)/g, '{$1}');
    // Of `/recordings/*` the tree shows no more than this.
    const path = shown === '*' ? '/recordings/{token}' : shown;
    return (methods?.split(', ') ?? []).map((method) => `${method} ${path}`);
  });
}

/** For who takes a document apart. */
function copy(): Record<string, unknown> {
  return JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
}

function operations(): { method: string; path: string; operation: OpenApi['paths'][string][string] }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

describe('the OpenAPI document', () => {
  it('is one, by the official schema of OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(copy());
    expect([valid, errors]).toEqual([true, undefined]);
    expect((await new Validator().validate({ ...copy(), info: {} })).valid).toBe(false);
  });

  it('tells every route that is registered, and no other', () => {
    const pages = untold.filter((route) => !/ \/docs/.test(route) && !route.startsWith('HEAD '));
    expect(pages.sort()).toEqual([...NOT_API].sort());
  });

  it('says of every route what it is for, what it takes and what it answers', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { method, path, operation } of operations()) {
      const where = `${method} ${path}`;
      expect(operation.summary, where).toMatch(/^[A-Z].*[^.]$/);
      expect(operation.tags, where).toHaveLength(1);
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      if (path !== '/recordings/{token}')
        expect(
          inPath.map(({ name }) => name),
          where,
        ).toEqual(named);
      expect(
        Object.keys(operation.responses).some((status) => /^20\d$/.test(status)),
        where,
      ).toBe(true);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description, `${where} ${status}`).toMatch(/\S/);
      }
    }
  });

  it('names only error codes that are explained, each with the status it has', () => {
    for (const { method, path, operation } of operations()) {
      for (const [status, response] of Object.entries(operation.responses)) {
        for (const code of response.content?.['application/problem+json']?.schema.allOf[1].properties.code.enum ?? []) {
          expect(ERROR_CODES, `${method} ${path}`).toContain(code);
          expect(problemOf(code, '').status, `${method} ${path} ${code}`).toBe(Number(status));
        }
      }
    }
  });

  it('has examples that its own schemas accept', () => {
    const contract = new ApiContract(document);
    let count = 0;
    for (const { operation } of operations()) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const media of bodies.flatMap((body) => Object.values(body?.content ?? {}))) {
        for (const example of [media.example, ...Object.values(media.examples ?? {}).map(({ value }) => value)]) {
          if (example === undefined) continue;
          count += 1;
          expect(contract.problem(media.schema, example), JSON.stringify(example)).toBeUndefined();
        }
      }
    }
    expect(count).toBeGreaterThan(50);
  });
});

describe('every route of the document', () => {
  it('answers missing keys, wrong methods, unknown ids and wrong bodies as the document says', () =>
    inWorld(
      { gateway: { apiKeys: [KEY], apiRateLimit: { requestsPerSecond: 10_000, burst: 10_000 } } },
      async (world) => {
        const contract = new ApiContract(document);
        const ask = async (method: string, path: string, init: RequestInit = {}): ReturnType<typeof world.request> => {
          const answer = await world.request(path, { method, ...init });
          expect(contract.answerProblem(method, path, answer), `${method} ${path} ${answer.text}`).toBeUndefined();
          return answer;
        };
        const open = new Set<string>();
        for (const { method, path, operation } of operations()) {
          const url = path.replace('{id}', 'call_x').replace('{number}', '+19995550100').replace('{token}', 'x.y');
          if (operation.security?.length === 0) {
            open.add(path);
            continue;
          }
          const json = { 'content-type': 'application/json' };
          const refused = await ask(method, url, { headers: { authorization: 'Bearer wrong' } });
          if (method !== 'HEAD') expectProblem(refused, 401, 'unauthorized');
          const text = { authorization, 'content-type': 'text/plain' };
          if (['POST', 'PUT'].includes(method)) {
            expectProblem(await ask(method, url, { headers: text, body: '{}' }), 415, 'content_type_unsupported');
            const broken = await ask(method, url, { headers: { authorization, ...json }, body: '{"a":' });
            expectProblem(broken, 400, 'request_invalid');
            const big = JSON.stringify('x'.repeat(1024 * 1024));
            const large = await ask(method, url, { headers: { authorization, ...json }, body: big });
            expectProblem(large, 413, 'request_too_large');
          }
          if (operation.requestBody) {
            for (const body of ['[]', '17', '"x"', '{"no_such_member":1}', ...contract.wrongBodies(operation)]) {
              const wrong = await ask(method, url, { headers: { authorization, ...json }, body });
              expectProblem(wrong, 400, 'request_invalid');
              expect((wrong.json as { errors: unknown[] }).errors.length).toBeGreaterThan(0);
            }
            if (operation.requestBody.required) {
              expectProblem(await ask(method, url, { headers: { authorization } }), 400, 'request_invalid');
            }
          }
          // A right request for something that is not there, as far as one can be made; streams of events would go on.
          if (path === '/v1/events' || method === 'HEAD') continue;
          const example = operation.requestBody?.content['application/json']?.example;
          const body = example === undefined ? {} : { body: JSON.stringify(example) };
          if (path === '/v1/calls' && method === 'POST') continue;
          const answer = await ask(method, url, { headers: { authorization, ...(example ? json : {}) }, ...body });
          if (path.includes('{id}')) expectProblem(answer, 404, 'call_not_found');
          else if (method === 'GET' && path.includes('{number}')) expectProblem(answer, 404, 'number_not_found');
          for (const parameter of operation.parameters ?? []) {
            if (parameter.in !== 'query' || !['limit', 'format', 'status', 'after'].includes(parameter.name)) continue;
            const bad = await ask(method, `${url}?${parameter.name}=~wrong~`, { headers: { authorization } });
            if (method !== 'GET') continue;
            expectProblem(bad, 400, 'request_invalid', new RegExp(`${parameter.name}:`));
          }
        }
        expect([...open].sort()).toEqual([
          '/asyncapi.json',
          '/healthz',
          '/metrics',
          '/openapi.json',
          '/readyz',
          '/recordings/{token}',
        ]);
        for (const path of Object.keys(document.paths)) {
          const url = path.replace(/\{\w+\}/, '+19995550100');
          const wrong = await world.request(url, { method: 'PATCH' });
          expectProblem(wrong, 405, 'method_not_allowed');
          const told = Object.keys(document.paths[path] ?? {}).map((method) => method.toUpperCase());
          expect(wrong.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining(told));
        }
        // A stream that nobody reads would stay open.
        const head = await world.request('/v1/events', { method: 'HEAD', headers: { authorization } });
        expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET']);
        expectProblem(await world.request('/v1/nothing', { headers: { authorization } }), 404, 'not_found');
      },
    ));
});
