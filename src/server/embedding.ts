import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { LandlineError } from '../core/errors.ts';

/**
 * Upgrades that are for us. A server of somebody else may have WebSockets of its own beside ours: those are left to their
 * owner, unless nobody else is there to answer them.
 * @param paths `/voice/media` and what lies below it.
 */
export function ownUpgrades(server: Server, paths: readonly string[]): Server {
  // All that the WebSocket plugin takes from a server is this one event.
  const upgrades: unknown = new EventEmitter();
  const listeners = upgrades as EventEmitter;
  server.on('upgrade', (request: IncomingMessage, ...rest: readonly unknown[]) => {
    const path = request.url?.split('?')[0] ?? '';
    const isOurs = paths.some((own) => path === own || path.startsWith(`${own}/`));
    if (isOurs || server.listenerCount('upgrade') === 1) listeners.emit('upgrade', request, ...rest);
  });
  return upgrades as Server;
}

/** Where a server that listens is reached on this machine: `http://127.0.0.1:8080`; undefined: on a pipe, or not at all. */
export function localOrigin(server: Server): string | undefined {
  const address = server.address();
  if (address === null || typeof address === 'string') return undefined;
  const host = /^(?:::|0\.0\.0\.0)$/.test(address.address) ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/**
 * The control API without a key inside a server of somebody else: on loopback only, which the config cannot know beforehand.
 */
export function loopbackOnly(app: FastifyInstance): void {
  app.addHook('onRequest', async () => {
    const { address } = (app.server.address() ?? { address: '' }) as Partial<AddressInfo>;
    if (address === '' || address === '::1' || /^(?:::ffff:)?127\./.test(address ?? '')) return;
    throw new LandlineError(
      'unauthorized',
      'this server is public and has no LANDLINE_API_KEY: set one to use its API',
    );
  });
}
