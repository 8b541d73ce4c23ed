import type { Config } from '../../config.ts';
import { messageOf } from '../../core/errors.ts';
import { chainOf, vendorAccess, type AnyBlock } from '../../providers/options.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';

interface Endpoint {
  readonly vendor: 'deepgram' | 'openai';
  readonly baseUrl: string;
  readonly keyEnv: string;
  readonly key: string | undefined;
  readonly models: Set<string>;
}

const TIMEOUT_MS = 8000;

/** One cheap request to every speech and language server that the agents use. */
export async function providerChecks(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const endpoints = new Map<string, Endpoint>();
  for (const agent of Object.values(config.agents)) {
    for (const first of [agent.stt, agent.llm, agent.tts] as readonly (AnyBlock | undefined)[]) {
      for (const block of first ? chainOf(first) : []) addEndpoint(endpoints, block, env);
    }
  }
  return Promise.all(
    [...endpoints.values()].map((endpoint) =>
      endpoint.vendor === 'deepgram' ? askDeepgram(endpoint) : askOpenAi(endpoint),
    ),
  );
}

function addEndpoint(
  endpoints: Map<string, Endpoint>,
  block: AnyBlock,
  env: Readonly<Record<string, string | undefined>>,
): void {
  if (block.provider !== 'deepgram' && block.provider !== 'openai') return;
  const access = vendorAccess(block, env);
  const baseUrl =
    access.baseUrl ?? (block.provider === 'deepgram' ? 'https://api.deepgram.com' : 'https://api.openai.com/v1');
  const keyEnv = block.apiKeyEnv ?? (block.provider === 'deepgram' ? 'DEEPGRAM_API_KEY' : 'OPENAI_API_KEY');
  const id = `${block.provider} ${baseUrl} ${keyEnv}`;
  const endpoint = endpoints.get(id) ?? {
    vendor: block.provider,
    baseUrl,
    keyEnv,
    key: env[keyEnv],
    models: new Set<string>(),
  };
  endpoint.models.add(block.model);
  endpoints.set(id, endpoint);
}

async function askDeepgram(endpoint: Endpoint): Promise<Finding> {
  const check = 'Deepgram key';
  const answer = await ask(`${endpoint.baseUrl.replace(/\/$/, '')}/v1/projects`, `Token ${endpoint.key ?? ''}`);
  if (typeof answer === 'string') return notChecked(check, answer);
  if (answer.status === 401 || answer.status === 403) {
    return problem(
      check,
      `${endpoint.baseUrl} does not accept ${endpoint.keyEnv}`,
      'Create a key in the Deepgram console, API keys',
    );
  }
  return answer.ok
    ? ok(check, `accepted by ${endpoint.baseUrl}`)
    : notChecked(check, `${endpoint.baseUrl} answers ${answer.status}`);
}

async function askOpenAi(endpoint: Endpoint): Promise<Finding> {
  const check = endpoint.baseUrl.includes('api.openai.com') ? 'OpenAI key' : `language server ${endpoint.baseUrl}`;
  const answer = await ask(`${endpoint.baseUrl.replace(/\/$/, '')}/models`, `Bearer ${endpoint.key ?? 'none'}`);
  if (typeof answer === 'string') {
    return problem(check, answer, 'Start the server, or correct baseUrl (it includes /v1)');
  }
  if (answer.status === 401 || answer.status === 403) {
    return problem(
      check,
      `${endpoint.baseUrl} does not accept ${endpoint.keyEnv}`,
      'Create a key at the provider and put it into that variable',
    );
  }
  if (!answer.ok) return notChecked(check, `${endpoint.baseUrl}/models answers ${answer.status}`);
  const known = modelIds(await answer.json().catch(() => undefined));
  if (known === undefined) return notChecked(check, `${endpoint.baseUrl}/models does not list models`);
  const missing = [...endpoint.models].filter((model) => !known.has(model));
  if (missing.length === 0)
    return ok(check, `accepted by ${endpoint.baseUrl}, which has ${[...endpoint.models].join(', ')}`);
  return problem(
    check,
    `${endpoint.baseUrl} has no model ${missing.join(', ')}`,
    `Use one of: ${[...known].slice(0, 8).join(', ')}`,
  );
}

function modelIds(body: unknown): Set<string> | undefined {
  if (typeof body !== 'object' || body === null || !('data' in body) || !Array.isArray(body.data)) return undefined;
  const ids = body.data.flatMap((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'id' in entry && typeof entry.id === 'string' ? [entry.id] : [],
  );
  return new Set(ids);
}

/** @returns the response, or why there is none. */
async function ask(url: string, authorization: string): Promise<Response | string> {
  try {
    return await fetch(url, { headers: { authorization }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    return `${url} cannot be reached: ${cause}`;
  }
}
