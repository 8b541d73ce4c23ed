import { createInterface } from 'node:readline/promises';
import { loadConfig, type Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { createTelnyxAccount } from '../telnyx/account.ts';
import { notChecked, ok, problem, type Finding } from './doctor/finding.ts';
import { providerChecks } from './doctor/provider-checks.ts';
import { publicUrlChecks } from './doctor/public-url-check.ts';
import { telnyxChecks } from './doctor/telnyx-checks.ts';
import type { ExitCode } from './main.ts';

export interface DoctorOptions {
  readonly config?: string;
  readonly fix?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `landline doctor`: reads, asks, says what to do. Changes nothing without `--fix`. @returns 1 when a problem is left. */
export async function doctor(options: DoctorOptions): Promise<ExitCode> {
  const env = { ...process.env, ...(options.config === undefined ? {} : { LANDLINE_CONFIG: options.config }) };
  let findings = await examine(env);
  const fixable = findings.filter((finding) => finding.fix);
  if (options.fix && fixable.length > 0 && (await agreed(fixable, options))) {
    for (const { fix } of fixable) {
      const failure = await fix?.apply();
      say(
        options,
        `  ${failure === undefined ? 'done  ' : 'FAILED'}  ${fix?.what ?? ''}${failure === undefined ? '' : `: ${failure}`}`,
      );
    }
    findings = await examine(env);
  }
  const problems = findings.filter((finding) => finding.status === 'problem').length;
  if (options.json) {
    const plain = findings.map(({ check, status, detail, remedy, fix }) => ({
      check,
      status,
      detail,
      remedy,
      fixable: fix !== undefined,
    }));
    process.stdout.write(`${JSON.stringify({ problems, findings: plain }, null, 2)}\n`);
  } else print(findings, problems);
  return problems === 0 ? 0 : 1;
}

async function examine(env: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  const findings: Finding[] = [ok('Node', process.versions.node)];
  let config: Config;
  try {
    config = await loadConfig({ env, cwd: process.cwd() });
    findings.push(ok('config', config.file ?? 'built-in demo agent'));
  } catch (error) {
    if (!(error instanceof LandlineError)) throw error;
    for (const line of error.message.split('\n'))
      findings.push(problem('config', line, 'Correct it, then run doctor again'));
    findings.push(notChecked('everything else', 'it needs a config that can be read'));
    return findings;
  }
  findings.push(...(await providerChecks(config, env)));
  if (config.mode === 'emulator') {
    findings.push(
      problem(
        'Telnyx key',
        'TELNYX_API_KEY is not set: this gateway would run against the embedded emulator',
        'Set it for live calls',
      ),
    );
    return findings;
  }
  const account = createTelnyxAccount({ apiKey: config.telnyx.apiKey ?? '', baseUrl: config.telnyx.baseUrl });
  try {
    findings.push(...(await telnyxChecks(config, account, systemClock)));
  } finally {
    account.close();
  }
  findings.push(...(await publicUrlChecks(config)));
  return findings;
}

/** Lists every change before anything is changed. */
async function agreed(fixable: readonly Finding[], options: DoctorOptions): Promise<boolean> {
  say(options, 'This would be changed at Telnyx:');
  for (const { fix } of fixable) say(options, `  - ${fix?.what ?? ''}`);
  if (options.yes) return true;
  if (!process.stdin.isTTY) {
    say(options, 'Nothing was changed: run with --fix --yes to agree without being asked.');
    return false;
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question('Change it? [y/N] ');
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}

function say(options: DoctorOptions, text: string): void {
  // With --json, standard output is one document.
  (options.json ? process.stderr : process.stdout).write(`${text}\n`);
}

function print(findings: readonly Finding[], problems: number): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const sign = { ok: 'ok         ', problem: 'PROBLEM    ', 'not checked': 'not checked' } as const;
  for (const { check, status, detail, remedy } of findings) {
    process.stdout.write(`${sign[status]}  ${check.padEnd(width)}  ${detail}\n`);
    if (remedy !== undefined) process.stdout.write(`${' '.repeat(11)}  ${' '.repeat(width)}  -> ${remedy}\n`);
  }
  process.stdout.write(
    problems === 0 ? '\nNo problem found.\n' : `\n${problems} ${problems === 1 ? 'problem' : 'problems'}.\n`,
  );
}
