import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { type Log, maskId } from '../core/log.ts';
import { listActiveCalls } from './active-calls.ts';
import { requestCommand } from './command-request.ts';
import type { CommandOutcome, LegStatus, TelnyxApi, TelnyxCommand } from './commands.ts';
import { objectOf } from './json-fields.ts';
import { type AttemptAnswer, COMMAND_PLAN, DIAL_PLAN, HANGUP_PLAN, resend } from './resend.ts';
import { bodyOf, createSdk, type Failure, readFailure } from './sdk.ts';

export interface TelnyxApiOptions {
  readonly apiKey: string;
  /** API base including `/v2`; Telnyx by default. */
  readonly baseUrl?: string | undefined;
  /** The Call Control application whose calls out these are; nothing is dialled without it. */
  readonly connectionId?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** For tests; by default undici with kept connections. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Until one request is cut. The SDK's own default is 60 s: the whole window in which a repeat is still ignored. */
const REQUEST_MS = 2_000;

/**
 * Telnyx' API behind the port of `commands.ts`, through the official SDK.
 * @throws LandlineError `config_invalid` for an unusable key or address.
 */
export function createTelnyxApi(options: TelnyxApiOptions): TelnyxApi & {
  /** Gives up whatever is under way (outcome `unknown`) and closes the connections. */
  close(): void;
} {
  const { clock, log } = options;
  const { telnyx, http } = createSdk({ ...options, timeoutMs: REQUEST_MS });
  const underWay = new Set<(reason: string) => void>();
  let closed = false;

  return {
    send(callControlId, commandId, command, done) {
      const isDial = command.name === 'dial';
      const nowhere = isDial ? options.connectionId === undefined : callControlId === '';
      if (closed || nowhere) {
        const kind = closed ? 'unknown' : 'refused';
        const missing = isDial ? 'TELNYX_CONNECTION_ID is not set' : 'the leg has no call_control_id';
        const message = closed ? 'the client is closed' : missing;
        done({ ok: false, kind, message: `${command.name} was not sent: ${message}` });
        return;
      }
      const lines = log.child({ command: command.name, callControlId: maskId(callControlId) });
      const giveUp = resend({
        plan: isDial ? DIAL_PLAN : command.name === 'hangup' ? HANGUP_PLAN : COMMAND_PLAN,
        clock,
        attempt(n, signal, answer) {
          requestCommand(telnyx, callControlId, commandId, command, signal, options.connectionId).then(
            (leg) => answer({ kind: 'definitive', outcome: { ok: true, ...(leg ? { leg } : {}) } }),
            (thrown: unknown) => {
              const failure = readFailure(thrown, callControlId);
              const judged = judge(command.name, failure);
              if (judged.kind !== 'definitive' && !signal.aborted) {
                lines.debug(
                  { attempt: n, status: failure.status, code: failure.code },
                  'telnyx gave no definitive answer',
                );
              }
              answer(judged);
            },
          );
        },
        done(outcome) {
          underWay.delete(giveUp);
          if (!outcome.ok && outcome.kind === 'unknown') {
            lines.warn({ reason: outcome.message }, 'telnyx command has no known outcome');
          }
          done(outcome);
        },
      });
      underWay.add(giveUp);
    },

    async status(callControlId): Promise<LegStatus> {
      if (callControlId === '') return { known: false, message: 'the leg has no call_control_id' };
      try {
        const body = await bodyOf(telnyx.calls.retrieveStatus(callControlId));
        const isAlive = objectOf(objectOf(body)['data'])['is_alive'];
        if (typeof isAlive === 'boolean') return { known: true, isAlive };
        return { known: false, message: 'the answer of Telnyx does not say is_alive' };
      } catch (thrown) {
        const failure = readFailure(thrown, callControlId);
        if (isGone(failure)) return { known: true, isAlive: false };
        return { known: false, message: describe(failure) };
      }
    },

    async activeCalls(connectionId) {
      try {
        return await listActiveCalls(telnyx, connectionId);
      } catch (thrown) {
        const reason = thrown instanceof LandlineError ? thrown.message : describe(readFailure(thrown));
        // Whoever closed it does not wait for the answer.
        if (!closed) log.warn({ connectionId, reason }, 'telnyx could not be asked for the active calls');
        return undefined;
      }
    },

    async findLeg(clientState) {
      const { connectionId } = options;
      if (connectionId === undefined) return { known: false, message: 'TELNYX_CONNECTION_ID is not set' };
      const calls = await this.activeCalls(connectionId);
      if (!calls) return { known: false, message: 'Telnyx could not be asked for the active calls' };
      return { known: true, leg: calls.find((call) => call.clientState === clientState) };
    },

    close() {
      closed = true;
      for (const giveUp of [...underWay]) giveUp('the client was closed before Telnyx answered');
      http.close();
    },
  };
}

function judge(name: TelnyxCommand['name'], failure: Failure): AttemptAnswer {
  const { status, code } = failure;
  const message = describe(failure);
  const refused: CommandOutcome = {
    ok: false,
    // What a dial names is an application or another leg; there is no leg of its own that could be gone.
    kind: name !== 'dial' && isGone(failure) ? 'gone' : 'refused',
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
    message: `${name} refused: ${message}`,
  };
  if (failure.unsendable) return { kind: 'definitive', outcome: refused };
  if (status === undefined) return { kind: 'unclear', message };
  if (status >= 500) return { kind: 'server_error', message };
  // A hangup is never refused for good by a rate limit: it ends as unknown, and the state of the leg decides.
  if (status === 429 && name !== 'hangup') return { kind: 'rate_limited', outcome: refused };
  if (status < 400 || status === 408 || status === 409 || status === 429) return { kind: 'unclear', message };
  return { kind: 'definitive', outcome: refused };
}

/**
 * The call is over: 90018, or its id is not known (any more): 90015 and 404, which Telnyx answers once it has dropped
 * the data of an ended call.
 */
function isGone(failure: Failure): boolean {
  return failure.status === 404 || failure.code === '90018' || failure.code === '90015';
}

function describe(failure: Failure): string {
  const { status, code, message } = failure;
  if (code !== undefined) return `${message} (Telnyx ${code})`;
  return status === undefined || message.includes(String(status)) ? message : `${message} (HTTP ${status})`;
}
