import type { ChatMessage, LlmEvent, SttEvent, ToolSpec, TtsEvent } from '../../providers/ports.ts';
import type { PlayoutView } from '../dialogue/state.ts';
import { utterancePauseMs } from '../dialogue/turn-end.ts';
import { mannerOf } from '../dialogue/wording.ts';
import { firstWritten, heardWordCount } from '../heard.ts';
import { speakable } from '../speakable.ts';
import { speakAll } from '../speaker.ts';
import { spokenOf, writtenOf, type SpokenToken } from '../spoken-token.ts';
import { turnSense } from '../turn-sense.ts';
import { readAnswer } from './lines.ts';
import type { BriefingAnswer, BriefingDraft, BriefingEffect, BriefingInput, BriefingState } from './state.ts';

/** So long a target that has answered waits for the summary; then it hears that there is a caller, and no more. */
const SUMMARY_PATIENCE_MS = 1500;
const MAX_SUMMARY_CHARS = 400;
/** Silence after the question, until it is put again, and then until nobody is thought to be there. */
const ANSWER_MS = 8000;
const MAX_ASKED = 2;
/** Rounds with the model about answers that are neither yes nor no. */
const MAX_ROUNDS = 3;

const TOOLS: readonly ToolSpec[] = [
  ['accept_call', 'They take the caller.'],
  ['decline_call', 'They do not take the caller.'],
].map(([name = '', description = '']) => ({
  name,
  description,
  parameters: { type: 'object', properties: {}, required: [], additionalProperties: false },
}));

export interface BriefingStep {
  readonly state: BriefingState;
  readonly effects: readonly BriefingEffect[];
}

/** The transfer was decided on: the model puts into words what the caller wants, while the target's phone rings. */
export function beginBriefing(state: BriefingState, t: number): BriefingStep {
  const d: BriefingDraft = { s: { ...state }, fx: [], t, playout: NO_PLAYOUT };
  if (d.s.summary !== undefined) return { state: d.s, effects: [] };
  const talk = d.s.history
    .filter(({ content }) => content.trim() !== '')
    .map(({ role, content }) => `${role === 'user' ? 'Caller' : 'Agent'}: ${content}`);
  if (talk.length === 0) d.s.summary = '';
  else {
    d.s.generation = 1;
    const wish =
      'Below is a phone call up to now. A colleague is being called to take it over. Tell them in one or two short spoken ' +
      `sentences, in the language "${d.s.config.language}", who is calling and what they want. No greeting, no list, nothing else.`;
    const messages: ChatMessage[] = [
      { role: 'system', content: wish },
      { role: 'user', content: talk.join('\n') },
    ];
    d.fx.push({ type: 'llmWarm' });
    d.fx.push({ type: 'llmStart', generation: 1, messages, tools: [], document: { maxTokens: 120 } });
  }
  return { state: d.s, effects: d.fx };
}

const NO_PLAYOUT: PlayoutView = { turn: 0, writtenBytes: 0, sentBytes: 0, heardBytes: 0 };

/** The talk with a transfer's target: one input at logical time `t`. Pure, like the dialogue with the caller. */
export function stepBriefing(
  state: BriefingState,
  input: BriefingInput,
  t: number,
  playout: PlayoutView,
): BriefingStep {
  if (state.phase === 'done') return { state, effects: [] };
  const d: BriefingDraft = { s: { ...state }, fx: [], t, playout };
  handle(d, input);
  return { state: d.s, effects: d.fx };
}

function handle(d: BriefingDraft, input: BriefingInput): void {
  switch (input.type) {
    case 'streamUp':
      onStreamUp(d, input.bytesPerMs);
      return;
    case 'streamDown':
      decide(d, 'failed');
      return;
    case 'close':
      finish(d);
      return;
    case 'sttReady':
      if (input.stream === d.s.stt.stream) d.s.stt = { ...d.s.stt, endsTurns: input.endsTurns };
      return;
    case 'stt':
      if (input.stream === d.s.stt.stream) onStt(d, input.event);
      return;
    case 'voice':
      onVoice(d, input.change, input.silenceMs);
      return;
    case 'llm':
      if (input.generation === d.s.generation) onLlm(d, input.event);
      return;
    case 'tts':
      if (input.session === d.s.ttsSession) onTts(d, input.event);
      return;
    case 'ttsFirstAudio':
      if (d.s.speech) d.s.speech = { ...d.s.speech, audible: true };
      d.s.startedAt ??= d.t;
      return;
    case 'played':
      if (d.s.speech?.turn === input.turn) onPlayed(d);
      return;
    case 'digit':
      onDigit(d, input.digit);
      return;
    case 'timer':
      onTimer(d, input.name);
      return;
    default:
      return; // meant for dialogues with callers
  }
}

function onStreamUp(d: BriefingDraft, bytesPerMs: number): void {
  if (d.s.phase !== 'before') return;
  d.s.bytesPerMs = bytesPerMs;
  d.s.ttsSession = 1;
  d.fx.push({ type: 'ttsOpen', session: 1 });
  openEar(d);
  if (d.s.summary !== undefined) {
    tell(d);
    return;
  }
  d.s.phase = 'summing';
  d.fx.push({ type: 'setTimer', name: 'summary', ms: SUMMARY_PATIENCE_MS });
}

/** Who answered hears why it rang, and then the question. */
function tell(d: BriefingDraft): void {
  d.s.phase = 'told';
  d.fx.push({ type: 'cancelTimer', name: 'summary' });
  const { intro } = d.s.lines;
  say(d, d.s.summary === undefined || d.s.summary === '' ? intro : `${intro} ${d.s.summary}`, false);
}

function ask(d: BriefingDraft): void {
  d.s.asked += 1;
  d.s.phase = 'asked';
  say(d, d.s.lines.question, true);
}

function say(d: BriefingDraft, text: string, isQuestion: boolean): void {
  sayTokens(d, speakAll(mannerOf(d.s.config), text), isQuestion, false);
}

function sayTokens(d: BriefingDraft, tokens: readonly SpokenToken[], isQuestion: boolean, again: boolean): void {
  d.s.turn += 1;
  const { turn, ttsSession: session } = d.s;
  d.s.speech = { turn, tokens, isQuestion, audible: false, pieces: [], again };
  d.fx.push(
    { type: 'cancelTimer', name: 'answer' },
    { type: 'playBegin', turn },
    { type: 'ttsBegin', session, utterance: turn, turn },
    { type: 'ttsText', text: spokenOf(tokens) },
    { type: 'ttsEnd' },
  );
}

function onPlayed(d: BriefingDraft): void {
  const speech = d.s.speech;
  if (!speech) return;
  keepHeard(d, writtenOf(speech.tokens).trim());
  d.s.speech = undefined;
  if (!speech.isQuestion) {
    ask(d);
    return;
  }
  d.s.phase = 'waiting';
  d.fx.push({ type: 'setTimer', name: 'answer', ms: ANSWER_MS });
}

function keepHeard(d: BriefingDraft, text: string): void {
  d.s.heard = `${d.s.heard} ${text}`.trim();
}

function onDigit(d: BriefingDraft, digit: string): void {
  // Before the target's own audio is up nobody has asked it anything.
  if (d.s.phase === 'before') return;
  if (digit === '1') decide(d, 'accepted');
  else if (digit === '2') decide(d, 'declined');
}

function onTimer(d: BriefingDraft, name: Extract<BriefingInput, { type: 'timer' }>['name']): void {
  switch (name) {
    case 'summary':
      if (d.s.phase !== 'summing') return;
      forgetModel(d);
      d.s.summary = '';
      tell(d);
      return;
    case 'endpoint':
      if (!d.s.stt.capturing) return;
      d.s.stt = { ...d.s.stt, capturing: false };
      d.fx.push({ type: 'sttFinish', stream: d.s.stt.stream, utterance: d.s.stt.utterance });
      return;
    case 'turnEnd':
      endAnswer(d);
      return;
    case 'answer':
      if (d.s.phase === 'waiting') askAgain(d);
  }
}

function askAgain(d: BriefingDraft): void {
  if (d.s.asked < MAX_ASKED) ask(d);
  else decide(d, 'no_answer');
}

function openEar(d: BriefingDraft): void {
  const stream = d.s.stt.stream + 1;
  d.s.stt = { ...d.s.stt, stream, capturing: false };
  d.fx.push({ type: 'sttOpen', stream });
}

function onVoice(d: BriefingDraft, change: 'started' | 'sustained' | 'stopped', silenceMs: number): void {
  const { stt } = d.s;
  // Whoever speaks is answering, however long it takes.
  if (change === 'started')
    for (const name of ['answer', 'endpoint', 'turnEnd'] as const) d.fx.push({ type: 'cancelTimer', name });
  if (change === 'stopped' && d.s.phase === 'waiting') d.fx.push({ type: 'setTimer', name: 'answer', ms: ANSWER_MS });
  if (stt.endsTurns || stt.stream === 0) return;
  if (change === 'started' && !stt.capturing) {
    d.s.stt = { ...stt, utterance: stt.utterance + 1, capturing: true };
    d.fx.push({ type: 'sttBegin', stream: stt.stream, utterance: stt.utterance + 1 });
  }
  if (change === 'stopped' && stt.capturing) {
    d.s.stt = { ...stt, lastVoicedAt: d.t - silenceMs };
    d.fx.push({ type: 'setTimer', name: 'endpoint', ms: Math.max(0, utterancePauseMs(d.s.config) - silenceMs) });
  }
}

function onStt(d: BriefingDraft, event: SttEvent): void {
  if (event.type === 'sttEndOfTurn') onSaid(d, event.text.trim());
  else if (event.type === 'sttUtterance') onUtterance(d, event.text);
  else if (event.type === 'sttFailed') {
    endAnswer(d);
    // Keys still answer when nobody can be understood.
    if (d.s.phase !== 'done' && event.failure.retryable && d.s.stt.stream < MAX_ASKED) openEar(d);
  }
}

/** "Yes?" is how many people pick up a phone: only what follows the question answers it. */
function isAsked(d: BriefingDraft): boolean {
  return d.s.phase === 'waiting' || (d.s.phase === 'asked' && d.s.speech?.audible === true);
}

/** An answer may be several utterances: it is over when the pause is as long as its words want. */
function onUtterance(d: BriefingDraft, text: string): void {
  const { stt, config } = d.s;
  const held = isAsked(d) ? `${stt.held} ${text}`.trim() : '';
  d.s.stt = { ...stt, held };
  if (stt.capturing || held === '') return; // they speak on, or have said nothing
  const ms = turnSense(held, config.language, config.endpointing).pauseMs - (d.t - stt.lastVoicedAt);
  if (ms <= 0) endAnswer(d);
  else d.fx.push({ type: 'setTimer', name: 'turnEnd', ms });
}

function endAnswer(d: BriefingDraft): void {
  const { held } = d.s.stt;
  d.s.stt = { ...d.s.stt, held: '' };
  onSaid(d, held);
}

function onSaid(d: BriefingDraft, text: string): void {
  if (!isAsked(d) || text === '') return;
  const answer = readAnswer(text, d.s.config.language);
  if (answer !== undefined) decide(d, answer === 'yes' ? 'accepted' : 'declined');
  else if (d.s.phase === 'waiting') consult(d, text);
}

/** What was said is neither yes nor no: the model decides, or answers. */
function consult(d: BriefingDraft, text: string): void {
  if (d.s.talk.filter(({ role }) => role === 'user').length >= MAX_ROUNDS) {
    decide(d, 'no_answer');
    return;
  }
  d.s.phase = 'thinking';
  d.s.talk = [...d.s.talk, { role: 'user', content: text.slice(0, MAX_SUMMARY_CHARS) }];
  d.s.generation += 1;
  d.s.draft = '';
  d.s.called = undefined;
  const about = d.s.summary === undefined || d.s.summary === '' ? '' : ` What is known of the caller: ${d.s.summary}`;
  const rules =
    'You are on the phone with a colleague who is asked whether they take over a call. If they take it, call accept_call; ' +
    `if not, decline_call; otherwise answer in one short sentence in the language "${d.s.config.language}" and ask again.`;
  const messages: ChatMessage[] = [{ role: 'system', content: rules + about }, ...d.s.talk];
  d.fx.push({ type: 'cancelTimer', name: 'answer' });
  d.fx.push({ type: 'llmStart', generation: d.s.generation, messages, tools: TOOLS });
}

function onLlm(d: BriefingDraft, event: LlmEvent): void {
  if (event.type === 'llmDelta') {
    d.s.draft += event.text;
    return;
  }
  if (event.type === 'llmToolCall') {
    const { name } = event.call;
    if (name === 'accept_call' || name === 'decline_call') d.s.called = name;
    return;
  }
  const words = speakable(d.s.draft).replace(/\s+/gu, ' ').trim().slice(0, MAX_SUMMARY_CHARS);
  d.s.draft = '';
  const said = event.type === 'llmDone' ? words : '';
  if (d.s.phase === 'before' || d.s.phase === 'summing') {
    d.s.summary = said;
    if (d.s.phase === 'summing') tell(d);
  } else if (d.s.phase === 'thinking') {
    if (d.s.called !== undefined) decide(d, d.s.called === 'accept_call' ? 'accepted' : 'declined');
    else if (said === '') askAgain(d);
    else {
      d.s.talk = [...d.s.talk, { role: 'assistant', content: said }];
      d.s.phase = 'asked';
      say(d, said, true);
    }
  }
}

function onTts(d: BriefingDraft, event: Exclude<TtsEvent, { type: 'ttsAudio' }>): void {
  const speech = d.s.speech;
  switch (event.type) {
    case 'ttsText':
      if (speech?.turn === event.utterance) d.s.speech = { ...speech, pieces: [...speech.pieces, event] };
      return;
    case 'ttsDone':
      if (speech?.turn === event.utterance) d.fx.push({ type: 'playEnd', turn: speech.turn });
      return;
    case 'ttsFailed':
      if (!speech) return;
      if (speech.again || !event.failure.retryable) {
        decide(d, 'failed');
        return;
      }
      d.fx.push({ type: 'playDrop' }, { type: 'ttsClose', session: d.s.ttsSession });
      d.s.ttsSession += 1;
      d.fx.push({ type: 'ttsOpen', session: d.s.ttsSession });
      sayTokens(d, speech.tokens, speech.isQuestion, true);
      return;
    default:
      return;
  }
}

function decide(d: BriefingDraft, answer: BriefingAnswer): void {
  finish(d);
  d.fx.push({ type: 'answer', answer });
}

function forgetModel(d: BriefingDraft): void {
  d.fx.push({ type: 'llmAbort', generation: d.s.generation });
  // What it still says is late.
  d.s.generation += 1;
  d.s.draft = '';
}

/** No more of us is heard there; everything is closed once. */
function finish(d: BriefingDraft): void {
  const speech = d.s.speech;
  if (speech) {
    const heardBytes = d.playout.turn === speech.turn ? d.playout.heardBytes : 0;
    const words = speech.audible
      ? heardWordCount(spokenOf(speech.tokens), speech.pieces, heardBytes, d.s.bytesPerMs)
      : 0;
    keepHeard(d, words > 0 ? firstWritten(speech.tokens, words) : '');
    d.fx.push({ type: 'ttsCancel', heardMs: heardBytes / d.s.bytesPerMs }, { type: 'playDrop' });
    d.s.speech = undefined;
  }
  if (d.s.generation > 0) forgetModel(d);
  for (const name of ['summary', 'endpoint', 'turnEnd', 'answer'] as const) d.fx.push({ type: 'cancelTimer', name });
  if (d.s.stt.stream > 0) d.fx.push({ type: 'sttClose', stream: d.s.stt.stream });
  if (d.s.ttsSession > 0) d.fx.push({ type: 'ttsClose', session: d.s.ttsSession });
  if (d.s.heard !== '') d.fx.push({ type: 'briefed', text: d.s.heard, startMs: Math.round(d.s.startedAt ?? d.t) });
  d.s.phase = 'done';
}
