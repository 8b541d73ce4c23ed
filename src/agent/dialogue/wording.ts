import { firstWritten } from '../heard.ts';
import type { AgentConfig } from '../options.ts';
import { SILENT, speakOn, speechOf } from '../speaker.ts';
import { joinTokens, spokenOf, type SpokenToken } from '../spoken-token.ts';
import type { Speech } from './state.ts';

/** How each agent speaks. Made of closures, so it stands beside the state, which is data. */
const manners = new WeakMap<AgentConfig, ReturnType<typeof speechOf>>();

/** How the texts of this agent are said. */
export function mannerOf(config: AgentConfig): ReturnType<typeof speechOf> {
  const known = manners.get(config);
  if (known) return known;
  const manner = speechOf(config.language, config.pronunciations);
  manners.set(config, manner);
  return manner;
}

/** More of the running text. The word it ends with waits in the speech until it is whole, or the text is over. */
export function word(
  config: AgentConfig,
  speech: Speech,
  raw: string,
  atEnd: boolean,
): { readonly speech: Speech; readonly spoken: string } {
  const { state, tokens } = speakOn(mannerOf(config), speech.speaker, raw, atEnd);
  const last = speech.segments.at(-1);
  const segment = { tokens: joinTokens(last?.tokens ?? [], tokens), toolCalls: last?.toolCalls ?? [] };
  const segments = [...speech.segments.slice(0, -1), segment];
  return { speech: { ...speech, segments, speaker: atEnd ? SILENT : state }, spoken: spokenOf(tokens) };
}

/** All of the turn so far as the voice says it. */
export function textOf(speech: Speech): string {
  return spokenOf(tokensOf(speech));
}

/** What the model wrote, as far as the first `words` words of it were heard. */
export function writtenUpTo(speech: Speech, words: number): string {
  return firstWritten(tokensOf(speech), words);
}

export function tokensOf(speech: Speech): readonly SpokenToken[] {
  return speech.segments.flatMap(({ tokens }) => tokens);
}
