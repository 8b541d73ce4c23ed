// Puts a caller through to a person, by program. `node examples/transfer.ts`
// The agent does the same by itself when the model calls `transfer_call` with the name of a target.
// In your own project: import { createGateway } from 'landline'
import { createGateway, LandlineError } from '../src/index.ts';
import { CALLER, hotel } from './front-desk.ts';

const gateway = createGateway({ config: hotel, telnyx: 'emulator', host: '127.0.0.1', port: 0 });
gateway.on('transfer.started', ({ data }) => console.log(`transfer to ${data.target}`));
const outcome = new Promise<string>((resolve) => gateway.on('transfer.ended', ({ data }) => resolve(data.outcome)));
const greeted = new Promise<string>((resolve) => gateway.on('turn.ended', ({ callId }) => resolve(callId)));
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);
const id = await greeted;

// What a config does not allow is refused, with a code to act on.
try {
  await gateway.calls.transfer(id, { to: '112' });
} catch (thrown) {
  if (thrown instanceof LandlineError) console.log(`refused: ${thrown.code}`);
}

await gateway.calls.transfer(id, { to: 'desk' });
console.log(`outcome: ${await outcome}`);
caller?.hangup();
await gateway.close();
