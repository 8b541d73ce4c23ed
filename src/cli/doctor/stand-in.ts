import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Config } from '../../config.ts';
import { BAD_TOKEN, NO_UPGRADE } from '../../server/media-route.ts';
import { reach } from './reach.ts';

/** Asked for at the gateway, at its stand-in and through the public URL: Landline refuses it in words that nobody else uses. */
export const PROBE_PATH = '/media/landline-doctor';

/** Who listens at the config's address. */
export type Listener =
  /** Nobody did, so we do for the moment; our answers carry the nonce. */
  | { readonly who: 'stand-in'; readonly nonce: string; close(): void }
  | { readonly who: 'gateway' }
  /** Nobody can: another program has the port, or the system says no. */
  | { readonly who: 'nobody'; readonly reason: string }
  /** Port 0: the gateway's port is known when it runs, not before. */
  | { readonly who: 'unknown' };

/** Finds the gateway at its address, or stands in for it. */
export async function findListener(config: Pick<Config, 'host' | 'port'>, nonce: string): Promise<Listener> {
  const { host, port } = config;
  if (port === 0) return { who: 'unknown' };
  const server = createStandIn(nonce);
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EADDRINUSE') return { who: 'nobody', reason: String(code) };
    const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
    const answer = await reach(`http://${local.includes(':') ? `[${local}]` : local}:${port}${PROBE_PATH}`);
    if ('response' in answer && answer.body.includes(NO_UPGRADE)) return { who: 'gateway' };
    return { who: 'nobody', reason: 'another program has that port' };
  }
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { who: 'stand-in', nonce, close };
}

/** Refuses media as the gateway does, and everything else with 503: a webhook that comes now is not lost but sent again. */
function createStandIn(nonce: string): Server {
  const server = createServer((request, response) => {
    const isProbe = request.url === PROBE_PATH;
    response.writeHead(isProbe ? 401 : 503, { 'content-type': 'application/json' });
    response.end(isProbe ? JSON.stringify({ detail: NO_UPGRADE, doctor: nonce }) : '{}');
  });
  server.on('upgrade', (_request, socket) => {
    const body = JSON.stringify({ detail: BAD_TOKEN });
    // Whoever hangs up before reading does not matter.
    socket.on('error', () => undefined);
    socket.end(
      `HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  return server;
}
