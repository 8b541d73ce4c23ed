import type { FastifyInstance } from 'fastify';
import type { ApiRoute } from './openapi.ts';

/** Every route of a server, in the order in which they were added. */
export class KnownRoutes {
  readonly #routes: ApiRoute[] = [];
  readonly #patterns: { readonly pattern: RegExp; readonly method: string }[] = [];

  /** To be called before the first route is added. */
  watch(app: FastifyInstance): void {
    app.addHook('onRoute', ({ method, url, schema, config }) => {
      for (const one of [method].flat()) {
        this.#routes.push({ method: one, url, ...(schema ? { schema } : {}), ...(config ? { config } : {}) });
        this.#patterns.push({ method: one, pattern: patternOf(url) });
      }
    });
  }

  all(): readonly ApiRoute[] {
    return this.#routes;
  }

  /** The methods that a path knows, sorted; none: there is no such path. */
  methodsOf(path: string): readonly string[] {
    const methods = this.#patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return [...new Set(methods)].sort();
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:\w+/g, '[^/]+')
    .replaceAll('*', '.*');
  return new RegExp(`^${source}$`);
}
