// Answers calls and prints what is said. `node examples/answer-a-call.ts`
// In your own project: import { createGateway } from 'landline'
import { once } from 'node:events';
import { createGateway } from '../src/index.ts';
import { CALLER, hotel } from './front-desk.ts';

const gateway = createGateway({ config: hotel, telnyx: 'emulator', host: '127.0.0.1', port: 0 });
const ended = new EventTarget();
gateway.on('call.created', ({ data }) => console.log(`${data.from} calls ${data.to}`));
gateway.on('turn.ended', ({ data }) => console.log(`${data.role}: ${data.text}`));
gateway.on('call.ended', ({ data }) => {
  console.log(`over: ${data.reason}`);
  ended.dispatchEvent(new Event('ended'));
});
console.log(`listening on ${await gateway.listen()}`);

// A real number would ring by itself. Here the emulator calls, presses 0, and hangs up.
const over = once(ended, 'ended');
const caller = gateway.emulator?.placeCall(CALLER);
let turns = 0;
gateway.on('turn.ended', ({ data }) => {
  if (data.role !== 'agent') return;
  turns += 1;
  if (turns === 1) caller?.press('0');
  else caller?.hangup();
});
await over;
await gateway.close();
