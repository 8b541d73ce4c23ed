import { LandlineError } from '../core/errors.ts';

/** A reader that is further behind is told so instead of eating the memory. */
const MOST_WAITING = 10_000;

/**
 * What a subscription tells, as an async iterator. It begins at once, not with the first `next()`.
 * `next()` rejects with LandlineError `request_invalid` when the reader is 10,000 events behind.
 */
export function followEvents<E>(
  subscribe: (listener: (event: E) => void) => () => void,
  over: AbortSignal,
): AsyncIterableIterator<E> {
  const waiting: E[] = [];
  let isOver = over.aborted;
  let isBehind = false;
  let wake: () => void = () => undefined;
  const end = (): void => {
    isOver = true;
    unsubscribe();
    over.removeEventListener('abort', end);
    wake();
  };
  const unsubscribe = subscribe((event) => {
    if (waiting.length < MOST_WAITING) waiting.push(event);
    else {
      isBehind = true;
      end();
    }
    wake();
  });
  over.addEventListener('abort', end);
  return {
    async next() {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) return { value: event, done: false };
        if (isBehind) throw new LandlineError('request_invalid', `this reader is ${MOST_WAITING} events behind`);
        if (isOver) return { value: undefined, done: true };
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async return() {
      waiting.length = 0;
      end();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
