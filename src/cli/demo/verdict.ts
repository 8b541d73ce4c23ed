import { type AgentScript } from '../../providers/script.ts';
import { understandText } from '../../providers/script-match.ts';
import type { CallStory } from '../../records/call-story.ts';
import type { ReportCheck } from '../../records/report.ts';
import type { CallPlan } from './call-plan.ts';
import type { HeardComparison } from './heard-check.ts';

export interface Evidence {
  readonly plan: CallPlan;
  readonly script: AgentScript;
  readonly story: CallStory;
  readonly heard: HeardComparison;
  /** Holes inside an utterance, as the emulated phone heard them. */
  readonly phoneUnderruns: number;
  /** The same as the gateway counted them. */
  readonly gatewayUnderruns: number;
}

const LEAST_TURNS = 4;
const LEAST_INTENTS = 3;
/** One frame: where a cut lies, the gateway knows to the frame under way; a recording that moves leaves out no more. */
const CUT_TOLERANCE = 160;
/** The recording may move a stretch by so much against the call's clock. */
const PLACE_TOLERANCE = 800;

/** What the demo promises, each with its verdict. */
export function judge(evidence: Evidence): ReportCheck[] {
  const { plan, story, heard } = evidence;
  const callers = story.turns.filter((turn) => turn.role === 'caller');
  const agents = story.turns.filter((turn) => turn.role === 'agent');
  const cut = agents.filter((turn) => turn.interrupted);
  const keys = callers.filter((turn) => turn.by === 'keys').map((turn) => turn.text);
  const intents = recognisedIntents(evidence);
  const expected = plan.turns.filter(({ act }) => act.type === 'say').length;
  const end = plan.ends === 'transfer' ? 'transferred' : 'caller_hangup';
  const same = heard.stretches.reduce((sum, stretch) => sum + stretch.same, 0);
  const isSame =
    heard.stretches.length > 0 &&
    heard.believedOnly <= CUT_TOLERANCE &&
    heard.heardOnly <= CUT_TOLERANCE &&
    heard.shift <= PLACE_TOLERANCE;
  return [
    {
      name: 'intents recognised from sound',
      passed: new Set(intents).size >= LEAST_INTENTS,
      detail: `${intents.length} of ${expected}: ${intents.join(', ')}`,
    },
    {
      name: 'caller took turns',
      passed: callers.length >= LEAST_TURNS,
      detail: `${callers.length}, answered by ${agents.length} of the agent`,
    },
    {
      name: 'caller interrupted the agent',
      passed: cut.length >= 1,
      detail: cut.map((turn) => `after "… ${turn.text.split(' ').slice(-3).join(' ')}"`).join('; ') || 'never',
    },
    { name: 'keys arrived', passed: keys.length >= 1, detail: keys.join(', ') || 'none' },
    {
      name: plan.ends === 'transfer' ? 'call was transferred' : 'call was hung up',
      passed: story.endReason === end,
      detail: (story.endReason ?? 'the call did not end').replaceAll('_', ' '),
    },
    {
      name: 'no holes in what was heard',
      passed: evidence.phoneUnderruns === 0 && evidence.gatewayUnderruns === 0,
      detail: `underruns: ${evidence.phoneUnderruns} at the phone, ${evidence.gatewayUnderruns} in the gateway`,
    },
    {
      name: 'believed heard = heard by the phone',
      passed: isSame,
      detail: `${(same / 8000).toFixed(1)} s the same, sample by sample; believed only ${ms(heard.believedOnly)}, heard only ${ms(heard.heardOnly)}, places differ by ${ms(heard.shift)} (at most ${ms(CUT_TOLERANCE)}, ${ms(CUT_TOLERANCE)}, ${ms(PLACE_TOLERANCE)})`,
    },
  ];
}

/** Intents that the plan wants and the recogniser's words lead to, in the order of the call. */
function recognisedIntents({ plan, script, story }: Evidence): string[] {
  const wanted = new Set(plan.turns.flatMap(({ act, expect }) => (act.type === 'say' ? [expect] : [])));
  const candidates = [...script.intents, script.yes, script.no];
  return story.turns
    .filter((turn) => turn.role === 'caller' && turn.by === 'voice')
    .flatMap((turn) => understandText(script, turn.text, candidates)?.intent.name ?? [])
    .filter((name) => wanted.has(name));
}

function ms(samples: number): string {
  return `${(samples / 8).toFixed(samples % 8 === 0 ? 0 : 1)} ms`;
}
