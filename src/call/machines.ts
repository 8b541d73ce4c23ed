import type { DialogueInput } from '../agent/dialogue/inputs.ts';
import type { DialogueState, PlayoutView } from '../agent/dialogue/state.ts';
import { stepDialogue } from '../agent/dialogue/step.ts';
import type { AnyEffect, CallInput } from './inputs.ts';
import { stepCall } from './machine.ts';
import type { CallState } from './state.ts';

/** Rounds between the two machines within one step. */
const MAX_ROUNDS = 8;

export interface MachinesHost {
  /** Starts one effect; its outcome is a later input. */
  run(effect: AnyEffect): void;
  /** What playout knows at `t`. */
  view(t: number): PlayoutView;
}

/** The two pure machines of one call, their states, and what they tell each other within a step. */
export class Machines {
  call: CallState;
  readonly #host: MachinesHost;
  #dialogue: DialogueState;

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
      else this.#host.run(effect);
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
  ...(['codecMismatch', 'commandDone', 'legStatus', 'control', 'drain', 'stalled', 'recovered', 'fault'] as const),
]);

function isCallInput(input: CallInput | DialogueInput): input is CallInput {
  return CALL_INPUTS.has(input.type) || (input.type === 'timer' && 'leg' in input);
}
