import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_FOLDER } from '../../src/cli/demo/call-plan.ts';
import { defineAgent, defineConfig, type ConfigInput } from '../../src/index.ts';

/** An agent that needs no key and no network. */
export const hotel: ConfigInput = defineConfig({
  agents: {
    hotel: defineAgent({
      greeting: 'Good day.',
      stt: { provider: 'embedded' },
      llm: { provider: 'scripted', script: join(DEMO_FOLDER, 'hotel.yaml') },
      tts: { provider: 'embedded' },
      tools: ['transfer_call', 'hang_up'],
      transferTargets: { desk: 'sip:desk@hotel.example' },
    }),
  },
  defaultAgent: 'hotel',
});

export const CALL = { from: '+14155550142', to: '+13125550178' } as const;

/** A folder for one gateway, and how to remove it. */
export function dataFolder(): { readonly dataDir: string; readonly remove: () => void } {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-library-'));
  return { dataDir, remove: () => rmSync(dataDir, { recursive: true, force: true }) };
}
