import { cancelCollection } from './collect.ts';
import { armIdle } from './listening.ts';
import type { Draft } from './state.ts';
import { interrupt, reply } from './thinking.ts';

/**
 * The agent falls silent, or may speak again. Muted it starts no turn of its own; the caller is heard and written down, and
 * what a person says in its place is said. What ends the call or begins its recording is said all the same.
 */
export function onMute(d: Draft, on: boolean): void {
  if (d.s.muted === on || d.s.wrapUp !== undefined) return;
  d.s.muted = on;
  d.fx.push({ type: 'signal', signal: { type: 'muted', on } });
  if (on) {
    d.fx.push({ type: 'cancelTimer', name: 'idle' });
    cancelCollection(d, 'the agent was muted');
    if (d.s.speech === undefined || d.s.speech.after.length === 0) interrupt(d);
    return;
  }
  if (d.s.speech || d.s.phase !== 'live') return;
  // Unless somebody has answered in its place.
  const last = d.s.history.at(-1);
  d.s.replyOwed = last !== undefined && (last.role === 'user' || last.toolCalls.length > 0);
  if (d.s.replyOwed) reply(d);
  else armIdle(d);
}
