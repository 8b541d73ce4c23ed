import type { Config } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { openAiShutdown } from '../../providers/openai-shutdowns.ts';
import { chainOf, isOpenAi, isVendorBlock, vendorAccess, type AnyBlock } from '../../providers/options.ts';
import { keyCheck } from './config-findings.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';
import { reach } from './reach.ts';

/** One server with one key, and what the agents want of it. */
interface Endpoint {
  readonly check: string;
  readonly vendor: 'deepgram' | 'openai';
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly keyEnv: string;
  readonly key: string;
  readonly models: Set<string>;
}

interface ListedModel {
  readonly id: string;
  readonly ownedBy: unknown;
  /** `YYYY-MM-DD`. */
  readonly shutdown: string | undefined;
}

const OWN_URL = { deepgram: 'https://api.deepgram.com', openai: 'https://api.openai.com/v1' } as const;
const SHUTDOWN_NOTICE_MS = 60 * 86_400_000;

/** One cheap request to every speech and language server that the agents use. */
export async function providerChecks(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<Finding[]> {
  const endpoints = new Map<string, Endpoint>();
  for (const { stt, llm, tts } of Object.values(config.agents)) {
    for (const block of [stt, llm, tts].flatMap((first: AnyBlock) => chainOf(first))) {
      if (!isVendorBlock(block)) continue;
      const { apiKey, apiKeyEnv, baseUrl: given, needsKey } = vendorAccess(block, env);
      const baseUrl = (given ?? OWN_URL[block.provider]).replace(/\/+$/, '');
      const id = `${block.provider} ${baseUrl} ${apiKeyEnv}`;
      const check = needsKey || apiKey !== '' ? keyCheck(apiKeyEnv) : `server ${baseUrl}`;
      const endpoint = endpoints.get(id) ?? {
        ...{ check, vendor: block.provider, baseUrl, keyEnv: apiKeyEnv, key: apiKey },
        models: new Set<string>(),
      };
      endpoint.models.add(block.model);
      endpoints.set(id, endpoint);
    }
  }
  return Promise.all([...endpoints.values()].map((endpoint) => askServer(endpoint, clock)));
}

async function askServer(endpoint: Endpoint, clock: Clock): Promise<Finding> {
  const { check, vendor, baseUrl, keyEnv, key } = endpoint;
  if (!/^[\x21-\x7e]*$/.test(key)) {
    return problem(check, `${keyEnv} has characters no key has`, 'Copy it again, without spaces and line breaks');
  }
  const [path, scheme] = vendor === 'deepgram' ? ['/v1/projects', 'Token'] : ['/models', 'Bearer'];
  const answer = await reach(`${baseUrl}${path}`, { headers: key === '' ? {} : { authorization: `${scheme} ${key}` } });
  if (!('response' in answer)) {
    const variable = vendor === 'deepgram' ? 'DEEPGRAM_BASE_URL' : 'OPENAI_BASE_URL (it includes /v1)';
    return problem(
      check,
      `${baseUrl} cannot be reached: ${answer.reason}`,
      `Check network and firewall, start the server, or correct baseUrl or ${variable}`,
    );
  }
  const { status, ok: isOk } = answer.response;
  if (status === 401) {
    return problem(
      check,
      `${baseUrl} does not accept ${keyEnv}`,
      `Create a key at the provider, put it into ${keyEnv}`,
    );
  }
  // A key with narrow rights may not list anything and still do its work.
  if (status === 403) return notChecked(check, `${baseUrl} does not let this key list anything (403)`);
  if (!isOk) return notChecked(check, `${baseUrl}${path} answers ${status}`);
  return vendor === 'deepgram' ? ok(check, `accepted by ${baseUrl}`) : judgeModels(endpoint, answer.body, clock);
}

function judgeModels({ check, baseUrl, models }: Endpoint, body: string, clock: Clock): Finding {
  const listed = readModels(body);
  if (listed === undefined) return notChecked(check, `${baseUrl}/models does not list models`);
  const gone: string[] = [];
  const ending: string[] = [];
  for (const name of models) {
    // Ollama lists `llama3.2:latest` and takes `llama3.2`; llama.cpp takes any name for the one model it runs.
    const found = listed.find(({ id, ownedBy }) => id === name || id === `${name}:latest` || ownedBy === 'llamacpp');
    if (!found) gone.push(name);
    const day = found?.shutdown ?? (isOpenAi(baseUrl) ? openAiShutdown(name) : undefined);
    if (found && day !== undefined && Date.parse(day) - clock.wall() < SHUTDOWN_NOTICE_MS) {
      ending.push(`${name} on ${day}`);
    }
  }
  if (gone.length > 0) {
    const some = listed.slice(0, 8).map(({ id }) => id);
    const remedy = some.length === 0 ? 'Load it into the server' : `Use another, such as ${some.join(', ')}`;
    return problem(check, `${baseUrl} has no model ${gone.join(', ')}`, remedy);
  }
  if (ending.length > 0) {
    return problem(check, `${baseUrl} switches off ${ending.join(', ')}`, 'Choose a newer model before that day');
  }
  return ok(check, `accepted by ${baseUrl}, which has ${[...models].join(', ')}`);
}

function readModels(body: string): ListedModel[] | undefined {
  let data: unknown;
  try {
    data = (JSON.parse(body) as { data?: unknown } | null)?.data;
  } catch {
    return undefined;
  }
  if (!Array.isArray(data)) return undefined;
  return data.flatMap((entry: unknown): ListedModel[] => {
    if (typeof entry !== 'object' || entry === null || !('id' in entry) || typeof entry.id !== 'string') return [];
    const shutdown = 'shutdown_date' in entry ? entry.shutdown_date : undefined;
    const ownedBy = 'owned_by' in entry ? entry.owned_by : undefined;
    return [{ id: entry.id, ownedBy, shutdown: typeof shutdown === 'string' ? shutdown : undefined }];
  });
}
