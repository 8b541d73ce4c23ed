import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify';
import type { z } from 'zod';
import type { ErrorCode } from '../../core/errors.ts';

/** The chapters of the API's documentation, in their order. */
export const TAGS = {
  calls: 'Place, find and read calls.',
  actions: 'Act on a live call. 200 means that it was accepted; what becomes of it is told by events.',
  recordings: 'What was recorded, and recording on demand.',
  events: 'What happens, as it happens.',
  routing: 'Agents, and the numbers they answer.',
  privacy: 'What is kept about a person: export and erasure.',
  operations: 'Is it alive, is it ready, what does it count. No key is asked for.',
} as const;

/** One answer that is no problem. */
export interface ApiAnswer {
  readonly description: string;
  /** Of the JSON it has; none: the answer has no body, or one of `types`. */
  readonly schema?: z.ZodType;
  /** One that a reader can take for real. */
  readonly example?: unknown;
  /** Bodies that are no JSON: media type to what it holds. */
  readonly types?: Readonly<Record<string, string>>;
  /** Names to what they say. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the OpenAPI document says of a route; the schemas by which fastify checks it come from the route itself. */
export interface ApiDoc {
  readonly tag: keyof typeof TAGS;
  /** Where the route's own pattern would tell a reader too little. */
  readonly path?: string;
  readonly summary: string;
  readonly description?: string;
  /** By status. */
  readonly answers: Readonly<Record<number, ApiAnswer>>;
  /** Beside those that follow from the method, the body and the key: see `problemsOf`. */
  readonly problems?: readonly ErrorCode[];
  /** Query parameters, where the handler reads them itself. */
  readonly query?: z.ZodType;
  /** Request headers, names to what they do. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A body that a client could send. */
  readonly bodyExample?: unknown;
  /** Answered without a key. */
  readonly isOpen?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    api?: ApiDoc;
  }
}

/** Types of what a handler gets, from the zod schemas of its route. */
export interface ZodProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  readonly serializer: unknown;
}

/** Checks requests by the zod schemas of their routes; a ZodError becomes a problem like any other. */
export const zodValidator: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    // Fastify says null for a body that is not there, which no default of a schema knows.
    const result = schema.safeParse(data ?? undefined);
    return result.success ? { value: result.data } : { error: result.error };
  };
};
