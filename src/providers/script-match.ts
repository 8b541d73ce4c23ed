import type { AgentScript, ScriptIntent } from './script.ts';
import { matchPhrase } from './script-phrase.ts';
import { normaliseWords } from './script-words.ts';

/** What the caller's words or keys mean. */
export interface Understood {
  readonly intent: ScriptIntent;
  readonly slots: Readonly<Record<string, string>>;
}

/**
 * A phrase inside other words counts only when it is at least this share of them: `no` in `there is no hot water in our
 * room` means nothing. The embedded recogniser only gives whole phrases; this is for open ones.
 */
const LEAST_SHARE = 1 / 4;

/** The intent whose phrase covers most of `text`; of equals the first. Intents that need another before them are included by `after`. */
export function understandText(
  script: AgentScript,
  text: string,
  candidates: readonly ScriptIntent[],
): Understood | undefined {
  const words = normaliseWords(text);
  let best: Understood | undefined;
  let bestLength = 0;
  for (const intent of candidates) {
    for (const phrase of intent.phrases) {
      const match = matchPhrase(phrase, words, script.slots);
      if (!match) continue;
      const length = match.to - match.from;
      if (length <= bestLength || length < words.length * LEAST_SHARE) continue;
      best = { intent, slots: match.slots };
      bestLength = length;
    }
  }
  return best;
}

/** The intent that `keys` were given to. */
export function understandKeys(keys: string, candidates: readonly ScriptIntent[]): Understood | undefined {
  const intent = candidates.find((candidate) => candidate.pressed.includes(keys));
  return intent && { intent, slots: {} };
}
