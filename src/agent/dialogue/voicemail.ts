import { fillIn } from '../prompt.ts';
import { dropHello } from './hello.ts';
import type { DialogueInput } from './inputs.ts';
import { closeEars } from './listening.ts';
import { openVoice, resumeSpeech, sayLine } from './speaking.ts';
import type { Draft } from './state.ts';
import { interrupt } from './thinking.ts';

/** A machine is no caller: what it says, presses and is told by others is not part of a conversation. */
const UNHEARD: ReadonlySet<DialogueInput['type']> = new Set<DialogueInput['type']>([
  ...(['voice', 'stt', 'digit', 'say', 'play', 'handOver', 'collect', 'sendKeys', 'mute', 'toolDone'] as const),
]);

/** Does this input mean nothing any more, since a machine has answered? */
export function isUnheard(d: Draft, input: DialogueInput): boolean {
  return d.s.voicemail !== 'none' && UNHEARD.has(input.type);
}

/** A machine answered: the agent falls silent until it is told to leave its message, says that once, and hangs up. */
export function onVoicemail(d: Draft, step: 'wait' | 'say'): void {
  if (step === 'wait') {
    fallSilent(d);
    return;
  }
  if (d.s.voicemail === 'none') fallSilent(d);
  if (d.s.voicemail === 'waiting') d.s.voicemail = 'due';
  sayMessage(d);
}

/** The line is up, for the first time or again. */
export function onVoicemailStream(d: Draft): void {
  if (!d.s.tts.open) openVoice(d);
  resumeSpeech(d);
  sayMessage(d);
}

function fallSilent(d: Draft): void {
  if (d.s.voicemail !== 'none') return;
  d.s.voicemail = 'waiting';
  dropHello(d);
  interrupt(d);
  d.s.waitingLines = [];
  for (const name of ['idle', 'digits', 'tool', 'filler'] as const) d.fx.push({ type: 'cancelTimer', name });
  if (d.s.phase === 'live') closeEars(d);
  d.s.replyOwed = false;
}

function sayMessage(d: Draft): void {
  if (d.s.voicemail !== 'due' || d.s.phase !== 'live') return;
  d.s.voicemail = 'said';
  const text = fillIn(d.s.config.voicemail ?? '', d.s.config, d.s.facts);
  sayLine(d, text, { interruptible: false, after: [{ type: 'hangup', reason: 'machine' }] });
}
