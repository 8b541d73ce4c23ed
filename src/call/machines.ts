import {
  createBriefing,
  type BriefingEffect,
  type BriefingInput,
  type BriefingState,
} from '../agent/briefing/state.ts';
import { beginBriefing, stepBriefing } from '../agent/briefing/step.ts';
import type { DialogueInput } from '../agent/dialogue/inputs.ts';
import type { DialogueState, PlayoutView } from '../agent/dialogue/state.ts';
import { fillIn } from '../agent/prompt.ts';
import { stepDialogue } from '../agent/dialogue/step.ts';
import type { AnyEffect, CallEffect, CallInput, LegName } from './inputs.ts';
import { stepCall } from './machine.ts';
import type { CallState } from './state.ts';

/** Rounds between the two machines within one step. */
const MAX_ROUNDS = 8;

export interface MachinesHost {
  /** Starts one effect; its outcome is a later input. */
  run(effect: AnyEffect): void;
  /** What playout knows at `t`. */
  view(t: number): PlayoutView;
  /** A transfer's target is going to be talked to: somebody must carry out what is said to it. */
  consult(leg: LegName): void;
  /** Starts one effect of the talk with the target. */
  runBriefing(leg: LegName, effect: RunBriefing): void;
  briefingView(leg: LegName, t: number): PlayoutView;
}

/** What the session carries out for the talk with a target. */
export type RunBriefing = Exclude<BriefingEffect, { type: 'answer' | 'briefed' }>;

/** The two pure machines of one call, their states, and what they tell each other within a step. */
export class Machines {
  call: CallState;
  readonly #host: MachinesHost;
  #dialogue: DialogueState;
  /** The talk with a transfer's target. */
  #briefing: { readonly leg: LegName; readonly target: string; state: BriefingState } | undefined;

  constructor(call: CallState, dialogue: DialogueState, host: MachinesHost) {
    this.call = call;
    this.#dialogue = dialogue;
    this.#host = host;
  }

  get dialogue(): DialogueState {
    return this.#dialogue;
  }

  step(input: CallInput | DialogueInput, t: number): void {
    if (isCallInput(input)) this.#stepCall(input, t, 0);
    else this.#stepDialogue(input, t, 0);
  }

  /** Call machine first; what it tells the dialogue, and back, until both are quiet. */
  #stepCall(input: Parameters<typeof stepCall>[1], t: number, round: number): void {
    if (round > MAX_ROUNDS) throw new Error('the two machines do not come to rest');
    const { state, effects } = stepCall(this.call, input, t);
    this.call = state;
    for (const effect of effects) {
      if (effect.type === 'dialogue') this.#stepDialogue(effect.input, t, round + 1);
      else if (effect.type === 'brief') this.#stepBriefing(effect.leg, effect.input, t, round + 1);
      else {
        this.#host.run(effect);
        if (effect.type === 'consult') this.#consult(effect, t, round + 1);
        if (effect.type === 'consultEnd' && this.#briefing?.leg === effect.leg) this.#briefing = undefined;
      }
    }
  }

  #consult(effect: Extract<CallEffect, { type: 'consult' }>, t: number, round: number): void {
    const { leg, target, announce } = effect;
    const { config, facts, history } = this.#dialogue;
    const told = announce === undefined ? undefined : fillIn(announce, config, facts);
    const { state, effects } = beginBriefing(createBriefing(config, history, told), t);
    this.#briefing = { leg, target, state };
    this.#host.consult(leg);
    this.#runBriefing(effects, t, round);
  }

  /** An input of the talk with a transfer's target. */
  stepBriefing(leg: LegName, input: BriefingInput, t: number): void {
    this.#stepBriefing(leg, input, t, 0);
  }

  #stepBriefing(leg: LegName, input: BriefingInput, t: number, round: number): void {
    if (round > MAX_ROUNDS) throw new Error('the machines do not come to rest');
    const briefing = this.#briefing;
    if (briefing?.leg !== leg) return;
    const { state, effects } = stepBriefing(briefing.state, input, t, this.#host.briefingView(leg, t));
    briefing.state = state;
    this.#runBriefing(effects, t, round);
  }

  #runBriefing(effects: readonly BriefingEffect[], t: number, round: number): void {
    const briefing = this.#briefing;
    if (!briefing) return;
    const { leg, target } = briefing;
    for (const effect of effects) {
      if (effect.type === 'answer') {
        this.#stepCall({ type: 'signal', signal: { type: 'briefed', answer: effect.answer } }, t, round + 1);
      } else if (effect.type === 'briefed') {
        const data = { target, text: effect.text, startMs: effect.startMs, endMs: Math.round(t) };
        this.#host.run({ type: 'event', event: { type: 'transfer.briefed', data } });
      } else this.#host.runBriefing(leg, effect);
    }
  }

  #stepDialogue(input: DialogueInput, t: number, round: number): void {
    if (round > MAX_ROUNDS) throw new Error('the two machines do not come to rest');
    const { state, effects } = stepDialogue(this.#dialogue, input, t, this.#host.view(t));
    this.#dialogue = state;
    for (const effect of effects) {
      if (effect.type === 'signal') this.#stepCall({ type: 'signal', signal: effect.signal }, t, round + 1);
      else this.#host.run(effect);
    }
  }
}

const CALL_INPUTS: ReadonlySet<string> = new Set<CallInput['type']>([
  ...(['webhook', 'mediaOpened', 'mediaStarted', 'mediaStopped', 'mediaClosed', 'mediaUnsupported'] as const),
  ...(['dial', 'dialTurn', 'legFound'] as const),
  ...(['codecMismatch', 'commandDone', 'legStatus', 'control', 'drain', 'stalled', 'recovered', 'fault'] as const),
]);

export function isCallInput(input: CallInput | DialogueInput): input is CallInput {
  return CALL_INPUTS.has(input.type) || (input.type === 'timer' && 'leg' in input);
}
