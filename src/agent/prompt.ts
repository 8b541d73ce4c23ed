import type { AgentConfig } from './options.ts';

/** Facts about the call that the instructions may use as `{{name}}`. */
export interface PromptFacts {
  readonly from: string;
  readonly to: string;
  readonly direction: 'inbound' | 'outbound';
  /** Of a call out: what it was given. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Fills `{{name}}` from the call's metadata, the agent's variables and the call's facts; an unknown name stays as it is written. */
export function fillIn(text: string, config: AgentConfig, facts: PromptFacts): string {
  const { metadata, ...call } = facts;
  // What was given for this one call says more than what holds for all.
  const values: Readonly<Record<string, string>> = { ...call, ...config.variables, ...metadata };
  return text.replace(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** The system message: the operator's instructions and what a phone call needs to be said about itself. */
export function systemPrompt(config: AgentConfig, facts: PromptFacts): string {
  const rules = [
    'You are speaking on the phone. Answer in one to three short spoken sentences, without lists, markdown or emoji.',
    `Speak the language "${config.language}".`,
    'A message like "[pressed 1]" means that the caller pressed that key; "[unclear]" means that the caller was not understood.',
    'An assistant message that stops in the middle was interrupted there: the caller heard no more than it says.',
  ];
  return [fillIn(config.instructions, config, facts), ...rules].filter((part) => part !== '').join('\n');
}
