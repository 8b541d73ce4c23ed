// A tool in code: the agent looks up and books tables. Needs the keys of Deepgram and OpenAI:
//   LANDLINE_CONFIG=examples/tool-in-code.ts npm run landline -- serve
// In your own project: import { defineConfig, defineTool, ToolError } from 'landline'
import { z } from 'zod';
import { defineConfig, defineTool, ToolError } from '../src/index.ts';

const tables = new Map([
  ['monday', 4],
  ['tuesday', 0],
]);
const day = z.enum(['monday', 'tuesday']);

const freeTables = defineTool({
  name: 'free_tables',
  description: 'How many tables are free on a day.',
  parameters: z.object({ day }),
  execute: ({ day: asked }) => ({ free: tables.get(asked) ?? 0 }),
});

const bookTable = defineTool({
  name: 'book_table',
  description: 'Books a table under the phone number of the caller. Ask for a yes first.',
  parameters: z.object({ day, people: z.number().int().min(1).max(8).describe('how many people come') }),
  deadlineMs: 5000,
  filler: ['I am booking it.', 'Nearly there.'],
  execute({ day: asked, people }, call) {
    const free = tables.get(asked) ?? 0;
    // The model is told these words; of any other error only that there was one.
    if (free === 0) throw new ToolError(`no table is free on ${asked}`);
    tables.set(asked, free - 1);
    call.log.info({ day: asked, people }, 'table booked');
    return `booked for ${people} on ${asked}, under ${call.from}`;
  },
});

export default defineConfig({
  agents: {
    bistro: {
      greeting: 'Bistro Luna, good evening.',
      instructions: 'You take bookings for a bistro. Be brief.',
      stt: { provider: 'deepgram', model: 'flux-general-en' },
      llm: { provider: 'openai', model: 'gpt-6-luna', reasoningEffort: 'none' },
      tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
      tools: ['hang_up', freeTables, bookTable],
    },
  },
  defaultAgent: 'bistro',
});
