import { checkEndpoint, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import type { TtsProvider } from '../ports.ts';
import { openSpeakV1 } from './deepgram-speak-v1.ts';
import { openSpeakV2 } from './deepgram-speak-v2.ts';

export interface DeepgramTtsOptions extends DeepgramEndpoint {
  /** The voice: `flux-{voice}-{language}` is speak v2, everything else (e.g. `aura-2-thalia-en`) speak v1. */
  readonly model: string;
}

/**
 * Text to speech by Deepgram, in the session's own format; the language is the voice's.
 * @throws LandlineError `config_invalid` when the base URL cannot be used.
 */
export function createDeepgramTts(options: DeepgramTtsOptions): TtsProvider {
  checkEndpoint(options);
  const open = options.model.startsWith('flux-') ? openSpeakV2 : openSpeakV1;
  return { name: `deepgram ${options.model}`, open: (tts, emit) => open(options, tts, emit) };
}
