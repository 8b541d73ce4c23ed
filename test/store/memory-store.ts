import { LandlineError } from '../../src/core/errors.ts';
import type {
  ActionRow,
  CallBatch,
  CallRow,
  EventRow,
  JournalPosition,
  LegRow,
  NewWork,
  Store,
  TurnRow,
} from '../../src/store/port.ts';

/** The projector's side of the store, in memory: every row once, by its key, and failures when told to. */
export class MemoryStore implements Pick<Store, 'project' | 'positions'> {
  readonly calls = new Map<string, CallRow>();
  readonly legs = new Map<string, LegRow>();
  readonly turns = new Map<string, TurnRow>();
  readonly events = new Map<string, EventRow>();
  readonly actions = new Map<string, ActionRow>();
  readonly work = new Map<string, NewWork>();
  readonly places = new Map<string, JournalPosition>();
  /** Batches that were taken, and in how many transactions. */
  batches = 0;
  transactions = 0;
  /** Rows that were written more than once. */
  again = 0;
  asked = 0;
  /** Asked before each write; throws to fail before it. `after`: to fail when it is in. */
  before: (batch: CallBatch) => void = () => undefined;
  after: (batch: CallBatch) => void = () => undefined;
  isDown = false;

  async project(...batches: readonly CallBatch[]): Promise<void> {
    this.#check();
    // One transaction: one that is refused takes the others with it.
    for (const batch of batches) this.before(batch);
    this.transactions++;
    for (const batch of batches) this.#put(batch);
  }

  #put(batch: CallBatch): void {
    this.batches++;
    this.calls.set(batch.call.id, batch.call);
    for (const leg of batch.legs) this.legs.set(`${leg.callId} ${leg.name}`, leg);
    for (const turn of batch.turns) this.#add(this.turns, `${turn.callId} ${turn.seq}`, turn);
    for (const event of batch.events) this.#add(this.events, event.id, event);
    for (const action of batch.actions) this.#add(this.actions, `${action.callId} ${action.seq}`, action);
    for (const work of batch.work) if (!this.work.has(work.key)) this.work.set(work.key, work);
    this.places.set(batch.position.callId, batch.position);
    this.after(batch);
  }

  async positions(callIds: readonly string[]): Promise<readonly JournalPosition[]> {
    this.#check();
    this.asked++;
    return callIds.flatMap((id) => this.places.get(id) ?? []);
  }

  /** Everything that is kept, to be compared. */
  content(): unknown {
    const { calls, legs, turns, events, actions, work, places } = this;
    return [calls, legs, turns, events, actions, work, places].map((table) =>
      [...table].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  #add<T>(table: Map<string, T>, key: string, row: T): void {
    if (table.has(key)) this.again++;
    table.set(key, row);
  }

  #check(): void {
    if (this.isDown) throw storeDown();
  }
}

export function storeDown(): LandlineError {
  return new LandlineError('store_unavailable', 'the database does not answer', { retryable: true });
}
