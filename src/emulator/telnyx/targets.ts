import type { EmulatedCall } from './phone.ts';

/** A destination that picks up. */
export interface AnsweringTarget {
  /** Ring time; 200 ms by default. */
  readonly answerAfterMs?: number;
  /** The person hangs up so long after answering; otherwise stays. */
  readonly thenHangupAfterMs?: number;
  /** Gets the phone of the leg as soon as it rings, to speak and listen as this person. */
  readonly phone?: (call: EmulatedCall) => void;
  /** An answering machine: plays its greeting, then beeps. Answering machine detection reports it; a fax only `premium`. */
  readonly machine?: { readonly greetingMs?: number; readonly beep?: boolean; readonly fax?: boolean };
  /** Codec of the leg; PCMU by default. */
  readonly codec?: 'PCMU' | 'PCMA' | 'L16';
}

/** `busy`, `reject` and `notFound` refuse after 100 ms; `noAnswer` rings until the caller gives up. */
export type TargetBehaviour = 'busy' | 'noAnswer' | 'reject' | 'notFound' | 'machine' | AnsweringTarget;

/** The people and machines that can be dialled or transferred to. Everybody not named answers after 200 ms. */
export class Targets {
  readonly #behaviours = new Map<string, TargetBehaviour>();
  /** Phones of all legs that were dialled, oldest first. */
  readonly phones: EmulatedCall[] = [];

  /** @param to the number or SIP URI exactly as it will be dialled. */
  set(to: string, behaviour: TargetBehaviour): void {
    this.#behaviours.set(to, behaviour);
  }

  /** @internal */
  behaviour(to: string): Exclude<TargetBehaviour, 'machine'> {
    const behaviour = this.#behaviours.get(to) ?? {};
    return behaviour === 'machine' ? { machine: {} } : behaviour;
  }

  /** The phone of the last leg dialled to `to`. */
  phone(to: string): EmulatedCall | undefined {
    return this.phones.findLast((phone) => phone.to === to);
  }
}
