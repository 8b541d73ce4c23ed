import type { Clock } from '../../core/clock.ts';

/** Keeps Aura's limit of 20 `Flush` in 60 s: beyond it the server refuses to speak until the window has passed. */
export interface FlushBudget {
  /** May a piece be flushed before its utterance ends? The last five are kept for the ends. */
  allowsEarly(): boolean;
  /** How long the end of an utterance must wait for its flush, milliseconds; usually 0. */
  waitMs(): number;
  spend(): void;
}

const MAX_FLUSHES = 20;
const MAX_EARLY_FLUSHES = 15;
/** A second longer than the server's: what counts there is when the messages arrived. */
const WINDOW_MS = 61_000;

export function createFlushBudget(clock: Clock): FlushBudget {
  let times: number[] = [];
  const recent = (): readonly number[] => {
    const since = clock.mono() - WINDOW_MS;
    return (times = times.filter((time) => time > since));
  };
  return {
    allowsEarly: () => recent().length < MAX_EARLY_FLUSHES,
    waitMs() {
      const [oldest] = recent();
      return oldest === undefined || times.length < MAX_FLUSHES ? 0 : oldest + WINDOW_MS - clock.mono();
    },
    spend: () => void times.push(clock.mono()),
  };
}
