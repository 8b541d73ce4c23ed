import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeWav } from '../audio/wav.ts';
import { loadConfig } from '../config.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { findJournal, readJournal } from '../journal/reader.ts';
import { loadScript } from '../providers/script.ts';
import { callStory, type CallStory } from '../records/call-story.ts';
import { readRecording } from '../records/recording.ts';
import { renderReport, type ReportCheck, type ReportContent } from '../records/report.ts';
import { playCaller } from './demo/caller.ts';
import { loadCallPlan, type CallPlan } from './demo/call-plan.ts';
import { Conversation } from './demo/conversation.ts';
import { compareHeard } from './demo/heard-check.ts';
import { Screen } from './screen.ts';
import { judge } from './demo/verdict.ts';
import type { ExitCode } from './exit-code.ts';
import { createLog } from './pino-log.ts';
import { run, type Running } from './serve.ts';

export interface DemoOptions {
  /** Folder for the recording, the journal and the report; made when missing. */
  readonly out: string;
}

/** The gateway needs no longer to see that everybody has hung up. */
const END_MS = 10_000;
const FROM = '+14155550142';
const TO = '+13125550178';
const WAV = 'call.wav';
const JOURNAL = 'journal.jsonl';
const REPORT = 'report.html';

const SOURCES: NonNullable<ReportContent['sources']> = {
  caller: {
    tag: 'recognition',
    explanation:
      'The caller is a recording of a human being, played into the call as 8 kHz G.711. Its texts were recognised from that sound by the embedded recogniser; nothing was looked up.',
  },
  agent: {
    tag: 'script',
    explanation:
      "The agent's words were chosen by a script (fixtures/demo/hotel.yaml), not by a language model, and spoken by the embedded voice.",
  },
};

/**
 * `landline demo`: a recorded human phones the built-in agent, all inside this process and on loopback.
 * @returns 0 only when everything the demo promises was seen to be so.
 */
export async function demo(options: DemoOptions): Promise<ExitCode> {
  const startedAt = performance.now();
  const screen = new Screen(process.stdout, process.env);
  const whole = loadCallPlan();
  const plan: CallPlan = { ...whole, turns: whole.turns.filter((turn) => !turn.isSkipped) };
  const out = resolve(options.out);
  await mkdir(out, { recursive: true });
  const dataDir = await mkdtemp(join(out, '.demo-'));
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    screen.title('A recorded caller phones the hotel. No key, no account, no network.');
    screen.line();
    const call = await placeCall(plan, dataDir, screen, stop.signal);
    const { story, checks } = await keepRecords(call, plan, dataDir, out);
    const passed = summarise(screen, checks, out);
    if (!screen.isLive) {
      const wallMs = Math.round(performance.now() - startedAt);
      process.stdout.write(`${JSON.stringify(summaryLine(story, checks, out, wallMs))}\n`);
    }
    return passed ? 0 : 1;
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown;
    screen.line();
    screen.line('Stopped before the end of the call.');
    return 1;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What is left of a call that is over. */
interface PastCall {
  readonly callId: string;
  /** What the emulated phone heard until it was handed to somebody else. */
  readonly heard: Int16Array;
  readonly phoneUnderruns: number;
  readonly gatewayUnderruns: number;
}

async function placeCall(plan: CallPlan, dataDir: string, screen: Screen, signal: AbortSignal): Promise<PastCall> {
  // Nothing of this machine's settings: the demo is the same for everybody.
  const env = { HOST: '127.0.0.1', PORT: '0', LANDLINE_DATA_DIR: dataDir };
  const config = await loadConfig({ env, cwd: dataDir });
  // The report is drawn from the track.
  const recordings = { ...config.recordings, keepTracks: true, encrypt: false };
  const running = await run({ ...config, recordings }, demoLog());
  try {
    return await converse(running, plan, screen, signal);
  } finally {
    await running.stop();
  }
}

async function converse(
  { gateway, emulator }: Running,
  plan: CallPlan,
  screen: Screen,
  signal: AbortSignal,
): Promise<PastCall> {
  if (!emulator) throw new LandlineError('internal_error', 'the demo runs against the emulator only');
  signal.throwIfAborted();
  const call = emulator.placeCall({ from: FROM, to: TO });
  const conversation = new Conversation({ gateway, call, screen });
  let heard: Int16Array | undefined;
  call.on('bridged', () => (heard = call.heard()));
  try {
    await playCaller({ plan, call, events: gateway.events, signal, did: (turn) => conversation.did(turn) });
    await call.waitFor(() => conversation.hasEnded, END_MS);
  } finally {
    conversation.close();
    call.hangup();
  }
  const { callId, underruns } = conversation;
  if (callId === undefined)
    throw new LandlineError('internal_error', 'the demo call was never reported by the gateway');
  return {
    callId,
    heard: heard ?? call.heard(),
    phoneUnderruns: call.underruns.length,
    gatewayUnderruns: underruns,
  };
}

/** Only what is wrong; on a line of its own, so that it does not tear the conversation. */
function demoLog(): Log {
  return createLog({ level: 'warn', format: 'pretty', fd: 2 });
}

async function keepRecords(
  call: PastCall,
  plan: CallPlan,
  dataDir: string,
  out: string,
): Promise<{ story: CallStory; checks: readonly ReportCheck[] }> {
  const path = await findJournal(dataDir, call.callId);
  if (path === undefined) throw new LandlineError('call_not_found', 'the demo call has left no journal');
  const story = callStory(await readJournal(path));
  const recording = await readRecording(dataDir, call.callId);
  const checks = judge({
    plan,
    script: loadScript(plan.script),
    story,
    heard: compareHeard(recording.agent, call.heard),
    phoneUnderruns: call.phoneUnderruns,
    gatewayUnderruns: call.gatewayUnderruns,
  });
  await copyFile(path, join(out, JOURNAL));
  await writeFile(join(out, WAV), writeWav({ sampleRate: 8000, channels: [recording.caller, recording.agent] }));
  await writeFile(join(out, REPORT), renderReport({ story, recording, sources: SOURCES, checks }));
  return { story, checks };
}

function summarise(screen: Screen, checks: readonly ReportCheck[], out: string): boolean {
  screen.line();
  for (const { passed, name, detail } of checks) screen.verdict(passed, name, detail);
  const [load = 0] = loadavg();
  const processors = availableParallelism();
  if (checks.some(({ passed }) => !passed) && load > processors) {
    screen.line(
      `  Sound has to keep time, and this machine is busy (load ${load.toFixed(1)} on ${processors} processors): try again when`,
    );
    screen.line('  it is quieter.');
  }
  screen.line();
  screen.line(`  recording  ${join(out, WAV)}  (caller left, agent as heard right)`);
  screen.line(`  journal    ${join(out, JOURNAL)}`);
  screen.line(`  report     ${pathToFileURL(join(out, REPORT)).href}`);
  return checks.every(({ passed }) => passed);
}

/** The last line for programs: one JSON object. */
function summaryLine(story: CallStory, checks: readonly ReportCheck[], out: string, wallMs: number): object {
  return {
    event: 'demo',
    passed: checks.every(({ passed }) => passed),
    wallMs,
    callMs: story.durationMs,
    endReason: story.endReason,
    answerMs: story.turns.flatMap((turn) => turn.latency?.firstAudioMs ?? []),
    checks,
    files: { recording: join(out, WAV), journal: join(out, JOURNAL), report: join(out, REPORT) },
  };
}
