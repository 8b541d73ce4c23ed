import { describe, expect, it } from 'vitest';
import { loadCallPlan } from '../../src/cli/demo/call-plan.ts';
import { judge, type Evidence } from '../../src/cli/demo/verdict.ts';
import { loadScript } from '../../src/providers/script.ts';
import type { CallStory, StoryTurn } from '../../src/records/call-story.ts';

const turn = (role: 'caller' | 'agent', text: string, more: Partial<StoryTurn> = {}): StoryTurn => ({
  turn: 1,
  role,
  by: 'voice',
  text,
  unheard: '',
  interrupted: false,
  startMs: 0,
  endMs: 1000,
  latency: undefined,
  ...more,
});
const plan = loadCallPlan();
const STORY: CallStory = {
  callId: 'call_1',
  direction: 'inbound',
  from: '+14155550142',
  to: '+13125550178',
  agent: 'hotel',
  createdAt: '2026-01-05T09:00:00.000Z',
  durationMs: 40_000,
  endReason: 'transferred',
  turns: [
    turn('caller', 'hours'),
    turn('agent', 'We are open', { interrupted: true }),
    turn('caller', 'location'),
    turn('caller', 'do not disturb'),
    turn('caller', '1', { by: 'keys' }),
  ],
  moments: [],
};
const stretch = { at: 0, length: 8000, same: 8000, shift: 0 };
const GOOD: Evidence = {
  plan,
  script: loadScript(plan.script),
  story: STORY,
  heard: { stretches: [stretch], believedOnly: 160, heardOnly: 160, shift: 800 },
  phoneUnderruns: 0,
  gatewayUnderruns: 0,
};

/** The names of what failed. */
function failures(evidence: Evidence): string[] {
  return judge(evidence).flatMap(({ name, passed }) => (passed ? [] : [name]));
}
const withTurns = (change: (each: StoryTurn) => StoryTurn | undefined): Evidence => ({
  ...GOOD,
  story: { ...STORY, turns: STORY.turns.flatMap((each) => change(each) ?? []) },
});
const withHeard = (heard: Partial<Evidence['heard']>): Evidence => ({ ...GOOD, heard: { ...GOOD.heard, ...heard } });

describe('the verdict of the demo', () => {
  it('passes a call that kept every promise, up to its limits', () => {
    expect(failures(GOOD)).toEqual([]);
  });

  const SAME = 'believed heard = heard by the phone';
  const HOLES = 'no holes in what was heard';
  const INTENTS = 'intents recognised from sound';
  const broken: readonly (readonly [why: string, evidence: Evidence, failed: readonly string[]])[] = [
    [
      'one intent was not understood',
      withTurns((each) => (each.text === 'location' ? turn('caller', '', { by: 'unclear' }) : each)),
      [INTENTS],
    ],
    [
      'one intent came twice',
      withTurns((each) => (each.text === 'location' ? turn('caller', 'hours') : each)),
      [INTENTS],
    ],
    [
      'an intent that nobody said was heard',
      withTurns((each) => (each.text === 'location' ? turn('caller', 'is breakfast included') : each)),
      [INTENTS],
    ],
    [
      'a turn is missing',
      withTurns((each) => (each.text === 'location' ? undefined : each)),
      [INTENTS, 'caller took turns'],
    ],
    [
      'nothing was interrupted',
      withTurns((each) => ({ ...each, interrupted: false })),
      ['caller interrupted the agent'],
    ],
    ['no key arrived', withTurns((each) => ({ ...each, by: 'voice' })), ['keys arrived']],
    [
      'the call ended otherwise',
      { ...GOOD, story: { ...STORY, endReason: 'caller_hangup' } },
      ['call was transferred'],
    ],
    ['the call did not end', { ...GOOD, story: { ...STORY, endReason: undefined } }, ['call was transferred']],
    ['the phone heard a hole', { ...GOOD, phoneUnderruns: 1 }, [HOLES]],
    ['the gateway was late', { ...GOOD, gatewayUnderruns: 1 }, [HOLES]],
    ['more was believed than heard', withHeard({ believedOnly: 161 }), [SAME]],
    ['more was heard than believed', withHeard({ heardOnly: 161 }), [SAME]],
    ['something was heard at another time', withHeard({ shift: 801 }), [SAME]],
    ['nothing was heard at all', withHeard({ stretches: [] }), [SAME]],
  ];
  it.each(broken)('fails when %s', (_why, evidence, failed) => {
    expect(failures(evidence)).toEqual(failed);
  });
});
