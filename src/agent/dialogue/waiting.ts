import { pauseText, speakLine } from './speaking.ts';
import type { Draft, Speech } from './state.ts';

/** Silence at the caller's ear, with an answer owed, until a line is said (design, section 5.7). */
const FILLER_AFTER_MS = 1200;
/** From one such line to the next. */
const FILLER_EVERY_MS = 8000;
/** Less audio than a frame stays in playout until more comes. */
const FRAME_MS = 20;

/** The running turn waits for tools. */
export function isWaiting(d: Draft): boolean {
  const turn = d.s.speech?.turn;
  return d.s.runningTools.some((tool) => tool.turn === turn);
}

/** Sets when a waiting caller hears that we are still there; again whenever what is known of the silence changes. */
export function beginWait(d: Draft): void {
  const speech = d.s.speech;
  if (!speech || !isWaiting(d) || lineOf(d) === undefined) return;
  const spokenUntil = speech.utterance === 0 ? 0 : d.t + leftMs(d, speech);
  const quietAt = Math.max(d.s.voice.lastVoicedAt, speech.askedAt ?? speech.startedAt, spokenUntil);
  const at = Math.max(quietAt + FILLER_AFTER_MS, d.s.fillerAt + FILLER_EVERY_MS);
  d.fx.push({ type: 'setTimer', name: 'filler', ms: Math.max(0, at - d.t) });
}

export function endWait(d: Draft): void {
  d.fx.push({ type: 'cancelTimer', name: 'filler' });
}

/** What the caller is still to hear of the audio so far. */
function leftMs(d: Draft, speech: Speech): number {
  const { turn, writtenBytes, heardBytes } = d.playout;
  const left = turn === speech.turn ? (writtenBytes - heardBytes) / d.s.bytesPerMs : 0;
  return left < FRAME_MS ? 0 : left;
}

export function onFiller(d: Draft): void {
  const speech = d.s.speech;
  const line = lineOf(d);
  // Who is asked for digits is not alone.
  if (!speech || line === undefined || !isWaiting(d) || d.s.collection) return;
  const left = leftMs(d, speech);
  const isTalking = left > 0 || speech.pause === 'asked' || d.s.voice.active;
  if (isTalking || d.s.phase !== 'live' || speech.pausedAt !== undefined) {
    d.fx.push({ type: 'setTimer', name: 'filler', ms: left + FILLER_AFTER_MS });
    return;
  }
  d.s.fillers += 1;
  d.s.fillerAt = d.t;
  speakLine(d, line);
  pauseText(d);
  beginWait(d);
}

/** What is said next to a waiting caller; undefined: nothing. */
function lineOf(d: Draft): string | undefined {
  const waited = d.s.runningTools.find((tool) => tool.turn === d.s.speech?.turn);
  const own = waited && d.s.ownTools[waited.name]?.filler;
  const lines = own ?? [d.s.lines.wait, d.s.lines.waitMore];
  return lines[Math.min(d.s.fillers, lines.length - 1)];
}
