// Keeps the sound of a call, and a summary made by the agent's model. `node examples/recording-and-summary.ts`
// In your own project: import { createGateway, defineAgent } from 'landline'
import { createGateway, defineAgent } from '../src/index.ts';
import { CALLER, frontDesk } from './front-desk.ts';

const desk = defineAgent({ ...frontDesk, recording: true, consent: 'This call is recorded.', summary: true });
const gateway = createGateway({
  config: { agents: { desk }, defaultAgent: 'desk' },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
const turns: string[] = [];
gateway.on('turn.ended', ({ data }) => {
  turns.push(data.role);
  // Here the emulator is the caller: asks for a person by key, thinks better of it, and hangs up.
  if (turns.length === 1) caller?.press('0');
  if (turns.filter((role) => role === 'agent').length === 2) caller?.hangup();
});
const summary = new Promise<{ callId: string; text: string }>((resolve) => {
  gateway.on('call.summarized', ({ callId, data }) => {
    resolve({ callId, text: data.status === 'ready' ? data.text : `none: ${data.reason}` });
  });
});
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);

const { callId, text } = await summary;
console.log(`summary: ${text}`);
const wav = await gateway.calls.recording(callId);
console.log(`recording: ${wav.toString('latin1', 0, 4)}, caller left, agent right`);
for (const turn of await gateway.calls.transcript(callId)) console.log(`${turn.role}: ${turn.text}`);
await gateway.close();
