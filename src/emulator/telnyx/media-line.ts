import type { MediaFaults } from './faults.ts';
import type { Scheduler } from './scheduler.ts';
import { seededChance } from './voice.ts';

/** Messages no gateway should fall over, each in its own way. */
const GARBAGE: readonly (string | Buffer)[] = [
  '{"event":"media","media":{"payl',
  'null',
  '[[[[[[[[]]]]]]]]',
  '{"event":"media","media":{"track":"inbound","chunk":"x","payload":17}}',
  '{"event":"media","media":null}',
  '{"event":"something_new","sequence_number":"1"}',
  '{"event":"mark"}',
  Buffer.from([0xff, 0x00, 0x80]),
];

/** The way of media frames from Telnyx to the gateway, and what gets lost, doubled, turned round or late on it. */
export class MediaLine {
  readonly #faults: MediaFaults;
  readonly #scheduler: Scheduler;
  readonly #send: (message: string | Buffer) => void;
  readonly #chance: () => number;
  #held: { readonly text: string; wait: number } | undefined;
  #lastDue = 0;
  #count = 0;

  constructor(faults: MediaFaults, scheduler: Scheduler, send: (message: string | Buffer) => void) {
    this.#faults = faults;
    this.#scheduler = scheduler;
    this.#send = send;
    this.#chance = seededChance(faults.seed ?? 1);
  }

  media(text: string): void {
    this.#count += 1;
    const { garbageEvery } = this.#faults;
    if (!this.happens(this.#faults.lose)) {
      this.#reordered(text);
      if (this.happens(this.#faults.duplicate)) this.#jittered(text);
    }
    if (garbageEvery !== undefined && this.#count % garbageEvery === 0) {
      this.#send(GARBAGE[(this.#count / garbageEvery - 1) % GARBAGE.length] ?? 'null');
    }
  }

  /** Draws from the seed; a fraction that is not set draws nothing. */
  happens(fraction: number | undefined): boolean {
    return fraction !== undefined && fraction > 0 && this.#chance() < fraction;
  }

  #reordered(text: string): void {
    const held = this.#held;
    if (!held && this.happens(this.#faults.reorder)) {
      this.#held = { text, wait: this.#chance() < 0.5 ? 1 : 2 };
      return;
    }
    this.#jittered(text);
    if (!held || --held.wait > 0) return;
    this.#held = undefined;
    this.#jittered(held.text);
  }

  #jittered(text: string): void {
    const { jitterMs } = this.#faults;
    if (jitterMs === undefined) {
      this.#send(text);
      return;
    }
    this.#lastDue = Math.max(this.#lastDue, this.#scheduler.now() + this.#chance() * jitterMs);
    this.#scheduler.at(this.#lastDue, () => this.#send(text));
  }
}
