import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import { messageOf } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { CollectOptions, CollectOutcome } from '../tools/collect-digits.ts';
import type { CallerDigits } from './collect-desk.ts';
import { failed, type Tool, type ToolCallFacts, type ToolOutcome } from '../tools/tool.ts';

type ToolStart = Extract<DialogueEffect, { type: 'toolStart' }>;

export interface ToolDeskOptions {
  readonly tools: readonly Tool[];
  readonly clock: Clock;
  readonly log: Log;
  /** Read when a tool starts. */
  readonly facts: () => ToolCallFacts;
  readonly digits: CallerDigits;
  readonly input: (input: DialogueInput) => void;
  /** A tool waited 50 ms for its journal line and started before it. */
  readonly journalBehind: () => void;
}

/** A tool starts even if its journal line is not on file by then. */
const JOURNAL_PATIENCE_MS = 50;

/** Runs one call's tools: on file first, each at most once; every outcome is an input. */
export class ToolDesk {
  readonly #options: ToolDeskOptions;
  readonly #byName: ReadonlyMap<string, Tool>;
  readonly #running = new Map<string, AbortController>();
  #closed = false;

  constructor(options: ToolDeskOptions) {
    this.#options = options;
    this.#byName = new Map(options.tools.map((tool) => [tool.spec.name, tool]));
  }

  /** @param write puts the intent on file and says when it is. */
  start(effect: ToolStart, write: (onWritten: () => void) => void): void {
    const { clock, journalBehind } = this.#options;
    const stop = new AbortController();
    this.#running.set(effect.id, stop);
    let begun = false;
    const begin = (): void => {
      if (begun) return;
      begun = true;
      patience.cancel();
      // Ended or timed out before it began: then it never does.
      if (!this.#closed && !stop.signal.aborted) void this.#run(effect, stop);
    };
    const patience = clock.after(JOURNAL_PATIENCE_MS, () => {
      journalBehind();
      begin();
    });
    write(begin);
  }

  stop(id: string): void {
    this.#running.get(id)?.abort();
    this.#running.delete(id);
  }

  /** The call is over: what runs is told so, nothing starts any more. */
  close(): void {
    this.#closed = true;
    for (const id of [...this.#running.keys()]) this.stop(id);
  }

  async #run({ id, name, arguments: args }: ToolStart, stop: AbortController): Promise<void> {
    const { facts, input, digits } = this.#options;
    const log = this.#options.log.child({ tool: name });
    let outcome: ToolOutcome;
    try {
      const tool = this.#byName.get(name);
      const collectDigits = (options: CollectOptions): Promise<CollectOutcome> => digits.ask(options, stop.signal);
      const given = { ...facts(), signal: stop.signal, log, collectDigits };
      const answer = tool ? await tool.run(digits.open(args), given) : failed('there is no such tool');
      outcome = answer.ok
        ? { ...answer, result: digits.cover(answer.result) }
        : { ...answer, message: digits.cover(answer.message) };
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, 'tool fault');
      outcome = failed('the tool failed');
    }
    if (this.#running.get(id) === stop) this.#running.delete(id);
    if (!this.#closed) input({ type: 'toolDone', id, outcome });
  }
}
