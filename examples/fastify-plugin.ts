// A gateway inside a server of yours, below /voice. `node examples/fastify-plugin.ts`
// In your own project: import { landlinePlugin } from 'landline'
import fastify from 'fastify';
import { landlinePlugin } from '../src/index.ts';
import { CALLER, hotel } from './front-desk.ts';

const app = fastify();
// Your own routes, errors and content types stay as they are.
app.get('/', async () => ({ calls: (await app.landline.calls.list()).calls.length }));

await app.register(landlinePlugin, { prefix: '/voice', config: hotel, telnyx: 'emulator' });
const origin = await app.listen({ host: '127.0.0.1', port: 0 });
console.log(app.landline.url === `${origin}/voice` ? 'Telnyx sends its webhooks below /voice' : 'never');

const over = new Promise<string>((resolve) => app.landline.on('call.ended', ({ data }) => resolve(data.reason)));
app.landline.on('turn.ended', () => caller?.hangup());
const caller = app.landline.emulator?.placeCall(CALLER);
console.log(`over: ${await over}`);
console.log(await (await fetch(origin)).text());

// Closing ends live calls at once; this lets them end by themselves first.
await app.landline.drain(60_000);
await app.close();
