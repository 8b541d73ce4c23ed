import { describe, expect, it } from 'vitest';
import { hoursOptions, isOpen, scheduleFor, WEEKDAYS, type Schedule } from '../../src/call/hours.ts';

const at = (iso: string): number => Date.parse(iso);

function schedule(given: Record<string, unknown>): Schedule {
  const [one] = hoursOptions.parse({ timezone: 'Europe/Brussels', open: {}, afterHours: 'night', ...given });
  if (!one) throw new Error('no schedule');
  return one;
}

const daily = (...ranges: string[]): Record<string, string[]> =>
  Object.fromEntries(WEEKDAYS.map((day) => [day, ranges]));

describe('business hours', () => {
  const office = schedule({
    open: { mon: ['09:00-12:30', '13:30-17:00'], fri: ['09:00-12:00'] },
    closed: ['2026-04-06', '12-25'],
  });

  it.each([
    ['Monday before nine', '2026-01-05T08:59:59+01:00', false],
    ['Monday at nine', '2026-01-05T09:00:00+01:00', true],
    ['the last second before lunch', '2026-01-05T12:29:59+01:00', true],
    ['lunch', '2026-01-05T12:30:00+01:00', false],
    ['after lunch', '2026-01-05T13:30:00+01:00', true],
    ['the end of the day', '2026-01-05T17:00:00+01:00', false],
    ['Tuesday', '2026-01-06T10:00:00+01:00', false],
    ['Easter Monday, this year only', '2026-04-06T10:00:00+02:00', false],
    ['the same Monday a year later', '2027-04-05T10:00:00+02:00', true],
    ['Christmas on a Friday', '2026-12-25T10:00:00+01:00', false],
    ['Friday a week before', '2026-12-18T10:00:00+01:00', true],
    ['summer time', '2026-07-06T09:00:00+02:00', true],
    ['an hour earlier in summer', '2026-07-06T08:30:00+02:00', false],
  ])('%s', (_what, time, open) => {
    expect(isOpen(office, at(time))).toBe(open);
  });

  it('a range over midnight belongs to the day on which it begins', () => {
    const night = schedule({ open: { fri: ['22:00-02:00'] }, closed: ['2026-01-16'] });

    // 9 January 2026 is a Friday.
    expect(isOpen(night, at('2026-01-09T21:59:00+01:00'))).toBe(false);
    expect(isOpen(night, at('2026-01-09T22:00:00+01:00'))).toBe(true);
    expect(isOpen(night, at('2026-01-10T01:59:59+01:00'))).toBe(true);
    expect(isOpen(night, at('2026-01-10T02:00:00+01:00'))).toBe(false);
    expect(isOpen(night, at('2026-01-09T01:00:00+01:00'))).toBe(false);
    expect(isOpen(night, at('2026-01-16T23:00:00+01:00'))).toBe(false);
    expect(isOpen(night, at('2026-01-17T01:00:00+01:00'))).toBe(false);
  });

  it('a whole day ends at 24:00', () => {
    const sunday = schedule({ open: { sun: ['00:00-24:00'] } });

    expect(isOpen(sunday, at('2026-01-11T00:00:00+01:00'))).toBe(true);
    expect(isOpen(sunday, at('2026-01-11T23:59:59+01:00'))).toBe(true);
    expect(isOpen(sunday, at('2026-01-12T00:00:00+01:00'))).toBe(false);
  });

  it.each([
    // Clocks go from 02:00 to 03:00: what would be 02:30 does not happen.
    ['Europe/Brussels', '2026-03-29T01:59:59+01:00', '01:30-02:45', true],
    ['Europe/Brussels', '2026-03-29T03:00:00+02:00', '01:30-02:45', false],
    ['Europe/Brussels', '2026-03-29T03:00:00+02:00', '02:30-03:30', true],
    ['America/New_York', '2026-03-08T01:59:59-05:00', '01:30-02:45', true],
    ['America/New_York', '2026-03-08T03:00:00-04:00', '01:30-02:45', false],
    // Clocks go from 03:00 back to 02:00 (New York: 02:00 to 01:00): the hour happens twice, and is open twice.
    ['Europe/Brussels', '2026-10-25T02:30:00+02:00', '02:15-02:45', true],
    ['Europe/Brussels', '2026-10-25T02:30:00+01:00', '02:15-02:45', true],
    ['Europe/Brussels', '2026-10-25T02:50:00+02:00', '02:15-02:45', false],
    ['America/New_York', '2026-11-01T01:30:00-04:00', '01:15-01:45', true],
    ['America/New_York', '2026-11-01T01:30:00-05:00', '01:15-01:45', true],
    ['America/New_York', '2026-11-01T02:00:00-05:00', '01:15-01:45', false],
    // Over midnight into a night of 23 or 25 hours, and out of it.
    ['Europe/Brussels', '2026-03-29T03:30:00+02:00', '22:00-04:00', true],
    ['Europe/Brussels', '2026-10-25T02:59:00+01:00', '22:00-03:00', true],
    ['Europe/Brussels', '2026-10-25T03:00:00+01:00', '22:00-03:00', false],
  ])('%s at %s is in %s: %s', (timezone, time, range, open) => {
    expect(isOpen(schedule({ timezone, open: daily(range) }), at(time))).toBe(open);
  });

  it('knows yesterday all through the day on which an hour is repeated', () => {
    // Only what began on Saturday; the 25th of October is a Sunday of 25 hours.
    const saturday = schedule({ open: { sat: ['23:00-22:00'] } });
    for (let hour = 0; hour < 22; hour++) {
      const time = at('2026-10-25T00:00:00+02:00') + (hour + (hour >= 3 ? 1 : 0)) * 3_600_000;
      expect([hour, isOpen(saturday, time)]).toEqual([hour, true]);
    }
    expect(isOpen(saturday, at('2026-10-25T22:00:00+01:00'))).toBe(false);
  });

  it('takes the schedule of the number before that of the agent before that of all', () => {
    const base = { timezone: 'UTC', open: {}, afterHours: 'night' };
    const schedules = hoursOptions.parse([
      { ...base, afterHours: 'all' },
      { ...base, for: ['sales'], afterHours: 'agent' },
      { ...base, for: ['+13125550178'], afterHours: 'number' },
    ]);

    expect(scheduleFor(schedules, '+13125550178', 'sales')?.afterHours).toBe('number');
    expect(scheduleFor(schedules, '+13125550179', 'sales')?.afterHours).toBe('agent');
    expect(scheduleFor(schedules, '+13125550179', 'desk')?.afterHours).toBe('all');
    expect(scheduleFor([], '+13125550179', 'desk')).toBeUndefined();
  });
});
