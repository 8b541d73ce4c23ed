import type { PublishedEvent } from '../../call/ports.ts';
import { LandlineError } from '../../core/errors.ts';
import type { EmulatedCall } from '../../emulator/telnyx/index.ts';
import type { EventBus } from '../../server/event-bus.ts';
import type { CallPlan, CallerTurn } from './call-plan.ts';

export interface CallerOptions {
  readonly plan: CallPlan;
  readonly call: EmulatedCall;
  readonly events: EventBus;
  readonly signal: AbortSignal;
  /** Told at the moment the caller begins to do it. */
  readonly did: (turn: CallerTurn) => void;
}

/** A person leaves a moment after the other has finished. */
const POLITE_MS = 300;
/** How long the person listens to whoever they were handed to. */
const GOODBYE_MS = 1000;
/** No answer of the agent takes longer, beginning and end. */
const PATIENCE_MS = 25_000;
const SAMPLES_PER_MS = 8;

/**
 * The caller of the demo: does what the plan says, each turn when the agent has finished, or while it speaks, and hangs up.
 * Resolves when the call has ended.
 */
export async function playCaller({ plan, call, events, signal, did }: CallerOptions): Promise<void> {
  const agent = new AgentWatch(call, events, signal);
  try {
    await agent.until(() => call.state !== 'ringing', 'the gateway to answer');
    for (const turn of plan.turns) {
      const { when, act } = turn;
      if (when.type === 'agentDone') await agent.done();
      else await agent.speaksFor(when.afterMs);
      if (call.state === 'ended') return;
      agent.expectAnswer();
      did(turn);
      if (act.type === 'press') call.press(act.digits);
      else await call.play(act.samples);
    }
    if (plan.ends === 'transfer') {
      await agent.until(() => call.isBridged || call.state === 'ended', 'the transfer');
      await agent.pause(GOODBYE_MS);
    } else {
      await agent.done();
    }
    call.hangup();
  } finally {
    agent.close();
  }
}

/** What the caller knows of the agent: whether it speaks, and whether it has answered. */
class AgentWatch {
  readonly #call: EmulatedCall;
  readonly #signal: AbortSignal;
  readonly #unsubscribe: () => void;
  #isSpeaking = false;
  /** Sample at which it began to speak, or stopped. */
  #since = 0;
  #hasAnswered = false;

  constructor(call: EmulatedCall, events: EventBus, signal: AbortSignal) {
    this.#call = call;
    this.#signal = signal;
    this.#unsubscribe = events.subscribe((event) => this.#on(event));
  }

  close(): void {
    this.#unsubscribe();
  }

  /** From now on `done` and `speaksFor` mean the next turn of the agent. */
  expectAnswer(): void {
    this.#hasAnswered = false;
  }

  async done(): Promise<void> {
    const quiet = POLITE_MS * SAMPLES_PER_MS;
    const isDone = (): boolean => this.#hasAnswered && !this.#isSpeaking && this.#call.sample - this.#since >= quiet;
    await this.until(() => isDone() || this.#call.state === 'ended', 'the agent to finish its answer');
  }

  async speaksFor(ms: number): Promise<void> {
    const isLong = (): boolean => this.#isSpeaking && this.#call.sample - this.#since >= ms * SAMPLES_PER_MS;
    await this.until(() => isLong() || this.#call.state === 'ended', `the agent to speak for ${ms} ms`);
  }

  async pause(ms: number): Promise<void> {
    const end = this.#call.sample + ms * SAMPLES_PER_MS;
    await this.until(() => this.#call.sample >= end || this.#call.state === 'ended', 'time to pass');
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    try {
      await this.#call.waitFor(() => this.#signal.aborted || holds(), PATIENCE_MS);
    } catch (thrown) {
      throw new LandlineError('internal_error', `the demo call waited ${PATIENCE_MS / 1000} s in vain for ${what}`, {
        cause: thrown,
      });
    }
    this.#signal.throwIfAborted();
  }

  #on(event: PublishedEvent): void {
    if (event.type === 'turn.started' && event.data.role === 'agent') this.#turn(true);
    if (event.type === 'turn.ended' && event.data.role === 'agent') this.#turn(false);
  }

  #turn(isSpeaking: boolean): void {
    this.#isSpeaking = isSpeaking;
    this.#since = this.#call.sample;
    if (isSpeaking) this.#hasAnswered = true;
  }
}
