import { z } from 'zod';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When calls go to their usual agent, and who takes them else (config key `hours`). */
export interface Schedule {
  /** Agents and numbers it is for; all that have no schedule of their own when left out. */
  readonly for: readonly string[] | undefined;
  /** IANA name, e.g. `Europe/Brussels`. */
  readonly timezone: string;
  /** Ranges `HH:MM-HH:MM` by the day on which they begin; one that ends before it begins ends on the next day. */
  readonly open: Readonly<Partial<Record<Weekday, readonly string[]>>>;
  /** Days, `YYYY-MM-DD` or every year `MM-DD`, on which nothing opens. */
  readonly closed: readonly string[];
  /** Agent that answers else. */
  readonly afterHours: string;
}

const range = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be a range like "09:00-17:30"')
  .refine((text) => text.slice(0, 5) !== text.slice(6), {
    error: 'must not end when it begins; a whole day is "00:00-24:00"',
  });
const day = z.string().refine(isDay, { error: 'must be a day like "2026-12-25", or "12-25" for every year' });

const schedule = z.strictObject({
  for: z.array(z.string()).min(1).optional(),
  timezone: z.string().refine(isTimezone, { error: 'must be a time zone like "Europe/Brussels"' }),
  open: z.strictObject({
    mon: z.array(range).optional(),
    tue: z.array(range).optional(),
    wed: z.array(range).optional(),
    thu: z.array(range).optional(),
    fri: z.array(range).optional(),
    sat: z.array(range).optional(),
    sun: z.array(range).optional(),
  }),
  closed: z.array(day).default([]),
  afterHours: z.string(),
});

/** One schedule, or several with `for`. */
export const hoursOptions: z.ZodType<readonly Schedule[]> = z.preprocess(
  (given) => (Array.isArray(given) || given === undefined ? given : [given]),
  z
    .array(schedule.transform((one): Schedule => ({ ...one, for: one.for, open: one.open as Schedule['open'] })))
    .default([]),
);

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets like "+02:00" know no summer time and are never what an opening hour means.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

function isDay(text: string): boolean {
  const [, year, month = '', date = ''] = /^(?:(\d{4})-)?(\d{2})-(\d{2})$/.exec(text) ?? [];
  const leap = year === undefined || (Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0));
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][Number(month) - 1] ?? 0;
  return Number(date) >= 1 && Number(date) <= days;
}

/** The schedule of a number that this agent answers: the number's own, else the agent's, else everybody's. */
export function scheduleFor(schedules: readonly Schedule[], number: string, agent: string): Schedule | undefined {
  return (
    schedules.find((one) => one.for?.includes(number)) ??
    schedules.find((one) => one.for?.includes(agent)) ??
    schedules.find((one) => one.for === undefined)
  );
}

/**
 * Is it open? Decided by what a clock on the wall of that time zone shows: an hour that clocks repeat in autumn is open
 * twice, one that they leave out in spring not at all. @param wallMs milliseconds since the Unix epoch.
 */
export function isOpen(schedule: Schedule, wallMs: number): boolean {
  const now = localTime(schedule.timezone, wallMs);
  // Whatever the clocks did since midnight, this is in the last hours of yesterday.
  const yesterday = localTime(schedule.timezone, wallMs - (now.minute + 180) * 60_000);
  const today = rangesOf(schedule, now).some(({ from, to }) => now.minute >= from && (now.minute < to || to < from));
  return today || rangesOf(schedule, yesterday).some(({ from, to }) => to < from && now.minute < to);
}

interface LocalTime {
  readonly weekday: Weekday;
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** Of the day, as the clock shows it. */
  readonly minute: number;
}

/** Ranges that begin on this day. */
function rangesOf(schedule: Schedule, { weekday, date }: LocalTime): { readonly from: number; readonly to: number }[] {
  if (schedule.closed.some((closed) => closed === date || closed === date.slice(5))) return [];
  return (schedule.open[weekday] ?? []).map((text) => ({
    from: minuteOf(text.slice(0, 5)),
    to: minuteOf(text.slice(6)),
  }));
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/** Making one takes milliseconds; there are as many as time zones in the config. */
const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(timeZone: string, wallMs: number): LocalTime {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      weekday: 'short',
      ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const),
    });
    formats.set(timeZone, format);
  }
  const part: Record<string, string> = {};
  for (const { type, value } of format.formatToParts(wallMs)) part[type] = value;
  const weekday = WEEKDAYS.find((name) => name === part['weekday']?.toLowerCase()) ?? 'mon';
  return {
    weekday,
    date: `${part['year'] ?? ''}-${part['month'] ?? ''}-${part['day'] ?? ''}`,
    minute: Number(part['hour']) * 60 + Number(part['minute']),
  };
}
