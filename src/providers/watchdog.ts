import type { Clock, TimerHandle } from '../core/clock.ts';

/** One deadline at a time: a new `arm` replaces the old one. The vendors' SDKs have none for a silent stream. */
export interface Watchdog {
  arm(ms: number, expired: () => void): void;
  stop(): void;
}

export function createWatchdog(clock: Clock): Watchdog {
  let timer: TimerHandle | undefined;
  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
  };
  return {
    arm(ms, expired) {
      stop();
      timer = clock.after(ms, expired);
    },
    stop,
  };
}
