import { cancelCollection } from './collect.ts';
import { dropHello } from './hello.ts';
import { closeEars, openEars, tellKeptDigits } from './listening.ts';
import { sayLine } from './speaking.ts';
import type { Draft } from './state.ts';
import { interrupt } from './thinking.ts';

/** The caller hears music until {@link stopMusic}. */
export function startMusic(d: Draft): void {
  if (d.s.music) return;
  d.s.music = true;
  d.fx.push({ type: 'musicStart' });
}

export function stopMusic(d: Draft): void {
  if (!d.s.music) return;
  d.s.music = false;
  d.fx.push({ type: 'musicStop' });
}

/** Somebody outside puts the caller on hold: at once, or after a sentence that must be heard to its end. */
export function onHold(d: Draft, music: boolean): void {
  if (d.s.phase !== 'live' || d.s.wrapUp !== undefined) return;
  const { speech } = d.s;
  if (speech && (!speech.interruptible || speech.after.length > 0)) d.s.holdWanted = { music };
  else goOnHold(d, music);
}

/** What must be heard first was heard. @returns true when the caller is on hold now. */
export function holdIfWanted(d: Draft): boolean {
  const { holdWanted } = d.s;
  if (!holdWanted) return false;
  goOnHold(d, holdWanted.music);
  return true;
}

function goOnHold(d: Draft, music: boolean): void {
  d.s.holdWanted = undefined;
  dropHello(d);
  cancelCollection(d, 'the caller was put on hold');
  interrupt(d);
  closeEars(d);
  // Who was waiting for an answer gets it afterwards.
  d.s.replyOwed = d.s.history.at(-1)?.role === 'user';
  d.s.callerTurn = undefined;
  d.s.voice = { ...d.s.voice, active: false, sustained: false };
  for (const name of ['idle', 'digits', 'resume', 'filler'] as const) d.fx.push({ type: 'cancelTimer', name });
  d.s.phase = 'held';
  if (music) startMusic(d);
}

/** The agent is back with the caller. */
export function onUnhold(d: Draft): void {
  d.s.holdWanted = undefined;
  if (d.s.phase !== 'held') return;
  leaveHold(d);
  openEars(d);
  if (d.s.digits !== '') {
    tellKeptDigits(d);
    d.s.replyOwed = true;
  }
  sayLine(d, d.s.lines.backFromHold);
}

/** No more music; what is said now is heard. */
export function leaveHold(d: Draft): void {
  stopMusic(d);
  if (d.s.phase === 'held') d.s.phase = 'live';
}
