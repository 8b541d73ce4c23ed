import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AudioFormat } from '../../audio/format.ts';
import { createL16Reader } from '../../audio/linear.ts';
import { readWav } from '../../audio/wav.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { ProviderFailure, TtsProvider } from '../ports.ts';
import { encodeSpeech } from './encode-speech.ts';
import { createSentenceSession, type RenderOutcome } from './sentence-session.ts';

export interface CommandTtsOptions {
  /** A program, found on the PATH. No shell is involved. */
  readonly command: string;
  /**
   * Its arguments. `{text}` in one is replaced by the sentence, which otherwise comes on stdin; `{file}` by the path of a
   * file the program shall write, which otherwise writes to stdout.
   */
  readonly args: readonly string[];
  /** Hz of what it makes, when that is raw signed 16-bit little-endian mono. A WAV (it begins with RIFF) says it itself. */
  readonly sampleRate: number;
  readonly clock: Clock;
  /** For one sentence, milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
}

/** More than ten minutes of audio for one sentence is no speech. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;
/** The end of what the program complained, for the failure's message. */
const MAX_STDERR_CHARS = 400;

/** Speech from any program that speaks, such as `espeak-ng --stdout` or `flite -t {text} -o {file}`: one run per sentence. */
export function createCommandTts(options: CommandTtsOptions): TtsProvider {
  return {
    name: `command ${options.command}`,
    open({ format }, emit) {
      const opening = options.clock.after(0, () => emit({ type: 'ttsOpened' }));
      const session = createSentenceSession((text, done) => speak(options, text, format, done), emit);
      return {
        ...session,
        close() {
          opening.cancel();
          session.close();
        },
      };
    },
  };
}

function speak(
  options: CommandTtsOptions,
  text: string,
  format: AudioFormat,
  done: (outcome: RenderOutcome) => void,
): { cancel(): void } {
  const { command, clock, timeoutMs = 10_000 } = options;
  const folder = options.args.some((arg) => arg.includes('{file}'))
    ? mkdtempSync(join(tmpdir(), 'landline-'))
    : undefined;
  const file = folder && join(folder, 'speech');
  // A sentence that begins with a dash must not become an option.
  const argument = text.startsWith('-') ? ` ${text}` : text;
  const args = options.args.map((arg) =>
    arg.replaceAll('{text}', () => argument).replaceAll('{file}', () => file ?? ''),
  );

  let over = false;
  let stderr = '';
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  const finish = (outcome: RenderOutcome | undefined): void => {
    if (over) return;
    over = true;
    timer.cancel();
    child.kill('SIGKILL');
    if (folder) rmSync(folder, { recursive: true, force: true });
    if (outcome) done(outcome);
  };
  const fail = (kind: ProviderFailure['kind'], message: string): void => {
    const complaint = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
    finish({
      ok: false,
      failure: { kind, message: `tts command ${command} ${message}${complaint}`, retryable: false },
    });
  };

  const timer = clock.after(timeoutMs, () => fail('timeout', `did not finish within ${timeoutMs} ms`));
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') fail('missing', 'is not installed or not on the PATH');
    else fail('server', `could not be run: ${error.message}`);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-MAX_STDERR_CHARS);
  });
  child.stdout?.on('data', (chunk: Buffer) => {
    stdoutBytes += chunk.length;
    if (stdoutBytes > MAX_OUTPUT_BYTES) fail('malformed', `wrote more than ${MAX_OUTPUT_BYTES} bytes for one sentence`);
    else stdout.push(chunk);
  });
  child.on('close', (code, signal) => {
    if (over) return;
    if (code !== 0) {
      fail('server', code === null ? `was ended by ${signal ?? 'a signal'}` : `failed with exit code ${code}`);
      return;
    }
    try {
      const bytes = inFormat(file ? readFileSync(file) : Buffer.concat(stdout), options.sampleRate, format);
      if (bytes.length > 0) finish({ ok: true, bytes });
      else fail('malformed', 'made no sound');
    } catch (error) {
      fail('malformed', `made audio that cannot be used: ${messageOf(error)}`);
    }
  });
  // A program that takes its text elsewhere may be gone before it is written.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.args.some((arg) => arg.includes('{text}')) ? '' : `${text}\n`);

  return { cancel: () => finish(undefined) };
}

function inFormat(output: Uint8Array, rawRate: number, format: AudioFormat): Uint8Array {
  const isWav = Buffer.from(output.subarray(0, 4)).toString('latin1') === 'RIFF';
  const wav = isWav ? readWav(output) : undefined;
  const samples = wav ? (wav.channels[0] ?? new Int16Array(0)) : createL16Reader('little').push(output);
  return encodeSpeech({ samples, sampleRate: wav?.sampleRate ?? rawRate }, format);
}
