import { describe, expect, it } from 'vitest';
import { agentOptions, type AgentConfig } from '../../src/agent/options.ts';
import { fillIn, systemPrompt } from '../../src/agent/prompt.ts';

const FACTS = { from: '+14155550142', to: '+13125550178', direction: 'inbound' } as const;

function agent(config: Record<string, unknown> = {}): AgentConfig {
  return agentOptions.parse(config);
}

describe('variables in a prompt', () => {
  it.each([
    ['Hi {{name}}', 'Hi Ada'],
    ['{{ name }} and {{name}}', 'Ada and Ada'],
    ['you call from {{from}} to {{to}}, {{direction}}', 'you call from +14155550142 to +13125550178, inbound'],
    ['{{nobody}} {{}} {name} {{na me}}', '{{nobody}} {{}} {name} {{na me}}'],
    ['{{toString}} {{__proto__}} {{constructor}}', '{{toString}} {{__proto__}} {{constructor}}'],
  ])('%j becomes %j', (text, filled) => {
    expect(fillIn(text, agent({ variables: { name: 'Ada' } }), FACTS)).toBe(filled);
  });

  it('are not filled in twice: a value that looks like a variable stays as it is', () => {
    expect(fillIn('{{a}}', agent({ variables: { a: '{{b}}', b: 'no' } }), FACTS)).toBe('{{b}}');
  });

  it('of the operator stand over the facts of the call', () => {
    expect(fillIn('{{from}}', agent({ variables: { from: 'a friend' } }), FACTS)).toBe('a friend');
  });
});

describe('the system message', () => {
  it('begins with the instructions of the operator and names the language', () => {
    const prompt = systemPrompt(
      agent({ instructions: 'You are {{name}}.', variables: { name: 'Ada' }, language: 'fr-BE' }),
      FACTS,
    );

    expect(prompt.split('\n')[0]).toBe('You are Ada.');
    expect(prompt).toContain('"fr-BE"');
    expect(prompt).toContain('[pressed 1]');
  });

  it('has no empty first line without instructions', () => {
    expect(systemPrompt(agent(), FACTS).startsWith('You are speaking on the phone.')).toBe(true);
  });

  it('never shows the number behind a transfer target', () => {
    const config = agent({ tools: ['transfer_call'], transferTargets: { sales: '+15105550200' } });

    expect(systemPrompt(config, FACTS)).not.toContain('5550200');
  });
});
