import type { CommandOutcome, TelnyxApi, TelnyxCommand } from '../telnyx/commands.ts';
import type { LegName } from './inputs.ts';

interface Job {
  readonly leg: LegName;
  readonly callControlId: string;
  readonly commandId: string;
  readonly command: TelnyxCommand;
  readonly done: (outcome: CommandOutcome) => void;
}

/**
 * The Telnyx commands of one call, one in flight, in the order they were decided. A hangup empties its leg's queue and
 * overtakes everything, and what waits for a leg that has ended meanwhile is dropped: nothing is said to a leg that is to
 * end, or is gone.
 */
export class CommandLane {
  readonly #telnyx: TelnyxApi;
  readonly #isOver: (leg: LegName) => boolean;
  #queue: Job[] = [];
  #busy = false;

  constructor(telnyx: TelnyxApi, isOver: (leg: LegName) => boolean) {
    this.#telnyx = telnyx;
    this.#isOver = isOver;
  }

  send(job: Job): void {
    if (job.command.name === 'hangup') {
      const overtaken = this.#queue.filter((waiting) => waiting.leg === job.leg);
      this.#queue = this.#queue.filter((waiting) => waiting.leg !== job.leg);
      for (const waiting of overtaken) drop(waiting);
      this.#telnyx.send(job.callControlId, job.commandId, job.command, job.done);
      return;
    }
    this.#queue.push(job);
    this.#next();
  }

  #next(): void {
    if (this.#busy) return;
    const over = this.#queue.filter((waiting) => this.#isOver(waiting.leg));
    this.#queue = this.#queue.filter((waiting) => !over.includes(waiting));
    for (const job of over) drop(job);
    const job = this.#queue.shift();
    if (!job) return;
    this.#busy = true;
    this.#telnyx.send(job.callControlId, job.commandId, job.command, (outcome) => {
      this.#busy = false;
      job.done(outcome);
      this.#next();
    });
  }
}

/** Nobody waits for the outcome of what is not said; but a leg that was to be dialled is over only when it is known. */
function drop({ command, done }: Job): void {
  if (command.name === 'dial') done({ ok: false, kind: 'refused', message: 'it was given up before it was dialled' });
}
