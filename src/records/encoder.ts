import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LandlineError, messageOf } from '../core/errors.ts';
import { flacOf, wavOf } from './known-length.ts';

/** What a finished recording can be. WAV is made here; the others by `ffmpeg`, a program of the machine. */
export const RECORDING_FORMATS = ['wav', 'flac', 'opus'] as const;
export type RecordingFormat = (typeof RECORDING_FORMATS)[number];

interface FormatFacts {
  readonly extension: string;
  readonly contentType: string;
  /** What ffmpeg is told about its output. */
  readonly output: readonly string[];
}

export const FORMATS: Readonly<Record<RecordingFormat, FormatFacts>> = {
  // Bare samples: a WAV header needs the length, which ffmpeg cannot know of a stream.
  wav: { extension: 'wav', contentType: 'audio/wav', output: ['-c:a', 'pcm_s16le', '-ar', '8000', '-f', 's16le'] },
  flac: {
    extension: 'flac',
    contentType: 'audio/flac',
    output: ['-c:a', 'flac', '-compression_level', '8', '-f', 'flac'],
  },
  // Two people on two channels who hardly speak at once: 32 kbit/s is transparent for telephone sound.
  opus: {
    extension: 'opus',
    contentType: 'audio/ogg; codecs=opus',
    output: ['-c:a', 'libopus', '-b:a', '32k', '-application', 'voip', '-f', 'ogg'],
  },
};

/** Last of what ffmpeg complains about that is told on. */
const COMPLAINT_CHARS = 500;

/** Path of `ffmpeg`, looked for as a shell would; undefined: this machine has none. */
export function findFfmpeg(env: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** @throws LandlineError `not_supported` when there is no ffmpeg. */
export function needFfmpeg(ffmpeg: string | undefined, format: RecordingFormat): string {
  if (ffmpeg !== undefined) return ffmpeg;
  throw new LandlineError(
    'not_supported',
    `${format} is made by ffmpeg, which this machine does not have: install it, or use wav`,
  );
}

/**
 * Makes another format of a stereo recording: `ffmpeg` as a filter, with back-pressure at both ends. Its process ends when
 * the reader leaves.
 * @param samples of each channel: what is written into headers, because ffmpeg cannot know the length of a stream.
 * @throws LandlineError `internal_error` (retryable), out of the stream, with what ffmpeg complained about.
 */
export function transcode(
  ffmpeg: string,
  source: AsyncIterable<Uint8Array>,
  from: RecordingFormat,
  to: RecordingFormat,
  samples: number,
): AsyncIterable<Uint8Array> {
  const out = filter(ffmpeg, source, from, to);
  if (to === 'wav') return wavOf(out, samples);
  return to === 'flac' ? flacOf(out, samples) : out;
}

async function* filter(
  ffmpeg: string,
  source: AsyncIterable<Uint8Array>,
  from: RecordingFormat,
  to: RecordingFormat,
): AsyncGenerator<Buffer> {
  const input = from === 'opus' ? 'ogg' : from;
  const args = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-f', input, '-i', 'pipe:0', '-map_metadata', '-1'];
  const child = spawn(ffmpeg, [...args, '-fflags', '+bitexact', ...FORMATS[to].output, 'pipe:1'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-COMPLAINT_CHARS)));
  const ended = exit(child);
  // A source that fails must not look like a recording that is shorter.
  const fed = pipeline(source, child.stdin).then(
    () => undefined,
    (thrown: unknown) => {
      child.kill('SIGKILL');
      return { thrown };
    },
  );
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk;
    const [code, failure] = await Promise.all([ended, fed]);
    if (failure && failure.thrown instanceof LandlineError) throw failure.thrown;
    if (code === 'exit code 0' && !failure) return;
    const said = complaint.trim() === '' ? '' : `: ${complaint.trim()}`;
    const broken = failure ? ` (its input: ${messageOf(failure.thrown)})` : '';
    throw new LandlineError('internal_error', `ffmpeg could not make ${to}: ${code}${broken}${said}`, {
      cause: failure?.thrown,
      retryable: true,
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function exit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`cannot be started, ${error.message}`));
    child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
}
