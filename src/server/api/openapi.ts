import type { RouteOptions } from 'fastify';
import { z } from 'zod';
import type { ErrorCode } from '../../core/errors.ts';
import { problemOf } from '../problem.ts';
import { TAGS, type ApiAnswer, type ApiDoc } from './documented.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A route as fastify knows it. */
export type ApiRoute = Pick<RouteOptions, 'url' | 'config' | 'schema'> & { readonly method: string };

const JSON_TYPE = 'application/json';
const PROBLEM_TYPE = 'application/problem+json';
const BODY_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** RFC 9457, as every refusal of this API has it. */
const problem: z.ZodType = z
  .looseObject({
    type: z.string().describe('`urn:landline:error:` and the code'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe('what exactly is wrong, for a person'),
    code: z.string().describe('for a program; docs/errors.md explains each'),
    errors: z
      .array(z.strictObject({ path: z.string().describe('`body`, `query`, or the member'), message: z.string() }))
      .exactOptional()
      .describe('of `request_invalid`: each thing that is wrong'),
  })
  .describe('A problem document (RFC 9457).');

const DESCRIPTION = [
  'Calls of this gateway: placed, found, read, heard, steered.',
  '',
  '- **Key.** `Authorization: Bearer <key>`, one of `LANDLINE_API_KEY`. A gateway without keys answers on loopback only.',
  '- **Problems.** Every refusal is `application/problem+json`; programs look at `code`, people read `detail`.',
  '- **Pages.** Lists take `limit` and `cursor` and give `nextCursor`: null on the last page.',
  '- **Limits.** Each answer says by `RateLimit-Limit`, `-Remaining` and `-Reset` what is left; 429 has `Retry-After`.',
  '- **Wrong method.** 405 `method_not_allowed`, with `Allow`. Unknown path: 404 `not_found`.',
].join('\n');

/**
 * The OpenAPI 3.1 document of these routes: parameters and bodies from the schemas that check them, the rest from their
 * {@link ApiDoc}. Routes without one are left out.
 *
 * @param components schemas that get a name of their own instead of being told again and again
 */
export function openApi(
  routes: readonly ApiRoute[],
  options: { readonly version: string; readonly components: Readonly<Record<string, z.ZodType>> },
): Json {
  const components: Readonly<Record<string, z.ZodType>> = { ...options.components, Problem: problem };
  const names = new Map(Object.entries(components).map(([name, schema]) => [schema, name]));
  const toJson = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const { $schema: _, ...json } = z.toJSONSchema(schema, {
      io,
      override: ({ zodSchema, jsonSchema, path }) => {
        const name = names.get(zodSchema as unknown as z.ZodType);
        if (name === undefined || (path.length === 0 && components[name] === schema && io === 'output')) return;
        for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
        jsonSchema.$ref = `#/components/schemas/${name}`;
      },
    });
    return json;
  };
  const ref = (schema: z.ZodType): Json => {
    const name = names.get(schema);
    return name === undefined ? toJson(schema, 'output') : { $ref: `#/components/schemas/${name}` };
  };

  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const doc = route.config?.api;
    // HEAD is GET without the body, everywhere.
    if (!doc || route.method === 'HEAD') continue;
    const path = doc.path ?? route.url.replace(/:(\w+)/g, '{$1}');
    const { params, querystring, body } = (route.schema ?? {}) as Partial<Record<string, z.ZodType>>;
    const query = querystring ?? doc.query;
    const parameters = [
      ...(params ? parametersOf(toJson(params, 'input'), 'path') : []),
      ...(query ? parametersOf(toJson(query, 'input'), 'query') : []),
      ...Object.entries(doc.headers ?? {}).map(([name, description]) => ({
        ...{ name, in: 'header', description },
        schema: { type: 'string' },
      })),
    ];
    (paths[path] ??= {})[route.method.toLowerCase()] = {
      operationId: operationId(route.method, path),
      tags: [doc.tag],
      summary: doc.summary,
      ...(doc.description === undefined ? {} : { description: doc.description }),
      ...(doc.isOpen === true ? { security: [] } : {}),
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(body === undefined ? {} : { requestBody: requestBody(body, toJson(body, 'input'), doc.bodyExample) }),
      responses: {
        ...Object.fromEntries(Object.entries(doc.answers).map(([status, answer]) => [status, response(answer, ref)])),
        ...problemResponses(problemsOf(route, doc)),
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Landline', version: options.version, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'One of `LANDLINE_API_KEY`.' } },
      schemas: Object.fromEntries(Object.entries(components).map(([name, schema]) => [name, toJson(schema, 'output')])),
    },
  };
}

/** Every code that a route can answer with, sorted. */
export function problemsOf(route: ApiRoute, doc: ApiDoc): readonly ErrorCode[] {
  const { params, querystring } = (route.schema ?? {}) as Partial<Record<string, z.ZodType>>;
  const mayHaveBody = BODY_METHODS.has(route.method);
  const mayBeWrong = mayHaveBody || params !== undefined || querystring !== undefined || doc.query !== undefined;
  const codes: readonly ErrorCode[] = [
    ...(doc.problems ?? []),
    ...(doc.isOpen === true ? [] : (['origin_not_allowed', 'rate_limited', 'unauthorized'] as const)),
    ...(mayBeWrong ? (['request_invalid'] as const) : []),
    ...(mayHaveBody ? (['content_type_unsupported', 'request_too_large'] as const) : []),
    'internal_error',
  ];
  return [...new Set(codes)].sort();
}

function parametersOf(schema: Json, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    ...(description === undefined ? {} : { description }),
    ...(place === 'path' || required.includes(name) ? { required: true } : {}),
    schema: rest,
  }));
}

function requestBody(zod: z.ZodType, schema: Json, example: unknown): Json {
  return {
    // What may be missing has a default.
    required: !zod.safeParse(undefined).success,
    content: { [JSON_TYPE]: { schema, ...(example === undefined ? {} : { example }) } },
  };
}

function response(answer: ApiAnswer, ref: (schema: z.ZodType) => Json): Json {
  const { description, schema, example, types = {}, headers } = answer;
  const content = {
    ...(schema === undefined
      ? {}
      : { [JSON_TYPE]: { schema: ref(schema), ...(example === undefined ? {} : { example }) } }),
    ...Object.fromEntries(
      Object.entries(types).map(([type, what]) => [type, { schema: { type: 'string', description: what } }]),
    ),
  };
  return {
    description,
    ...(headers === undefined ? {} : { headers: headerObjects(headers) }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

/** One answer for each status; the codes it can have are told one by one. */
function problemResponses(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(codes, (code) => problemOf(code, '').status);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `\`${code}\``).join(', '),
        ...(status === 429 || status === 401 ? { headers: headerObjects(PROBLEM_HEADERS[status]) } : {}),
        content: {
          [PROBLEM_TYPE]: {
            schema: {
              allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: same } } }],
            },
            examples: Object.fromEntries(
              same.map((code) => [code, { value: problemOf(code, `Says what exactly happened: ${code}.`) }]),
            ),
          },
        },
      },
    ]),
  );
}

const PROBLEM_HEADERS = {
  401: { 'WWW-Authenticate': '`Bearer`' },
  429: { 'Retry-After': 'seconds until the next request is allowed' },
};

function headerObjects(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

/** `GET /v1/calls/{id}/events` is `getCallsIdEvents`. */
function operationId(method: string, path: string): string {
  const words = path.replace(/^\/v1/, '').split(/\W+/).filter(Boolean);
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
