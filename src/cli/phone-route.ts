import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type WebSocket from 'ws';
import type { TelnyxEmulator } from '../emulator/telnyx/index.ts';
import { problemOf, send } from '../server/problem.ts';
import { loadCallPlan } from './demo/call-plan.ts';
import { PhoneLine, type SampleCaller } from './phone/line.ts';
import { phonePage } from './phone/page.ts';

/**
 * A telephone for a gateway that runs against the emulator: the page `GET /phone` (`/` leads there), and `GET /phone/socket`, the line it
 * and `landline phone` call on. Register before the server listens. Whoever uses it can speak to the agent unasked, so it
 * answers this machine's own programs and its own page only.
 * @param host the gateway's listen address.
 */
export async function phoneRoute(app: FastifyInstance, emulator: TelnyxEmulator, host: string): Promise<void> {
  const samples = sampleCallers();
  const page = phonePage(samples.map(({ name, transcript }) => ({ name, transcript })));
  await app.register(async (phone) => {
    phone.addHook('onRequest', async (request, reply) => {
      const reason = refusal(request, host);
      if (reason !== undefined) await refuse(reply, reason);
    });
    phone.get('/phone', async (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('cache-control', 'no-store').send(page),
    );
    // Where somebody looks first who reads the address in the terminal.
    phone.get('/', async (_request, reply) => reply.redirect('/phone'));
    phone.get('/phone/socket', { websocket: true }, (socket: WebSocket) => {
      new PhoneLine(socket, emulator, samples);
    });
  });
}

/** The recorded sentences of the demo's caller. */
function sampleCallers(): SampleCaller[] {
  return loadCallPlan().turns.flatMap(({ act }) => (act.type === 'say' ? [act] : []));
}

/**
 * Why a request is refused. A page of another site can make a browser connect here: it has an `Origin` of its own (WebSocket
 * hijacking), or a name of its own that leads to 127.0.0.1 (DNS rebinding).
 */
function refusal(request: FastifyRequest, host: string): string | undefined {
  if (!isLoopback(request.socket.remoteAddress ?? '')) return 'it answers only programs on the same machine';
  const own = request.headers.host ?? '';
  const name = nameOf(`http://${own}`);
  if (name !== 'localhost' && !isLoopback(name) && (name !== host || !isLoopback(host))) {
    return `it is not reached under the name "${name}"; use localhost, 127.0.0.1 or [::1]`;
  }
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${own}`) return 'a page of another site asked for it';
  return undefined;
}

async function refuse(reply: FastifyReply, reason: string): Promise<void> {
  const problem = problemOf('unauthorized', `the phone of this gateway is not for you: ${reason}`);
  await send(reply, { ...problem, status: 403 });
}

/** Host name of a URL without brackets; empty for what is no URL. */
function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : '';
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}
