import { playTimeMs } from '../agent/dialogue/keying.ts';
import { setTimer } from './leg.ts';
import type { CommandOutcome } from '../telnyx/commands.ts';
import { type CallDraft, type Leg } from './state.ts';

export const FIRST_KEYS = 'first keys';

/**
 * The keys that lead to the person, an extension for example, are pressed before anybody speaks. By `send_dtmf` and not by
 * the dial's own `send_digits_on_answer`: that one tells nobody whether and when it was done.
 * @returns true while the conversation has to wait for them.
 */
export function keysComeFirst(d: CallDraft, leg: Leg): boolean {
  const { dial } = d.s;
  if (!dial || dial.keys === 'done') return false;
  if (dial.keys === 'due') {
    d.s.dial = { ...dial, keys: 'sending' };
    d.fx.push({
      type: 'command',
      leg: leg.name,
      command: { name: 'sendDtmf', digits: dial.digits ?? '' },
      tag: FIRST_KEYS,
    });
  }
  return true;
}

/** Telnyx' answer: the keys are being pressed, or will not be, and then the conversation begins without them. */
export function onKeysSent(d: CallDraft, leg: Leg, outcome: CommandOutcome): void {
  const { dial } = d.s;
  if (dial?.keys !== 'sending') return;
  const digits = dial.digits ?? '';
  if (outcome.ok) d.fx.push({ type: 'event', event: { type: 'dtmf.sent', data: { digits } } });
  setTimer(d, leg.name, 'keys', outcome.ok ? playTimeMs(digits) : 0);
}

/** Everything was pressed. */
export function onKeysDone(d: CallDraft, leg: Leg): void {
  if (d.s.dial?.keys !== 'sending') return;
  d.s.dial = { ...d.s.dial, keys: 'done' };
  if (leg.phase === 'streaming') d.fx.push({ type: 'dialogue', input: streamUp(d) });
}

/** Tells the dialogue that its audio is up. */
export function streamUp(d: CallDraft): { readonly type: 'streamUp'; readonly bytesPerMs: number } {
  return { type: 'streamUp', bytesPerMs: d.s.declared === 'L16' ? 32 : 8 };
}
