import { z } from 'zod';
import type { AgentConfig } from './options.ts';
import type { TransferTerms } from './dialogue/inputs.ts';

export const transferMode: z.ZodType<'blind' | 'attended'> = z.enum(['blind', 'attended'], {
  error: 'must be "blind" or "attended"',
});

/** What the object form of a target says beside its number. */
export const transferTerms: z.ZodType<TransferTerms> = z.strictObject({
  mode: z.exactOptional(transferMode),
  announce: z.exactOptional(z.string().trim().min(1).max(400)),
});

/** How calls are put through to this target; one without a name goes as the agent's calls go. */
export function termsOfTarget(config: AgentConfig, name: string): TransferTerms {
  const { transferTerms: terms } = config;
  const own = Object.hasOwn(terms, name) ? terms[name] : undefined;
  if ((own?.mode ?? config.transferMode) === 'blind') return {};
  return { mode: 'attended', ...(own?.announce === undefined ? {} : { announce: own.announce }) };
}
