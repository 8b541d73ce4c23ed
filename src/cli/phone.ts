import { readFile, writeFile } from 'node:fs/promises';
import { readWav, toMono8k, writeWav } from '../audio/wav.ts';
import type { PublishedEvent } from '../call/ports.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { ExitCode } from './exit-code.ts';
import { RemotePhone } from './phone/caller.ts';
import { followEvents } from './phone/events.ts';
import { Screen } from './screen.ts';
import { Transcript } from './transcript.ts';

export interface PhoneOptions {
  /** Address of the gateway, e.g. `http://127.0.0.1:8080`. */
  readonly gateway: string;
  /** E.164. */
  readonly to: string;
  /** Keys, pressed one second after the answer to the file. */
  readonly press?: string;
  /** Path of a WAV file to write: what the caller heard. */
  readonly out?: string;
}

const CONNECT_MS = 5000;
/** An agent that says nothing by then is waiting for the caller. */
const GREETING_MS = 5000;
/** So long a pause, and the agent has finished. Longer than the pauses between its sentences. */
const QUIET_MS = 1200;
const ANSWER_MS = 20_000;

/**
 * `landline phone file.wav`: calls a gateway that runs against the emulator, says the file when the greeting is over, waits
 * for the answer and hangs up.
 * @returns 0 when the agent answered, 1 when it did not.
 */
export async function phone(file: string | undefined, options: PhoneOptions): Promise<ExitCode> {
  const origin = originOf(options.gateway);
  if (file === undefined) {
    if (options.press !== undefined || options.out !== undefined) {
      throw new LandlineError('request_invalid', 'name the WAV file that calls: landline phone <file> …');
    }
    process.stdout.write(usage(origin));
    return 0;
  }
  check(options);
  const samples = await readAudio(file);
  await checkGateway(origin);

  const screen = new Screen(process.stdout, process.env);
  const transcript = new Transcript(screen);
  const line = await RemotePhone.connect(`${origin.replace(/^http/, 'ws')}/phone/socket`);
  const mine = ownEvents(line, (event) => transcript.on(event));
  const apiKey = process.env['LANDLINE_API_KEY']?.split(',')[0]?.trim();
  const unfollow = await followEvents(origin, apiKey, mine.see);
  if (!unfollow) screen.line('What is said cannot be shown: set LANDLINE_API_KEY to the key of this gateway.');
  try {
    const answered = await converse(line, options, samples);
    await line.until(() => false);
    if (unfollow && line.isAnswered) await mine.ended(CONNECT_MS);
    if (options.out !== undefined) await save(options.out, line.heard());
    screen.line(verdict(line, answered));
    return answered ? 0 : 1;
  } finally {
    unfollow?.();
    line.close();
  }
}

/** Says everything; leaves with the line hung up. @returns whether the agent answered all of it. */
async function converse(line: RemotePhone, { to, press }: PhoneOptions, samples: Int16Array): Promise<boolean> {
  line.send({ type: 'call', to });
  await line.until(() => line.isAnswered);
  await line.until(() => isQuiet(line, 0) || (line.soundMs === 0 && line.nowMs >= GREETING_MS));
  line.speak(samples);
  await line.until(() => !line.isSpeaking);
  let answered = await answer(line);
  if (press !== undefined && answered) {
    line.send({ type: 'press', digits: press });
    answered = await answer(line);
  }
  line.send({ type: 'hangup' });
  return answered;
}

/** Waits until the agent has spoken and is quiet again, or the call has ended after it spoke. */
async function answer(line: RemotePhone): Promise<boolean> {
  const since = line.nowMs;
  await line.until(() => isQuiet(line, since) || line.nowMs - since > ANSWER_MS + Math.max(0, line.soundMs - since));
  return line.soundMs > since;
}

function isQuiet(line: RemotePhone, sinceMs: number): boolean {
  return line.soundMs > sinceMs && line.nowMs - line.soundMs >= QUIET_MS;
}

/** Of all calls of the gateway only ours; its events may come before we know our number. */
function ownEvents(
  line: RemotePhone,
  show: (event: PublishedEvent) => void,
): { readonly see: (event: PublishedEvent) => void; readonly ended: (withinMs: number) => Promise<unknown> } {
  const early: PublishedEvent[] = [];
  let callId: string | undefined;
  const over = Promise.withResolvers<undefined>();
  return {
    see(event) {
      early.push(event);
      callId ??= early.find((each) => each.type === 'call.created' && each.data.from === line.from)?.callId;
      if (callId === undefined) return;
      for (const each of early.splice(0)) {
        if (each.callId !== callId) continue;
        show(each);
        // Its last turns are shown at the next moment.
        if (each.type === 'call.ended') setImmediate(() => over.resolve(undefined));
      }
    },
    ended: (withinMs) =>
      Promise.race([over.promise, new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref())]),
  };
}

function verdict(line: RemotePhone, answered: boolean): string {
  const { end } = line;
  if (end?.type === 'refused') return `The call was refused: ${end.reason}.`;
  if (!line.isAnswered) return `The call was not answered: ${end?.cause.replaceAll('_', ' ') ?? 'unknown'}.`;
  return answered ? 'The agent answered.' : 'The agent did not answer what was said.';
}

function originOf(gateway: string): string {
  const url = URL.canParse(gateway) ? new URL(gateway) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin;
  throw new LandlineError(
    'request_invalid',
    `--gateway must be an address like http://127.0.0.1:8080, got "${gateway}"`,
  );
}

function check({ to, press }: PhoneOptions): void {
  if (!/^\+[1-9]\d{6,14}$/.test(to)) {
    throw new LandlineError('request_invalid', `--to must be a number like +13125550178, got "${to}"`);
  }
  if (press !== undefined && !/^[0-9A-D*#]{1,32}$/.test(press)) {
    throw new LandlineError('request_invalid', `--press must be 1 to 32 keys of 0-9 A-D * #, got "${press}"`);
  }
}

async function readAudio(file: string): Promise<Int16Array> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(cause);
    throw new LandlineError('audio_invalid', `cannot read ${file}: ${why}`, { cause });
  }
  try {
    return toMono8k(readWav(bytes));
  } catch (cause) {
    throw new LandlineError('audio_invalid', `${file}: ${messageOf(cause)}`, { cause });
  }
}

/** @throws LandlineError that says why nobody can call there. */
async function checkGateway(origin: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch(`${origin}/phone`, { signal: AbortSignal.timeout(CONNECT_MS) });
    await response.body?.cancel();
  } catch (cause) {
    throw new LandlineError('not_found', `no gateway answers at ${origin}: start one with "npm start"`, { cause });
  }
  if (response.status === 404) {
    throw new LandlineError(
      'not_supported',
      `the gateway at ${origin} has no phone: it runs live, so call its number, or start one without TELNYX_API_KEY`,
    );
  }
  if (response.status === 403) {
    throw new LandlineError(
      'unauthorized',
      `the phone of ${origin} answers only on its own machine: use its address 127.0.0.1`,
    );
  }
  if (!response.ok) throw new LandlineError('not_found', `${origin}/phone answers with HTTP ${response.status}`);
}

async function save(path: string, heard: Int16Array): Promise<void> {
  try {
    await writeFile(path, writeWav({ sampleRate: 8000, channels: [heard] }));
  } catch (cause) {
    throw new LandlineError('request_invalid', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

function usage(origin: string): string {
  return [
    'Calls a gateway that runs against the embedded Telnyx emulator ("npm start" without TELNYX_API_KEY).',
    '',
    `  In a browser, with microphone and keypad:  ${origin}/phone`,
    '  With a recording as the caller:            npm run landline -- phone fixtures/demo/caller/02-hours.wav',
    '',
    'The file is a WAV of any usual rate. It is said when the greeting is over; then the answer is waited for.',
    'Options: landline phone --help',
    '',
  ].join('\n');
}
