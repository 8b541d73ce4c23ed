import type { DialogueState } from '../agent/dialogue/state.ts';
import type { Chronicle } from './chronicle.ts';
import type { CollectDesk } from './collect-desk.ts';
import type { CommandDesk } from './command-desk.ts';
import type { Consultation } from './consultation.ts';
import type { AnyEffect, CallInput, LegName, PublicEvent } from './inputs.ts';
import type { Party } from './party.ts';
import type { DialTurns } from './dial-queue.ts';
import { recordingEnded } from './recording-steps.ts';
import type { TimerHeap } from './timers.ts';
import type { ToolDesk } from './tool-desk.ts';

export interface EffectsOptions {
  readonly callId: string;
  readonly chronicle: Chronicle;
  readonly commands: CommandDesk;
  readonly collects: CollectDesk;
  readonly tools: ToolDesk;
  readonly timers: TimerHeap;
  readonly dials: DialTurns;
  readonly consultation: Consultation;
  /** The far party of the conversation. */
  readonly party: Party;
  readonly dialogue: () => DialogueState;
  readonly partyOf: (leg: LegName) => Party | undefined;
  readonly post: (input: CallInput) => void;
  /** The last effect of a call was met. */
  readonly finish: () => void;
}

/** Starts the effects of one call: each is journaled, then given to whom it concerns. Outcomes are later inputs. */
export class Effects {
  readonly #options: EffectsOptions;

  constructor(options: EffectsOptions) {
    this.#options = options;
  }

  run(effect: AnyEffect, t: number): void {
    const { chronicle, commands, tools } = this.#options;
    if (effect.type === 'event') {
      this.publish(effect.event, t);
      return;
    }
    if (effect.type === 'command') {
      commands.run(effect, t);
      return;
    }
    if (effect.type === 'toolStart') {
      tools.start(effect, (onWritten) => chronicle.effect(effect, t, onWritten));
      return;
    }
    chronicle.effect(effect, t);
    this.#start(effect, t);
  }

  publish(event: PublicEvent, t: number): void {
    const { chronicle, dialogue } = this.#options;
    // `call.ended` is the last event of a call.
    if (event.type === 'call.ended') {
      const stopped = recordingEnded(dialogue());
      if (stopped) this.publish(stopped, t);
    }
    chronicle.event(event, t);
  }

  #start(effect: Exclude<AnyEffect, { type: 'event' | 'command' | 'toolStart' }>, t: number): void {
    const { callId, collects, commands, consultation, dials, party, partyOf, post, timers, tools } = this.#options;
    switch (effect.type) {
      case 'toolStop':
        tools.stop(effect.id);
        return;
      case 'collected':
        collects.answer(effect);
        return;
      case 'askStatus':
        commands.askStatus(effect.leg);
        return;
      case 'findLeg':
        commands.findLeg(effect.leg);
        return;
      case 'awaitTurn':
        dials.enter(callId, effect.afterMs, (turn) => post({ type: 'dialTurn', leg: effect.leg, ...turn }));
        return;
      case 'setTimer':
        timers.set('leg' in effect ? effect.leg : 'dialogue', effect.name, t + effect.ms);
        return;
      case 'cancelTimer':
        timers.cancel('leg' in effect ? effect.leg : 'dialogue', effect.name);
        return;
      case 'finished':
        this.#options.finish();
        return;
      case 'closeMedia':
        partyOf(effect.leg)?.run(effect, t);
        return;
      case 'consultEnd':
        consultation.end(effect.leg);
        return;
      case 'consult':
      case 'brief':
      case 'dialogue':
        return; // taken within the step
      default:
        party.run(effect, t);
    }
  }
}
