// Calls somebody, and says who answered. `node examples/outbound-call.ts`
// In your own project: import { createGateway } from 'landline'
import { createGateway, LandlineError } from '../src/index.ts';
import { hotel } from './front-desk.ts';

const gateway = createGateway({
  config: hotel,
  env: { TELNYX_FROM_NUMBER: '+13125550178' },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
const greeted = new Promise<string>((resolve) => gateway.on('turn.ended', ({ data }) => resolve(data.text)));
await gateway.listen();

try {
  // With the same key within a day nobody is called twice, whatever happens to this program.
  const call = await gateway.calls.dial({
    to: '+15105550200',
    metadata: { order: '4711' },
    waitUntilAnswered: true,
    idempotencyKey: 'reminder-4711',
  });
  console.log(`${call.to}: ${call.status}`);
  console.log(`agent: ${await greeted}`);
  await gateway.calls.hangup(call.id);
} catch (thrown) {
  // no_answer, busy, rejected, machine …
  if (!(thrown instanceof LandlineError)) throw thrown;
  console.log(`nobody: ${thrown.code}`);
}
await gateway.close();
