import type { Ids } from '../core/ids.ts';
import type { Chronicle } from './chronicle.ts';
import { CommandLane } from './command-lane.ts';
import type { Verdict } from './destinations.ts';
import type { AnyEffect, CallInput, LegName } from './inputs.ts';
import type { CallPorts } from './ports.ts';
import { hereOf, isOver, type CallState } from './state.ts';
import { legState, telnyxCommand } from './telnyx-command.ts';

export interface CommandDeskOptions {
  readonly callId: string;
  readonly language: string;
  /** Where the operator lets this agent put calls through to. */
  readonly listed: readonly string[];
  readonly ports: CallPorts;
  readonly ids: Ids;
  readonly chronicle: Chronicle;
  readonly state: () => CallState;
  /** The outcome, as an input of the call. */
  readonly post: (input: CallInput) => void;
}

/** An intent goes out even if its journal line is not on file by then. */
const JOURNAL_PATIENCE_MS = 50;

/** Carries out one call's Telnyx commands: on file first, then down the call's lane; each outcome is an input. */
export class CommandDesk {
  readonly #options: CommandDeskOptions;
  readonly #lane: CommandLane;

  constructor(options: CommandDeskOptions) {
    this.#options = options;
    this.#lane = new CommandLane(options.ports.telnyx, (name) => {
      const leg = options.state().legs[name];
      return !leg || isOver(leg);
    });
  }

  run(effect: Extract<AnyEffect, { type: 'command' }>, t: number): void {
    const { ids, ports, chronicle, callId, language, state, post } = this.#options;
    const { leg, tag } = effect;
    const verdict = this.#admit(effect.command);
    const command = verdict?.ok && 'to' in effect.command ? { ...effect.command, to: verdict.to } : effect.command;
    const callControlId = state().legs[leg]?.callControlId ?? '';
    const commandId = ids.uuid('command');
    const url = (epoch: number): string => ports.expectMedia(ids.token('media'), leg, epoch);
    const controlId = (other: LegName): string => state().legs[other]?.callControlId ?? '';
    const wire = telnyxCommand(command, { url, controlId, callId, leg, declared: state().declared, language });
    const s = chronicle.nextNumber();
    const which = { leg, effect: s, name: wire.name, ...(tag === undefined ? {} : { tag }) };
    if (verdict?.ok === false) {
      chronicle.intent(s, effect, commandId, t, () => undefined);
      const message = `destination_not_allowed: ${verdict.why}`;
      const outcome = { ok: false, kind: 'refused', code: 'destination_not_allowed', message } as const;
      post({ type: 'commandDone', ...which, outcome });
      return;
    }
    let sent = false;
    const send = (): void => {
      if (sent) return;
      sent = true;
      patience.cancel();
      this.#lane.send({
        leg,
        callControlId,
        commandId,
        command: wire,
        done: (outcome) => post({ type: 'commandDone', ...which, outcome }),
      });
    };
    const patience = ports.clock.after(JOURNAL_PATIENCE_MS, () => {
      ports.journalBehind();
      send();
    });
    chronicle.intent(s, effect, commandId, t, send);
  }

  /** The one place through which everything passes that makes Telnyx dial. Undefined: this does not. */
  #admit(command: Extract<AnyEffect, { type: 'command' }>['command']): Verdict | undefined {
    if (!('to' in command)) return undefined;
    const { ports, callId, listed, state } = this.#options;
    const call = state();
    const { ordered = [] } = call;
    // The number of a call out was asked for by people too.
    const asked = call.direction === 'outbound' ? [...ordered, call.to] : ordered;
    return ports.destinations.admit({ callId, to: command.to, listed, ordered: asked, here: hereOf(call) });
  }

  /** Orders a leg down outside all order: the call itself is broken. */
  hangUpNow(leg: LegName): void {
    const { ids, ports, state } = this.#options;
    const callControlId = state().legs[leg]?.callControlId ?? '';
    ports.telnyx.send(callControlId, ids.uuid('command'), { name: 'hangup' }, () => undefined);
  }

  /** Looks for a leg whose dial has no known outcome. */
  findLeg(leg: LegName): void {
    const { ports, callId, post } = this.#options;
    // A transfer's target carries no number: nobody has named it when it is dialled.
    const name = this.#options.state().legs[leg] ? leg : 'target';
    void ports.telnyx.findLeg(legState(callId, name)).then((search) => post({ type: 'legFound', leg, search }));
  }

  askStatus(leg: LegName): void {
    const { ports, state, post } = this.#options;
    const id = state().legs[leg]?.callControlId ?? '';
    void ports.telnyx.status(id).then((status) => post({ type: 'legStatus', leg, status }));
  }
}
