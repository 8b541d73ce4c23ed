import type { Leg } from './leg.ts';
import { murmur, tone } from './voice.ts';

export interface Machine {
  readonly greetingMs?: number;
  readonly beep?: boolean;
  readonly fax?: boolean;
}

/** How long detection takes; at most 3.5 s at Telnyx. */
const DETECTION_MS = 500;
const BEEP_MS = 300;
/** `greeting_end` calls a silence of this length the end. */
const END_SILENCE_MS = 1500;
/** `detect_words` gives up waiting for the beep. */
const WORDS_MS = 30_000;

/** Plays the machine's greeting and beep to the caller. @returns when the beep, or the greeting without one, is over. */
export function greet(leg: Leg, machine: Machine): number {
  const greetingMs = machine.greetingMs ?? 1500;
  void leg.mouth.say(murmur(greetingMs), false);
  if (machine.beep === false) return greetingMs;
  void leg.mouth.say(tone([1000], BEEP_MS), false);
  return greetingMs + BEEP_MS;
}

/**
 * Sends the detection webhooks of an answered leg.
 * @param mode `answering_machine_detection` of the command.
 * @param machine `undefined` for a person.
 * @param greetingMs what {@link greet} returned.
 */
export function detectMachine(leg: Leg, mode: string, machine: Machine | undefined, greetingMs = 0): void {
  if (mode === 'disabled') return;
  const ends = { from: leg.from, to: leg.to };
  const beeps = machine !== undefined && machine.beep !== false && machine.fax !== true;
  const later = (ms: number, event: string, result: string): void =>
    void leg.after(ms, () => leg.webhook(`call.machine.${event}`, { ...ends, result }));

  if (mode === 'premium') {
    later(
      DETECTION_MS,
      'premium.detection.ended',
      machine ? (machine.fax === true ? 'fax_detected' : 'machine') : 'human_residence',
    );
    if (beeps) later(Math.max(greetingMs, DETECTION_MS + 1), 'premium.greeting.ended', 'beep_detected');
    return;
  }
  later(DETECTION_MS, 'detection.ended', machine ? 'machine' : 'human');
  if (!machine || mode === 'detect') return;
  if (beeps) later(Math.max(greetingMs, DETECTION_MS + 1), 'greeting.ended', 'beep_detected');
  else if (mode === 'greeting_end') later(greetingMs + END_SILENCE_MS, 'greeting.ended', 'ended');
  else if (mode === 'detect_words') later(WORDS_MS, 'greeting.ended', 'not_sure');
}
