import { createInterface } from 'node:readline/promises';
import { systemClock } from '../core/clock.ts';
import { examine, type Examination } from './doctor/examine.ts';
import type { Finding, Fix } from './doctor/finding.ts';
import type { ExitCode } from './exit-code.ts';

export interface DoctorOptions {
  readonly config?: string;
  readonly fix?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Where the doctor reads and writes. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
  /** Takes the talk about changes while `output` is one JSON document. */
  readonly errors: NodeJS.WritableStream;
}

const PROCESS: Terminal = { input: process.stdin, output: process.stdout, errors: process.stderr };

/** `landline doctor`: reads, asks, says what to do. Changes nothing without `--fix`. @returns 1 when a problem is left. */
export async function doctor(options: DoctorOptions, terminal: Terminal = PROCESS): Promise<ExitCode> {
  const env = { ...process.env, ...(options.config === undefined ? {} : { LANDLINE_CONFIG: options.config }) };
  const look = (): Promise<Examination> => examine({ env, cwd: process.cwd(), clock: systemClock });
  let examination = await look();
  const fixes = examination.findings.flatMap(({ fix }) => fix ?? []);
  if (options.fix && fixes.length > 0) {
    const { input } = terminal;
    const output = options.json ? terminal.errors : terminal.output;
    output.write(`This would be changed at Telnyx:\n${fixes.map(({ what }) => `  - ${what}\n`).join('')}`);
    if (options.yes || (await isAgreed(input, output))) {
      await applyAll(fixes, output);
      examination.close();
      examination = await look();
    }
  }
  examination.close();
  const { findings } = examination;
  const problems = findings.filter(({ status }) => status === 'problem').length;
  terminal.output.write(options.json ? jsonOf(findings, problems) : textOf(findings, problems));
  return problems === 0 ? 0 : 1;
}

async function isAgreed(input: Terminal['input'], output: NodeJS.WritableStream): Promise<boolean> {
  if (!input.isTTY) {
    output.write('Nothing was changed: run with --fix --yes to agree without being asked.\n\n');
    return false;
  }
  const prompt = createInterface({ input, output });
  // Ctrl-C and Ctrl-D close the prompt without an answer.
  const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('')));
  const answer = await Promise.race([prompt.question('Change it? [y/N] '), closed]);
  prompt.close();
  const yes = /^y(es)?$/i.test(answer.trim());
  output.write(yes ? '' : 'Nothing was changed.\n\n');
  return yes;
}

async function applyAll(fixes: readonly Fix[], output: NodeJS.WritableStream): Promise<void> {
  for (const fix of fixes) {
    const failure = await fix.apply();
    output.write(failure === undefined ? `  done    ${fix.what}\n` : `  FAILED  ${fix.what}: ${failure}\n`);
  }
  output.write('\n');
}

function jsonOf(findings: readonly Finding[], problems: number): string {
  const plain = findings.map(({ fix, ...finding }) => ({ ...finding, fixable: fix !== undefined }));
  return `${JSON.stringify({ problems, findings: plain }, null, 2)}\n`;
}

function textOf(findings: readonly Finding[], problems: number): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const sign = {
    ok: 'ok         ',
    warning: 'warning    ',
    problem: 'PROBLEM    ',
    'not checked': 'not checked',
  } as const;
  const lines = findings.flatMap(({ check, status, detail, remedy }) => [
    `${sign[status]}  ${check.padEnd(width)}  ${detail}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(13 + width)}  -> ${remedy}`]),
  ]);
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  const found = problems === 0 ? 'No problem found' : count(problems, 'problem');
  const verdict = warnings === 0 ? found : `${found}, ${count(warnings, 'warning')}`;
  return `${lines.join('\n')}\n\n${verdict}.\n`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
