import { loadConfig, type Config, type Env } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { LandlineError } from '../../core/errors.ts';
import { createTelnyxAccount } from '../../telnyx/account.ts';
import { configFindings, destinationsFinding, warningFindings } from './config-findings.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';
import { providerChecks } from './provider-checks.ts';
import { publicUrlChecks } from './public-url-checks.ts';
import { telnyxChecks } from './telnyx-checks.ts';
import { toolChecks } from './tool-checks.ts';

export interface ExamineOptions {
  readonly env: Env;
  /** Where the config file is looked for. */
  readonly cwd: string;
  readonly clock: Clock;
}

export interface Examination {
  readonly findings: readonly Finding[];
  /** Ends the connections to Telnyx, which the fixes of the findings use. */
  close(): void;
}

/** Everything a live gateway needs, asked for and judged. Changes nothing. */
export async function examine({ env, cwd, clock }: ExamineOptions): Promise<Examination> {
  // An older Node does not get this far: bin/landline.js refuses it.
  const node = ok('Node', process.versions.node);
  let config: Config;
  try {
    config = await loadConfig({ env, cwd, now: clock.wall() });
  } catch (error) {
    if (!(error instanceof LandlineError)) throw error;
    const rest = notChecked('everything else', 'first the config must be right');
    return { findings: [node, ...configFindings(error.message), rest], close: () => undefined };
  }
  const findings = [node, ok('config', config.file ?? 'built-in demo agent'), ...warningFindings(config)];
  if (config.mode === 'emulator') {
    const detail = 'TELNYX_API_KEY is not set: this gateway would run against the embedded emulator';
    const key = problem('Telnyx key', detail, 'Set it, and what .env.example lists with it, for live calls');
    const rest = notChecked('everything else', 'it is needed for live calls only');
    return {
      findings: [
        ...findings,
        ...(await providerChecks(config, env, clock)),
        ...(await toolChecks(config, env, clock)),
        key,
        rest,
      ],
      close: () => undefined,
    };
  }
  findings.push(destinationsFinding(config));
  const [providers, tools, url] = await Promise.all([
    providerChecks(config, env, clock),
    toolChecks(config, env, clock),
    publicUrlChecks(config),
  ]);
  const leadsHere = url.every(({ status }) => status !== 'problem');
  const account = createTelnyxAccount({ apiKey: config.telnyx.apiKey ?? '', baseUrl: config.telnyx.baseUrl });
  const telnyx = await telnyxChecks(config, account, clock, leadsHere);
  return { findings: [...findings, ...providers, ...tools, ...telnyx, ...url], close: () => account.close() };
}
