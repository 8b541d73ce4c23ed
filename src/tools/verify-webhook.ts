import { systemClock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { isSigned, readSecrets, secretProblem } from './sign.ts';

/** What an outgoing webhook carries: an event as `/v1/events` tells it. */
export interface WebhookEvent {
  /** Decimal; the same at every try: keep those you have had, and leave repeats out. */
  readonly id: string;
  /** See docs/events.md; `ping` is what `landline webhooks test` sends. */
  readonly type: string;
  readonly callId: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Of `fetch` (Headers), of Node and Fastify (plain object). */
export type WebhookHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyWebhookOptions {
  /** A message whose timestamp is further away is refused: somebody plays it again. Default 300 seconds. */
  readonly toleranceSeconds?: number;
  /** Milliseconds since the Unix epoch. Default: now. */
  readonly now?: number;
}

/**
 * Checks an outgoing webhook of Landline, or any other in the Standard Webhooks form, and gives its event.
 * @param body exactly as it was received: the bytes or their text, never parsed and written again.
 * @param secret `whsec_…`; several while one takes the place of another.
 * @throws LandlineError `webhook_signature_invalid`, with what is wrong: answer 401. `webhook_malformed`: its signature is
 * good but it is no event. `config_invalid`: the secret is none.
 */
export function verifyWebhook(
  headers: WebhookHeaders,
  body: string | Uint8Array,
  secret: string | readonly string[],
  { toleranceSeconds = 300, now = systemClock.wall() }: VerifyWebhookOptions = {},
): WebhookEvent {
  const text = typeof secret === 'string' ? secret : secret.join(' ');
  const problem = secretProblem(text);
  if (problem !== undefined) throw new LandlineError('config_invalid', `the webhook secret ${problem}`);
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(headers, name),
  );
  if (id === undefined || timestamp === undefined || signature === undefined) {
    throw refused('webhook-id, webhook-timestamp and webhook-signature are required');
  }
  if (!/^\d{1,12}$/.test(timestamp)) throw refused('webhook-timestamp must be Unix seconds');
  if (Math.abs(now / 1000 - Number(timestamp)) > toleranceSeconds) {
    throw refused(`webhook-timestamp is more than ${toleranceSeconds} s away from this clock`);
  }
  if (!isSigned(readSecrets(text), { id, timestamp, signature, body })) {
    throw refused('the signature does not match the body and the secret');
  }
  const event = parsed(body);
  // The header is signed, the event's own id is in the body: both say the same in what Landline sends.
  if (event?.id !== id) throw new LandlineError('webhook_malformed', 'the body is not an event of Landline');
  return event;
}

function headerOf(headers: WebhookHeaders, name: string): string | undefined {
  if (isHeaders(headers)) return headers.get(name) ?? undefined;
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function isHeaders(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}

function parsed(body: string | Uint8Array): WebhookEvent | undefined {
  try {
    const value: unknown = JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
    return isEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is WebhookEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, type, callId, at, data } = value as Readonly<Record<string, unknown>>;
  const areTexts = [id, type, callId, at].every((text) => typeof text === 'string');
  return areTexts && typeof data === 'object' && data !== null;
}

function refused(message: string): LandlineError {
  return new LandlineError('webhook_signature_invalid', message);
}
