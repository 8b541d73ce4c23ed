import type { PublishedEvent } from '../call/ports.ts';
import type { Session } from '../call/session.ts';
import type { Clock } from '../core/clock.ts';
import type { EventBus } from './event-bus.ts';

/** Telnyx' verdict takes 3.5 s at most; whoever waits for one that is lost goes on. */
const VERDICT_MS = 10_000;

/**
 * Resolves when it is known who took a call out, or that nobody does: at its answer, with answering machine detection at the
 * verdict that it is no machine, else at its end. Never rejects.
 */
export function awaitAnswer(session: Session, events: EventBus, clock: Clock): Promise<void> {
  const { callId } = session;
  const detects = session.state.dial?.machineDetection !== undefined;
  return new Promise((resolve) => {
    let patience: { cancel(): void } | undefined;
    const done = (): void => {
      patience?.cancel();
      unsubscribe();
      resolve();
    };
    const onAnswer = (): void => {
      if (!detects) done();
      else patience ??= clock.after(VERDICT_MS, done);
    };
    const unsubscribe = events.subscribe((event: PublishedEvent) => {
      if (event.callId !== callId) return;
      if (event.type === 'call.ended') done();
      else if (event.type === 'call.answered') onAnswer();
      else if (event.type === 'call.updated' && event.data.answeredBy !== undefined) {
        patience?.cancel();
        // A machine's call ends by itself.
        if (event.data.answeredBy === 'human' || event.data.answeredBy === 'unknown') done();
      }
    });
    // It may all have happened already.
    const { state } = session;
    if (state.finished) done();
    else if (state.dial?.answeredBy === 'human' || state.dial?.answeredBy === 'unknown') done();
    else if (state.answeredAt !== undefined) onAnswer();
  });
}
