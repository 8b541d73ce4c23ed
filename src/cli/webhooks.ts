import { loadConfig, type Config } from '../config.ts';
import { suggest } from '../config-problems.ts';
import { isoTime, systemClock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { SOFTWARE } from '../library/software.ts';
import { Delivery } from '../records/webhook-delivery.ts';
import type { WebhookOptions } from '../records/webhook-options.ts';
import { lanesOf, pingEvent } from '../records/webhooks.ts';
import type { KnownWork, Store } from '../store/port.ts';
import { recordsPlace, withRecords } from './calls/records.ts';
import type { CallsSurroundings } from './calls.ts';
import type { ExitCode } from './exit-code.ts';

export interface WebhooksCliOptions {
  readonly config?: string;
  readonly limit: string;
  readonly failed?: boolean;
  readonly retry?: string;
  readonly json?: boolean;
}

/** One try to tell somebody of an event, or several. */
interface DeliveryView {
  /** What `--retry` takes. */
  readonly key: string;
  readonly endpoint: string;
  readonly callId: string | null;
  readonly state: KnownWork['state'];
  readonly attempts: number;
  readonly createdAt: string;
  readonly error: string | null;
}

const HERE: CallsSurroundings = { out: process.stdout, env: process.env, cwd: process.cwd() };
const ALL = 'webhook:';

/** `landline webhooks`: the endpoints of the config and what became of the newest deliveries. */
export async function showWebhooks(options: WebhooksCliOptions, around: CallsSurroundings = HERE): Promise<ExitCode> {
  const { out } = around;
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw new LandlineError(
      'request_invalid',
      `--limit must be a whole number from 1 to 10000, got "${options.limit}"`,
    );
  }
  const { webhooks } = await configOf(options, around);
  const { waiting, deliveries } = await withRecords(recordsPlace(around.env, around.cwd), async (store) => ({
    waiting: await Promise.all(webhooks.map(({ name }) => store.waitingIn({ within: lanesOf(name) }))),
    deliveries: await newest(store, limit, options.failed ?? false),
  }));
  const endpoints = webhooks.map(({ name, url, events }, at) => {
    const { count = 0, oldestAt = null } = waiting[at] ?? {};
    return { name, url: placeOf(url), events, waiting: count, oldestAt: oldestAt === null ? null : isoTime(oldestAt) };
  });
  if (options.json) {
    out.write(`${JSON.stringify({ endpoints, deliveries }, null, 2)}\n`);
    return 0;
  }
  if (endpoints.length === 0) out.write('the config has no webhooks; see docs/webhooks.md\n');
  for (const { name, url, events, waiting: count, oldestAt } of endpoints) {
    const queue = oldestAt === null ? 'nothing waits' : `${count} wait, the oldest since ${oldestAt}`;
    out.write(`${name}  ${url}  ${events === 'all' ? 'all events' : events.join(' ')}  ${queue}\n`);
  }
  if (deliveries.length > 0) out.write('\n');
  for (const { createdAt, key, state, attempts, callId, error } of deliveries) {
    const tries = state === 'done' ? 'delivered' : `${state.replace('_', ' ')} after ${attempts} tries`;
    out.write(`${createdAt}  ${key}  ${callId ?? ''}  ${tries}${error === null ? '' : `: ${error}`}\n`);
  }
  return 0;
}

/** `landline webhooks --retry <key>`: makes given-up work due again; the gateway does it. */
export async function retryWebhook(
  key: string,
  options: WebhooksCliOptions,
  { out, env, cwd }: CallsSurroundings = HERE,
): Promise<ExitCode> {
  const isDue = await withRecords(
    recordsPlace(env, cwd),
    async (store) => key.startsWith(ALL) && (await store.retryWork(key, systemClock.wall())),
  );
  if (!isDue) {
    throw new LandlineError(
      'request_invalid',
      `there is no given-up delivery ${key}; "landline webhooks --failed" lists those there are`,
    );
  }
  out.write(
    options.json
      ? `${JSON.stringify({ key, state: 'waiting' })}\n`
      : `${key} is sent again by the gateway, within a minute\n`,
  );
  return 0;
}

/** `landline webhooks test [endpoint]`: sends a ping itself, past the queue. */
export async function testWebhooks(
  name: string | undefined,
  options: WebhooksCliOptions,
  around: CallsSurroundings = HERE,
): Promise<ExitCode> {
  const { webhooks } = await configOf(options, around);
  const chosen = webhooks.filter((endpoint) => name === undefined || endpoint.name === name);
  if (chosen.length === 0) {
    const names = webhooks.map((endpoint) => endpoint.name);
    throw new LandlineError(
      'request_invalid',
      name === undefined
        ? 'the config has no webhooks; see docs/webhooks.md'
        : `there is no endpoint "${name}" in the config${suggest(name, names)}`,
    );
  }
  const answers = await Promise.all(chosen.map((endpoint) => ping(endpoint, around.env)));
  if (options.json) around.out.write(`${JSON.stringify(answers, null, 2)}\n`);
  else
    for (const { endpoint, ok, answer } of answers)
      around.out.write(`${ok ? 'ok  ' : 'FAIL'}  ${endpoint}  ${answer}\n`);
  return answers.every(({ ok }) => ok) ? 0 : 1;
}

async function ping(
  endpoint: WebhookOptions,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly endpoint: string; readonly ok: boolean; readonly answer: string }> {
  const delivery = new Delivery({ endpoint, env, clock: systemClock, software: SOFTWARE });
  try {
    const outcome = await delivery.post(pingEvent(systemClock));
    const { name } = endpoint;
    if (outcome.type === 'delivered') return { endpoint: name, ok: true, answer: `it answered ${outcome.status}` };
    return { endpoint: name, ok: false, answer: outcome.type === 'gone' ? 'it answered 410 Gone' : outcome.why };
  } finally {
    await delivery.close();
  }
}

async function newest(store: Store, limit: number, isFailedOnly: boolean): Promise<DeliveryView[]> {
  const work = await store.knownWork({
    lanes: { within: ALL },
    limit,
    ...(isFailedOnly ? { state: 'given_up' as const } : {}),
  });
  return work.map(({ key, lane, callId, state, attempts, createdAt, error }) => ({
    key,
    endpoint: lane.split(':')[1] ?? '',
    callId,
    state,
    attempts,
    createdAt: isoTime(createdAt),
    error,
  }));
}

function configOf({ config }: WebhooksCliOptions, { env, cwd }: CallsSurroundings): Promise<Config> {
  return loadConfig({ env: { ...env, ...(config === undefined ? {} : { LANDLINE_CONFIG: config }) }, cwd });
}

/** Without the query, where some put a key. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
