// Two agents, one config. In your own project: import { defineConfig } from 'landline'.
import { defineConfig, type AgentInput } from '../src/index.ts';

/** What both desks have in common. */
const desk = {
  llm: { provider: 'openai', model: 'gpt-6-luna', reasoningEffort: 'none', maxTokens: 300 },
  tools: ['transfer_call', 'hang_up'],
  transferTargets: { garage: '+3225550123' },
  fallbackTarget: 'garage',
  variables: { company: 'Bike & Co' },
  maxDurationSeconds: 900,
} satisfies Partial<AgentInput>;

export default defineConfig({
  agents: {
    english: {
      ...desk,
      greeting: 'Hello, this is {{company}}. How can I help?',
      instructions: 'You take calls for the bicycle repair shop {{company}}. The caller is {{from}}.',
      stt: {
        provider: 'deepgram',
        model: 'flux-general-en',
        eagerEotThreshold: 0.5,
        fallback: { provider: 'deepgram', model: 'nova-3' },
      },
      tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
    },
    dutch: {
      ...desk,
      language: 'nl-BE',
      greeting: 'Hallo, u spreekt met {{company}}. Hoe kan ik helpen?',
      instructions: 'U neemt de telefoon op voor de fietsenmaker {{company}}.',
      stt: { provider: 'deepgram', model: 'flux-general-multi' },
      tts: { provider: 'deepgram', model: 'aura-2-beatrix-nl' },
      idle: { afterSeconds: 12 },
    },
  },
  numbers: { '+13125550178': 'english', '+3225550100': 'dutch' },
  defaultAgent: 'english',
  maxConcurrentCalls: 50,
});
