import type { Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import {
  llmWithFallback,
  sttWithFallback,
  ttsWithFallback,
  type BreakerState,
  type BreakerView,
  type FallbackOptions,
  type ProviderChain,
} from './fallback.ts';
import { createOpenAiLlm } from './llm/openai.ts';
import { createScriptedLlm } from './llm/scripted.ts';
import {
  chainOf,
  vendorAccess,
  type AnyBlock,
  type LlmBlock,
  type ProviderBlocks,
  type SttBlock,
  type TtsBlock,
  type VendorBlock,
} from './options.ts';
import type { LlmProvider, SttProvider, TtsProvider } from './ports.ts';
import { loadScript, type AgentScript } from './script.ts';
import { createDeepgramStt } from './stt/deepgram.ts';
import { createEmbeddedStt } from './stt/embedded.ts';
import { createOpenAiStt } from './stt/openai.ts';
import { createSherpaStt } from './stt/sherpa.ts';
import { createCommandTts } from './tts/command.ts';
import { createDeepgramTts } from './tts/deepgram.ts';
import { createEmbeddedTts } from './tts/embedded.ts';
import { createOpenAiTts } from './tts/openai.ts';

export interface CreateProvidersOptions {
  /** Where the keys and default addresses are, e.g. `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes a path of the config file absolute. */
  resolvePath(path: string): string;
}

/** One agent's providers, as a call uses them. */
export interface CreatedProviders {
  readonly stt: SttProvider;
  readonly llm: LlmProvider;
  readonly tts: TtsProvider;
  /** Writes texts about calls. Its own chain: what it is refused puts no call's model out. */
  readonly summaryLlm: LlmProvider;
}

/** One provider of an agent that has stand-ins, and whether its chain uses it now. */
export interface ProviderBreaker {
  readonly agent: string;
  readonly provider: 'stt' | 'llm' | 'tts' | 'summary';
  /** The provider's name, e.g. `deepgram flux-general-en`. */
  readonly vendor: string;
  readonly state: BreakerState;
}

export interface ProviderSet {
  readonly agents: ReadonlyMap<string, CreatedProviders>;
  /** How every provider that has a stand-in, or is one, stands now. */
  breakers(): readonly ProviderBreaker[];
  /**
   * Loads what runs inside the gateway, so that the first call does not wait for it and mistakes show at the start.
   * @throws LandlineError `provider_missing`, `script_invalid` or `provider_failed`.
   */
  prepare(): Promise<void>;
  /** Ends the threads of what runs inside the gateway. */
  close(): Promise<void>;
}

/** What runs in threads of ours. */
interface Engine {
  prepare(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes the providers of all agents. Agents that use the same script or voice share its threads; connections to
 * OpenAI-compatible servers are pooled for the whole process.
 * @throws LandlineError `script_invalid` naming every script that cannot be used.
 */
export function createProviders(
  agents: Readonly<Record<string, ProviderBlocks>>,
  options: CreateProvidersOptions,
): ProviderSet {
  const factory = new Factory(options);
  const created = new Map<string, CreatedProviders>();
  const problems = new Map<string, LandlineError>();
  for (const [name, blocks] of Object.entries(agents)) {
    try {
      created.set(name, factory.create(name, blocks));
    } catch (error) {
      if (!(error instanceof LandlineError)) throw error;
      problems.set(error.message, error);
    }
  }
  failTogether([...problems.values()]);
  return {
    agents: created,
    breakers: () => factory.breakers(),
    async prepare() {
      const outcomes = await Promise.allSettled(factory.engines.map((engine) => engine.prepare()));
      failTogether(outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }): unknown => reason));
    },
    async close() {
      await Promise.all(factory.engines.map((engine) => engine.close()));
    },
  };
}

function failTogether(errors: readonly unknown[]): void {
  const [first] = errors;
  if (errors.length === 0) return;
  const code = first instanceof LandlineError ? first.code : 'internal_error';
  throw new LandlineError(code, errors.map(messageOf).join('\n'), { cause: first });
}

class Factory {
  readonly #options: CreateProvidersOptions;
  readonly #made = new Map<string, unknown>();
  readonly engines: Engine[] = [];
  readonly #breakers: { agent: string; provider: ProviderBreaker['provider']; view: BreakerView }[] = [];

  constructor(options: CreateProvidersOptions) {
    this.#options = options;
  }

  create(agent: string, { stt, llm, tts, summaryLlm = llm }: ProviderBlocks): CreatedProviders {
    const scripted = chainOf(llm).find((block) => block.provider === 'scripted');
    const fallback = (provider: ProviderBreaker['provider']): FallbackOptions => ({
      ...this.#options,
      onBreaker: (view) => this.#breakers.push({ agent, provider, view }),
    });
    return {
      stt: sttWithFallback(
        each(chainOf(stt), (block) => this.#stt(block, scripted?.script)),
        fallback('stt'),
      ),
      llm: llmWithFallback(
        each(chainOf(llm), (block) => this.#llm(block)),
        fallback('llm'),
      ),
      tts: ttsWithFallback(
        each(chainOf(tts), (block) => this.#tts(block)),
        fallback('tts'),
      ),
      summaryLlm: llmWithFallback(
        each(chainOf(summaryLlm), (block) => this.#llm(block)),
        fallback('summary'),
      ),
    };
  }

  breakers(): ProviderBreaker[] {
    return this.#breakers.flatMap(({ agent, provider, view }) =>
      view.states().map((member) => ({ agent, provider, ...member })),
    );
  }

  #stt(block: SttBlock, script: string | undefined): SttProvider {
    const { clock } = this.#options;
    switch (block.provider) {
      case 'deepgram':
        return createDeepgramStt({ ...settings(block), ...this.#access(block) });
      case 'openai':
        return createOpenAiStt({ ...settings(block), ...this.#access(block) });
      case 'embedded': {
        if (script === undefined) {
          throw new LandlineError(
            'config_invalid',
            'embedded speech recognition needs a scripted llm, whose sentences it knows',
          );
        }
        return this.#once(['embedded stt', this.#options.resolvePath(script), block.workers], () =>
          this.#engine(createEmbeddedStt({ ...settings(block), script: this.#script(script), clock })),
        );
      }
      case 'sherpa': {
        const model = this.#options.resolvePath(block.model);
        return this.#once(['sherpa', model, block.endOfTurnMs], () =>
          createSherpaStt({ ...settings(block), model, clock }),
        );
      }
    }
  }

  #llm(block: LlmBlock): LlmProvider {
    switch (block.provider) {
      case 'openai':
        return createOpenAiLlm({ ...settings(block), ...this.#access(block) });
      case 'scripted':
        return createScriptedLlm({ script: this.#script(block.script) });
    }
  }

  #tts(block: TtsBlock): TtsProvider {
    const { clock } = this.#options;
    switch (block.provider) {
      case 'deepgram':
        return createDeepgramTts({ ...settings(block), ...this.#access(block) });
      case 'openai':
        return createOpenAiTts({ ...settings(block), ...this.#access(block) });
      case 'embedded':
        return this.#once(['embedded tts', block.voice, block.workers], () =>
          this.#engine(createEmbeddedTts({ ...settings(block), clock })),
        );
      case 'command': {
        // A name is looked for on the PATH, as in a shell.
        const command = /[\\/]/.test(block.command) ? this.#options.resolvePath(block.command) : block.command;
        return createCommandTts({ ...settings(block), command, args: block.args ?? [], clock });
      }
    }
  }

  #access(block: VendorBlock): { apiKey: string; baseUrl?: string; clock: Clock; log: Log } {
    const { env, clock, log } = this.#options;
    const { apiKey, baseUrl } = vendorAccess(block, env);
    return { apiKey, ...(baseUrl === undefined ? {} : { baseUrl }), clock, log };
  }

  #script(path: string): AgentScript {
    const absolute = this.#options.resolvePath(path);
    return this.#once(['script', absolute], () => loadScript(absolute));
  }

  #engine<E extends Engine>(engine: E): E {
    this.engines.push(engine);
    return engine;
  }

  /** What `make` makes, once for everybody who gives the same key: a kind, and all that it is made of. */
  #once<T>(key: readonly [kind: string, ...parts: unknown[]], make: () => T): T {
    const name = JSON.stringify(key);
    // The kind stands for the type.
    const made = (this.#made.get(name) as T | undefined) ?? make();
    this.#made.set(name, made);
    return made;
  }
}

function each<B, P>([first, ...rest]: readonly [B, ...B[]], make: (block: B) => P): ProviderChain<P> {
  return [make(first), ...rest.map(make)];
}

type Settings<B> = { [K in keyof Omit<B, keyof AccessKeys>]: Exclude<B[K], undefined> };
type AccessKeys = Pick<AnyBlock, 'provider' | 'fallback'> & { baseUrl: unknown; apiKeyEnv: unknown };

/** What a block says beside how it is reached; keys without a value are left out. */
function settings<B extends AnyBlock>(block: B): Settings<B> {
  const { provider: _, fallback: __, ...rest } = block;
  const entries = Object.entries(rest).filter(
    ([key, value]) => value !== undefined && key !== 'baseUrl' && key !== 'apiKeyEnv',
  );
  return Object.fromEntries(entries) as Settings<B>;
}
