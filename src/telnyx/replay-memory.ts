/** Longer than the 300 s a signature lives and than Telnyx' own retries, so a captured webhook cannot act twice. */
const REMEMBER_MS = 15 * 60_000;
/** About 10 MB at the most; 110 events a second for 15 minutes before the oldest is forgotten early. */
const MAX_IDS = 100_000;

/** Which webhooks (`data.id`) were already taken: Telnyx delivers duplicates, and whoever captured one can replay it. */
export interface ReplayMemory {
  /** True when `id` was first seen less than 15 minutes ago; else remembers it. `nowMs` is logical and never goes back. */
  seen(id: string, nowMs: number): boolean;
  /** How many ids are remembered. */
  readonly size: number;
}

export function createReplayMemory(limits: { maxIds?: number; rememberMs?: number } = {}): ReplayMemory {
  const { maxIds = MAX_IDS, rememberMs = REMEMBER_MS } = limits;
  const known = new Set<string>();
  /** In order of arrival; those before `front` are forgotten. (A Map's own order costs a walk over deleted entries.) */
  let arrivals: { readonly id: string; readonly atMs: number }[] = [];
  let front = 0;

  const forgetOldest = (id: string): void => {
    known.delete(id);
    front++;
    if (front > arrivals.length / 2) {
      arrivals = arrivals.slice(front);
      front = 0;
    }
  };

  return {
    get size() {
      return known.size;
    },
    seen(id, nowMs) {
      for (let oldest = arrivals[front]; oldest && nowMs - oldest.atMs >= rememberMs; oldest = arrivals[front]) {
        forgetOldest(oldest.id);
      }
      if (known.has(id)) return true;
      const oldest = arrivals[front];
      if (oldest && known.size >= maxIds) forgetOldest(oldest.id);
      known.add(id);
      arrivals.push({ id, atMs: nowMs });
      return false;
    },
  };
}
