import type { AnyBlock } from './options.ts';

/** What `flux-general-multi` understands (Deepgram's language prompting page). */
const FLUX_MULTI: ReadonlySet<string> = new Set(['en', 'es', 'fr', 'de', 'hi', 'ru', 'pt', 'ja', 'it', 'nl']);

/** One Aura-2 voice of each language Deepgram speaks. */
const AURA_VOICES: Readonly<Record<string, string>> = {
  en: 'aura-2-thalia-en',
  es: 'aura-2-celeste-es',
  de: 'aura-2-viktoria-de',
  fr: 'aura-2-agathe-fr',
  nl: 'aura-2-beatrix-nl',
  it: 'aura-2-livia-it',
  ja: 'aura-2-izanami-ja',
};

/**
 * Why a block can never hear or speak `language` (BCP 47), and what can; undefined when nothing is known against it.
 * Models whose languages the vendor may extend any day are left to the vendor.
 */
export function languageProblem(kind: 'stt' | 'llm' | 'tts', block: AnyBlock, language: string): string | undefined {
  const spoken = language.split('-')[0] ?? language;
  if (kind === 'llm') return undefined;
  const instead = kind === 'stt' ? recogniserFor(spoken) : voiceFor(spoken);
  if (block.provider === 'embedded') {
    return spoken === 'en' ? undefined : `embedded knows English only, not "${language}"; use ${instead}`;
  }
  if (block.provider !== 'deepgram') return undefined;
  const { model } = block;
  const own = /^(?:aura|flux)-.+-([a-z]{2})$/.exec(model)?.[1];
  const fits = own === undefined ? model !== 'flux-general-multi' || FLUX_MULTI.has(spoken) : own === spoken;
  return fits ? undefined : `"${model}" does not know the language "${language}"; use ${instead}`;
}

function recogniserFor(language: string): string {
  return FLUX_MULTI.has(language) ? 'deepgram with "flux-general-multi"' : 'deepgram with "nova-3"';
}

function voiceFor(language: string): string {
  const voice = Object.hasOwn(AURA_VOICES, language) ? AURA_VOICES[language] : undefined;
  return voice === undefined ? 'openai, whose voices speak the language of the text' : `deepgram with "${voice}"`;
}
