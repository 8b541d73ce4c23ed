import { defaultDestinations, type DestinationOptions } from '../call/destination-options.ts';
import { Destinations, type DestinationRule } from '../call/destinations.ts';
import { DialLedger, type DialStore } from '../call/dial-ledger.ts';
import { NumberTable, type NumberStore } from '../call/number-table.ts';
import type { Routing } from '../call/routing.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { connectionNumbers } from './connection-numbers.ts';

export interface GatesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: Routing;
  readonly agents: { has(name: string): boolean };
  /** Default: what the config has by default. */
  readonly destinations: DestinationOptions | undefined;
  readonly telnyx: {
    readonly apiKey: string;
    readonly baseUrl?: string | undefined;
    readonly connectionId?: string | undefined;
    readonly fromNumber?: string | undefined;
  };
  /** Undefined: nothing is kept across restarts. */
  readonly store: (NumberStore & DialStore) | undefined;
  readonly refused: (rule: DestinationRule) => void;
}

/** Who comes in where, and who is called: what a gateway knows about numbers. */
export interface Gates {
  /** As in the options, with the numbers that the API has set. */
  readonly routing: Routing;
  readonly numbers: NumberTable;
  readonly destinations: Destinations;
  /** See `ConnectionNumbers.owns`. */
  ownsNumber(number: string): Promise<boolean | undefined>;
  close(): Promise<void>;
}

export function createGates(options: GatesOptions): Gates {
  const { clock, log, routing, agents, store, telnyx } = options;
  const numbers = new NumberTable({ clock, log, configured: routing.numbers, agents, store });
  const ledger = new DialLedger({ clock, log, store });
  const connection = connectionNumbers({
    clock,
    log,
    apiKey: telnyx.apiKey,
    baseUrl: telnyx.baseUrl,
    connectionId: telnyx.connectionId,
  });
  const destinations = new Destinations({
    options: options.destinations ?? defaultDestinations,
    ledger,
    log,
    isOwn: (number) => number === telnyx.fromNumber || numbers.get(number) !== undefined || connection.has(number),
    refused: options.refused,
  });
  return {
    routing: {
      ...routing,
      get numbers() {
        return numbers.numbers;
      },
    },
    numbers,
    destinations,
    ownsNumber: (number) => connection.owns(number),
    close: async () => {
      numbers.close();
      connection.close();
      await ledger.close();
    },
  };
}
