import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';

/** The package's own folder, the same from the sources and from the built files. */
function packageFolder(): string {
  return dirname(findPackageJSON('..', import.meta.url) ?? import.meta.dirname);
}

/** What runs without a config file: a hotel's front desk that needs no key, no account and no network. */
export function demoConfig(): { readonly dir: string; readonly value: unknown } {
  return {
    dir: packageFolder(),
    value: {
      agents: {
        hotel: {
          greeting: 'Good day, this is the Harbor Hotel. How can I help you?',
          stt: { provider: 'embedded' },
          llm: { provider: 'scripted', script: join('fixtures', 'demo', 'hotel.yaml') },
          tts: { provider: 'embedded' },
          tools: ['transfer_call', 'hang_up'],
          transferTargets: { desk: 'sip:desk@hotel.example' },
        },
      },
      defaultAgent: 'hotel',
    },
  };
}
