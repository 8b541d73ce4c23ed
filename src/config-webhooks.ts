import type { Config } from './config.ts';
import type { Env } from './config-environment.ts';
import { configPath, suggest, type Complain } from './config-problems.ts';
import type { WebhookOptions } from './records/webhook-options.ts';
import { EVENT_TYPES } from './server/event-schemas.ts';
import type { FollowUps } from './store/follow-ups.ts';
import { secretProblem } from './tools/sign.ts';

/** Told while it happens and never kept, so never sent. */
const NEVER_SENT = 'transcript.partial';

/** A webhook as a person writes it. */
export type WebhookInput = Pick<WebhookOptions, 'url' | 'secretEnv'> &
  Partial<Omit<WebhookOptions, 'events'>> & { readonly events?: readonly string[] };

/** What the gateway does outside once calls are kept: everything that follows from the config, in one place. */
export function followUpsOf(config: Pick<Config, 'agents' | 'webhooks'>): FollowUps {
  const agents = Object.entries(config.agents);
  return {
    recordings: true,
    summaryAgents: agents.flatMap(([name, { summary, transcripts }]) => (summary && transcripts ? [name] : [])),
    webhooks: config.webhooks.map(({ name, events }) => ({
      name,
      events: events === 'all' ? events : [...new Set(events.flatMap(typesOf))],
    })),
  };
}

/** Reports what the shape alone does not say: event types, secrets, names that two have. */
export function checkWebhooks(webhooks: readonly WebhookOptions[], env: Env, complain: Complain): void {
  const firstOf = new Map<string, number>();
  webhooks.forEach(({ name, events, secretEnv, headers }, n) => {
    const at = (...keys: readonly PropertyKey[]): string => configPath(['webhooks', n, ...keys]);
    const first = firstOf.get(name);
    if (first === undefined) firstOf.set(name, n);
    else complain(at('name'), `"${name}" is webhooks[${first}] already: give this one a "name" of its own`);
    if (events !== 'all') {
      events.forEach((pattern, i) => {
        if (pattern === NEVER_SENT)
          complain(at('events', i), `"${NEVER_SENT}" is never sent: it is not kept; follow GET /v1/events`);
        else if (typesOf(pattern).length === 0) {
          complain(at('events', i), `"${pattern}" is no event type${suggest(pattern, SENT)}`);
        }
      });
    }
    checkSecret(env, secretEnv, at('secretEnv'), complain);
    for (const [header, value] of Object.entries(headers)) {
      if (typeof value === 'string' || (env[value.env]?.trim() ?? '') !== '') continue;
      complain(at('headers', header), `needs the environment variable ${value.env}, which is not set`);
    }
  });
}

const SENT: readonly string[] = EVENT_TYPES.filter((type) => type !== NEVER_SENT);

/** `call.*` is every type that begins with `call.`. */
function typesOf(pattern: string): readonly string[] {
  if (pattern === '*') return SENT;
  return SENT.filter((type) => (pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern));
}

function checkSecret(env: Env, name: string, where: string, complain: Complain): void {
  const secret = env[name]?.trim() ?? '';
  if (secret === '') {
    complain(
      where,
      `needs the environment variable ${name}; make its value with: echo "whsec_$(openssl rand -base64 32)"`,
    );
    return;
  }
  const problem = secretProblem(secret);
  if (problem !== undefined) complain(name, problem);
}
