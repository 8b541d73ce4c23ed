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
/** Height of half a waveform in units of its own drawing. */
const HALF = 50;
/** Narrow enough to see a minute at a glance on a screen, wide enough to hit a turn with a finger. */
const MIN_PX_PER_SECOND = 14;
const MAX_PX = 8000;
/** Room of a flag on the narrowest time line. */
const FLAG_PX = 22;
const MAX_FLAG_ROWS = 4;
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
    [`${count('caller')} + ${count('agent')}`, 'turns, caller + agent'],
    [seconds(median), 'to answer, median'],
    [seconds(worst), 'to answer, slowest'],
    [String(turns.filter((turn) => turn.interrupted).length), 'times interrupted'],
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
  const width = Math.ceil(Math.min(MAX_PX, length * MIN_PX_PER_SECOND));
  const top = Math.max(peak(recording?.caller ?? EMPTY), peak(recording?.agent ?? EMPTY), 1);
  // The time line may reach beyond the audio: what happened after a transfer was not recorded.
  const share = Math.min(1, (recording?.caller.length ?? 0) / RATE / length);
  const buckets = Math.max(1200, Math.min(MAX_PX, Math.ceil(length * 30)));
  const lane = (role: StoryTurn['role']): string => {
    const path = waveformPath(waveformOf(recording?.[role] ?? EMPTY, buckets), HALF, top);
    const turns = story.turns.filter((turn) => turn.role === role && turn.by !== 'keys');
    const spans = turns.map((turn, i) => span(turn, turns[i + 1]?.startMs ?? length * 1000, place));
    return `<div class="lane ${role}">
<svg class="wave" viewBox="0 0 ${buckets} ${2 * HALF}" preserveAspectRatio="none" style="width:${(share * 100).toFixed(3)}%" role="img" aria-label="Waveform of the ${role}"><path d="${path}"/></svg>
<div class="spans">${spans.join('')}</div>
</div>`;
  };
  const marks = ticks(length).map((tick) => `<span style="left:${place(tick * 1000)}">${clock(tick * 1000)}</span>`);
  return `<div class="scroll"><div class="timeline" id="timeline" data-seconds="${length.toFixed(3)}" style="min-width:${width}px">
<div class="axis">${marks.join('')}</div>
${lane('caller')}
${lane('agent')}
${flags(story.moments, (FLAG_PX / width) * length * 1000, place)}
<div class="cursor" id="cursor"></div>
</div></div>`;
}

const EMPTY = new Int16Array(0);

/** A turn's bar, as long as the turn, with as much of its text as fits before the next one. */
function span(turn: StoryTurn, nextMs: number, place: (ms: number) => string): string {
  const { startMs, endMs } = turn;
  const label = escape(turn.by === 'unclear' ? 'not understood' : turn.text);
  const room = Math.max(nextMs, endMs) - startMs;
  const share = room > 0 ? ((endMs - startMs) / room) * 100 : 100;
  const kind = turn.interrupted ? 'span cut' : 'span';
  return `<button type="button" class="${kind}" style="left:${place(startMs)};width:${place(room)}" data-from="${at(startMs)}" title="${label}"><i style="width:${share.toFixed(1)}%"></i><span>${label}</span></button>`;
}

const SIGNS: Readonly<Record<StoryMoment['kind'], string>> = {
  key: '#',
  sent: '»',
  tool: 'ƒ',
  transfer: '⇄',
  problem: '!',
  end: '■',
};

/** Flags of what happened, in as many rows as they need not to cover each other. */
function flags(moments: readonly StoryMoment[], roomMs: number, place: (ms: number) => string): string {
  const free: number[] = [];
  const shown = moments.map(({ kind, atMs, text }) => {
    const found = free.findIndex((ms) => ms <= atMs);
    const row = found >= 0 ? found : Math.min(free.length, MAX_FLAG_ROWS - 1);
    free[row] = atMs + roomMs;
    const sign = kind === 'key' ? text.slice(-1) : SIGNS[kind];
    return `<i class="flag ${kind}" style="left:${place(atMs)};top:${(0.3 + row * 1.4).toFixed(1)}rem" title="${escape(text)}">${escape(sign)}</i>`;
  });
  return `<div class="moments" style="height:${(0.4 + Math.max(1, free.length) * 1.4).toFixed(1)}rem">${shown.join('')}</div>`;
}

function ticks(length: number): number[] {
  const step = TICK_SECONDS.find((each) => length / each <= 12) ?? 3600;
  // A label at the very end would be cut off.
  const count = Math.floor((length * 0.97) / step) + 1;
  return Array.from({ length: count }, (_, i) => i * step);
}

function transcript({ turns, moments }: CallStory, sources: ReportContent['sources']): string {
  const lines = [
    ...turns.map((turn) => ({ at: turn.startMs, html: turnLine(turn, sources) })),
    // Keys that were pressed are turns of the caller.
    ...moments
      .filter((moment) => moment.kind !== 'key')
      .map((moment) => ({ at: moment.atMs, html: momentLine(moment) })),
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
