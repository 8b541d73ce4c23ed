// The agent of the other examples: a hotel's front desk that needs no key and no network. Yours will rather have
// stt: { provider: 'deepgram', … }, llm: { provider: 'openai', … }: see landline.config.ts.
// In your own project: import { … } from 'landline'
import { join } from 'node:path';
import { defineAgent, defineConfig, type AgentInput, type ConfigInput } from '../src/index.ts';

const demo = join(import.meta.dirname, '..', 'fixtures', 'demo');

export const frontDesk: AgentInput = defineAgent({
  greeting: 'Good day, this is the front desk.',
  stt: { provider: 'embedded' },
  llm: { provider: 'scripted', script: join(demo, 'hotel.yaml') },
  tts: { provider: 'embedded' },
  tools: ['transfer_call', 'hang_up'],
  transferTargets: { desk: 'sip:desk@hotel.example' },
});

export const hotel: ConfigInput = defineConfig({ agents: { desk: frontDesk }, defaultAgent: 'desk' });

/** Who calls in the examples: only the emulator needs it, real people dial by themselves. */
export const CALLER = { from: '+14155550142', to: '+13125550178' } as const;
