import type { TargetBehaviour, Targets } from './targets.ts';

/** Fictional numbers that behave, for calls out on a machine without a telephone line. Everybody else answers and is silent. */
export const PHONE_BOOK: Readonly<Record<string, TargetBehaviour>> = {
  '+14155550101': { answerAfterMs: 2000 },
  '+14155550102': 'busy',
  '+14155550103': 'noAnswer',
  '+14155550104': 'reject',
  '+14155550105': { answerAfterMs: 2000, machine: { greetingMs: 3000, beep: true } },
  '+14155550106': { answerAfterMs: 2000, machine: { fax: true } },
};

export function usePhoneBook(targets: Targets): void {
  for (const [number, behaviour] of Object.entries(PHONE_BOOK)) targets.set(number, behaviour);
}
