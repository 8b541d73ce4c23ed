// A tool over HTTP: the agent asks a server of yours, by signed requests. `node examples/http-tool.ts`
// The same as a config file: http-tool.config.json. In your own project: import { createGateway } from 'landline'
import { createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createGateway } from '../src/index.ts';
import { CALLER } from './front-desk.ts';
import { deskThatUses } from './stand-in-model.ts';

// The secret is made once, with: echo "whsec_$(openssl rand -base64 32)"
const key = randomBytes(32);

// Your server: in any language, with any of the libraries of Standard Webhooks to check the signature.
const tables = createServer((request, response) => {
  void text(request).then((body) => {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers;
    const mac = createHmac('sha256', key)
      .update(`${String(id)}.${String(at)}.${body}`)
      .digest('base64');
    if (signature !== `v1,${mac}`) return response.writeHead(401).end();
    const { arguments: asked } = JSON.parse(body) as { arguments: { day: string } };
    console.log(`asked about ${asked.day}`);
    return response.writeHead(200, { 'content-type': 'text/plain' }).end(`Four tables are free on ${asked.day}.`);
  });
});
await new Promise<void>((resolve) => tables.listen(0, '127.0.0.1', resolve));
const place = `127.0.0.1:${(tables.address() as AddressInfo).port}`;

const { desk, server } = await deskThatUses('free_tables', { day: 'monday' });
const freeTables = {
  type: 'http',
  name: 'free_tables',
  description: 'How many tables are free on a day.',
  parameters: { type: 'object', properties: { day: { type: 'string' } }, required: ['day'] },
  url: `http://${place}/tools/free-tables`,
  secretEnv: 'TABLES_SECRET',
  // This machine itself. A public https address needs none.
  allowPrivate: [place],
} as const;
const gateway = createGateway({
  config: { agents: { desk: { ...desk, tools: ['hang_up', 'transfer_call', freeTables] } }, defaultAgent: 'desk' },
  env: { ...process.env, TABLES_SECRET: `whsec_${key.toString('base64')}` },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
const over = new Promise<void>((resolve) => {
  gateway.on('turn.ended', ({ data }) => {
    console.log(`${data.role}: ${data.text}`);
    // Here the emulator is the caller.
    if (data.text.startsWith('Press one')) caller?.press('1');
    if (data.text.startsWith('Four tables')) resolve();
  });
});
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);
await over;
await gateway.close();
for (const each of [tables, server]) each.close();
