/** Rendered speech by text, so that greetings and fixed lines are made once. */
export interface SpeechCache {
  /** A copy that may be given away. */
  get(key: string): Uint8Array | undefined;
  put(key: string, bytes: Uint8Array): void;
}

/** @param maxBytes audio kept at most; the longest unused goes first. */
export function createSpeechCache(maxBytes: number): SpeechCache {
  // A Map keeps the order of insertion: what is used moves to the end.
  const entries = new Map<string, Uint8Array>();
  let held = 0;
  const remove = (key: string): Uint8Array | undefined => {
    const bytes = entries.get(key);
    if (bytes && entries.delete(key)) held -= bytes.length;
    return bytes;
  };
  const insert = (key: string, bytes: Uint8Array): void => {
    entries.set(key, bytes);
    held += bytes.length;
  };
  return {
    get(key) {
      const bytes = remove(key);
      if (bytes) insert(key, bytes);
      return bytes?.slice();
    },
    put(key, bytes) {
      remove(key);
      insert(key, bytes.slice());
      for (const oldest of entries.keys()) {
        if (held <= maxBytes) break;
        remove(oldest);
      }
    },
  };
}
