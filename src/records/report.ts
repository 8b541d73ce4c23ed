import { createHash } from 'node:crypto';
import { writeWav, type WavToWrite } from '../audio/wav.ts';
import { peak } from '../audio/level.ts';
import type { CallStory, StoryMoment, StoryTurn } from './call-story.ts';
import type { Recording } from './recording.ts';
import { REPORT_SCRIPT } from './report-script.ts';
import { REPORT_STYLE } from './report-style.ts';
import { waveformOf, waveformPath } from './waveform.ts';

export interface ReportContent {
  readonly story: CallStory;
  /** Both sides at 8 kHz; undefined when the call was not recorded. */
  readonly recording: Recording | undefined;
  /** Where the texts of each side come from, shown beside every turn and explained at the end. */
  readonly sources?: { readonly caller: TextSource; readonly agent: TextSource };
  /** Verdicts about the call, for reports of tests and of the demo. */
  readonly checks?: readonly ReportCheck[];
}

export interface TextSource {
  /** One word, e.g. `recognition`. */
  readonly tag: string;
  /** One sentence. */
  readonly explanation: string;
}

export interface ReportCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly detail: string;
}

const RATE = 8000;
/** Larger audio makes a page that phones and mail programs refuse. */
const MAX_AUDIO_BYTES = 4_000_000;
const BUCKETS = 1600;
/** Height of half a waveform in units of its own drawing. */
const HALF = 50;
/** Narrow enough to see a whole minute at a glance on a screen, wide enough to hit a word with a finger. */
const MIN_PX_PER_SECOND = 14;
const TICK_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600] as const;

/**
 * One call as one HTML page that needs nothing else: both sides as waveforms on one time line, the turns below them, what
 * was said, how fast it was answered, and the audio itself (up to 4 MB; without it beyond).
 */
export function renderReport({ story, recording, sources, checks }: ReportContent): string {
  const seconds = lengthOf(story, recording) / 1000;
  const audio = recording && audioUri(recording);
  const hash = createHash('sha256').update(REPORT_SCRIPT).digest('base64');
  // What callers say ends up in here: nothing but our own script may ever run.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; media-src data:`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Call ${escape(story.from)} → ${escape(story.to)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${header(story)}
${tiles(story)}
<section class="card" aria-label="Recording">
${player(audio, recording, seconds)}
${timeline(story, recording, seconds)}
</section>
${transcript(story, sources)}
${checks ? verdicts(checks) : ''}
${footer(story, sources)}
</main>
<script>${REPORT_SCRIPT}</script>
</body>
</html>
`;
}

/** Text as HTML, inside elements and inside quoted attributes. */
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function lengthOf({ turns, moments }: CallStory, recording: Recording | undefined): number {
  const recordedMs = ((recording?.caller.length ?? 0) / RATE) * 1000;
  return Math.max(1000, recordedMs, ...turns.map((turn) => turn.endMs), ...moments.map((moment) => moment.atMs));
}

function audioUri({ caller, agent }: Recording): string | undefined {
  const wav: WavToWrite = { sampleRate: RATE, channels: [caller, agent] };
  for (const encoding of ['pcm16', 'PCMU'] as const) {
    const bytes = Buffer.from(writeWav({ ...wav, encoding }));
    if (bytes.length <= MAX_AUDIO_BYTES) return `data:audio/wav;base64,${bytes.toString('base64')}`;
  }
  return undefined;
}

function header({ from, to, agent, direction, createdAt, endReason }: CallStory): string {
  const [day = '', time = ''] = createdAt.split('T');
  const how = direction === 'inbound' ? 'answered by' : 'placed for';
  const end = endReason === undefined ? 'still going on' : endReason.replaceAll('_', ' ');
  return `<header>
<p class="eyebrow">Landline call report</p>
<h1><span>${escape(from)}</span> <span class="arrow">→</span> <span>${escape(to)}</span></h1>
<p class="sub">${how} <b>${escape(agent)}</b> · ${escape(day)} ${escape(time.slice(0, 5))} UTC · ${escape(end)}</p>
</header>`;
}

function tiles({ turns, durationMs }: CallStory): string {
  const waits = turns.flatMap((turn) => turn.latency?.firstAudioMs ?? []).sort((a, b) => a - b);
  const median = waits[Math.floor((waits.length - 1) / 2)];
  const worst = waits.at(-1);
  const count = (role: StoryTurn['role']): number => turns.filter((turn) => turn.role === role).length;
  const shown: readonly (readonly [value: string, label: string])[] = [
    [durationMs === undefined ? '–' : clock(durationMs), 'duration'],
    [`${count('caller')} + ${count('agent')}`, 'turns of caller + agent'],
    [seconds(median), 'to answer, median'],
    [seconds(worst), 'to answer, slowest'],
    [String(turns.filter((turn) => turn.interrupted).length), 'interruptions'],
  ];
  const tile = ([value, label]: readonly [string, string]): string => `<div><b>${value}</b><span>${label}</span></div>`;
  return `<section class="tiles" aria-label="Key figures">${shown.map(tile).join('')}</section>`;
}

function player(audio: string | undefined, recording: Recording | undefined, length: number): string {
  const legend = `<span class="legend"><i class="caller"></i>caller <i class="agent"></i>agent</span>`;
  if (audio === undefined) {
    const why = recording ? 'The recording is too long to lie in this page.' : 'This call was not recorded.';
    return `<div class="player"><span class="muted">${why}</span>${legend}</div>`;
  }
  return `<div class="player">
<button id="play" type="button" aria-label="Play"><svg viewBox="0 0 24 24" aria-hidden="true"><path class="on" d="M8 5v14l11-7z"/><path class="off" d="M7 5h4v14H7zm6 0h4v14h-4z"/></svg></button>
<span class="time"><b id="now">0:00</b> / ${clock(length * 1000)}</span>
${legend}
<audio id="audio" preload="auto" src="${audio}"></audio>
</div>`;
}

function timeline(story: CallStory, recording: Recording | undefined, length: number): string {
  const place = (ms: number): string => `${((ms / 1000 / length) * 100).toFixed(3)}%`;
  const top = Math.max(peak(recording?.caller ?? EMPTY), peak(recording?.agent ?? EMPTY), 1);
  // The picture may reach beyond the audio: what happened after a transfer was not recorded.
  const share = Math.min(1, (recording?.caller.length ?? 0) / RATE / length);
  const lane = (role: StoryTurn['role']): string => {
    const path = waveformPath(waveformOf(recording?.[role] ?? EMPTY, BUCKETS), HALF, top);
    const spans = story.turns.filter((turn) => turn.role === role && turn.endMs > turn.startMs);
    return `<div class="lane ${role}">
<svg class="wave" viewBox="0 0 ${BUCKETS} ${2 * HALF}" preserveAspectRatio="none" style="width:${(share * 100).toFixed(3)}%" role="img" aria-label="Waveform of the ${role}"><path d="${path}"/></svg>
<div class="spans">${spans.map((turn) => span(turn, place)).join('')}</div>
</div>`;
  };
  return `<div class="scroll"><div class="timeline" id="timeline" data-seconds="${length.toFixed(3)}" style="min-width:${Math.ceil(length * MIN_PX_PER_SECOND)}px">
<div class="axis">${ticks(length)
    .map((at) => `<span style="left:${place(at * 1000)}">${clock(at * 1000)}</span>`)
    .join('')}</div>
${lane('caller')}
${lane('agent')}
<div class="moments">${story.moments.map((moment) => flag(moment, place)).join('')}</div>
<div class="cursor" id="cursor"></div>
</div></div>`;
}

const EMPTY = new Int16Array(0);

function span(turn: StoryTurn, place: (ms: number) => string): string {
  const label = turn.by === 'unclear' ? 'not understood' : turn.text;
  const kind = turn.interrupted ? 'span cut' : 'span';
  const style = `left:${place(turn.startMs)};width:${place(turn.endMs - turn.startMs)}`;
  return `<button type="button" class="${kind}" style="${style}" data-from="${at(turn.startMs)}" title="${escape(label)}">${escape(label)}</button>`;
}

const SIGNS: Readonly<Record<StoryMoment['kind'], string>> = {
  key: '#',
  tool: 'ƒ',
  transfer: '⇄',
  problem: '!',
  end: '■',
};

function flag({ kind, atMs, text }: StoryMoment, place: (ms: number) => string): string {
  return `<i class="flag ${kind}" style="left:${place(atMs)}" title="${escape(text)}">${SIGNS[kind]}</i>`;
}

function ticks(length: number): number[] {
  const step = TICK_SECONDS.find((each) => length / each <= 12) ?? 3600;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step);
}

function transcript({ turns, moments }: CallStory, sources: ReportContent['sources']): string {
  const lines = [
    ...turns.map((turn) => ({ at: turn.startMs, html: turnLine(turn, sources) })),
    ...moments.map((moment) => ({ at: moment.atMs, html: momentLine(moment) })),
  ].sort((a, b) => a.at - b.at);
  const body = lines.map((line) => line.html).join('\n');
  return `<section aria-label="Transcript"><h2>What was said</h2><ol class="said">\n${body}\n</ol></section>`;
}

function turnLine(turn: StoryTurn, sources: ReportContent['sources']): string {
  const { role, by, startMs, endMs, latency } = turn;
  const words =
    by === 'unclear'
      ? '<em>not understood</em>'
      : by === 'keys'
        ? `<kbd>${escape(turn.text)}</kbd>`
        : escape(turn.text) + (turn.unheard === '' ? '' : ` <s>${escape(turn.unheard)}</s>`);
  const tags: string[] = [];
  const tag = by === 'keys' ? 'keypad' : sources?.[role].tag;
  if (tag !== undefined) tags.push(`<span class="tag">${escape(tag)}</span>`);
  if (turn.interrupted) tags.push('<span class="tag cut">interrupted</span>');
  if (latency?.firstAudioMs !== undefined) {
    tags.push(`<span class="tag wait" title="${escape(steps(latency))}">${seconds(latency.firstAudioMs)}</span>`);
  }
  return `<li class="${role}" data-from="${at(startMs)}" data-to="${at(endMs)}"><button type="button" class="when" data-from="${at(startMs)}">${clock(startMs)}</button><div><span class="who">${role}</span>${tags.join('')}<p>${words}</p></div></li>`;
}

function momentLine({ kind, atMs, text }: StoryMoment): string {
  return `<li class="moment ${kind}"><span class="when">${clock(atMs)}</span><div><span class="sign">${SIGNS[kind]}</span> ${escape(text)}</div></li>`;
}

/** The way of an answer, for those who point at its time. */
function steps({ endOfTurnMs, firstTokenMs, firstAudioMs }: NonNullable<StoryTurn['latency']>): string {
  const part = (name: string, ms: number | undefined): string[] => (ms === undefined ? [] : [`${name} ${ms} ms`]);
  return `after the caller's last sound: ${[...part('turn over', endOfTurnMs), ...part('first word', firstTokenMs), ...part('first audio', firstAudioMs)].join(', ')}`;
}

function verdicts(checks: readonly ReportCheck[]): string {
  const row = ({ name, passed, detail }: ReportCheck): string =>
    `<tr class="${passed ? 'pass' : 'fail'}"><td>${passed ? 'pass' : 'FAIL'}</td><th scope="row">${escape(name)}</th><td>${escape(detail)}</td></tr>`;
  return `<section aria-label="Checks"><h2>What was checked</h2><table>${checks.map(row).join('')}</table></section>`;
}

function footer({ callId }: CallStory, sources: ReportContent['sources']): string {
  const notes = sources
    ? `<dl>${(['caller', 'agent'] as const).map((role) => `<dt>${role}: ${escape(sources[role].tag)}</dt><dd>${escape(sources[role].explanation)}</dd>`).join('')}</dl>`
    : '';
  return `<footer>${notes}<p>An interrupted turn shows what the caller heard; the words behind it were never played. Times to answer run from the end of the caller's speech to the agent's first audio. Call ${escape(callId)}.</p></footer>`;
}

/** `1:05`. */
function clock(ms: number): string {
  const whole = Math.floor(ms / 1000);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(2)} s`;
}

function at(ms: number): string {
  return (ms / 1000).toFixed(3);
}
