import { beginRecording, needsConsent } from './recording.ts';
import type { DialogueInput } from './inputs.ts';
import type { Draft } from './state.ts';

/** Who was called and says nothing is greeted after this: longer than it takes to lift a phone to the ear. */
const SILENCE_MS = 1800;
/** They said something, and no words of it have come: their recogniser understood nothing, or is late. */
const UNHEARD_MS = 1200;

/** People who are called say hello, and are answered; an agent that talks at once talks over them. */
export function awaitsHello(d: Draft): boolean {
  return (
    d.s.facts.direction === 'outbound' &&
    d.s.config.speaksFirst === 'callee' &&
    !d.s.greeted &&
    d.s.history.length === 0 &&
    d.s.wrapUp === undefined
  );
}

/** The line is up: the callee's first words are waited for. */
export function beginHello(d: Draft): void {
  if (!needsConsent(d)) beginRecording(d);
  d.s.hello = 'waiting';
  if (!d.s.voice.active) d.fx.push({ type: 'setTimer', name: 'hello', ms: SILENCE_MS });
}

export function onHelloVoice(d: Draft, { change, silenceMs }: Extract<DialogueInput, { type: 'voice' }>): void {
  if (d.s.hello !== 'waiting') return;
  if (change === 'started') d.fx.push({ type: 'cancelTimer', name: 'hello' });
  if (change === 'stopped') d.fx.push({ type: 'setTimer', name: 'hello', ms: Math.max(0, UNHEARD_MS - silenceMs) });
}

/** They have said hello, or nothing for long enough: it is the agent's turn, whatever it says first. */
export function endHello(d: Draft): void {
  if (d.s.hello !== 'waiting') return;
  d.s.hello = 'over';
  d.fx.push({ type: 'cancelTimer', name: 'hello' });
}

/** Nobody is waited for any more. */
export function dropHello(d: Draft): void {
  if (d.s.hello === 'waiting') d.fx.push({ type: 'cancelTimer', name: 'hello' });
  d.s.hello = 'no';
}
