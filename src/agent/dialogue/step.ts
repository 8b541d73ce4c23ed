import { unreachable } from '../../core/errors.ts';
import type { DialogueEffect, DialogueInput, DialogueTimer } from './inputs.ts';
import {
  addUser,
  armIdle,
  closeEars,
  flushDigits,
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
import { beginRecording, holdRecording, needsConsent, onRecord, resumeRecording, sayConsent } from './recording.ts';
import { greetingOf, type AfterSpeech, type DialogueState, type Draft, type PlayoutView } from './state.ts';
import { abortEager, abortGeneration, fallbackOf, goOn, interrupt, onLlm, reply, wrapUp } from './thinking.ts';

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
  handle(d, input);
  // A turn without audio has nothing to wait for; ending it may begin the next one.
  while (d.s.speech && isWordless(d.s.speech) && !d.s.generation) afterSpeech(d, completeSpeech(d));
  return { state: d.s, effects: d.fx };
}

function handle(d: Draft, input: DialogueInput): void {
  switch (input.type) {
    case 'streamUp':
      onStreamUp(d, input.bytesPerMs);
      return;
    case 'streamDown':
      if (d.s.phase !== 'live') return;
      d.s.phase = 'down';
      abortEager(d);
      pauseSpeech(d);
      for (const name of ['keepPaused', 'resume', 'idle'] as const) d.fx.push({ type: 'cancelTimer', name });
      closeEars(d);
      d.s.voice = { ...d.s.voice, active: false, sustained: false };
      return;
    case 'sttReady':
      if (input.stream === d.s.ears.stream) d.s.ears = { ...d.s.ears, endsTurns: input.endsTurns };
      return;
    case 'voice':
      if (d.s.phase === 'live') onVoice(d, input);
      return;
    case 'stt':
      if (input.stream === d.s.ears.stream && d.s.phase === 'live') onStt(d, input.event);
      return;
    case 'llm':
      onLlm(d, input.generation, input.event);
      return;
    case 'tts':
      if (input.session === d.s.tts.session && onTts(d, input.event)) loseVoice(d);
      return;
    case 'ttsFirstAudio':
      onFirstAudio(d, input.utterance);
      return;
    case 'played':
      if (d.s.speech?.turn === input.turn) afterSpeech(d, completeSpeech(d));
      return;
    case 'digit':
      if (d.s.phase === 'live') onDigit(d, input.digit);
      return;
    case 'timer':
      onTimer(d, input.name);
      return;
    case 'transferFailed':
      onTransferFailed(d, input.target, input.outcome);
      return;
    case 'dtmfSent':
      onDtmfSent(d, input);
      return;
    case 'say':
      onSay(d, input.text, input.interrupt);
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
      interrupt(d);
      sayLine(d, input.message ?? '', {
        interruptible: false,
        after: [{ type: 'transfer', target: input.target, to: input.to, toolCallId: undefined }],
      });
      return;
    case 'wrapUp':
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
  openEars(d);
  if (!d.s.tts.open) openVoice(d);
  resumeSpeech(d);
  if (!restored) resumeRecording(d);
  if (d.s.speech) armIdle(d);
  else if (needsConsent(d)) sayConsent(d);
  else if (!restored) {
    beginRecording(d);
    openConversation(d);
  } else if (d.s.replyOwed) reply(d);
  else armIdle(d);
}

/** The first words of the agent, or the first wait for the caller's. */
function openConversation(d: Draft): void {
  const greeting = greetingOf(d.s);
  const greet = !d.s.greeted && greeting.trim() !== '';
  d.s.greeted = true;
  if (greet) sayLine(d, greeting, { interruptible: d.s.config.interruptible, kind: 'greeting' });
  else if (d.s.history.at(-1)?.role === 'user') reply(d);
  else armIdle(d);
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
        d.s.transferCallId = action.toolCallId;
        closeEars(d);
        d.fx.push({ type: 'signal', signal: { type: 'transfer', target: action.target, to: action.to } });
        return;
      case 'dtmf':
        d.fx.push({ type: 'signal', signal: { type: 'dtmf', digits: action.digits, toolCallId: action.toolCallId } });
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
  const [line, ...rest] = d.s.waitingLines;
  if (line !== undefined) {
    d.s.waitingLines = rest;
    sayLine(d, line);
  } else if (d.s.replyOwed) reply(d);
  else armIdle(d);
}

function onTimer(d: Draft, name: DialogueTimer): void {
  switch (name) {
    case 'endpoint':
      onEndpoint(d);
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
    case 'sttRetry':
      if (d.s.phase === 'live') openEars(d);
      return;
    case 'sttMute':
      onDeaf(d);
      return;
    default:
      unreachable(name);
  }
}

function onTransferFailed(d: Draft, target: string, outcome: string): void {
  // After a restart the audio is not back yet; what happened is said when it is.
  if (d.s.phase === 'before') addUser(d, transferNote(target, outcome));
  if (d.s.phase !== 'yielded') return;
  d.s.phase = 'live';
  openEars(d);
  const result = JSON.stringify({ status: 'failed', target, outcome });
  const callId = d.s.transferCallId;
  d.s.transferCallId = undefined;
  if (callId !== undefined) endTool(d, { id: callId, name: 'transfer_call' }, result);
  else addUser(d, transferNote(target, outcome));
  if (d.s.speech) return; // a goodbye is being said: the call ends with it
  if (d.s.wrapUp !== undefined) {
    // It was the way out of a broken call, and it is closed too.
    sayLine(d, d.s.lines.failure, { interruptible: false, after: [{ type: 'hangup', reason: d.s.wrapUp }] });
  } else goOn(d);
}

function transferNote(target: string, outcome: string): string {
  return `[the transfer to ${target} failed: ${outcome}]`;
}

function onDtmfSent(d: Draft, input: Extract<DialogueInput, { type: 'dtmfSent' }>): void {
  const result = input.ok
    ? '{"status":"sent"}'
    : JSON.stringify({ status: 'error', error: input.message ?? 'not sent' });
  endTool(d, { id: input.toolCallId, name: 'send_dtmf' }, result);
  if (!d.s.speech && d.s.phase === 'live') goOn(d);
}

function onSay(d: Draft, text: string, interrupting: boolean): void {
  if (d.s.phase !== 'live' || d.s.wrapUp !== undefined) return;
  if (interrupting && d.s.speech?.interruptible) interrupt(d);
  if (d.s.speech) d.s.waitingLines = [...d.s.waitingLines, text];
  else sayLine(d, text);
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
  abortGeneration(d);
  cutSpeech(d);
  if (d.s.transferCallId !== undefined) {
    endTool(d, { id: d.s.transferCallId, name: 'transfer_call' }, '{"status":"ended"}');
  }
  closeEars(d);
  closeVoice(d);
  for (const name of ['resume', 'keepPaused', 'idle', 'digits'] as const) d.fx.push({ type: 'cancelTimer', name });
  d.s.phase = 'closed';
}
