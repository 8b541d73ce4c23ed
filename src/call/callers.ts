import { z } from 'zod';

/** Patterns of callers that are turned away (config key `blocked`): `+19005551234`, `+44*`, `anonymous`. */
export const blockedOptions: z.ZodType<readonly string[]> = z
  .array(
    z
      .string()
      .regex(
        /^(anonymous|\+[1-9]\d{0,14}\*|\+[1-9]\d{6,14})$/,
        'must be a number like "+19005551234", a beginning like "+44*", or "anonymous"',
      ),
  )
  .default([]);

/** A caller as lists and limits know them: E.164 where there is a number, `anonymous` where none was shown. */
export function callerOf(from: string | undefined): string {
  const user = /^(?:(?:sips?|tel):)?([^@;]*)/i.exec(from ?? '')?.[1] ?? '';
  const number = user.replace(/[-.() ]/g, '');
  // Networks say it in many words (`anonymous`, `Restricted`, `+266696687`, which spells "anonymous" on a keypad).
  if (!/^\+?\d{3,15}$/.test(number) || number.replace('+', '') === '266696687') {
    return from !== undefined && /^sips?:/i.test(from) && !ANONYMOUS.test(user) ? from : 'anonymous';
  }
  return number.startsWith('+') ? number : `+${number}`;
}

const ANONYMOUS = /^\+?(|anonymous|restricted|private|unavailable|unknown|withheld|blocked|266696687)$/i;

/** The pattern that blocks this caller. @param caller from {@link callerOf}. */
export function blockedBy(blocked: readonly string[], caller: string): string | undefined {
  return blocked.find((pattern) =>
    pattern.endsWith('*') ? caller.startsWith(pattern.slice(0, -1)) : caller === pattern,
  );
}
