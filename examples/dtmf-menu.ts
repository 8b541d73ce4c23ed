// A menu of keys: the script says what each means (`pressed` in fixtures/demo/hotel.yaml). `node examples/dtmf-menu.ts`
// A model hears keys too, as "[pressed 0]": tell it in the instructions what they mean.
// In your own project: import { createGateway, defineAgent } from 'landline'
import { createGateway, defineAgent } from '../src/index.ts';
import { CALLER, frontDesk } from './front-desk.ts';

const menu = defineAgent({ ...frontDesk, greeting: 'Press zero for a person.' });
const gateway = createGateway({
  config: { agents: { menu }, defaultAgent: 'menu' },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
gateway.on('dtmf.received', ({ data }) => console.log(`pressed: ${data.digit}`));
gateway.on('turn.ended', ({ data }) => {
  if (data.role !== 'agent') return;
  console.log(`agent: ${data.text}`);
  // Here the emulator is the caller: 0 for a person, 1 for yes.
  if (data.text.startsWith('Press zero')) caller?.press('0');
  if (data.text.startsWith('Shall I connect you')) caller?.press('1');
});
const outcome = new Promise<string>((resolve) => gateway.on('transfer.ended', ({ data }) => resolve(data.outcome)));
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);
console.log(`transfer: ${await outcome}`);
caller?.hangup();
await gateway.close();
