import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../bin/landline.js', import.meta.url));

export interface RunningCommand {
  readonly child: ChildProcess;
  /** All of stdout, or of stderr, so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves with the exit code. */
  readonly exit: Promise<number | null>;
  /** Resolves when stdout has this in it; rejects when the command ends before. */
  waitFor(text: string): Promise<void>;
}

/** Runs `landline …` as its own process, without a terminal. */
export function landline(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
  const child = spawn(process.execPath, [ENTRY, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    out: () => out,
    err: () => err,
    exit,
    async waitFor(text) {
      while (!out.includes(text)) {
        const more = new Promise<'more'>((resolve) => child.stdout.once('data', () => resolve('more')));
        if ((await Promise.race([more, exit])) === 'more') continue;
        throw new Error(`the command ended without "${text}":\n${out}\n${err}`);
      }
    },
  };
}
