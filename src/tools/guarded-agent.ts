import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { messageOf } from '../core/errors.ts';
import { addressProblem } from './address-guard.ts';

/** All addresses of a name, as the system knows them. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface GuardedAgentOptions {
  /** `host:port` of private places that may be reached all the same. */
  readonly allowPrivate: readonly string[];
  /** For tests; by default the system's resolver. */
  readonly resolve?: Resolve | undefined;
  /** An answer with a longer body is broken off. */
  readonly maxResponseBytes: number;
}

/** No connection came to be: nothing of the request has left. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected';
  /** False: the guard refused, and will again. */
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.retryable = retryable;
  }
}

const CONNECT_MS = 3_000;
/** A tool server closes idle connections too; the next call then makes one. */
const KEEP_ALIVE_MS = 30_000;

const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/**
 * Connections that go exactly to the address that was judged: a name is looked up once per connection, every address of it
 * must be allowed, and the socket gets the address, not the name. So a name that answers differently the second time
 * (DNS rebinding) leads nowhere.
 */
export function guardedAgent({ allowPrivate, resolve = systemResolve, maxResponseBytes }: GuardedAgentOptions): Agent {
  const connect = buildConnector({ timeout: CONNECT_MS, allowH2: false });
  const open = async (options: buildConnector.Options): Promise<buildConnector.Options[]> => {
    const host = options.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    const port = options.port === '' ? (options.protocol === 'https:' ? 443 : 80) : Number(options.port);
    let addresses: readonly string[] = [host];
    if (isIP(host) === 0) {
      try {
        addresses = await resolve(host);
      } catch (thrown) {
        throw new NotConnected(`${host} cannot be looked up: ${messageOf(thrown)}`, true, { cause: thrown });
      }
    }
    if (addresses.length === 0) throw new NotConnected(`${host} has no address`, true);
    for (const address of addresses) {
      const problem = addressProblem(allowPrivate, host, address, port);
      if (problem !== undefined) throw new NotConnected(problem, false);
    }
    const servername = isIP(host) === 0 && options.protocol === 'https:' ? { servername: host } : {};
    return addresses.map((address) => ({ ...options, hostname: address, ...servername }));
  };
  return new Agent({
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: maxResponseBytes,
    connect: (options, callback) => {
      void open(options).then(
        (places) => tryInTurn(connect, places, callback),
        (thrown: unknown) => callback(thrown instanceof Error ? thrown : new Error(messageOf(thrown)), null),
      );
    },
  });
}

/** The first address that answers is taken. */
function tryInTurn(
  connect: buildConnector.connector,
  [place, ...rest]: readonly buildConnector.Options[],
  callback: buildConnector.Callback,
): void {
  if (!place) return;
  connect(place, (...[error, socket]) => {
    if (socket) callback(null, socket);
    else if (rest.length > 0) tryInTurn(connect, rest, callback);
    else callback(new NotConnected(`cannot connect: ${messageOf(error)}`, true, { cause: error }), null);
  });
}
