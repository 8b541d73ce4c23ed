import type { JournalRecord } from '../journal/format.ts';
import { objectOf } from '../telnyx/json-fields.ts';
import type { LegRow } from './port.ts';

type Draft = { -readonly [K in keyof LegRow]: LegRow[K] };

/** The legs of one call as its journal tells of them, record by record. Times are wall milliseconds. */
export class LegFold {
  readonly #callId: string;
  readonly #legs = new Map<string, Draft>();

  constructor(callId: string) {
    this.#callId = callId;
  }

  /** The far party's: the leg the conversation is on. */
  get talking(): LegRow | undefined {
    return this.#legs.get('caller') ?? this.#legs.get('callee');
  }

  /** In the order in which they came to be. */
  rows(): readonly LegRow[] {
    return [...this.#legs.values()].map((leg) => ({ ...leg }));
  }

  /** Seconds from answer to end of each leg that was answered. */
  seconds(): Record<string, number> {
    return Object.fromEntries(
      this.rows().flatMap(({ name, answeredAt, endedAt }) =>
        answeredAt === null || endedAt === null ? [] : [[name, Math.round((endedAt - answeredAt) / 100) / 10]],
      ),
    );
  }

  /** @param at the record's wall time. */
  add(record: JournalRecord, at: number): void {
    if (record.k === 'ev' && record.d.type === 'call.answered') {
      // Telnyx' own word may have been lost; this is ours.
      const leg = this.#legs.get('caller') ?? this.#legs.get('callee');
      if (leg) leg.answeredAt ??= at;
    }
    if (record.k === 'end' || (record.k === 'ev' && record.d.type === 'call.ended')) {
      for (const leg of this.#legs.values()) leg.endedAt ??= at;
    }
    if (record.k !== 'in' || record.leg === undefined) return;
    const { d } = record;
    if (d.type === 'webhook') this.#webhook(record.leg, objectOf(d['event']), at);
    const leg = this.#legs.get(record.leg);
    if (!leg) return;
    if (d.type === 'mediaStarted') leg.answeredAt ??= at;
    const isGone =
      (d.type === 'legStatus' && objectOf(d['status'])['isAlive'] === false) ||
      (d.type === 'commandDone' && objectOf(d['outcome'])['kind'] === 'gone');
    if (isGone) leg.endedAt ??= at;
  }

  #webhook(name: string, event: Readonly<Record<string, unknown>>, at: number): void {
    const text = (key: string): string | null => (typeof event[key] === 'string' ? event[key] : null);
    const leg: Draft = this.#legs.get(name) ?? {
      callId: this.#callId,
      name,
      callControlId: '',
      callLegId: null,
      callSessionId: null,
      from: null,
      to: null,
      createdAt: at,
      answeredAt: null,
      endedAt: null,
      hangupCause: null,
      sipCode: null,
    };
    this.#legs.set(name, leg);
    leg.callControlId ||= text('callControlId') ?? '';
    leg.callLegId ??= text('callLegId');
    leg.callSessionId ??= text('callSessionId');
    leg.from ??= text('from');
    leg.to ??= text('to');
    // A bridged leg was answered, whatever became of the webhook that says so.
    if (event['type'] === 'call.answered' || event['type'] === 'call.bridged') leg.answeredAt ??= at;
    if (event['type'] !== 'call.hangup') return;
    leg.endedAt ??= at;
    leg.hangupCause ??= text('cause');
    leg.sipCode ??= text('sipCode');
  }
}
