import type { DialogueInput } from '../agent/dialogue/inputs.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { AnyEffect, CallInput, LegName, PublicEvent } from './inputs.ts';

/** A command to Telnyx as an observer sees it: `s` is its number, which its `commandDone` names as `effect`. */
export interface ObservedCommand {
  readonly s: number;
  readonly leg: LegName;
  readonly name: string;
}

/**
 * Sees what one call's journal sees, as it happens, with the call's logical time `t` in milliseconds. It is told and never
 * asked: nothing it does can change the call. Metrics and traces are made from it.
 */
export interface CallObserver {
  /** Something happened to the call. */
  input(input: CallInput | DialogueInput, t: number): void;
  /** The call did something. Events, Telnyx commands and the tokens for the voice (`ttsText`) are not among these. */
  effect(effect: AnyEffect, t: number): void;
  /** A command goes to Telnyx. */
  command(command: ObservedCommand, t: number): void;
  /** People and programs were told. */
  event(event: PublicEvent, t: number): void;
  /** The last thing that is seen of a call. */
  ended(t: number): void;
}

/** Several observers as one. One that throws is said and then left out: its fault is never the call's. */
export function observers(members: readonly CallObserver[], log: Log): CallObserver {
  let left = members;
  const tell = (one: (observer: CallObserver) => void): void => {
    for (const observer of left) {
      try {
        one(observer);
      } catch (thrown) {
        left = left.filter((other) => other !== observer);
        log.error({ error: messageOf(thrown) }, 'observer of the call failed; left out');
      }
    }
  };
  return {
    input: (input, t) => tell((observer) => observer.input(input, t)),
    effect: (effect, t) => tell((observer) => observer.effect(effect, t)),
    command: (command, t) => tell((observer) => observer.command(command, t)),
    event: (event, t) => tell((observer) => observer.event(event, t)),
    ended: (t) => tell((observer) => observer.ended(t)),
  };
}
