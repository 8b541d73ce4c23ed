import { z } from 'zod';
import { RATES_IN } from '../audio/resample.ts';

/*
 * The provider blocks of the config file (contract, section 3). The interfaces are what users write and what the gateway
 * reads; the schemas below check them. `fallback` is a whole block of the same kind, so that it may be another vendor's.
 */

/** How a vendor's server is reached. */
interface RemoteBlock {
  /** As the vendor names it. */
  readonly model: string;
  /** http(s) address. Default: `DEEPGRAM_BASE_URL` / `OPENAI_BASE_URL`, else the vendor's own. */
  readonly baseUrl?: string | undefined;
  /** Name of the environment variable that holds the key. Default: `DEEPGRAM_API_KEY` / `OPENAI_API_KEY`. */
  readonly apiKeyEnv?: string | undefined;
}

export interface DeepgramSttBlock extends RemoteBlock {
  readonly provider: 'deepgram';
  /** Not for Flux: silence that ends a turn, milliseconds, 10 to 5000. Default 300. */
  readonly endpointingMs?: number | undefined;
  /** Flux: confidence that ends a turn, 0.5 to 0.9. Default: Deepgram's (0.7). */
  readonly eotThreshold?: number | undefined;
  /** Flux: confidence for an early guess, 0.3 to 0.9, at most `eotThreshold`. Default: no early guesses. */
  readonly eagerEotThreshold?: number | undefined;
  /** Flux: silence that ends a turn whatever the confidence, milliseconds, 500 to 10000. Default: Deepgram's (5000). */
  readonly eotTimeoutMs?: number | undefined;
  readonly fallback?: SttBlock | undefined;
}

export interface OpenAiSttBlock extends RemoteBlock {
  readonly provider: 'openai';
  /** From the end of an utterance to its text, milliseconds. Default 6000. */
  readonly deadlineMs?: number | undefined;
  readonly fallback?: SttBlock | undefined;
}

/** The recogniser inside the gateway: understands what the agent's script can be asked, in English. */
export interface EmbeddedSttBlock {
  readonly provider: 'embedded';
  /** Most recognising threads at a time, 1 to 64, about 60 MB each. Default: the number of cores, at most 8. */
  readonly workers?: number | undefined;
  readonly fallback?: SttBlock | undefined;
}

export type SttBlock = DeepgramSttBlock | OpenAiSttBlock | EmbeddedSttBlock;

export interface OpenAiLlmBlock extends RemoteBlock {
  readonly provider: 'openai';
  /** From the request to the first text or tool call, milliseconds. Default 5000; local servers load a model first. */
  readonly firstTokenMs?: number | undefined;
  /** Longest silence inside an answer, milliseconds. Default 5000. */
  readonly interTokenMs?: number | undefined;
  /** Most tokens of one answer. */
  readonly maxTokens?: number | undefined;
  /** 0 to 2. */
  readonly temperature?: number | undefined;
  /** `none` or `minimal` is what a phone call wants from a model that reasons. */
  readonly reasoningEffort?: string | undefined;
  /** More fields of the request body, as they are. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
  readonly fallback?: LlmBlock | undefined;
}

/** An agent without a model: rules from a file. */
export interface ScriptedLlmBlock {
  readonly provider: 'scripted';
  /** Path of the script (YAML), seen from the config file. */
  readonly script: string;
  readonly fallback?: LlmBlock | undefined;
}

export type LlmBlock = OpenAiLlmBlock | ScriptedLlmBlock;

export interface DeepgramTtsBlock extends RemoteBlock {
  readonly provider: 'deepgram';
  readonly fallback?: TtsBlock | undefined;
}

export interface OpenAiTtsBlock extends RemoteBlock {
  readonly provider: 'openai';
  /** Default `alloy`. */
  readonly voice?: string | undefined;
  /** Rate of the PCM the server sends, Hz. Default 24000. */
  readonly sampleRate?: number | undefined;
  /** From the request to the first audio, milliseconds. Default 4000. */
  readonly firstByteMs?: number | undefined;
  /** Longest silence inside an answer, milliseconds. Default 3000. */
  readonly idleMs?: number | undefined;
  /** More fields of the request body, e.g. `speed` or `instructions`. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
  readonly fallback?: TtsBlock | undefined;
}
