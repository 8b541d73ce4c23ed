import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createTelnyxAccount } from '../telnyx/account.ts';

export interface ConnectionNumbersOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly apiKey: string;
  readonly baseUrl: string | undefined;
  /** The Call Control application; undefined: nothing is asked. */
  readonly connectionId: string | undefined;
}

/** The numbers that Telnyx sends to our application, which must not be dialled: the call would come back to us. */
export interface ConnectionNumbers {
  has(number: string): boolean;
  /** Is it a number of the account, whatever it is bound to? Asked again for one that is not known; undefined: no answer. */
  owns(number: string): Promise<boolean | undefined>;
  close(): void;
}

const RETRY_MS = 60_000;
/** Numbers are bought and bound while we run. */
/** Somebody who buys a number and calls with it is not told for long that it is not theirs. */
const ASK_AGAIN_MS = 10_000;
const REFRESH_MS = 3_600_000;

/** Asks in the background, again when it failed, and every hour. Nothing waits for the answer. */
export function connectionNumbers(options: ConnectionNumbersOptions): ConnectionNumbers {
  const { clock, log, apiKey, baseUrl, connectionId } = options;
  if (connectionId === undefined) return { has: () => false, owns: async () => undefined, close: () => undefined };
  const account = createTelnyxAccount({ apiKey, baseUrl });
  let numbers: ReadonlySet<string> = new Set();
  let owned: ReadonlySet<string> = new Set();
  let known = false;
  let askedAt = -Infinity;
  let asking: Promise<void> | undefined;
  let closed = false;
  let complained = false;
  let next: { cancel(): void } | undefined;
  const question = async (): Promise<void> => {
    next?.cancel();
    askedAt = clock.mono();
    const answer = await account.phoneNumbers();
    if (closed) return;
    if (answer.ok) {
      numbers = new Set(answer.value.filter((one) => one.connectionId === connectionId).map(({ number }) => number));
      owned = new Set(answer.value.map(({ number }) => number));
      known = true;
      complained = false;
    } else if (!complained) {
      complained = true;
      log.warn(
        { error: answer.message },
        'Telnyx does not say which numbers are ours: only those configured count as own',
      );
    }
    next = clock.after(answer.ok ? REFRESH_MS : RETRY_MS, () => void ask());
  };
  const ask = (): Promise<void> => (asking ??= question().finally(() => (asking = undefined)));
  void ask();
  return {
    has: (number) => numbers.has(number),
    owns: async (number) => {
      await asking;
      const isStale = !known || clock.mono() - askedAt >= ASK_AGAIN_MS;
      if (!owned.has(number) && isStale) await ask();
      return known ? owned.has(number) : undefined;
    },
    close: () => {
      closed = true;
      next?.cancel();
      account.close();
    },
  };
}
