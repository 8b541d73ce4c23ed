import type { BriefingTimer } from '../agent/briefing/state.ts';
import type { DialogueTimer } from '../agent/dialogue/inputs.ts';
import type { CallTimer, LegName } from './inputs.ts';

type Owner = LegName | 'dialogue' | 'briefing';
type Name = CallTimer | DialogueTimer | BriefingTimer;

interface Entry {
  readonly owner: Owner;
  readonly name: Name;
  readonly due: number;
  readonly order: number;
}

/** The logical timers of one call: a dozen at most, each name once per owner. Setting one again replaces it. */
export class TimerHeap {
  readonly #entries = new Map<string, Entry>();
  #order = 0;
  #due = Infinity;

  /** Earliest due time; `Infinity` when nothing is set. */
  get due(): number {
    return this.#due;
  }

  set(owner: Owner, name: Name, due: number): void {
    this.#entries.set(`${owner}/${name}`, { owner, name, due, order: this.#order++ });
    this.#look();
  }

  cancel(owner: Owner, name: Name): void {
    if (this.#entries.delete(`${owner}/${name}`)) this.#look();
  }

  /** Takes the earliest timer out; of several due at once, the one set first. */
  pop(): readonly [Owner, Name] | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (!first || entry.due < first.due || (entry.due === first.due && entry.order < first.order)) first = entry;
    }
    if (!first) return undefined;
    this.#entries.delete(`${first.owner}/${first.name}`);
    this.#look();
    return [first.owner, first.name];
  }

  #look(): void {
    this.#due = Infinity;
    for (const entry of this.#entries.values()) this.#due = Math.min(this.#due, entry.due);
  }
}
