import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Config } from '../../config.ts';
import { messageOf } from '../../core/errors.ts';
import { BAD_TOKEN, NO_UPGRADE } from '../../server/media-route.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';

const TIMEOUT_MS = 8000;

/**
 * Does the public URL lead here, with a certificate that Telnyx accepts, and do WebSocket upgrades survive the way? Asks the
 * running gateway, or a stand-in on its port while none runs.
 */
export async function publicUrlChecks(config: Config): Promise<Finding[]> {
  const { publicUrl } = config;
  if (publicUrl === undefined)
    return [problem('public URL', 'PUBLIC_URL is not set', 'Set it to the https origin that Telnyx reaches')];
  const nonce = randomUUID();
  const standIn = await startStandIn(config, nonce);
  try {
    const reach = await reachable(publicUrl, standIn ? nonce : undefined);
    if (reach.status !== 'ok') return [reach, notChecked('WebSocket', 'the public URL does not lead here')];
    return [reach, await upgrade(publicUrl)];
  } finally {
    standIn?.close();
    standIn?.closeAllConnections();
  }
}

async function reachable(publicUrl: string, nonce: string | undefined): Promise<Finding> {
  const check = 'public URL';
  try {
    const response = await fetch(`${publicUrl}/healthz`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await response.text();
    const ours = nonce === undefined ? response.ok && body.includes('"ok"') : body.includes(nonce);
    if (ours)
      return ok(check, `${publicUrl} leads here${publicUrl.startsWith('https:') ? ' with a valid certificate' : ''}`);
    return problem(
      check,
      `${publicUrl}/healthz answers ${response.status} from somewhere else`,
      `Let your proxy or tunnel forward ${publicUrl} to this gateway's port`,
    );
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    const certificate = /certificate|self-signed|altname/i.test(cause);
    return problem(
      check,
      `${publicUrl} cannot be reached from here: ${cause}`,
      certificate
        ? 'Telnyx checks certificates: use one of a public authority for this very name'
        : 'Check DNS, firewall, proxy or tunnel',
    );
  }
}

async function upgrade(publicUrl: string): Promise<Finding> {
  const check = 'WebSocket';
  const url = `${publicUrl.replace(/^http/, 'ws')}/media/landline-doctor`;
  const answer = await new Promise<string>((resolve) => {
    const socket = new WebSocket(url, { handshakeTimeout: TIMEOUT_MS });
    socket.on('open', () => {
      socket.terminate();
      resolve('it was accepted by somebody else');
    });
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString('utf8').slice(0, 1000)));
      response.on('end', () => resolve(body === '' ? `HTTP ${response.statusCode ?? 0}` : body));
    });
    socket.on('error', (error) => resolve(messageOf(error)));
  });
  if (answer.includes(BAD_TOKEN)) return ok(check, 'upgrades reach this gateway');
  const remedy = 'Let the proxy pass "Upgrade" and "Connection" on (nginx: proxy_http_version 1.1 and both headers)';
  if (answer.includes(NO_UPGRADE)) return problem(check, 'something on the way removes the upgrade', remedy);
  return problem(check, `an upgrade does not reach this gateway: ${answer.slice(0, 120)}`, remedy);
}

/** Answers like the gateway while none runs; undefined when its port is taken, which is the gateway itself then. */
async function startStandIn(config: Config, nonce: string): Promise<Server | undefined> {
  const server = createServer((request, response) => {
    const media = request.url?.startsWith('/media/') === true;
    response.writeHead(media ? 401 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(media ? { detail: NO_UPGRADE } : { status: 'ok', doctor: nonce }));
  });
  server.on('upgrade', (_request, socket) => {
    const body = JSON.stringify({ detail: BAD_TOKEN });
    socket.end(
      `HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
  });
  server.listen({ host: config.host, port: config.port });
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}
