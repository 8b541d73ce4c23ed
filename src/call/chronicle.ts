import type { DialogueInput } from '../agent/dialogue/inputs.ts';
import { isoTime } from '../core/clock.ts';
import { maskNumber, type Log } from '../core/log.ts';
import type { JournalData } from '../journal/format.ts';
import type { AnyEffect, CallInput, LegName, PublicEvent } from './inputs.ts';
import type { CallPorts } from './ports.ts';
import { effectLine, eventLine, inputLine } from './record-lines.ts';

/** Writes one call's journal, in one count, and tells its events to people and to the log. */
export class Chronicle {
  readonly #callId: string;
  readonly #ports: CallPorts;
  readonly #log: Log;
  readonly #keepTexts: boolean;
  #seq: number;
  #endTold = false;

  /** @param seq the last number taken, after a restart. */
  constructor(callId: string, ports: CallPorts, log: Log, keepTexts: boolean, seq: number) {
    this.#callId = callId;
    this.#ports = ports;
    this.#log = log;
    this.#keepTexts = keepTexts;
    this.#seq = seq;
  }

  /** Was `call.ended` told? It is the last event of a call. */
  get endTold(): boolean {
    return this.#endTold;
  }

  input(input: CallInput | DialogueInput, t: number, onWritten?: () => void): void {
    const leg = 'leg' in input ? { leg: input.leg } : {};
    this.#ports.journal.append({ k: 'in', s: ++this.#seq, t, ...leg, d: inputLine(input, this.#keepTexts) }, onWritten);
  }

  /** What came by the media socket and is no input of a machine: keys and marks. */
  media(leg: LegName, t: number, d: JournalData): void {
    this.#ports.journal.append({ k: 'in', s: ++this.#seq, t, leg, d });
  }

  effect(effect: AnyEffect, t: number): void {
    const s = ++this.#seq;
    // The tokens of an answer are on file already, as the model's own words.
    if (effect.type === 'ttsText') return;
    const leg = 'leg' in effect ? { leg: effect.leg } : {};
    this.#ports.journal.append({ k: 'fx', s, t, ...leg, d: effectLine(effect, this.#keepTexts) });
  }

  /** Takes the number of an effect that is written by {@link intent}. */
  nextNumber(): number {
    return ++this.#seq;
  }

  /** An effect that may only be carried out when it is on file. */
  intent(
    s: number,
    effect: Extract<AnyEffect, { type: 'command' }>,
    commandId: string,
    t: number,
    onWritten: () => void,
  ): void {
    const d = { ...effectLine(effect, this.#keepTexts), commandId };
    this.#ports.journal.append({ k: 'fx', s, t, leg: effect.leg, d }, onWritten);
  }

  event(event: PublicEvent, t: number): void {
    if (event.type === 'call.ended') this.#endTold = true;
    const id = this.#ports.eventId();
    const s = ++this.#seq;
    // A partial is told and forgotten: it is never stored.
    if (event.type !== 'transcript.partial') {
      this.#ports.journal.append({ k: 'ev', s, t, id, d: eventLine(event, this.#keepTexts) });
    }
    this.#ports.publish({ ...event, id, callId: this.#callId, at: isoTime(this.#ports.clock.wall()) });
    this.#logLine(event);
  }

  end(reason: string, t: number): void {
    this.#ports.journal.close({ k: 'end', s: ++this.#seq, t, d: { type: 'end', reason } });
  }

  #logLine(event: PublicEvent): void {
    switch (event.type) {
      case 'call.created': {
        const { from, to, agent } = event.data;
        this.#log.info({ from: maskNumber(from), to: maskNumber(to), agent }, 'call created');
        return;
      }
      case 'call.ended':
        this.#log.info({ ...event.data }, 'call ended');
        return;
      case 'provider.failed':
        this.#log.warn({ ...event.data }, 'provider failed');
        return;
      case 'transcript.partial':
        return;
      default:
        this.#log.debug({ event: event.type }, 'call event');
    }
  }
}
