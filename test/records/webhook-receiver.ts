import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { WebhookOptions } from '../../src/records/webhook-options.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OLD_SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: { readonly id: string; readonly type: string; readonly callId: string; readonly at: string };
}

/** A user's endpoint: keeps what came, answers as the test says. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  close(): Promise<void>;
}

export async function receiver(
  answer: (response: ServerResponse, received: Received, at: number) => void = (response) => void response.end(),
): Promise<Receiver> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      const event = JSON.parse(body) as Received['event'];
      const one = { path: request.url ?? '', headers: request.headers, body, event };
      received.push(one);
      answer(response, one, received.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

export function endpoint(name: string, url: string, more: Partial<WebhookOptions> = {}): WebhookOptions {
  return { name, url, events: 'all', secretEnv: 'HOOK', headers: {}, allowPrivate: true, ...more };
}

/** Ten times as fast: its second is 100 ms. */
export function fastClock(): Clock {
  const start = systemClock.wall();
  const begun = systemClock.mono();
  return {
    mono: () => (systemClock.mono() - begun) * 10,
    wall: () => Math.floor(start + (systemClock.mono() - begun) * 10),
    after: (ms, run) => systemClock.after(ms / 10, run),
  };
}

/** The signature as standardwebhooks.com says it, with another implementation of HMAC than ours. */
export async function isGenuine({ headers, body }: Received, secret: string): Promise<boolean> {
  const header = (name: string): string => String(headers[name] ?? '');
  const key = await crypto.subtle.importKey(
    'raw',
    Uint8Array.from(atob(secret.slice('whsec_'.length)), (char) => char.charCodeAt(0)),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const signed = new TextEncoder().encode(`${header('webhook-id')}.${header('webhook-timestamp')}.${body}`);
  const mac = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign('HMAC', key, signed))));
  return header('webhook-signature').split(' ').includes(`v1,${mac}`);
}
