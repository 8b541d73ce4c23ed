import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { agentOptions, type AgentConfig } from './agent/options.ts';
import type { TransferTerms } from './agent/dialogue/inputs.ts';
import { transferTerms } from './agent/transfer-terms.ts';
import { readHoldMusic } from './call/hold-file.ts';
import { normaliseTarget } from './call/dial-target.ts';
import { configPath, readConfig, refuseNotYet, suggest, type Complain } from './config-problems.ts';
import type { Env } from './config-environment.ts';
import { readTools } from './config-tools.ts';
import { messageOf } from './core/errors.ts';
import { languageProblem } from './providers/languages.ts';
import { openAiShutdown } from './providers/openai-shutdowns.ts';
import {
  chainOf,
  isOpenAi,
  isVendorBlock,
  llmBlock,
  sttBlock,
  ttsBlock,
  vendorAccess,
  type AnyBlock,
  type LlmBlock,
  type ProviderBlocks,
  type VendorBlock,
} from './providers/options.ts';
import type { ToolSource } from './tools/create.ts';
import { loadScript, type AgentScript } from './providers/script.ts';

/** An agent of the config file, defaults filled in, with the blocks of its providers. */
export type AgentEntry = AgentConfig & ProviderBlocks & { readonly ownTools: readonly ToolSource[] };

/** What the checks of one agent need and tell. */
export interface AgentContext {
  readonly env: Env;
  /** Folder of the config file. */
  readonly dir: string;
  /** Today, milliseconds since the Unix epoch. */
  readonly now: number;
  readonly complain: Complain;
  readonly warn: Complain;
}

/** Keys of the contract that are not built yet, and what to do; delete a line when one is. */
const NOT_YET: Readonly<Record<string, string>> = {
  speech: 'cannot be used: speech-to-speech is not supported yet; use stt, llm and tts',
  limits: 'is not supported yet; remove it',
};

const BLOCK_KEYS = ['stt', 'llm', 'tts'] as const;

const WHAT_FOR = { stt: 'hears', llm: 'thinks', tts: 'speaks' } as const;
/** What somebody may write who wrote nothing: docs/configuration.md has the others. */
const EXAMPLES = {
  stt: '{"provider": "deepgram", "model": "flux-general-en"}',
  llm: '{"provider": "openai", "model": "gpt-6-luna"}',
  tts: '{"provider": "deepgram", "model": "aura-2-thalia-en"}',
} as const;

const SHUTDOWN_WARNING_MS = 60 * 86_400_000;

/** Checks one agent of the config file. Undefined when it has problems; all of them were reported. */
export function readAgent(name: string, raw: unknown, context: AgentContext): AgentEntry | undefined {
  const wrong: string[] = [];
  const complain: Complain = (where, what) => {
    wrong.push(where);
    context.complain(where, what);
  };
  const checks = new AgentChecks(['agents', name], { ...context, complain });
  const given = readConfig(z.record(z.string(), z.unknown()), raw, ['agents', name], complain);
  if (!given) return undefined;

  const { tools, ownTools } = readTools(given['tools'], ['agents', name, 'tools'], context.env, complain);
  const { config, targets } = checks.readOptions({ ...given, ...(given['tools'] === undefined ? {} : { tools }) });
  const language = typeof given['language'] === 'string' ? given['language'] : 'en';
  const blocks = {
    stt: checks.readBlock('stt', sttBlock, given, language),
    llm: checks.readBlock('llm', llmBlock, given, language),
    tts: checks.readBlock('tts', ttsBlock, given, language),
  };
  const summaryLlm = checks.readSummaryModel(given, language);
  checks.checkScripts(blocks, config, targets);
  const { stt, llm, tts } = blocks;
  if (wrong.length > 0 || !config || !stt || !llm || !tts) return undefined;
  return { ...config, stt, llm, tts, ownTools, ...(summaryLlm && { summaryLlm }) };
}

class AgentChecks {
  readonly #path: readonly string[];
  readonly #context: AgentContext;

  constructor(path: readonly string[], context: AgentContext) {
    this.#path = path;
    this.#context = context;
  }

  #complain(keys: readonly PropertyKey[], what: string): void {
    this.#context.complain(configPath([...this.#path, ...keys]), what);
  }

  #warn(keys: readonly PropertyKey[], what: string): void {
    this.#context.warn(configPath([...this.#path, ...keys]), what);
  }

  /** What the agent says itself, and the names of its transfer targets, also when something else is wrong. */
  readOptions(given: Readonly<Record<string, unknown>>): {
    readonly config: AgentConfig | undefined;
    readonly targets: readonly string[];
  } {
    const { stt: _, llm: __, tts: ___, ...rest } = refuseNotYet(given, NOT_YET, this.#path, this.#context.complain);
    const targets = z.record(z.string(), z.unknown()).safeParse(rest['transferTargets']).data ?? {};
    const own =
      Object.keys(targets).length > 0
        ? { ...rest, transferTargets: this.#readTargets(targets), transferTerms: this.#readTerms(targets) }
        : rest;
    const known = [...BLOCK_KEYS, ...Object.keys(NOT_YET)];
    const config = readConfig(agentOptions, withoutModel(own), this.#path, this.#context.complain, known);
    const names = Object.keys(targets);
    const holdMusic = config?.holdMusic === undefined ? undefined : this.#checkMusic(config.holdMusic);
    const { fallbackTarget } = given;
    if (typeof fallbackTarget === 'string' && !names.includes(fallbackTarget)) {
      this.#complain(
        ['fallbackTarget'],
        `"${fallbackTarget}" is no name in transferTargets${suggest(fallbackTarget, names)}`,
      );
    }
    if (given['operatorKey'] !== undefined && fallbackTarget === undefined) {
      this.#complain(['operatorKey'], 'leads nowhere: name a fallbackTarget too');
    }
    if (config?.tools.includes('transfer_call') && given['tools'] !== undefined && names.length === 0) {
      this.#warn(['tools'], 'has transfer_call, but there are no transferTargets: it is not offered to the model');
    }
    return { config: config && { ...config, holdMusic }, targets: names };
  }

  /** Targets in their one form; those that can never be dialled are reported and left out. */
  #readTargets(targets: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const usable = Object.entries(targets).flatMap(([name, given]) => {
      // What is no text is the schema's to report.
      const to = numberOf(given);
      if (to === undefined) {
        this.#complain(['transferTargets', name, 'to'], 'is missing: a number like "+15105550200", or a sip: address');
        return [];
      }
      if (typeof to !== 'string') return [[name, to] as const];
      const target = normaliseTarget(to);
      if (target.ok) return [[name, target.target] as const];
      this.#complain(['transferTargets', name], target.why);
      return [];
    });
    return Object.fromEntries(usable);
  }

  /** The path of music that can be played; what cannot is reported. */
  #checkMusic(file: string): string {
    const path = resolve(this.#context.dir, file);
    try {
      readHoldMusic(path);
    } catch (thrown) {
      this.#complain(['holdMusic'], messageOf(thrown));
    }
    return path;
  }

  /** What the object form of a target, `{to, mode, announce}`, says beside its number. */
  #readTerms(targets: Readonly<Record<string, unknown>>): Readonly<Record<string, TransferTerms>> {
    const terms = Object.entries(targets).flatMap(([name, given]) => {
      if (typeof given !== 'object' || given === null || Array.isArray(given)) return [];
      const { to: _, ...rest } = given as Readonly<Record<string, unknown>>;
      const path = [...this.#path, 'transferTargets', name];
      const read = readConfig(transferTerms, rest, path, this.#context.complain, ['to']);
      return read ? [[name, read] as const] : [];
    });
    return Object.fromEntries(terms);
  }

  /** One provider block with its fallbacks. */
  readBlock<B extends AnyBlock>(
    kind: 'stt' | 'llm' | 'tts',
    schema: z.ZodType<B>,
    given: Readonly<Record<string, unknown>>,
    language: string,
  ): B | undefined {
    // A speech-to-speech agent has none of the three, and that it has to was said.
    if (given['speech'] !== undefined && given[kind] === undefined) return undefined;
    return this.#readChain(kind, [kind], schema, given[kind], language);
  }

  /** `summary.model`: what writes the summaries, when it is not `llm`. */
  readSummaryModel(given: Readonly<Record<string, unknown>>, language: string): LlmBlock | undefined {
    const model = summaryOf(given)?.['model'];
    if (model === undefined) return undefined;
    const block = this.#readChain('llm', ['summary', 'model'], llmBlock, model, language);
    const isScripted = block !== undefined && chainOf(block).some(({ provider }) => provider === 'scripted');
    if (!isScripted) return block;
    this.#complain(['summary', 'model'], 'cannot be scripted; leave it out to let a scripted agent write its own');
    return undefined;
  }

  #readChain<B extends AnyBlock>(
    kind: 'stt' | 'llm' | 'tts',
    at: readonly string[],
    schema: z.ZodType<B>,
    given: unknown,
    language: string,
  ): B | undefined {
    if (given === undefined) {
      this.#complain(at, `is missing: name what the agent ${WHAT_FOR[kind]} with, like ${EXAMPLES[kind]}`);
      return undefined;
    }
    const block = readConfig(schema, given, [...this.#path, ...at], this.#context.complain);
    if (!block) return undefined;
    chainOf(block).forEach((link, depth) => {
      const keys = [...at, ...Array<string>(depth).fill('fallback')];
      const problem = languageProblem(kind, link, language);
      if (problem !== undefined) this.#complain([...keys, 'model' in link ? 'model' : 'provider'], problem);
      if (isVendorBlock(link)) this.#checkVendor(keys, link);
      if (link.provider === 'sherpa' && !existsSync(resolve(this.#context.dir, link.model))) {
        this.#complain([...keys, 'model'], `there is no folder ${resolve(this.#context.dir, link.model)}`);
      }
    });
    return block;
  }

  #checkVendor(keys: readonly string[], block: VendorBlock): void {
    const { apiKey, apiKeyEnv, baseUrl, needsKey } = vendorAccess(block, this.#context.env);
    if (apiKey === '' && needsKey)
      this.#complain(keys, `needs the environment variable ${apiKeyEnv}, which is not set`);
    if (block.provider !== 'openai' || !isOpenAi(baseUrl)) return;
    const day = openAiShutdown(block.model);
    if (day === undefined || Date.parse(day) - this.#context.now > SHUTDOWN_WARNING_MS) return;
    const isGone = Date.parse(day) <= this.#context.now;
    this.#warn(
      [...keys, 'model'],
      `"${block.model}" ${isGone ? 'was' : 'will be'} switched off by OpenAI on ${day}; choose another`,
    );
  }

  /** Scripts must be readable, and what they do must be allowed. */
  checkScripts(
    blocks: { readonly [K in keyof ProviderBlocks]: ProviderBlocks[K] | undefined },
    config: AgentConfig | undefined,
    targets: readonly string[],
  ): void {
    const { stt, llm } = blocks;
    if (!llm) return;
    const links: readonly LlmBlock[] = chainOf(llm);
    links.forEach((link, depth) => {
      if (link.provider !== 'scripted') return;
      const keys = ['llm', ...Array<string>(depth).fill('fallback'), 'script'];
      try {
        const script = loadScript(resolve(this.#context.dir, link.script));
        if (config) this.#checkActions(keys, script, config, targets);
      } catch (error) {
        for (const line of messageOf(error).split('\n')) this.#complain(keys, `cannot be used: ${line}`);
      }
    });
    const embedded = stt && chainOf(stt).findIndex((link) => link.provider === 'embedded');
    if (embedded === undefined || embedded < 0 || links.some((link) => link.provider === 'scripted')) return;
    const keys = ['stt', ...Array<string>(embedded).fill('fallback'), 'provider'];
    this.#complain(
      keys,
      'embedded only understands the sentences of a script; use llm scripted, or deepgram or openai here',
    );
  }

  #checkActions(keys: readonly string[], script: AgentScript, config: AgentConfig, targets: readonly string[]): void {
    const wrong = new Set<string>();
    for (const { name, action } of script.intents) {
      if (!action) continue;
      if (!config.tools.includes(action.tool)) {
        wrong.add(`intent "${name}" uses ${action.tool}, which is not in the agent's tools`);
      } else if (action.tool === 'transfer_call' && !targets.includes(action.target)) {
        wrong.add(
          `intent "${name}" transfers to "${action.target}", which is not in transferTargets${suggest(action.target, targets)}`,
        );
      }
    }
    for (const problem of wrong) this.#complain(keys, problem);
  }
}

/** The number of a target in either form. */
function numberOf(given: unknown): unknown {
  const isTerms = typeof given === 'object' && given !== null && !Array.isArray(given);
  return isTerms ? (given as { readonly to?: unknown }).to : given;
}

function summaryOf(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const { summary } = given;
  const isObject = typeof summary === 'object' && summary !== null && !Array.isArray(summary);
  return isObject ? (summary as Readonly<Record<string, unknown>>) : undefined;
}

/** `summary.model` is a provider block, read with the others; the rest is the agent's own. */
function withoutModel(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const summary = summaryOf(given);
  if (!summary) return given;
  const { model: _, ...rest } = summary;
  return { ...given, summary: rest };
}
