import type { BriefingInput, BriefingTimer } from '../agent/briefing/state.ts';
import type { Log } from '../core/log.ts';
import type { Chronicle } from './chronicle.ts';
import type { CallInput, LegName } from './inputs.ts';
import { isCallInput, type RunBriefing } from './machines.ts';
import { Party, type PartyHost, type PartyOptions } from './party.ts';
import { Recorder } from './recorder.ts';
import type { TimerHeap } from './timers.ts';

export interface ConsultationOptions extends Pick<PartyOptions, 'outbound' | 'language' | 'ports'> {
  readonly chronicle: Chronicle;
  readonly timers: TimerHeap;
  readonly log: Log;
  /** The session, as a party on this leg sees it. */
  readonly hostOf: (leg: LegName) => PartyHost;
  /** An input of the call; only inside the door. */
  readonly take: (input: CallInput) => void;
  /** An input of the talk with the target, journaled already. */
  readonly step: (leg: LegName, input: BriefingInput, t: number) => void;
}

/** The talk with a transfer's target, on its own leg: audio and providers of its own, nothing of which is recorded. */
export class Consultation {
  readonly #options: ConsultationOptions;
  #party: Party | undefined;

  constructor(options: ConsultationOptions) {
    this.#options = options;
  }

  /** Whom the agent talks to; undefined while it consults nobody. */
  get party(): Party | undefined {
    return this.#party;
  }

  begin(leg: LegName): void {
    const { outbound, language, ports, log, hostOf, take } = this.#options;
    const host = hostOf(leg);
    this.#party = new Party({
      leg,
      outbound,
      language,
      ports,
      recorder: new Recorder(0, () => undefined),
      host: {
        ...host,
        take: (input) => {
          if (isCallInput(input)) take(input);
          else if (input.type !== 'timer') this.#take(leg, input, host.t());
        },
        digit: (digit) => this.#take(leg, { type: 'digit', digit }, host.t()),
      },
      log: log.child({ leg }),
    });
  }

  /** Two people talk, or nobody does: its stream is stopped, or its leg ends. */
  end(leg: LegName): void {
    if (this.#party?.leg !== leg) return;
    this.close(1000, 'consultation over');
    this.#party = undefined;
  }

  /** A timer of the talk is due. */
  due(name: BriefingTimer, t: number): void {
    if (this.#party) this.#take(this.#party.leg, { type: 'timer', name }, t);
  }

  /** Starts one effect of the talk. */
  run(leg: LegName, effect: RunBriefing, t: number): void {
    const { chronicle, timers } = this.#options;
    chronicle.briefing(leg, { effect }, t);
    if (effect.type === 'setTimer') timers.set('briefing', effect.name, t + effect.ms);
    else if (effect.type === 'cancelTimer') timers.cancel('briefing', effect.name);
    else if (this.#party?.leg === leg) this.#party.run(effect, t);
  }

  /** Its providers and its socket. */
  close(code: number, why: string): void {
    this.#party?.hush();
    this.#party?.media.close(code, why);
  }

  #take(leg: LegName, input: BriefingInput, t: number): void {
    this.#options.chronicle.briefing(leg, { input }, t);
    this.#options.step(leg, input, t);
  }
}
