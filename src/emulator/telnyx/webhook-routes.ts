import { isBody, stringOf } from './validation.ts';
import type { Body } from './validation.ts';
import type { WebhookRoutes } from './webhooks.ts';

/** Reads `webhook_url`, `webhook_urls` and `webhook_retries_policies` of a validated body. */
export function routesOf(body: Body): WebhookRoutes {
  const routes: WebhookRoutes = { url: undefined, urls: {}, retriesMs: {} };
  changeRoutes(routes, body);
  return routes;
}

/** What a command says of later webhooks replaces what was said before; what it does not say stays. */
export function changeRoutes(routes: WebhookRoutes, body: Body): void {
  routes.url = stringOf(body['webhook_url']) ?? routes.url;
  const urls = body['webhook_urls'];
  if (isBody(urls)) {
    // Telnyx' types say lists, the examples of its specification show plain strings.
    const lists = Object.entries(urls).map(([event, list]): [string, string[]] => [event, [list].flat().map(String)]);
    routes.urls = { ...routes.urls, ...Object.fromEntries(lists) };
  }
  const policies = body['webhook_retries_policies'];
  if (isBody(policies)) {
    const lists = Object.entries(policies).map(([event, policy]): [string, number[]] => {
      const delays: unknown = isBody(policy) ? policy['retries_ms'] : [];
      return [event, Array.isArray(delays) ? delays.map(Number) : []];
    });
    routes.retriesMs = { ...routes.retriesMs, ...Object.fromEntries(lists) };
  }
}
