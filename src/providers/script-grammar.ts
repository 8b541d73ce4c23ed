import type { AgentScript } from './script.ts';
import { slotsOf, toJsgf, wordsOf } from './script-phrase.ts';

/** What a grammar recogniser must know of a script. */
export interface ScriptGrammar {
  /** JSGF with one public rule. */
  readonly jsgf: string;
  /** Every word of it, once, with the intent or slot it comes from. */
  readonly words: readonly { readonly word: string; readonly place: string }[];
  /** ARPAbet of words the dictionary may lack. */
  readonly pronounce: Readonly<Record<string, string>>;
}

/** The grammar of everything a caller may say to `script`, from the same phrases that give the meaning. */
export function grammarOf(script: AgentScript): ScriptGrammar {
  const spoken = [...script.intents, script.yes, script.no].filter((intent) => intent.phrases.length > 0);
  const lists = new Set(spoken.flatMap((intent) => intent.phrases.flatMap(slotsOf)).map((slot) => slot.list));

  const rules: string[] = [];
  const words = new Map<string, string>();
  const note = (found: readonly string[], place: string): void => {
    for (const word of found) if (!words.has(word)) words.set(word, place);
  };
  for (const list of lists) {
    const forms = script.slots.get(list) ?? [];
    rules.push(`<slot_${list}> = ${forms.map((form) => toJsgf(form.phrase)).join(' | ')};`);
    for (const form of forms) note(wordsOf(form.phrase), `slots.${list}`);
  }
  // Intents are numbered: their names may hold anything.
  spoken.forEach((intent, i) => {
    rules.push(`<intent_${i}> = ${intent.phrases.map(toJsgf).join(' | ')};`);
    for (const phrase of intent.phrases) note(wordsOf(phrase), intent.name);
  });
  rules.push(`public <utterance> = ${spoken.map((_, i) => `<intent_${i}>`).join(' | ')};`);

  return {
    jsgf: `#JSGF V1.0;\ngrammar script;\n${rules.join('\n')}\n`,
    words: [...words].map(([word, place]) => ({ word, place })),
    pronounce: script.pronounce,
  };
}
