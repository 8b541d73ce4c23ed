import type { Prices } from '../agent/price-options.ts';
import type { BriefingInput } from '../agent/briefing/state.ts';
import type { DialogueInput } from '../agent/dialogue/inputs.ts';
import { isoTime } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { createRedactor } from '../core/redaction.ts';
import type { JournalData } from '../journal/format.ts';
import { EventLog } from './event-log.ts';
import type { AnyEffect, CallInput, LegName, PublicEvent } from './inputs.ts';
import type { RunBriefing } from './machines.ts';
import type { CallPorts } from './ports.ts';
import { RecordLines, type RecordLinesOptions } from './record-lines.ts';

/** What an agent's config says about what may be written down. */
export type CallPrivacy = Omit<RecordLinesOptions, 'redactor'>;

/** Writes one call's journal, in one count, and tells its events to people and to the log. */
export class Chronicle {
  readonly #callId: string;
  readonly #ports: CallPorts;
  readonly #lines: EventLog;
  readonly #privacy: RecordLinesOptions;
  readonly #gate: RecordLines;
  /** By leg: what a target says is a text of its own. */
  readonly #briefingGates: Partial<Record<LegName, RecordLines>> = {};
  #seq: number;
  #endTold = false;
  /** Characters given to the voice since the last effect that told of them. */
  #characters = 0;

  /** @param seq the last number taken, after a restart. */
  constructor(callId: string, ports: CallPorts, log: Log, privacy: CallPrivacy, seq: number) {
    this.#callId = callId;
    this.#ports = ports;
    this.#lines = new EventLog(log);
    this.#privacy = { redactor: ports.redactor ?? createRedactor(), ...privacy };
    this.#gate = new RecordLines(this.#privacy);
    this.#seq = seq;
  }

  /** Was `call.ended` told? It is the last event of a call. */
  get endTold(): boolean {
    return this.#endTold;
  }

  /** An input or effect of the talk with a transfer's target, which is nobody's business but the journal's. */
  briefing(leg: LegName, what: { readonly input: BriefingInput } | { readonly effect: RunBriefing }, t: number): void {
    const gate = (this.#briefingGates[leg] ??= new RecordLines(this.#privacy));
    const s = ++this.#seq;
    if ('input' in what) this.#ports.journal.append({ k: 'in', s, t, leg, d: gate.input(what.input, t) });
    else this.#ports.journal.append({ k: 'fx', s, t, leg, d: gate.effect(what.effect) });
  }

  input(input: CallInput | DialogueInput, t: number, onWritten?: () => void): void {
    const leg = 'leg' in input ? { leg: input.leg } : {};
    this.#ports.journal.append({ k: 'in', s: ++this.#seq, t, ...leg, d: this.#gate.input(input, t) }, onWritten);
    this.#ports.observer?.input(input, t);
  }

  /** What came by the media socket and is no input of a machine: keys and marks. */
  media(leg: LegName, t: number, d: JournalData): void {
    this.#ports.journal.append({ k: 'in', s: ++this.#seq, t, leg, d: this.#gate.media(d, t) });
  }

  effect(effect: AnyEffect, t: number, onWritten?: () => void): void {
    const s = ++this.#seq;
    // The tokens of an answer are on file already, as the model's own words; how many it was is what a voice costs.
    if (effect.type === 'ttsText') {
      this.#characters += effect.text.length;
      return;
    }
    if (effect.type === 'llmStart') this.#lines.tools.offered(effect.tools);
    const leg = 'leg' in effect ? { leg: effect.leg } : {};
    const d = this.#gate.effect(effect);
    this.#ports.journal.append({ k: 'fx', s, t, ...leg, d: this.#withCharacters(d) }, onWritten);
    this.#ports.observer?.effect(effect, t);
  }

  #withCharacters(d: JournalData): JournalData {
    const isLast = d.type === 'ttsEnd' || d.type === 'ttsCancel' || d.type === 'ttsClose';
    if (!isLast || this.#characters === 0) return d;
    const characters = this.#characters;
    this.#characters = 0;
    return { ...d, characters };
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
    const d = { ...this.#gate.effect(effect), commandId };
    this.#ports.observer?.command({ s, leg: effect.leg, name: effect.command.name }, t);
    this.#ports.journal.append({ k: 'fx', s, t, leg: effect.leg, d }, onWritten);
  }

  event(event: PublicEvent, t: number): void {
    if (event.type === 'call.ended') this.#endTold = true;
    const id = this.#ports.eventId();
    const s = ++this.#seq;
    const shown = this.#gate.event(event, t);
    // A partial is told and forgotten: it is never stored.
    if (event.type !== 'transcript.partial') {
      this.#ports.journal.append({ k: 'ev', s, t, id, d: shown as unknown as JournalData });
    }
    this.#ports.observer?.event(shown, t);
    this.#ports.publish({ ...shown, id, callId: this.#callId, at: isoTime(this.#ports.clock.wall()) });
    this.#lines.tell(event);
  }

  /** @param prices of the time of the call: what it cost does not change with them. */
  end(reason: string, t: number, prices: Prices | undefined): void {
    this.#ports.observer?.ended(t);
    const d = { type: 'end', reason, ...(prices ? { prices } : {}) };
    this.#ports.journal.close({ k: 'end', s: ++this.#seq, t, d });
  }
}
