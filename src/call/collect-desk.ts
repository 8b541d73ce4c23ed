import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import { readCollectRequest, type CollectOptions, type CollectOutcome } from '../tools/collect-digits.ts';
import { ToolError } from '../tools/define-tool.ts';

/** What the tools of one call may have of the digits its caller enters. */
export interface CallerDigits {
  /** @throws ToolError when the options are wrong. */
  ask(options: CollectOptions, signal: AbortSignal): Promise<CollectOutcome>;
  /** Arguments with the digits that a model could only name: `{{digits:entry1}}`. */
  open(args: string): string;
  /** The other way round: what a tool answers may not tell them. */
  cover(text: string): string;
}

/** Carries requests of code for digits to the dialogue of one call, and its answers back. */
export class CollectDesk {
  readonly #input: (input: DialogueInput) => void;
  readonly #waiting = new Map<string, (outcome: CollectOutcome) => void>();
  #requests = 0;
  #closed = false;

  constructor(input: (input: DialogueInput) => void) {
    this.#input = input;
  }

  /**
   * Asks the caller. Ends as `cancelled` when `signal` is aborted.
   * @throws ToolError when the options are wrong.
   */
  async ask(options: CollectOptions, signal: AbortSignal): Promise<CollectOutcome> {
    const wanted = readCollectRequest(options);
    if (typeof wanted === 'string') throw new ToolError(`collectDigits: ${wanted}`);
    if (this.#closed || signal.aborted) return { status: 'cancelled', reason: 'nobody waits for it any more' };
    const request = `code${++this.#requests}`;
    const answered = new Promise<CollectOutcome>((resolve) => this.#waiting.set(request, resolve));
    const stop = (): void => this.#input({ type: 'collectStop', request });
    signal.addEventListener('abort', stop, { once: true });
    this.#input({ type: 'collect', request, wanted });
    const outcome = await answered;
    signal.removeEventListener('abort', stop);
    return outcome;
  }

  answer({ request, outcome }: Extract<DialogueEffect, { type: 'collected' }>): void {
    this.#waiting.get(request)?.(outcome);
    this.#waiting.delete(request);
  }

  /** The call is over. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.values()) resolve({ status: 'cancelled', reason: 'the call ended' });
    this.#waiting.clear();
  }
}
