import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { ErrorCode } from '../../src/core/errors.ts';

interface Media {
  readonly schema: { readonly allOf: readonly [unknown, { properties: { code: { enum: readonly ErrorCode[] } } }] };
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, Media>> }>
  >;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** The OpenAPI document of a gateway, as a judge of its answers. */
export class ApiContract {
  readonly #document: OpenApi;
  readonly #ajv: Ajv2020;
  readonly #compiled = new Map<unknown, ValidateFunction>();
  readonly #paths: readonly { readonly pattern: RegExp; readonly path: string }[];

  constructor(document: OpenApi) {
    this.#document = document;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({ ...document, $id: 'api' });
    this.#paths = Object.keys(document.paths)
      // What is written out goes before what is named.
      .sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')))
      .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\./g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }));
  }

  /** What is wrong with a value by a schema of the document; undefined: nothing. */
  problem(schema: unknown, value: unknown): string | undefined {
    const validate = this.#compiled.get(schema) ?? this.#ajv.compile(withId(schema));
    this.#compiled.set(schema, validate);
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }

  /** What the document does not say of an answer; undefined: all of it is there. Not asked about: other methods and paths. */
  answerProblem(
    method: string,
    url: string,
    answer: { readonly status: number; readonly headers: Headers; readonly text: string },
  ): string | undefined {
    const pathname = url.split('?')[0] ?? '';
    const found = this.#paths.find(({ pattern }) => pattern.test(pathname));
    const operation = found && this.#document.paths[found.path]?.[method.toLowerCase()];
    if (!operation) return undefined;
    const where = `${method} ${found.path}`;
    const response = operation.responses[answer.status];
    if (!response) return `${where} is not said to answer ${answer.status}`;
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const media = response.content?.[type];
    if (method === 'HEAD' || (answer.text === '' && !response.content)) return undefined;
    if (!media) return `${where} is not said to answer ${answer.status} with "${type}"`;
    if (!/json$/.test(type) || /jsonl|ndjson/.test(type)) return undefined;
    const problem = this.problem(media.schema, JSON.parse(answer.text));
    return problem === undefined ? undefined : `${where} ${answer.status}: ${problem}`;
  }

  /** Bodies that are right but for one member, which has another type or is missing. */
  wrongBodies({ requestBody }: Operation): string[] {
    const { example } = requestBody?.content['application/json'] ?? {};
    if (typeof example !== 'object' || example === null) return [];
    const schema = requestBody?.content['application/json']?.schema as { required?: readonly string[] } | undefined;
    return Object.keys(example).flatMap((name) => {
      const { [name]: _, ...without } = example as Record<string, unknown>;
      return [
        JSON.stringify({ ...example, [name]: { wrong: ['type'] } }),
        ...(schema?.required?.includes(name) ? [JSON.stringify(without)] : []),
      ];
    });
  }
}

/** References of the document point into it. */
function withId(schema: unknown): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as object;
}
