import { z } from 'zod';
import { isExactEntry } from './speech/pronunciations.ts';

const MOST_ENTRIES = 500;
const MOST_WORDS = 8;

/** Word or words as they are written -> as the voice shall say them. */
export type PronunciationOptions = Readonly<Record<string, string>>;

export const pronunciationOptions: z.ZodType<PronunciationOptions> = z
  .record(
    z.string(),
    z
      .string({ error: 'must be how the word is said, as text' })
      .trim()
      .min(1, 'must be how the word is said; an empty text would leave it out')
      .max(120, 'must have at most 120 characters'),
  )
  .superRefine((entries, context) => {
    const seen = new Map<string, string>();
    const keys = Object.keys(entries);
    if (keys.length > MOST_ENTRIES) {
      context.addIssue({ code: 'custom', message: `has ${keys.length} entries; at most ${MOST_ENTRIES} are taken` });
    }
    for (const key of keys) {
      const problem = keyProblem(key);
      const same = seen.get(formOf(key));
      seen.set(formOf(key), key);
      if (problem === undefined && same === undefined) continue;
      context.addIssue({ code: 'custom', path: [key], message: problem ?? `is the same word as "${same}"; keep one` });
    }
  });

function keyProblem(key: string): string | undefined {
  const words = key.trim();
  if (words !== key || /\s\s|[\n\t]/u.test(key)) return 'must be words with single spaces between them';
  if (!/^[\p{L}\p{N}].*[\p{L}\p{N}.]$|^[\p{L}\p{N}]$/u.test(key) || !/\p{L}/u.test(key)) {
    return 'must be a word or several, beginning with a letter or a digit';
  }
  if (key.length > 60 || key.split(' ').length > MOST_WORDS) return `must have at most ${MOST_WORDS} words`;
  return undefined;
}

/** Two keys of one form would fight for the same words. */
function formOf(key: string): string {
  return isExactEntry(key) ? key : key.toLowerCase();
}
