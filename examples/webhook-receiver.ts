// Is told of events by signed webhooks, and checks them. `node examples/webhook-receiver.ts`
// The receiver may be anywhere, in any language; here it stands beside the gateway.
// In your own project: import { createGateway, verifyWebhook } from 'landline'
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createGateway, verifyWebhook } from '../src/index.ts';
import { CALLER, hotel } from './front-desk.ts';

// Made once with: echo "whsec_$(openssl rand -base64 32)"
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const seen = new Set<string>();
let ended: () => void = () => undefined;
const over = new Promise<void>((resolve) => (ended = resolve));
async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const event = verifyWebhook(request.headers, await buffer(request), secret);
    response.writeHead(204).end();
    // The same event may come twice: its id tells.
    if (seen.has(event.id)) return;
    seen.add(event.id);
    console.log(`${event.type} ${JSON.stringify(event.data)}`);
    if (event.type === 'call.ended') ended();
  } catch {
    response.writeHead(401).end();
  }
}
const receiver = createServer((request, response) => void receive(request, response));
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/landline`;

const gateway = createGateway({
  // allowPrivate: this machine itself. A public https address needs none.
  config: {
    ...hotel,
    webhooks: [{ name: 'crm', url, events: ['call.*'], secretEnv: 'CRM_SECRET', allowPrivate: true }],
  },
  env: { ...process.env, CRM_SECRET: secret },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
gateway.on('turn.ended', () => caller?.hangup());
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);
await over;
await gateway.close();
receiver.close();
