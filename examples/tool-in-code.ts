// A tool in code: the agent looks up and books tables. `node examples/tool-in-code.ts`
// In your own project: import { createGateway, defineTool, ToolError } from 'landline'
import { z } from 'zod';
import { createGateway, defineTool, ToolError } from '../src/index.ts';
import { CALLER } from './front-desk.ts';
import { deskThatUses } from './stand-in-model.ts';

const tables = new Map([
  ['monday', 4],
  ['tuesday', 0],
]);

const bookTable = defineTool({
  name: 'book_table',
  description: 'Books a table under the phone number of the caller. Ask for a yes first.',
  parameters: z.object({
    day: z.enum(['monday', 'tuesday']),
    people: z.number().int().min(1).max(8).describe('how many people come'),
  }),
  deadlineMs: 5000,
  filler: ['I am booking it.', 'Nearly there.'],
  execute({ day, people }, call) {
    const free = tables.get(day) ?? 0;
    // The model is told these words; of any other error only that there was one.
    if (free === 0) throw new ToolError(`no table is free on ${day}`);
    tables.set(day, free - 1);
    call.log.info({ day, people }, 'table booked');
    return `Booked for ${people} on ${day}.`;
  },
});

const { desk, server } = await deskThatUses('book_table', { day: 'monday', people: 2 });
const gateway = createGateway({
  config: { agents: { desk: { ...desk, tools: ['hang_up', 'transfer_call', bookTable] } }, defaultAgent: 'desk' },
  ...{ telnyx: 'emulator', host: '127.0.0.1', port: 0 },
});
gateway.on('tool.called', ({ data }) => console.log(`tool: ${data.name}`));
const over = new Promise<void>((resolve) => {
  gateway.on('turn.ended', ({ data }) => {
    console.log(`${data.role}: ${data.text}`);
    // Here the emulator is the caller.
    if (data.text.startsWith('Press one')) caller?.press('1');
    if (data.text.startsWith('Booked')) resolve();
  });
});
await gateway.listen();
const caller = gateway.emulator?.placeCall(CALLER);
await over;
await gateway.close();
server.close();
