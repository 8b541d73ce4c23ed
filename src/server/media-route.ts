import websocket, { type WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CallRegistry, MediaTicket } from '../call/registry.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { ownUpgrades } from './embedding.ts';
import type { Metrics } from './metrics.ts';

export interface MediaRouteOptions {
  readonly registry: CallRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A peer that has not answered a ping by the next one is gone; 5000. */
  readonly pingMs?: number | undefined;
}

/** Told to a request that should have been an upgrade: something between Telnyx and us removes the header. */
export const NO_UPGRADE = 'this URL speaks WebSocket only, and no upgrade arrived';
/** Told to an upgrade without a good token. */
export const BAD_TOKEN = 'this media URL is unknown, used or over';

/** A half-open socket is found within 10 s: before the no-media watchdog ends its call, which a new stream can save. */
const PING_MS = 5_000;
/** A socket that does not finish its closing handshake is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
const MAX_BINARY = 10;
/** How a socket ends whose stream or call is over: ours, a new stream's, Telnyx' own without a status. */
const ORDERLY: ReadonlySet<number> = new Set([1000, 1001, 1005]);

interface SocketLimits {
  readonly maxPayload: number;
  readonly perMessageDeflate: false;
  readonly maxFragments: number;
  readonly closeTimeout: number;
}

/**
 * Limits of every WebSocket of the server. Telnyx sends 20 ms of G.711 in 400 bytes; compression would cost 2.3 to 4.4
 * times the CPU and seconds of delay (measured), and thousands of fragments only ever come from attackers.
 */
export const SOCKET_LIMITS: SocketLimits = {
  maxPayload: 64 * 1024,
  perMessageDeflate: false,
  maxFragments: 16,
  closeTimeout: CLOSE_TIMEOUT_MS,
};

/** `GET /media/<token>`: one upgrade per token; anything else is refused before the upgrade (contract section 4). */
export function mediaRoute(options: MediaRouteOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, metrics } = options;
  return async (app) => {
    const tickets = new WeakMap<FastifyRequest, MediaTicket>();
    const redeem = async (request: FastifyRequest<{ Params: { '*'?: string } }>): Promise<void> => {
      const ticket = request.ws ? registry.redeem(request.params['*'] ?? '') : undefined;
      if (!ticket) {
        metrics.mediaRefused();
        throw new LandlineError('media_token_invalid', request.ws ? BAD_TOKEN : NO_UPGRADE);
      }
      tickets.set(request, ticket);
    };
    // Everything below /media, so that a token of any length and shape is refused in the same words.
    for (const url of ['/media', '/media/*']) {
      app.get<{ Params: { '*'?: string } }>(url, { websocket: true, preValidation: redeem }, (socket, request) => {
        const ticket = tickets.get(request);
        if (ticket) serve(socket, ticket, options);
        else socket.terminate();
      });
    }
  };
}

function serve(socket: WebSocket, { session, leg, epoch }: MediaTicket, options: MediaRouteOptions): void {
  const { clock, log, pingMs = PING_MS } = options;
  let alive = true;
  let binary = 0;
  let said = '';
  let ping: TimerHandle | undefined;
  const beat = (): void => {
    ping = clock.after(pingMs, () => {
      if (!alive) {
        // Half-open. The close event brings the call its new stream.
        log.warn({ callId: session.callId }, 'media socket does not answer pings; closed');
        socket.terminate();
        return;
      }
      alive = false;
      socket.ping();
      beat();
    });
  };
  // Listeners first: `message` is synchronous and nothing is kept for later.
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      if (++binary > MAX_BINARY) close(1003, 'text messages only');
      return;
    }
    session.mediaMessage(leg, epoch, data as Buffer);
  });
  socket.on('pong', () => (alive = true));
  // A peer that breaks the protocol: `ws` has already told it so with the code that fits, and `close` follows.
  socket.on('error', (error) => (said ||= messageOf(error)));
  const close = (code: number, reason: string): void => {
    said ||= reason;
    socket.close(code, reason);
  };
  socket.on('close', (code, reason) => {
    ping?.cancel();
    if (!ORDERLY.has(code)) log.warn({ callId: session.callId, code, reason: said }, 'media socket lost');
    session.mediaClosed(leg, epoch, code, said || reason.toString().slice(0, 123));
  });
  beat();
  session.mediaOpened(leg, epoch, {
    send: (text) => {
      if (socket.readyState === socket.OPEN) socket.send(text);
    },
    close,
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  });
}

/**
 * Registers the WebSocket support once per server. One that a server of somebody else has already is used as it is: two
 * would both answer every upgrade.
 */
export async function websocketSupport(app: FastifyInstance): Promise<void> {
  // The plugin would accept an upgrade on every route and close it again.
  const urls = new Set<string>();
  app.addHook('onRoute', (route) => {
    if (route.websocket === true) urls.add(route.url);
  });
  if (!app.hasDecorator('websocketServer')) {
    await app.register(websocket, {
      options: { ...SOCKET_LIMITS, server: ownUpgrades(app.server, [`${app.prefix}/media`, `${app.prefix}/phone`]) },
      // The plugin's own would cut the connection before the close code has left.
      errorHandler: (_error, socket) => {
        if (socket.readyState === socket.OPEN) socket.close(1011, 'internal error');
      },
      // By default every live socket would be closed when the server closes: all calls at once.
      preClose: (done: () => void) => done(),
    });
  }
  app.addHook('onRequest', async (request) => {
    const { url } = request.routeOptions;
    if (request.ws && url !== undefined && !urls.has(url)) {
      throw new LandlineError('not_found', 'there is no WebSocket here');
    }
  });
}
