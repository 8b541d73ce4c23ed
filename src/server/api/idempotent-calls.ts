import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import type { Store } from '../../store/port.ts';

export interface IdempotentCallsOptions {
  readonly store: Pick<Store, 'claimKey'>;
  readonly clock: Clock;
  /** Is there such a call, live or ended? */
  readonly exists: (callId: string) => Promise<boolean>;
  readonly newCallId: () => string;
}

export interface IdempotentRequest {
  /** Who asks: each API key has keys of its own. */
  readonly caller: string;
  /** The header as it came. */
  readonly header: string | readonly string[] | undefined;
  /** JSON, checked: the same request when it is equal, whatever the order of its members. */
  readonly body: unknown;
}

export interface PlacedCall {
  readonly callId: string;
  /** This request was made before, and this is the call of then. */
  readonly isReplay: boolean;
}

const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * `Idempotency-Key` of `POST /v1/calls`: the same key and the same request are the same call for 24 hours, also after a
 * restart and when both come at once. A request that failed before there was a call may be tried again with its key.
 */
export class IdempotentCalls {
  readonly #options: IdempotentCallsOptions;
  /** Requests of one key come one after the other. */
  readonly #busy = new Map<string, Promise<PlacedCall>>();

  constructor(options: IdempotentCallsOptions) {
    this.#options = options;
  }

  /**
   * Places a call, once. Without the header every request is a call of its own, and the store is not asked.
   *
   * @param place dials under this id; it throws when there will be no such call
   * @throws LandlineError `request_invalid` for a header that is no key; `idempotency_conflict`; `store_unavailable`, rather
   *   than to dial twice; and what `place` throws
   */
  async once(request: IdempotentRequest, place: (callId: string) => Promise<unknown>): Promise<PlacedCall> {
    const { header } = request;
    if (header === undefined) {
      const callId = this.#options.newCallId();
      await place(callId);
      return { callId, isReplay: false };
    }
    if (typeof header !== 'string' || !KEY.test(header)) {
      throw new LandlineError('request_invalid', 'Idempotency-Key: must be 1 to 255 visible ASCII characters');
    }
    const key = `${request.caller} ${header}`;
    const before = this.#busy.get(key);
    const run = (before ?? Promise.resolve()).then(
      () => this.#claimed(key, request.body, place),
      () => this.#claimed(key, request.body, place),
    );
    this.#busy.set(key, run);
    try {
      return await run;
    } finally {
      if (this.#busy.get(key) === run) this.#busy.delete(key);
    }
  }

  async #claimed(key: string, body: unknown, place: (callId: string) => Promise<unknown>): Promise<PlacedCall> {
    const { store, clock, exists, newCallId } = this.#options;
    const claim = await store.claimKey({
      key,
      requestHash: createHash('sha256').update(canonical(body)).digest('hex'),
      callId: newCallId(),
      now: clock.wall(),
    });
    const { callId } = claim;
    if (!claim.sameRequest) {
      throw new LandlineError(
        'idempotency_conflict',
        `this Idempotency-Key was used for another request: call ${callId}`,
      );
    }
    if (!claim.isNew && (await exists(callId))) return { callId, isReplay: true };
    await place(callId);
    return { callId, isReplay: false };
  }
}

/** JSON with the members of every object in one order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}
