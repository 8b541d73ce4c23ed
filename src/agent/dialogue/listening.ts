import { KEY } from '../../core/redaction.ts';
import type { SttEvent } from '../../providers/ports.ts';
import { takesTurn } from '../backchannel.ts';
import { heardWordCount, wordsOf } from '../heard.ts';
import { hideDigits, spokenDigits } from '../spoken-digits.ts';
import { writtenOf } from '../spoken-token.ts';
import {
  awaitDigits,
  cancelCollection,
  endCollection,
  isOfEntry,
  takeDigits,
  takeKey,
  type Asker,
  type Collection,
} from './collect.ts';
import { endHello } from './hello.ts';
import type { DialogueInput, TurnRecord } from './inputs.ts';
import { cutSpeech, pauseSpeech, resumeSpeech, sayLine } from './speaking.ts';
import { digitsAreSensitive, entryIsSensitive, type Draft, type Speech } from './state.ts';
import { abortEager, commitEager, fallbackOf, interrupt, reply, startEager, wrapUp } from './thinking.ts';
import { pauseLeftMs, utterancePauseMs } from './turn-end.ts';
import { textOf, tokensOf } from './wording.ts';

/** Silence after a possible barge-in without words, until the agent goes on (design, section 5.1). */
const RESUME_AFTER_MS = 1200;
/** Voice ended this long ago and a recogniser that ends turns itself said nothing at all: it is deaf. */
const DEAF_AFTER_MS = 1000;
/** Less voice than this may well be a click or a cough that no recogniser answers. */
const DEAF_MIN_VOICE_MS = 500;
/** Pauses before the 1st, 2nd and 3rd new recognition stream; after that it has failed for good. */
const STT_RETRY_MS = [0, 500, 2000] as const;
/** Digits that follow within this time are one entry. */
const DIGIT_PAUSE_MS = 1000;
/** A key's tone may be heard so long after the key was reported. */
const TONE_MS = 400;
const MAX_DIGITS = 32;
const MAX_TEXT = 10_000;
/** Stands for words that no recogniser understood. */
const UNCLEAR = '[unclear]';

/** Opens the recogniser for the running leg. */
export function openEars(d: Draft): void {
  const stream = d.s.ears.stream + 1;
  d.s.ears = { ...d.s.ears, stream, answered: true, capturing: false, awaiting: false };
  d.fx.push({ type: 'sttOpen', stream });
}

/** Nobody listens any more: what was held of the caller's turn is all of it. */
export function closeEars(d: Draft): void {
  keepHeldTurn(d);
  d.fx.push(
    { type: 'cancelTimer', name: 'endpoint' },
    { type: 'cancelTimer', name: 'sttMute' },
    { type: 'cancelTimer', name: 'sttRetry' },
  );
  d.fx.push({ type: 'sttClose', stream: d.s.ears.stream });
  d.s.ears = { ...d.s.ears, capturing: false };
}

export function onVoice(d: Draft, input: Extract<DialogueInput, { type: 'voice' }>): void {
  const { ears } = d.s;
  switch (input.change) {
    case 'started':
      d.s.voice = { active: true, sustained: false, startedAt: d.t - input.voicedMs, lastVoicedAt: d.t };
      d.s.ears = { ...ears, answered: false };
      d.fx.push({ type: 'llmWarm' }, { type: 'cancelTimer', name: 'idle' }, { type: 'cancelTimer', name: 'resume' });
      if (ears.endsTurns) return;
      d.fx.push({ type: 'cancelTimer', name: 'endpoint' }, { type: 'cancelTimer', name: 'turnEnd' });
      if (ears.capturing) return;
      d.s.ears = { ...d.s.ears, utterance: ears.utterance + 1, capturing: true };
      if (d.t - d.s.digitAt < TONE_MS) markTone(d);
      d.fx.push({ type: 'sttBegin', stream: ears.stream, utterance: ears.utterance + 1 });
      return;
    case 'sustained':
      d.s.voice = { ...d.s.voice, sustained: true };
      if (isAudible(d) && d.s.speech?.interruptible) pauseSpeech(d);
      return;
    case 'stopped':
      d.s.voice = { ...d.s.voice, active: false, sustained: false, lastVoicedAt: d.t - input.silenceMs };
      if (d.s.speech?.pausedAt !== undefined) {
        d.fx.push({ type: 'setTimer', name: 'resume', ms: Math.max(0, RESUME_AFTER_MS - input.silenceMs) });
      }
      if (!ears.endsTurns && ears.capturing) {
        d.fx.push({
          type: 'setTimer',
          name: 'endpoint',
          ms: Math.max(0, utterancePauseMs(d.s.config) - input.silenceMs),
        });
      }
      if (ears.endsTurns && !ears.answered && input.voicedMs >= DEAF_MIN_VOICE_MS) {
        d.fx.push({ type: 'setTimer', name: 'sttMute', ms: Math.max(0, DEAF_AFTER_MS - input.silenceMs) });
      }
      armIdle(d);
  }
}

/** Is agent audio reaching the caller right now? */
function isAudible(d: Draft): boolean {
  const { speech } = d.s;
  return speech?.firstAudioAt !== undefined && d.playout.turn === speech.turn && d.playout.sentBytes > 0;
}

export function onStt(d: Draft, event: SttEvent): void {
  if (event.type !== 'sttOpened' && event.type !== 'sttFailed') {
    if (d.s.ears.failures > 0)
      d.fx.push({ type: 'event', event: { type: 'provider.recovered', data: { provider: 'stt' } } });
    d.s.ears = { ...d.s.ears, answered: true, failures: 0 };
    d.fx.push({ type: 'cancelTimer', name: 'sttMute' });
  }
  switch (event.type) {
    case 'sttOpened':
      return;
    case 'sttSpeechStarted':
      d.fx.push({ type: 'llmWarm' }, { type: 'cancelTimer', name: 'idle' });
      return;
    case 'sttPartial':
      onPartial(d, event.text.slice(0, MAX_TEXT));
      return;
    case 'sttEagerEndOfTurn':
      if (mayGuess(d) && event.text.trim() !== '') startEager(d, clean(event.text));
      return;
    case 'sttTurnResumed':
      abortEager(d);
      return;
    case 'sttEndOfTurn':
      callerSaid(d, event.text);
      return;
    case 'sttUtterance':
      if (event.utterance === d.s.ears.utterance) d.s.ears = { ...d.s.ears, awaiting: false };
      else if (event.text === '') return;
      if (event.utterance <= d.s.ears.toneUtterance) {
        if (d.s.heldTurn !== '') onUtterance(d, '');
        return;
      }
      onUtterance(d, event.rejected && !d.s.speech ? UNCLEAR : event.text);
      return;
    case 'sttFailed':
      onSttFailed(d, event);
  }
}

/** May the model begin to think before it is sure that the caller's turn is over? */
function mayGuess({ s }: Draft): boolean {
  return !s.speech && s.phase === 'live' && s.hello === 'no' && !s.muted && !s.collection && !entryIsSensitive(s);
}

/** Words while the caller speaks: they take the turn from an agent that may be interrupted. */
function onPartial(d: Draft, text: string): void {
  if (isListening(d, text)) return;
  beginCallerTurn(d);
  if (!entryIsSensitive(d.s)) d.fx.push({ type: 'event', event: { type: 'transcript.partial', data: { text } } });
  d.fx.push({ type: 'cancelTimer', name: 'idle' });
  if (!d.s.speech?.interruptible) return;
  // Whoever is asked for digits answers; that takes nothing from what the agent is doing.
  if (d.s.collection) cutSpeech(d);
  else interrupt(d);
}

/** Says the caller nothing that would take the turn: nothing, sounds, words of agreement to what they hear? */
function isListening(d: Draft, text: string): boolean {
  const { speech } = d.s;
  if (!speech || !isAudible(d)) return !takesTurn(text, d.s.config.language, undefined);
  const said = textOf(speech);
  const heard = heardWordCount(said, speech.pieces, d.playout.heardBytes, d.s.bytesPerMs);
  const over = { text: writtenOf(tokensOf(speech)), unheardWords: wordsOf(said).length - heard };
  return !takesTurn(text, d.s.config.language, over);
}

/** An utterance of the caller, whose turn may go on behind the pause that ended it. */
function onUtterance(d: Draft, text: string): void {
  const said = clean(`${d.s.heldTurn} ${text}`);
  const left = said === '' ? 0 : pauseLeftMs(d, said);
  const isNothing = left < Infinity && isListening(d, said);
  if (left <= 0 || isNothing) {
    takeHeldTurn(d);
    callerSaid(d, said);
    return;
  }
  d.s.heldTurn = said;
  onPartial(d, said);
  d.fx.push({ type: 'cancelTimer', name: 'hello' });
  if (left < Infinity) d.fx.push({ type: 'setTimer', name: 'turnEnd', ms: left });
}

/** The caller's turn is over with what was held of it. */
export function endHeldTurn(d: Draft): void {
  const text = takeHeldTurn(d);
  if (text !== '') callerSaid(d, text);
}

/** The same where nobody is there to answer: it waits, written down. */
function keepHeldTurn(d: Draft): void {
  const held = takeHeldTurn(d);
  if (held === '') return;
  const text = entryIsSensitive(d.s) ? hideDigits(held) : held;
  recordCallerTurn(d, text, voiceEnd(d));
  addUser(d, text);
  d.s.replyOwed = true;
}

function takeHeldTurn(d: Draft): string {
  const text = d.s.heldTurn;
  if (text === '') return '';
  d.s.heldTurn = '';
  d.fx.push({ type: 'cancelTimer', name: 'turnEnd' });
  return text;
}

function beginCallerTurn(d: Draft): void {
  if (d.s.callerTurn) return;
  d.s.turn += 1;
  const startMs = d.s.voice.startedAt > 0 ? d.s.voice.startedAt : d.t;
  d.s.callerTurn = { turn: d.s.turn, startMs };
  d.fx.push({ type: 'event', event: { type: 'turn.started', data: { turn: d.s.turn, role: 'caller' } } });
}

/** The caller's turn is over and `text` is what was said: empty for noise, sounds of agreement, nothing. */
export function callerSaid(d: Draft, raw: string): void {
  const said = clean(raw);
  const text = d.s.collection ? saidInEntry(d, d.s.collection, said) : entryIsSensitive(d.s) ? hideDigits(said) : said;
  if (text === undefined) return;
  const { speech, generation } = d.s;
  const nothing = text === '' || (speech !== undefined && isListening(d, text));
  if (nothing) {
    abortEager(d);
    resumeSpeech(d);
    armIdle(d);
    return;
  }
  const endedAt = voiceEnd(d);
  recordCallerTurn(d, text, endedAt);
  d.s.reprompts = 0;
  if (d.s.phase !== 'live') {
    addUser(d, text);
    d.s.replyOwed = true;
    return;
  }
  if (d.s.hello === 'waiting' && !speech) {
    addUser(d, text);
    endHello(d);
    return;
  }
  if (speech && !speech.interruptible) {
    addUser(d, text);
    d.s.replyOwed = !endsCall(speech);
    return;
  }
  if (!speech && generation?.eagerFor === text) {
    addUser(d, text);
    commitEager(d, generation, endedAt);
    return;
  }
  interrupt(d);
  addUser(d, text);
  reply(d, endedAt);
}

function voiceEnd(d: Draft): number {
  return d.s.voice.active ? d.t : Math.max(d.s.voice.lastVoicedAt, 0);
}

/** Words while digits are collected. @returns what is to be answered as speech; undefined: digits, or nothing at all. */
function saidInEntry(d: Draft, collection: Collection, text: string): string | undefined {
  if (text === '' || text === UNCLEAR || isListening(d, text)) {
    resumeSpeech(d);
    armIdle(d);
    return undefined;
  }
  const digits = spokenDigits(text);
  const shown = collection.request.sensitive ? hideDigits(text) : text;
  if (digits === undefined) {
    endCollection(d, collection, { status: 'spoke' });
    return shown;
  }
  cutSpeech(d);
  recordCallerTurn(d, shown, voiceEnd(d));
  afterEntry(d, takeDigits(d, collection, digits));
  return undefined;
}

/** An entry is over, if there is an `asker`: the model goes on with it; code goes on by itself. */
export function afterEntry(d: Draft, asker: Asker | undefined): void {
  if (!asker) return;
  d.s.reprompts = 0;
  if (asker.type === 'model') reply(d);
}

function endsCall(speech: Speech): boolean {
  return speech.after.some((action) => action.type === 'hangup' || action.type === 'transfer');
}

function recordCallerTurn(d: Draft, text: string, endedAt: number): void {
  beginCallerTurn(d);
  const turn = d.s.callerTurn;
  if (!turn) return;
  const data: TurnRecord = {
    turn: turn.turn,
    role: 'caller',
    text,
    startMs: Math.round(turn.startMs),
    endMs: Math.round(Math.max(endedAt, turn.startMs)),
  };
  d.fx.push({ type: 'event', event: { type: 'turn.ended', data } });
  d.s.callerTurn = undefined;
}

/** Two contributions of the caller without an answer between them are one message. */
export function addUser(d: Draft, text: string): void {
  const last = d.s.history.at(-1);
  d.s.history =
    last?.role === 'user'
      ? [...d.s.history.slice(0, -1), { role: 'user', content: `${last.content} ${text}` }]
      : [...d.s.history, { role: 'user', content: text }];
}

function clean(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/\s+/gu, ' ').trim();
}

/** A key is meant: it takes the turn at once, without waiting for the rest of the entry. */
export function onDigit(d: Draft, digit: string): void {
  endHeldTurn(d);
  // What may not be told is not kept either: neither history nor prompt can give it away later.
  const told = digitsAreSensitive(d.s) ? KEY : digit;
  d.fx.push({ type: 'event', event: { type: 'dtmf.received', data: { digit: told } } });
  if (isOfEntry(d, digit)) {
    if (d.s.ears.capturing || d.s.ears.awaiting) markTone(d);
    d.s.digitAt = d.t;
    d.s.callerTurn = undefined;
    afterEntry(d, takeKey(d, digit));
    return;
  }
  const operator = fallbackOf(d);
  if (
    operator &&
    d.s.digits === '' &&
    digit === (d.s.config.operatorKey ?? '0') &&
    !(d.s.speech && endsCall(d.s.speech))
  ) {
    cancelCollection(d, 'the caller asked for the operator');
    interrupt(d);
    sayLine(d, d.s.lines.transfer, { interruptible: false, after: [operator] });
    return;
  }
  // No key of any number.
  if (d.s.collection) return;
  if (d.s.digits === '') d.s.callerTurn = undefined;
  d.s.digits = (d.s.digits + told).slice(0, MAX_DIGITS);
  d.s.digitAt = d.t;
  if (d.s.ears.capturing || d.s.ears.awaiting) markTone(d);
  if (d.s.speech?.interruptible) interrupt(d);
  d.fx.push({ type: 'cancelTimer', name: 'idle' });
  if (digit === '#' || d.s.digits.length === MAX_DIGITS) flushDigits(d);
  else d.fx.push({ type: 'setTimer', name: 'digits', ms: DIGIT_PAUSE_MS });
}

/** Nobody answers the caller now: what they press is told, in its order, once somebody does. */
export function keepDigit(d: Draft, digit: string): void {
  const told = digitsAreSensitive(d.s) ? KEY : digit;
  d.fx.push({ type: 'event', event: { type: 'dtmf.received', data: { digit: told } } });
  d.s.digits = (d.s.digits + told).slice(0, MAX_DIGITS);
}

export function tellKeptDigits(d: Draft): void {
  if (d.s.digits === '') return;
  addUser(d, `[pressed ${d.s.digits}]`);
  d.s.digits = '';
}

/** The utterance under way is, at least in part, the sound of a key: no recogniser understands it. */
function markTone(d: Draft): void {
  d.s.ears = { ...d.s.ears, toneUtterance: d.s.ears.utterance };
}

export function flushDigits(d: Draft): void {
  if (d.s.digits === '') return;
  const digits = d.s.digits;
  d.s.digits = '';
  d.fx.push({ type: 'cancelTimer', name: 'digits' });
  d.s.voice = { ...d.s.voice, startedAt: d.s.digitAt, lastVoicedAt: d.s.digitAt };
  callerSaid(d, `[pressed ${digits}]`);
}

export function onEndpoint(d: Draft): void {
  if (!d.s.ears.capturing) return;
  d.s.ears = { ...d.s.ears, capturing: false, awaiting: true };
  d.fx.push({ type: 'sttFinish', stream: d.s.ears.stream, utterance: d.s.ears.utterance });
}

function onSttFailed(d: Draft, event: Extract<SttEvent, { type: 'sttFailed' }>): void {
  const { kind, message, retryable } = event.failure;
  d.fx.push({ type: 'event', event: { type: 'provider.failed', data: { provider: 'stt', kind, message } } });
  const wait = STT_RETRY_MS[d.s.ears.failures];
  d.s.ears = { ...d.s.ears, failures: d.s.ears.failures + 1, capturing: false, awaiting: false };
  abortEager(d);
  resumeSpeech(d);
  armIdle(d);
  if (!retryable || wait === undefined) wrapUp(d, 'provider_failure');
  else d.fx.push({ type: 'setTimer', name: 'sttRetry', ms: wait });
  endHeldTurn(d);
}

/** The recogniser takes audio and says nothing: a new stream hears the rest. */
export function onDeaf(d: Draft): void {
  if (d.s.ears.answered) return;
  d.fx.push({ type: 'sttClose', stream: d.s.ears.stream });
  onSttFailed(d, {
    type: 'sttFailed',
    failure: { kind: 'stalled', message: 'the caller spoke and the recogniser said nothing', retryable: true },
  });
}

/** Starts the wait for a quiet caller, when it is their turn. */
export function armIdle(d: Draft): void {
  if (d.s.collection) {
    awaitDigits(d);
    return;
  }
  if (d.s.muted || d.s.heldTurn !== '') return;
  const seconds = d.s.config.idle.afterSeconds;
  if (seconds === 0 || d.s.phase !== 'live' || d.s.speech || d.s.generation || d.s.voice.active) return;
  d.fx.push({ type: 'setTimer', name: 'idle', ms: seconds * 1000 });
}
