import { describe, expect, it } from 'vitest';
import { createBriefing, type BriefingEffect, type BriefingInput } from '../../src/agent/briefing/state.ts';
import { stepBriefing } from '../../src/agent/briefing/step.ts';
import { agentOptions } from '../../src/agent/options.ts';
import { voice } from './talk.ts';

/** A target that was told and asked, and whose recogniser does not end turns. */
class Target {
  state = createBriefing(agentOptions.parse({}), [], 'They owe **$12.50** and want to pay.');
  t = 0;
  readonly said: string[] = [];
  readonly told: string[] = [];
  readonly answers: string[] = [];

  constructor() {
    this.in({ type: 'streamUp', bytesPerMs: 8 });
    this.in({ type: 'sttReady', stream: 1, endsTurns: false });
    this.in({ type: 'played', turn: 1, by: 'mark' });
    this.in({ type: 'ttsFirstAudio', utterance: 2 });
    this.in({ type: 'played', turn: 2, by: 'mark' });
  }

  in(input: BriefingInput): string[] {
    const playout = { turn: 0, writtenBytes: 0, sentBytes: 0, heardBytes: 0 };
    const { state, effects } = stepBriefing(this.state, input, this.t, playout);
    this.state = state;
    return effects.flatMap((effect) => this.#brief(effect));
  }

  utters(text: string): string[] {
    this.in(voice('started', 60));
    this.t += 1200;
    this.in(voice('stopped', 1000, 200));
    this.t += 100;
    this.in({ type: 'timer', name: 'endpoint' });
    return this.in({ type: 'stt', stream: 1, event: { type: 'sttUtterance', utterance: 1, text } });
  }

  #brief(effect: BriefingEffect): string[] {
    if (effect.type === 'answer') return [effect.answer];
    if (effect.type === 'ttsText') this.said.push(effect.text);
    if (effect.type === 'briefed') this.told.push(effect.text);
    if (effect.type === 'llmStart') return [effect.messages.at(-1)?.content ?? ''];
    return effect.type === 'setTimer' ? [`in ${effect.ms} ${effect.name}`] : [];
  }
}

describe('a target of a transfer whose recogniser does not end turns', () => {
  it.each([
    ['Yes.', ['accepted']],
    ['No, not now.', ['declined']],
    ['is it about', ['in 700 turnEnd']],
    ['Who is it?', ['Who is it?']],
    ['', []],
  ])('that says %j', (text, effects) => {
    expect(new Target().utters(text)).toEqual(effects);
  });

  it('may pause inside its answer', () => {
    const target = new Target();
    target.utters('is it about the');
    target.t += 400;

    expect(target.utters('invoice?')).toEqual(['is it about the invoice?']);
  });

  it('is understood when the pause is over, or the recogniser broke', () => {
    const target = new Target();
    target.utters('well um');
    expect(target.in({ type: 'timer', name: 'turnEnd' })).toEqual(['well um']);

    const failure = { kind: 'server', message: '503', retryable: true } as const;
    const broken = new Target();
    broken.utters('I would like to');
    expect(broken.in({ type: 'stt', stream: 1, event: { type: 'sttFailed', failure } })).toEqual(['I would like to']);
  });

  it('hears amounts as people say them, and is on file with what was written', () => {
    const target = new Target();
    target.in({ type: 'digit', digit: '1' });

    expect(target.said[0]).toBe(
      'Hello, I have a caller on the line for you. They owe 12 dollars and 50 cents and want to pay.',
    );
    expect(target.told[0]).toContain('They owe **$12.50** and want to pay.');
  });
});
