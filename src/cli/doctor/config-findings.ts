import type { Config } from '../../config.ts';
import { ok, problem, warning, type Finding } from './finding.ts';

/** Variables that have a check of their own. */
const CHECKS: Readonly<Record<string, string>> = {
  TELNYX_API_KEY: 'Telnyx key',
  TELNYX_PUBLIC_KEY: 'public key shape',
  TELNYX_CONNECTION_ID: 'application',
  PUBLIC_URL: 'public URL',
};

/** What `loadConfig` refused, one finding per mistake. @param message of its error: one problem a line. */
export function configFindings(message: string): Finding[] {
  const found = new Map<string, Finding>();
  for (const line of message.split('\n')) {
    // Every block of every agent asks for its key, and that is one mistake.
    const key = /needs the environment variable (\w+), which is not set$/.exec(line)?.[1];
    if (key !== undefined) {
      found.set(key, problem(keyCheck(key), `${key} is not set`, `Put the key into the environment variable ${key}`));
      continue;
    }
    const where = line.split(' ', 1)[0] ?? '';
    found.set(line, problem(CHECKS[where] ?? 'config', line, `Correct ${where}, then run doctor again`));
  }
  return [...found.values()];
}

/** May whoever gets hold of an API key call the whole world? */
export function destinationsFinding({ destinations }: Pick<Config, 'destinations'>): Finding {
  const { allow, maxPerDay, maxSpendPerDay } = destinations;
  const limits = `at most ${maxPerDay} legs and about ${maxSpendPerDay} a day`;
  if (allow !== undefined) return ok('destinations', `${allow.join(', ') || 'transferTargets only'}; ${limits}`);
  const detail = `destinations.allow is not set: whoever has an API key may call any country (${limits})`;
  return warning('destinations', detail, 'List where your calls go in destinations.allow, like ["+1", "+32"]');
}

/** What the start of this gateway would warn of, beside what has a finding of its own. */
export function warningFindings({ warnings }: Pick<Config, 'warnings'>): Finding[] {
  return warnings.filter((line) => !line.startsWith('destinations.allow ')).map((line) => warning('config', line));
}

/** How the check of a provider's key is called, by its variable. */
export function keyCheck(keyEnv: string): string {
  if (keyEnv === 'DEEPGRAM_API_KEY') return 'Deepgram key';
  return keyEnv === 'OPENAI_API_KEY' ? 'OpenAI key' : `key ${keyEnv}`;
}
