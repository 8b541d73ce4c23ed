import { z } from 'zod';
import { RATES_IN } from '../audio/resample.ts';
import { FLITE_VOICES, type FliteVoice } from './tts/flite.ts';

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

/** Open recognition inside the gateway with a model of your own, by `sherpa-onnx-node`. For few calls at a time. */
export interface SherpaSttBlock {
  readonly provider: 'sherpa';
  /** Folder of a streaming transducer model, seen from the config file. */
  readonly model: string;
  /** Silence behind words that ends a turn, milliseconds, 200 to 5000. Default 800. */
  readonly endOfTurnMs?: number | undefined;
  readonly fallback?: SttBlock | undefined;
}

export type SttBlock = DeepgramSttBlock | OpenAiSttBlock | EmbeddedSttBlock | SherpaSttBlock;

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

/** The voice inside the gateway: Flite, English. */
export interface EmbeddedTtsBlock {
  readonly provider: 'embedded';
  /** Default `slt`. */
  readonly voice?: FliteVoice | undefined;
  /** Most synthesising threads at a time, 1 to 64, about 50 MB each. Default: the number of cores, at most 8. */
  readonly workers?: number | undefined;
  readonly fallback?: TtsBlock | undefined;
}

/** Any program that speaks, run once per sentence. */
export interface CommandTtsBlock {
  readonly provider: 'command';
  /** A program on the PATH, or a path seen from the config file. */
  readonly command: string;
  /** `{text}` becomes the sentence (else it comes on stdin), `{file}` the file to write (else it writes to stdout). */
  readonly args?: readonly string[] | undefined;
  /** Rate of raw signed 16-bit little-endian output, Hz; a WAV says its own. */
  readonly sampleRate: number;
  /** For one sentence, milliseconds. Default 10000. */
  readonly timeoutMs?: number | undefined;
  readonly fallback?: TtsBlock | undefined;
}

export type TtsBlock = DeepgramTtsBlock | OpenAiTtsBlock | EmbeddedTtsBlock | CommandTtsBlock;

/** What one agent hears, thinks and speaks with. */
export interface ProviderBlocks {
  readonly stt: SttBlock;
  readonly llm: LlmBlock;
  readonly tts: TtsBlock;
  /** What writes summaries (`summary.model` of the config); default: `llm`. */
  readonly summaryLlm?: LlmBlock | undefined;
}

export type AnyBlock = SttBlock | LlmBlock | TtsBlock;

const text = z.string().min(1);
const ms = (low: number, high: number): z.ZodNumber => z.number().min(low).max(high);
const workers = z.number().int().min(1).max(64).optional();
const extraBody = z.record(z.string(), z.unknown()).optional();
const sampleRate = z.literal([...RATES_IN]);

const httpAddress = z.string().refine(
  (address) => {
    const url = URL.parse(address);
    return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  },
  { error: 'must be an http(s) address without user or password' },
);
const remote = {
  model: text,
  baseUrl: httpAddress.optional(),
  // Not quoted in the message: people write the key itself here.
  apiKeyEnv: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable, like "OPENAI_API_KEY"')
    .optional(),
};

export const sttBlock: z.ZodType<SttBlock> = z.lazy(() =>
  z.discriminatedUnion('provider', [
    z
      .strictObject({
        provider: z.literal('deepgram'),
        ...remote,
        endpointingMs: ms(10, 5_000).optional(),
        eotThreshold: z.number().min(0.5).max(0.9).optional(),
        eagerEotThreshold: z.number().min(0.3).max(0.9).optional(),
        eotTimeoutMs: ms(500, 10_000).optional(),
        fallback: sttBlock.optional(),
      })
      .superRefine((block, context) => {
        for (const [path, message] of deepgramProblems(block))
          context.addIssue({ code: 'custom', path: [path], message });
      }),
    z.strictObject({
      provider: z.literal('openai'),
      ...remote,
      deadlineMs: ms(500, 60_000).optional(),
      fallback: sttBlock.optional(),
    }),
    z.strictObject({ provider: z.literal('embedded'), workers, fallback: sttBlock.optional() }),
    z.strictObject({
      provider: z.literal('sherpa'),
      model: text,
      endOfTurnMs: ms(200, 5_000).optional(),
      fallback: sttBlock.optional(),
    }),
  ]),
);

/** What only one of Deepgram's two protocols knows. */
function* deepgramProblems(block: DeepgramSttBlock): Generator<readonly [path: string, message: string]> {
  const { model, eotThreshold = 0.7, eagerEotThreshold = 0 } = block;
  if (model.startsWith('flux-')) {
    if (block.endpointingMs !== undefined) yield ['endpointingMs', 'is not known to Flux models; use eotTimeoutMs'];
    if (eagerEotThreshold > eotThreshold)
      yield ['eagerEotThreshold', `must not be above eotThreshold (${eotThreshold})`];
    return;
  }
  for (const name of ['eotThreshold', 'eagerEotThreshold', 'eotTimeoutMs'] as const) {
    if (block[name] !== undefined) yield [name, 'is only known to Flux models; use endpointingMs'];
  }
}

export const llmBlock: z.ZodType<LlmBlock> = z.lazy(() =>
  z.discriminatedUnion('provider', [
    z.strictObject({
      provider: z.literal('openai'),
      ...remote,
      firstTokenMs: ms(100, 300_000).optional(),
      interTokenMs: ms(100, 60_000).optional(),
      maxTokens: z.number().int().min(1).max(100_000).optional(),
      temperature: z.number().min(0).max(2).optional(),
      reasoningEffort: text.optional(),
      extraBody,
      fallback: llmBlock.optional(),
    }),
    z.strictObject({ provider: z.literal('scripted'), script: text, fallback: llmBlock.optional() }),
  ]),
);

export const ttsBlock: z.ZodType<TtsBlock> = z.lazy(() =>
  z.discriminatedUnion('provider', [
    z.strictObject({ provider: z.literal('deepgram'), ...remote, fallback: ttsBlock.optional() }),
    z.strictObject({
      provider: z.literal('openai'),
      ...remote,
      voice: text.optional(),
      sampleRate: sampleRate.optional(),
      firstByteMs: ms(100, 60_000).optional(),
      idleMs: ms(100, 60_000).optional(),
      extraBody,
      fallback: ttsBlock.optional(),
    }),
    z.strictObject({
      provider: z.literal('embedded'),
      voice: z.enum(FLITE_VOICES).optional(),
      workers,
      fallback: ttsBlock.optional(),
    }),
    z.strictObject({
      provider: z.literal('command'),
      command: text,
      args: z.array(z.string()).optional(),
      sampleRate,
      timeoutMs: ms(100, 60_000).optional(),
      fallback: ttsBlock.optional(),
    }),
  ]),
);

/** A block and its fallbacks, in the order in which they are used. */
export function chainOf<B extends AnyBlock>(block: B): [B, ...B[]] {
  const fallback = block.fallback as B | undefined;
  return fallback === undefined ? [block] : [block, ...chainOf(fallback)];
}

/** The variables a vendor's block looks into when it names none itself. */
const VENDORS = {
  deepgram: { apiKeyEnv: 'DEEPGRAM_API_KEY', baseUrlEnv: 'DEEPGRAM_BASE_URL' },
  openai: { apiKeyEnv: 'OPENAI_API_KEY', baseUrlEnv: 'OPENAI_BASE_URL' },
} as const;

export type VendorBlock = Extract<AnyBlock, { readonly provider: keyof typeof VENDORS }>;

export function isVendorBlock(block: AnyBlock): block is VendorBlock {
  return block.provider in VENDORS;
}

/** How a vendor's block is reached, from itself and the environment. */
export interface VendorAccess {
  /** Empty when the variable is unset. */
  readonly apiKey: string;
  /** The variable that holds the key. */
  readonly apiKeyEnv: string;
  /** Undefined: the vendor's own. */
  readonly baseUrl: string | undefined;
  /** False: there is no key, and only the vendor's own server or a variable named on purpose would need one. */
  readonly needsKey: boolean;
}

export function vendorAccess(block: VendorBlock, env: Readonly<Record<string, string | undefined>>): VendorAccess {
  const vendor = VENDORS[block.provider];
  const read = (name: string): string | undefined => env[name]?.trim() || undefined;
  const apiKeyEnv = block.apiKeyEnv ?? vendor.apiKeyEnv;
  const baseUrl = block.baseUrl ?? read(vendor.baseUrlEnv);
  return {
    apiKey: read(apiKeyEnv) ?? '',
    apiKeyEnv,
    baseUrl,
    // Local servers that speak OpenAI's language take none.
    needsKey: block.provider === 'deepgram' || block.apiKeyEnv !== undefined || isOpenAi(baseUrl),
  };
}

/** Is this OpenAI itself, not a server that speaks its language? */
export function isOpenAi(baseUrl: string | undefined): boolean {
  return baseUrl === undefined || /(^|\.)openai\.com$/.test(URL.parse(baseUrl)?.hostname ?? '');
}
