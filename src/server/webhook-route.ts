import type { FastifyInstance } from 'fastify';
import type { CallRegistry } from '../call/registry.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ReplayMemory } from '../telnyx/replay-memory.ts';
import type { Verifier } from '../telnyx/signature.ts';
import { parseWebhook } from '../telnyx/webhooks.ts';
import type { Metrics } from './metrics.ts';
import { problemOf, send } from './problem.ts';
import type { RecordingSaved } from './recording-saved.ts';
import type { Takeover } from './takeover.ts';

export interface WebhookRouteOptions {
  readonly registry: CallRegistry;
  /** Calls of an earlier process: their webhooks wait until they are ours. */
  readonly takeover: Pick<Takeover, 'settled'>;
  /** Telnyx has a file for us, maybe of a call that has long ended. */
  readonly recordingSaved: Pick<RecordingSaved, 'take'>;
  readonly verifier: Verifier;
  readonly memory: ReplayMemory;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Telnyx' own webhooks are a few KB. */
const BODY_LIMIT = 256 * 1024;
/** The 200 waits for the journal line, but not for a disk that is stuck: Telnyx repeats after 2 s. */
const JOURNAL_PATIENCE_MS = 50;

/** `POST /webhooks/telnyx`: verify the raw bytes, note, answer, and only then let the call work (contract section 4). */
export function webhookRoute(options: WebhookRouteOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, takeover, recordingSaved, verifier, memory, clock, log, metrics } = options;
  const refused = seldom(clock, log);
  return async (app) => {
    // In this plugin only: the signature covers the exact bytes, whatever the content type says.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_request, body, done) =>
      done(null, body),
    );
    app.addHook('onResponse', async (_request, reply) => metrics.webhookReplied(reply.elapsedTime));
    app.post('/webhooks/telnyx', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const verdict = verifier.verify(body, {
        timestamp: text(request.headers['telnyx-timestamp']),
        signature: text(request.headers['telnyx-signature-ed25519']),
      });
      if (!verdict.ok) {
        metrics.webhook(verdict.reason);
        refused({ reason: verdict.reason }, 'webhook refused');
        throw new LandlineError('webhook_signature_invalid', SIGNATURE_HELP[verdict.reason]);
      }
      const parsed = parseWebhook(body);
      if (!parsed.ok) {
        metrics.webhook('malformed');
        refused({ reason: parsed.reason }, 'webhook malformed');
        throw new LandlineError('webhook_malformed', parsed.reason);
      }
      const { event } = parsed;
      await takeover.settled(event);
      // A 503 asks Telnyx to try again or elsewhere, so an event that is refused is not remembered as seen.
      if (
        event.type === 'call.initiated' &&
        event.direction === 'incoming' &&
        registry.draining &&
        !registry.knows(event)
      ) {
        metrics.webhook('draining');
        return send(reply, problemOf('gateway_draining', 'this gateway is closing; use the failover URL'));
      }
      if (event.type === 'call.recording.saved' && !(await recordingSaved.take(event))) {
        metrics.webhook('store_unavailable');
        return send(reply, problemOf('store_unavailable', 'the recording could not be noted; send this again'));
      }
      if (memory.seen(event.id, clock.mono())) {
        metrics.webhook('repeat');
        return reply.code(200).send();
      }
      await new Promise<void>((resolve) => {
        const patience = clock.after(JOURNAL_PATIENCE_MS, () => {
          metrics.journalBehind();
          resolve();
        });
        const outcome = registry.webhook(event, () => {
          patience.cancel();
          resolve();
        });
        metrics.webhook(outcome);
      });
      return reply.code(200).send();
    });
  };
}

/** One warning in ten seconds, with what was left out since the last: a flood must not become a flood of lines. */
function seldom(clock: Clock, log: Log): Log['warn'] {
  let nextAt = -Infinity;
  let leftOut = 0;
  return (fields, message) => {
    if (clock.mono() < nextAt) {
      leftOut += 1;
      return;
    }
    log.warn({ ...fields, ...(leftOut > 0 ? { leftOut } : {}) }, message);
    nextAt = clock.mono() + 10_000;
    leftOut = 0;
  };
}

const SIGNATURE_HELP = {
  missing_headers: 'telnyx-timestamp and telnyx-signature-ed25519 are required',
  bad_timestamp: 'telnyx-timestamp must be Unix seconds',
  stale: 'telnyx-timestamp is more than 300 s away from this clock',
  bad_signature: 'the signature does not match the body and TELNYX_PUBLIC_KEY',
} as const;

function text(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}
