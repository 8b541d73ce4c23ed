import type { ToolCall, TtsEvent } from '../../providers/ports.ts';
import { firstWritten, heardWordCount, soundText, wordBorderBefore, wordsOf, type SpokenPiece } from '../heard.ts';
import { SILENT } from '../speaker.ts';
import { spokenOf } from '../spoken-token.ts';
import type { TurnLatency, TurnRecord } from './inputs.ts';
import type { AfterSpeech, Draft, HistoryEntry, PlayoutView, Speech } from './state.ts';
import { textOf, word, writtenUpTo } from './wording.ts';

/** Opens a new voice connection; the old one, if any, is closed first. */
export function openVoice(d: Draft): void {
  closeVoice(d);
  const session = d.s.tts.session + 1;
  d.s.tts = { ...d.s.tts, session, open: true };
  d.fx.push({ type: 'ttsOpen', session });
}

export function closeVoice(d: Draft): void {
  if (!d.s.tts.open) return;
  d.fx.push({ type: 'ttsClose', session: d.s.tts.session });
  d.s.tts = { ...d.s.tts, open: false };
}

/** Begins an agent turn. The caller makes sure that none is running. */
export function beginSpeech(
  d: Draft,
  kind: Speech['kind'],
  options: {
    readonly interruptible?: boolean;
    readonly askedAt?: number;
    readonly after?: readonly AfterSpeech[];
    readonly beep?: boolean;
    readonly sound?: string;
  } = {},
): void {
  d.s.turn += 1;
  d.s.speech = {
    turn: d.s.turn,
    kind,
    sound: options.sound,
    interruptible: options.interruptible ?? true,
    startedAt: d.t,
    askedAt: options.askedAt,
    endOfTurnAt: options.askedAt === undefined ? undefined : d.t,
    firstTokenAt: undefined,
    firstAudioAt: undefined,
    segments: [{ tokens: [], toolCalls: [] }],
    speaker: SILENT,
    utterance: 0,
    baseByte: 0,
    baseWord: 0,
    pieces: [],
    pause: 'none',
    held: '',
    textDone: false,
    // Without a stream nobody hears it, and nobody understands it between the tones of keys: it waits.
    pausedAt: d.s.phase === 'before' || d.s.phase === 'down' || d.s.keying.length > 0 ? d.t : undefined,
    after: options.after ?? [],
    beep: options.beep ?? false,
    ttsFailures: 0,
  };
  d.fx.push({ type: 'cancelTimer', name: 'idle' });
}

/** A fixed line as a turn of its own. */
export function sayLine(
  d: Draft,
  text: string,
  options: {
    readonly interruptible?: boolean;
    readonly after?: readonly AfterSpeech[];
    readonly kind?: Speech['kind'];
    readonly beep?: boolean;
  } = {},
): void {
  beginSpeech(d, options.kind ?? 'line', options);
  add(d, text, true);
  endText(d);
  const speech = d.s.speech;
  if (!speech?.beep || speech.utterance > 0) return;
  // Nothing but a beep.
  d.fx.push({ type: 'playBegin', turn: speech.turn });
  if (speech.pausedAt !== undefined) d.fx.push({ type: 'playPause' });
  endAudio(d, speech);
}

/** All of the turn's audio was handed over. */
function endAudio(d: Draft, speech: Speech): void {
  if (speech.beep) d.fx.push({ type: 'playBeep', turn: speech.turn });
  d.fx.push({ type: 'playEnd', turn: speech.turn });
}

/** Adds text to the running turn. It goes to the voice at once, but for a word at its end that may go on. */
export function speak(d: Draft, raw: string): void {
  add(d, raw, false);
}

/** Adds a whole line to the running turn, behind what was said in it. */
export function speakLine(d: Draft, line: string): void {
  finishWords(d);
  const isApart = !d.s.speech || /(?:^|\s)$/u.test(textOf(d.s.speech));
  add(d, isApart ? line : ` ${line}`, true);
}

/** What follows was written when tools had answered. */
export function beginSegment(d: Draft): void {
  finishWords(d);
  const speech = d.s.speech;
  if (!speech) return;
  d.s.speech = { ...speech, segments: [...speech.segments, { tokens: [], toolCalls: [] }] };
  add(d, ' ', false);
}

/** The model has ended its text: what was held back of it is said too. */
export function finishWords(d: Draft): void {
  add(d, '', true);
}

function add(d: Draft, raw: string, atEnd: boolean): void {
  const before = d.s.speech;
  if (!before) return;
  const { speech, spoken: text } = word(d.s.config, before, raw, atEnd);
  d.s.speech = raw.trim() === '' ? speech : { ...speech, firstTokenAt: speech.firstTokenAt ?? d.t };
  if (text === '') return;
  // Only white space so far is nothing to say yet; it goes along with the first word.
  if (speech.utterance === 0 && textOf(speech).trim() === '') return;
  if (speech.utterance === 0) {
    d.fx.push({ type: 'playBegin', turn: speech.turn });
    if (speech.pausedAt !== undefined) d.fx.push({ type: 'playPause' });
    beginUtterance(d);
    d.fx.push({ type: 'ttsText', text: textOf(speech).trimStart() });
  } else if (speech.pause === 'none') {
    d.fx.push({ type: 'ttsText', text });
  } else {
    d.s.speech = { ...d.s.speech, held: speech.held + text };
    if (speech.pause === 'over') speakHeld(d);
  }
}

/** Lets the voice say all it has now: tools run, and the turn's next words may be long in coming. */
export function pauseText(d: Draft): void {
  finishWords(d);
  const speech = d.s.speech;
  if (!speech || speech.textDone || speech.utterance === 0 || speech.pause !== 'none') return;
  d.s.speech = { ...speech, pause: 'asked' };
  d.fx.push({ type: 'ttsEnd' });
}

/** The turn goes on after a pause, if there is something to say. */
function speakHeld(d: Draft): void {
  const speech = d.s.speech;
  if (!speech || speech.held.trim() === '') return;
  const text = textOf(speech);
  const baseWord = wordsOf(text).length - wordsOf(speech.held).length;
  d.s.speech = { ...speech, pause: 'none', held: '', baseByte: writtenBytes(d, speech), baseWord };
  beginUtterance(d);
  d.fx.push({ type: 'ttsText', text: speech.held.trimStart() });
}

/** The voice has said what it had before the pause. */
function onPaused(d: Draft, speech: Speech): void {
  d.s.speech = { ...speech, pause: 'over' };
  d.fx.push({ type: 'playRest', turn: speech.turn });
  speakHeld(d);
  if (!speech.textDone) return;
  if (d.s.speech.pause === 'over') endAudio(d, d.s.speech);
  else d.fx.push({ type: 'ttsEnd' });
}

function beginUtterance(d: Draft): void {
  const speech = d.s.speech;
  if (!speech) return;
  if (!d.s.tts.open) openVoice(d);
  d.s.utterance += 1;
  d.s.speech = { ...speech, utterance: d.s.utterance };
  d.fx.push({ type: 'ttsBegin', session: d.s.tts.session, utterance: d.s.utterance, turn: speech.turn });
}

/** No more text in this turn. A turn without a word ends here. */
export function endText(d: Draft): void {
  finishWords(d);
  const speech = d.s.speech;
  if (!speech || speech.textDone) return;
  d.s.speech = { ...speech, textDone: true };
  if (speech.utterance === 0 || speech.pause === 'asked') return;
  if (speech.pause === 'over') endAudio(d, speech);
  else d.fx.push({ type: 'ttsEnd' });
}

/** True when the turn has nothing to play and nothing more to say: it can end without waiting for playout. */
export function isWordless(speech: Speech): boolean {
  return speech.textDone && speech.utterance === 0 && !speech.beep && speech.sound === undefined;
}

/** Holds the audio for a possible barge-in: `clear` now, everything unheard is kept. */
export function pauseSpeech(d: Draft): void {
  const speech = d.s.speech;
  if (!speech || speech.pausedAt !== undefined) return;
  d.s.speech = { ...speech, pausedAt: d.t };
  d.fx.push({ type: 'playPause' }, { type: 'setTimer', name: 'keepPaused', ms: KEEP_PAUSED_MS });
}

/** How long unheard audio is kept while it is unclear whether the caller took the turn (design, section 5.1). */
const KEEP_PAUSED_MS = 10_000;

/** A false alarm: goes on at the border of the word that was cut. */
export function resumeSpeech(d: Draft): void {
  const speech = d.s.speech;
  if (speech?.pausedAt === undefined || d.s.phase !== 'live' || d.s.keying.length > 0) return;
  d.s.speech = { ...speech, pausedAt: undefined };
  const heard = heardBytes(d, speech);
  const fromByte =
    speech.sound === undefined ? wordBorderBefore(textOf(speech), speech.pieces, heard, d.s.bytesPerMs) : heard;
  d.fx.push(
    { type: 'cancelTimer', name: 'keepPaused' },
    { type: 'cancelTimer', name: 'resume' },
    { type: 'playResume', fromByte: Math.floor(fromByte) },
  );
}

function heardBytes(d: Draft, speech: Speech): number {
  return d.playout.turn === speech.turn ? d.playout.heardBytes : 0;
}

function writtenBytes(d: Draft, speech: Speech): number {
  return d.playout.turn === speech.turn ? d.playout.writtenBytes : 0;
}

/** Stops the running turn for good: history and transcript keep what was heard, no more. */
export function cutSpeech(d: Draft): void {
  const speech = d.s.speech;
  if (!speech) return;
  const heard = heardBytes(d, speech);
  const text = textOf(speech);
  const words = heardWordCount(text, speech.pieces, heard, d.s.bytesPerMs);
  if (speech.utterance > 0) {
    d.fx.push(
      { type: 'ttsCancel', heardMs: Math.max(0, heard - speech.baseByte) / d.s.bytesPerMs },
      { type: 'playDrop' },
    );
  } else if (speech.beep || speech.sound !== undefined) d.fx.push({ type: 'playDrop' });
  if (speech.pausedAt !== undefined) {
    d.fx.push({ type: 'cancelTimer', name: 'keepPaused' }, { type: 'cancelTimer', name: 'resume' });
  }
  const unheardWords = wordsOf(text).length - words;
  const isCut = speech.sound !== undefined && heard < writtenBytes(d, speech);
  const interrupted = unheardWords > 0 || !speech.textDone || isCut;
  if (interrupted && speech.firstAudioAt !== undefined) {
    const said = speech.sound === undefined ? writtenUpTo(speech, words) : heardOfSound(d, speech, speech.sound, isCut);
    d.fx.push({
      type: 'event',
      event: { type: 'speech.interrupted', data: { turn: speech.turn, heard: said, unheardWords } },
    });
  }
  commit(d, speech, words, interrupted);
  for (const after of speech.after) settleAfter(d, after);
  d.s.speech = undefined;
}

/** An action that will not happen any more still gives its tool call a result. */
function settleAfter(d: Draft, after: AfterSpeech): void {
  if (after.type === 'hangup' || after.type === 'record' || after.toolCallId === undefined) return;
  const name = after.type === 'transfer' ? 'transfer_call' : 'send_dtmf';
  endTool(d, { id: after.toolCallId, name }, '{"status":"cancelled","reason":"the caller interrupted"}');
}

export function endTool(d: Draft, call: Pick<ToolCall, 'id' | 'name'>, result: string): void {
  d.s.toolResults = { ...d.s.toolResults, [call.id]: result };
  d.fx.push({ type: 'event', event: { type: 'tool.ended', data: { id: call.id, name: call.name, result } } });
}

/** The running turn was played to its end: history and transcript take all of it. */
export function completeSpeech(d: Draft): readonly AfterSpeech[] {
  const speech = d.s.speech;
  if (!speech) return [];
  const text = textOf(speech);
  const written = writtenBytes(d, speech);
  // What lies beyond the cap of a turn was never played.
  const cut = (speech.pieces.at(-1)?.toByte ?? 0) > written;
  commit(d, speech, cut ? heardWordCount(text, speech.pieces, written, d.s.bytesPerMs) : wordsOf(text).length, cut);
  d.s.speech = undefined;
  return speech.after;
}

function heardOfSound(d: Draft, speech: Speech, sound: string, isCut: boolean): string {
  return isCut ? soundText(sound, heardBytes(d, speech), writtenBytes(d, speech), d.s.bytesPerMs) : `[played ${sound}]`;
}

function commit(d: Draft, speech: Speech, heardWords: number, interrupted: boolean): void {
  const entries: HistoryEntry[] = [];
  const soundEntry = speech.sound === undefined ? undefined : heardOfSound(d, speech, speech.sound, interrupted);
  let left = heardWords;
  for (const segment of speech.segments) {
    const content = soundEntry ?? (left > 0 ? firstWritten(segment.tokens, left) : '');
    left = Math.max(0, left - wordsOf(spokenOf(segment.tokens)).length);
    if (content !== '' || segment.toolCalls.length > 0)
      entries.push({ role: 'assistant', content, toolCalls: segment.toolCalls });
  }
  d.s.history = [...d.s.history, ...entries];
  if (speech.firstAudioAt === undefined) return;
  const data: TurnRecord = {
    turn: speech.turn,
    role: 'agent',
    text: soundEntry ?? (heardWords > 0 ? writtenUpTo(speech, heardWords) : ''),
    startMs: Math.round(speech.firstAudioAt),
    endMs: Math.round(d.t),
    ...(interrupted ? { interrupted } : {}),
    ...latencyOf(speech, d.playout),
  };
  d.fx.push({ type: 'event', event: { type: 'turn.ended', data } });
}

function latencyOf(speech: Speech, playout: PlayoutView): { latency?: TurnLatency } {
  const asked = speech.askedAt;
  if (asked === undefined) return {};
  const played = playout.turn === speech.turn ? playout : undefined;
  const steps = {
    endOfTurnMs: speech.endOfTurnAt,
    firstTokenMs: speech.firstTokenAt,
    firstAudioMs: speech.firstAudioAt,
    firstFrameMs: played?.firstSentAt,
    firstPlayedMs: played?.firstPlayedAt,
  };
  const happened = Object.entries(steps).flatMap(([step, at]) =>
    at === undefined ? [] : [[step, Math.round(at - asked)] as const],
  );
  return { latency: Object.fromEntries(happened) };
}

/** First audio of the running utterance arrived: the caller hears it within a frame, unless they are talking. */
export function onFirstAudio(d: Draft, utterance: number): void {
  const speech = d.s.speech;
  if (speech?.utterance !== utterance) return;
  if (speech.firstAudioAt === undefined) {
    d.s.speech = { ...speech, firstAudioAt: d.t };
    d.fx.push({ type: 'event', event: { type: 'turn.started', data: { turn: speech.turn, role: 'agent' } } });
  }
  if (d.s.voice.sustained && speech.interruptible) pauseSpeech(d);
}

/** @returns true when no voice of ours is left for the running turn. */
export function onTts(d: Draft, event: Exclude<TtsEvent, { type: 'ttsAudio' }>): boolean {
  const speech = d.s.speech;
  switch (event.type) {
    case 'ttsOpened':
      return false;
    case 'ttsSpoken':
      // The ledger by marks is the one record of what was heard; the vendor's own account stands in the journal.
      return false;
    case 'ttsText':
      if (speech?.utterance !== event.utterance) return false;
      d.s.speech = { ...speech, pieces: [...speech.pieces, placePiece(event, speech.baseByte, d.s.bytesPerMs)] };
      return false;
    case 'ttsDone':
      if (speech?.utterance !== event.utterance) return false;
      if (d.s.tts.failures > 0)
        d.fx.push({ type: 'event', event: { type: 'provider.recovered', data: { provider: 'tts' } } });
      d.s.tts = { ...d.s.tts, failures: 0 };
      if (speech.pause === 'none') endAudio(d, speech);
      else onPaused(d, speech);
      return false;
    case 'ttsFailed':
      return onTtsFailed(d, event);
  }
}

function placePiece(event: SpokenPiece, baseByte: number, bytesPerMs: number): SpokenPiece {
  const baseMs = baseByte / bytesPerMs;
  const piece = { text: event.text, fromByte: event.fromByte + baseByte, toByte: event.toByte + baseByte };
  if (!event.words) return piece;
  return {
    ...piece,
    words: event.words.map((w) => ({ text: w.text, startMs: w.startMs + baseMs, endMs: w.endMs + baseMs })),
  };
}

/**
 * The voice broke. Once per turn a new connection says the words that have no audio yet; when that fails too, or cannot
 * help, the turn has no voice left.
 */
function onTtsFailed(d: Draft, event: Extract<TtsEvent, { type: 'ttsFailed' }>): boolean {
  const { kind, message, retryable } = event.failure;
  d.fx.push({ type: 'event', event: { type: 'provider.failed', data: { provider: 'tts', kind, message } } });
  d.s.tts = { ...d.s.tts, failures: d.s.tts.failures + 1 };
  const speech = d.s.speech;
  const running = speech !== undefined && speech.utterance > 0 && speech.pause !== 'over';
  // Late news of an utterance that was cut; the one that runs now is not touched by it.
  if (running && event.utterance !== undefined && event.utterance !== speech.utterance) return false;
  closeVoice(d);
  if (!running) {
    // Idle: once it fails for good, the next turn tries a new connection.
    if (retryable && d.s.tts.failures <= 3) openVoice(d);
    return false;
  }
  const text = textOf(speech);
  const written = writtenBytes(d, speech);
  const words = written === 0 ? 0 : heardWordCount(text, speech.pieces, written, d.s.bytesPerMs);
  const rest = wordsOf(text).slice(words).join(' ');
  const covered = speech.pieces.reduce((sum, piece) => sum + wordsOf(piece.text).length, 0);
  const said = wordsOf(text).slice(covered, words).join(' ');
  const pieces =
    said === ''
      ? speech.pieces
      : [...speech.pieces, { text: said, fromByte: speech.pieces.at(-1)?.toByte ?? 0, toByte: written }];
  d.s.speech = { ...speech, pieces, baseByte: written, baseWord: words, ttsFailures: speech.ttsFailures + 1 };
  if (rest === '' && (speech.textDone || speech.pause === 'asked')) {
    if (speech.textDone) endAudio(d, speech);
    else {
      d.s.speech = { ...d.s.speech, pause: 'over' };
      d.fx.push({ type: 'playRest', turn: speech.turn });
    }
    return false;
  }
  if (!retryable || speech.ttsFailures >= 1) return true;
  // What was held is part of the rest.
  d.s.speech = { ...d.s.speech, held: '', pause: speech.textDone ? 'none' : speech.pause };
  openVoice(d);
  beginUtterance(d);
  if (rest !== '') d.fx.push({ type: 'ttsText', text: speech.textDone ? rest : `${rest} ` });
  if (speech.textDone || speech.pause === 'asked') d.fx.push({ type: 'ttsEnd' });
  return false;
}

/** The words of the running turn that have no audio: for whoever speaks in our place. */
export function unspokenText(speech: Speech): string {
  return wordsOf(textOf(speech)).slice(speech.baseWord).join(' ');
}
