import type { TimerHandle } from '../../core/clock.ts';
import { fromSamples, LINEAR_8K } from './codec.ts';
import type { Ear } from './timeline.ts';

export interface Announcement {
  readonly audio: Int16Array;
  /** How often it is played; `Infinity` until it is stopped. */
  readonly loops: number;
  /** Who hears it, asked anew for every loop. */
  readonly hearers: () => readonly { readonly ear: Ear; readonly shift: number }[];
  readonly started: () => void;
  readonly ended: (why: 'completed' | 'cancelled' | 'call_hangup') => void;
}

export interface AnnouncerHost {
  /** Name of the timeline it writes on. */
  readonly track: string;
  sample(): number;
  /** Runs at a sample of the leg's clock. */
  at(sample: number, run: () => void): TimerHandle;
}

/** What `speak` and `playback_start` play: one after the other, sample to sample, each with a start and an end. */
export class Announcer {
  readonly #host: AnnouncerHost;
  #queue: Announcement[] = [];
  #current: Announcement | undefined;
  #heardBy: readonly { readonly ear: Ear; readonly shift: number }[] = [];
  #timer: TimerHandle | undefined;

  constructor(host: AnnouncerHost) {
    this.#host = host;
  }

  play(announcement: Announcement): void {
    this.#queue.push(announcement);
    if (!this.#current) this.#next(this.#host.sample());
  }

  /** Stops what plays now, or that and everything behind it. */
  stop(which: 'current' | 'all', why: 'cancelled' | 'call_hangup'): void {
    const now = this.#host.sample();
    const stopped = this.#current ? [this.#current] : [];
    if (which === 'all') stopped.push(...this.#queue.splice(0));
    this.#timer?.cancel();
    this.#current = undefined;
    for (const { ear, shift } of this.#heardBy) ear.track(this.#host.track).cut(now + shift);
    for (const announcement of stopped) announcement.ended(why);
    this.#next(now);
  }

  #next(start: number): void {
    this.#current = this.#queue.shift();
    if (!this.#current) return;
    this.#current.started();
    this.#loop(this.#current, start, 1);
  }

  #loop(announcement: Announcement, start: number, round: number): void {
    const bytes = fromSamples(LINEAR_8K, announcement.audio);
    this.#heardBy = announcement.hearers();
    for (const { ear, shift } of this.#heardBy) ear.track(this.#host.track).put(start + shift, bytes, LINEAR_8K);
    const end = start + announcement.audio.length;
    this.#timer = this.#host.at(end, () => {
      if (round < announcement.loops) {
        this.#loop(announcement, end, round + 1);
        return;
      }
      announcement.ended('completed');
      this.#next(end);
    });
  }
}
