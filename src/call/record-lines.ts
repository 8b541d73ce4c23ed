import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import type { JournalData } from '../journal/format.ts';
import type { AnyEffect, CallInput, PublicEvent } from './inputs.ts';

/** Stands where a text is not kept because the agent says `"transcripts": false`. */
const NOT_KEPT = '•••';

/** An input as the journal keeps it. */
export function inputLine(input: CallInput | DialogueInput, keepTexts: boolean): JournalData {
  const line = { ...input } as JournalData;
  return keepTexts ? line : (hideTexts(line) as JournalData);
}

/**
 * An effect as the journal keeps it. A request to the model is kept as its size: its messages are the history, which the
 * turns before it already tell.
 */
export function effectLine(effect: AnyEffect | DialogueEffect, keepTexts: boolean): JournalData {
  if (effect.type === 'llmStart') {
    return {
      type: 'llmStart',
      generation: effect.generation,
      messages: effect.messages.length,
      tools: effect.tools.map((tool) => tool.name),
    };
  }
  const line = { ...effect } as JournalData;
  return keepTexts ? line : (hideTexts(line) as JournalData);
}

/** An event as the journal keeps it. */
export function eventLine(event: PublicEvent, keepTexts: boolean): JournalData {
  const line = { ...event } as unknown as JournalData;
  return keepTexts ? line : (hideTexts(line) as JournalData);
}

const TEXT_KEYS: ReadonlySet<string> = new Set(['text', 'heard', 'transcript', 'message']);

function hideTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      TEXT_KEYS.has(key) && typeof inner === 'string' ? NOT_KEPT : hideTexts(inner),
    ]),
  );
}
