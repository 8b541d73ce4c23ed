import { unreachable } from '../../core/errors.ts';
import {
  cancelCollection,
  endTail,
  onCollect,
  onCollectStop,
  onCollectTimer,
  resumeTail,
  suspendCollection,
} from './collect.ts';
import type { DialogueEffect, DialogueInput, DialogueTimer, TransferTerms } from './inputs.ts';
import { dropKeys, onKeysTimer, onKeysSent, orderKeys } from './keying.ts';
import {
  addUser,
  afterEntry,
  armIdle,
  closeEars,
  endHeldTurn,
  flushDigits,
  keepDigit,
  tellKeptDigits,
  onDeaf,
  onDigit,
  onEndpoint,
  onStt,
  onVoice,
  openEars,
} from './listening.ts';
import {
  closeVoice,
  completeSpeech,
  cutSpeech,
  endTool,
  isWordless,
  onFirstAudio,
  onTts,
  openVoice,
  pauseSpeech,
  resumeSpeech,
  sayLine,
  unspokenText,
} from './speaking.ts';
import { onMute } from './muting.ts';
import { holdIfWanted, leaveHold, onHold, onUnhold, startMusic, stopMusic } from './holding.ts';
import { beginRecording, holdRecording, needsConsent, onRecord, resumeRecording, sayConsent } from './recording.ts';
import {
  greetingOf,
  type AfterSpeech,
  type DialogueState,
  type Draft,
  type PlayoutView,
  type WaitingLine,
} from './state.ts';
import { playSound } from './sound.ts';
import { stopTools } from './acting.ts';
import {
  abortEager,
  abortGeneration,
  fallbackOf,
  goOn,
  interrupt,
  onLlm,
  onToolDeadline,
  onToolDone,
  reply,
  wrapUp,
} from './thinking.ts';
import { awaitsHello, beginHello, dropHello, endHello, onHelloVoice } from './hello.ts';
import { isUnheard, onVoicemail, onVoicemailStream } from './voicemail.ts';
import { beginWait, onFiller } from './waiting.ts';

export interface DialogueStep {
  readonly state: DialogueState;
  readonly effects: readonly DialogueEffect[];
}

/**
 * The dialogue machine: one input, at logical time `t`, with what playout knows at that moment. Pure: same arguments, same
 * result. Inputs that make no sense in the present phase change nothing.
 */
export function stepDialogue(
  state: DialogueState,
  input: DialogueInput,
  t: number,
  playout: PlayoutView,
): DialogueStep {
  if (state.phase === 'closed') return { state, effects: [] };
  const d: Draft = { s: { ...state }, fx: [], t, playout };
  if (!isUnheard(d, input)) handle(d, input);
  if (d.s.hello === 'over') beginTalk(d);
  // A turn without audio has nothing to wait for; ending it may begin the next one.
  while (d.s.speech && isWordless(d.s.speech) && !d.s.generation) afterSpeech(d, completeSpeech(d));
  return { state: d.s, effects: d.fx };
}

function handle(d: Draft, input: DialogueInput): void {
  switch (input.type) {
    case 'streamUp':
      onStreamUp(d, input.bytesPerMs);
      return;
    case 'voicemail':
      onVoicemail(d, input.do);
      return;
    case 'streamDown':
      if (d.s.phase !== 'live') return;
      dropHello(d);
      d.s.phase = 'down';
      abortEager(d);
      pauseSpeech(d);
      for (const name of ['keepPaused', 'resume', 'idle'] as const) d.fx.push({ type: 'cancelTimer', name });
      endHeldTurn(d);
      suspendCollection(d);
      closeEars(d);
      d.s.voice = { ...d.s.voice, active: false, sustained: false };
      return;
    case 'sttReady':
      if (input.stream === d.s.ears.stream) d.s.ears = { ...d.s.ears, endsTurns: input.endsTurns };
      return;
    case 'voice':
      if (d.s.phase !== 'live') return;
      onVoice(d, input);
      onHelloVoice(d, input);
      return;
    case 'stt':
      if (input.stream === d.s.ears.stream && d.s.phase === 'live') onStt(d, input.event);
      return;
    case 'llm':
      onLlm(d, input.generation, input.event);
      return;
    case 'tts':
      if (input.session !== d.s.tts.session) return;
      if (onTts(d, input.event)) loseVoice(d);
      // Only now is it known how long the words before a tool are.
      else if (input.event.type === 'ttsDone') beginWait(d);
      return;
    case 'ttsFirstAudio':
      onFirstAudio(d, input.utterance);
      return;
    case 'played':
      if (d.s.speech?.turn === input.turn) afterSpeech(d, completeSpeech(d));
      return;
    case 'digit':
      if (d.s.phase === 'live') onDigit(d, input.digit);
      else if (d.s.phase === 'yielded' || d.s.phase === 'held') keepDigit(d, input.digit);
      return;
    case 'timer':
      onTimer(d, input.name);
      return;
    case 'transferFailed':
      onTransferFailed(d, input.target, input.outcome);
      return;
    case 'toolDone':
      onToolDone(d, input.id, input.outcome);
      return;
    case 'dtmfSent':
      onDtmfSent(d, input);
      return;
    case 'say':
      onSay(d, input.text, input.interrupt);
      return;
    case 'sendKeys':
      if (d.s.phase === 'live' || d.s.phase === 'down') orderKeys(d, input.digits);
      return;
    case 'play':
      sayNext(d, { sound: input.sound, interruptible: input.interruptible });
      return;
    case 'mute':
      onMute(d, input.on);
      return;
    case 'collect':
      onCollect(d, input.request, input.wanted);
      return;
    case 'collectStop':
      onCollectStop(d, input.request);
      return;
    case 'record':
      onRecord(d, input.do);
      return;
    case 'sensitive':
      holdRecording(d, input.on);
      return;
    case 'recordingFailed':
      d.s.recording = 'off';
      return;
    case 'handOver':
      if (d.s.phase !== 'live' || d.s.wrapUp !== undefined) return;
      cancelCollection(d, 'the caller is being transferred');
      interrupt(d);
      sayLine(d, input.message ?? '', {
        interruptible: false,
        after: [{ type: 'transfer', target: input.target, to: input.to, toolCallId: undefined, ...termsOf(input) }],
      });
      return;
    case 'connecting':
      stopMusic(d);
      return;
    case 'hold':
      onHold(d, input.music);
      return;
    case 'unhold':
      onUnhold(d);
      return;
    case 'wrapUp':
      leaveHold(d);
      wrapUp(d, input.reason);
      return;
    case 'close':
      onClose(d);
      return;
    default:
      unreachable(input);
  }
}

function onStreamUp(d: Draft, bytesPerMs: number): void {
  if (d.s.phase !== 'before' && d.s.phase !== 'down') return;
  const restored = d.s.phase === 'down';
  d.s.phase = 'live';
  d.s.bytesPerMs = bytesPerMs;
  if (d.s.voicemail !== 'none') {
    onVoicemailStream(d);
    return;
  }
  openEars(d);
  if (!d.s.tts.open) openVoice(d);
  resumeTail(d);
  resumeSpeech(d);
  if (!restored) resumeRecording(d);
  if (d.s.speech) armIdle(d);
  else if (awaitsHello(d)) beginHello(d);
  else if (needsConsent(d)) sayConsent(d);
  else if (!restored) {
    beginRecording(d);
    openConversation(d);
  } else if (d.s.replyOwed) reply(d);
  else armIdle(d);
}

/** Who was called has said hello, or nothing. */
function beginTalk(d: Draft): void {
  d.s.hello = 'no';
  if (d.s.speech || d.s.phase !== 'live') return;
  abortEager(d);
  if (needsConsent(d)) sayConsent(d);
  else openConversation(d);
}

/** The first words of the agent, or the first wait for the caller's. */
function openConversation(d: Draft): void {
  const greeting = greetingOf(d.s);
  const greet = !d.s.greeted && greeting.trim() !== '';
  d.s.greeted = true;
  if (greet) sayLine(d, greeting, { interruptible: d.s.config.interruptible, kind: 'greeting' });
  else if (isAnswerOwed(d)) reply(d);
  else armIdle(d);
}

/** After a restart: the caller said something, or a tool was asked, and nobody has answered. */
function isAnswerOwed(d: Draft): boolean {
  const last = d.s.history.at(-1);
  return last?.role === 'user' || (last?.role === 'assistant' && last.toolCalls.length > 0);
}

/** The running speech is over: what waited for it happens now. */
function afterSpeech(d: Draft, after: readonly AfterSpeech[]): void {
  for (const action of after) {
    switch (action.type) {
      case 'hangup':
        d.fx.push({ type: 'signal', signal: { type: 'hangup', reason: action.reason } });
        return;
      case 'transfer':
        d.s.phase = 'yielded';
        dropKeys(d);
        d.s.transferCallId = action.toolCallId;
        closeEars(d);
        if (action.mode === 'attended') startMusic(d);
        d.fx.push({
          type: 'signal',
          signal: { type: 'transfer', target: action.target, to: action.to, ...termsOf(action) },
        });
        return;
      case 'dtmf':
        orderKeys(d, action.digits, action.toolCallId);
        break;
      case 'record':
        beginRecording(d);
        if (d.s.greeted) break;
        openConversation(d);
        return;
    }
  }
  if (after.some(({ type }) => type === 'dtmf')) return; // the digits' outcome brings the next answer
  if (needsConsent(d)) {
    sayConsent(d);
    return;
  }
  if (holdIfWanted(d)) return;
  const [line, ...rest] = d.s.waitingLines;
  if (line !== undefined) {
    d.s.waitingLines = rest;
    sayNow(d, line);
  } else if (d.s.replyOwed && !d.s.collection) reply(d);
  else armIdle(d);
}

function onTimer(d: Draft, name: DialogueTimer): void {
  switch (name) {
    case 'hello':
      endHello(d);
      return;
    case 'endpoint':
      onEndpoint(d);
      return;
    case 'turnEnd':
      endHeldTurn(d);
      return;
    case 'resume':
      // Words may still come out of what was said; their recogniser always answers, and then it is decided.
      if (!d.s.ears.awaiting) resumeSpeech(d);
      return;
    case 'keepPaused':
      resumeSpeech(d);
      return;
    case 'idle':
      if (d.s.phase !== 'live' || d.s.speech || d.s.generation) return;
      if (d.s.reprompts >= d.s.config.idle.reprompts) wrapUp(d, 'silence');
      else {
        d.s.reprompts += 1;
        sayLine(d, d.s.lines.reprompt);
      }
      return;
    case 'digits':
      flushDigits(d);
      return;
    case 'collect':
      afterEntry(d, onCollectTimer(d));
      return;
    case 'entryTail':
      endTail(d);
      return;
    case 'keys':
      goOnAfterKeys(d, onKeysTimer(d));
      return;
    case 'sttRetry':
      if (d.s.phase === 'live') openEars(d);
      return;
    case 'sttMute':
      onDeaf(d);
      return;
    case 'tool':
      onToolDeadline(d);
      return;
    case 'filler':
      onFiller(d);
      return;
    default:
      unreachable(name);
  }
}

function onTransferFailed(d: Draft, target: string, outcome: string): void {
  // After a restart the audio is not back yet; what happened is said when it is.
  if (d.s.phase === 'before') addUser(d, transferNote(target, outcome));
  if (d.s.phase !== 'yielded') return;
  stopMusic(d);
  d.s.phase = 'live';
  openEars(d);
  const result = JSON.stringify({ status: 'failed', target, outcome });
  const callId = d.s.transferCallId;
  d.s.transferCallId = undefined;
  if (callId !== undefined) endTool(d, { id: callId, name: 'transfer_call' }, result);
  else addUser(d, transferNote(target, outcome));
  tellKeptDigits(d);
  if (d.s.speech) return; // a goodbye is being said: the call ends with it
  if (d.s.wrapUp !== undefined) {
    // It was the way out of a broken call, and it is closed too.
    sayLine(d, d.s.lines.failure, { interruptible: false, after: [{ type: 'hangup', reason: d.s.wrapUp }] });
  } else goOn(d);
}

function termsOf({ mode, announce }: TransferTerms): TransferTerms {
  return { ...(mode === undefined ? {} : { mode }), ...(announce === undefined ? {} : { announce }) };
}

function transferNote(target: string, outcome: string): string {
  return `[the transfer to ${target} failed: ${outcome}]`;
}

function onDtmfSent(d: Draft, input: Extract<DialogueInput, { type: 'dtmfSent' }>): void {
  goOnAfterKeys(d, onKeysSent(d, input.toolCallId, input.ok, input.message));
}

/** The model thinks while the keys play; what it says waits for their end. */
function goOnAfterKeys(d: Draft, isAnswered: boolean): void {
  if (isAnswered && !d.s.speech && d.s.phase === 'live') goOn(d);
}

function onSay(d: Draft, text: string, interrupting: boolean): void {
  if (d.s.phase !== 'live' || d.s.wrapUp !== undefined) return;
  if (interrupting && d.s.speech?.interruptible) interrupt(d);
  sayNext(d, { text });
}

/** What somebody outside wants to be heard, as soon as nothing else is. */
function sayNext(d: Draft, line: WaitingLine): void {
  if (d.s.phase !== 'live' || d.s.wrapUp !== undefined) return;
  if (d.s.speech) d.s.waitingLines = [...d.s.waitingLines, line];
  else sayNow(d, line);
}

function sayNow(d: Draft, line: WaitingLine): void {
  // Who is asked for digits listens first.
  suspendCollection(d);
  if ('text' in line) sayLine(d, line.text);
  else playSound(d, line.sound, line.interruptible);
}

/**
 * Nothing of ours can speak any more. Who was being put through still is, and whoever has somewhere else to go goes there;
 * else Telnyx says the rest, and the call ends.
 */
function loseVoice(d: Draft): void {
  const speech = d.s.speech;
  const text = speech && speech.kind !== 'reply' && speech.after.length > 0 ? unspokenText(speech) : d.s.lines.failure;
  const way =
    speech?.after.find((action) => action.type === 'transfer') ??
    (d.s.wrapUp === undefined ? fallbackOf(d) : undefined);
  if (speech) d.s.speech = { ...speech, after: speech.after.filter((action) => action !== way) };
  cancelCollection(d, 'the call is ending');
  interrupt(d);
  d.s.wrapUp ??= 'provider_failure';
  if (way) {
    afterSpeech(d, [way]);
    return;
  }
  d.s.phase = 'yielded';
  closeEars(d);
  d.fx.push({ type: 'signal', signal: { type: 'speakForUs', text } });
}

function onClose(d: Draft): void {
  dropHello(d);
  abortGeneration(d);
  cutSpeech(d);
  cancelCollection(d, 'the call ended');
  dropKeys(d);
  stopTools(d);
  if (d.s.transferCallId !== undefined) {
    endTool(d, { id: d.s.transferCallId, name: 'transfer_call' }, '{"status":"ended"}');
  }
  stopMusic(d);
  closeEars(d);
  closeVoice(d);
  for (const name of ['resume', 'keepPaused', 'idle', 'digits', 'entryTail', 'filler'] as const)
    d.fx.push({ type: 'cancelTimer', name });
  d.s.phase = 'closed';
}
