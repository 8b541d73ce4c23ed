// Asks the desk first, while the caller hears music, and connects only who is wanted. `node examples/attended-transfer.ts`
// In your own project: import { createGateway, defineAgent } from 'landline'
import { createGateway, defineAgent } from '../src/index.ts';
import { CALLER, frontDesk } from './front-desk.ts';

const desk = defineAgent({
  ...frontDesk,
  transferTargets: { desk: { to: 'sip:desk@hotel.example', mode: 'attended', announce: 'A guest about a lost key.' } },
});
const gateway = createGateway({
  config: { agents: { desk }, defaultAgent: 'desk' },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
gateway.on('transfer.started', ({ data }) => console.log(`${data.mode} transfer to ${data.target}`));
gateway.on('transfer.briefed', ({ data }) => {
  console.log(`the desk heard: ${data.text}`);
});
const outcome = new Promise<string>((resolve) => gateway.on('transfer.ended', ({ data }) => resolve(data.outcome)));
const greeted = new Promise<string>((resolve) => gateway.on('turn.ended', ({ callId }) => resolve(callId)));
await gateway.listen();
// Here the emulator is the desk too: 1 takes the call, 2 leaves it with the agent.
gateway.emulator?.targets.set('sip:desk@hotel.example', {
  phone: (phone) => void phone.waitFor(() => phone.marks.length > 5, 20_000).then(() => phone.press('1')),
});
const caller = gateway.emulator?.placeCall(CALLER);

await gateway.calls.transfer(await greeted, { to: 'desk' });
console.log(`outcome: ${await outcome}`);
caller?.hangup();
await gateway.close();
