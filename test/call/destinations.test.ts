import { describe, expect, it } from 'vitest';
import { destinationOptions, type DestinationOptions } from '../../src/call/destination-options.ts';
import { Destinations, type DestinationRule, type DialRequest } from '../../src/call/destinations.ts';
import { DialLedger, type Dial, type DialStore } from '../../src/call/dial-ledger.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { silentLog, type Log, type LogFields } from '../../src/core/log.ts';

const OWN = '+13125550178';
const HOUR = 3_600_000;

/** A store in memory that can be down. */
class FakeStore implements DialStore {
  readonly dials: Dial[] = [];
  down = false;
  tries = 0;

  async addDial(dial: Dial): Promise<void> {
    this.tries++;
    if (this.down) throw new LandlineError('store_unavailable', 'down', { retryable: true });
    this.dials.push(dial);
  }

  async dialsSince(since: number): Promise<{ count: number; spend: number }> {
    if (this.down) throw new LandlineError('store_unavailable', 'down', { retryable: true });
    const some = this.dials.filter(({ at }) => at >= since);
    return { count: some.length, spend: some.reduce((sum, { spend }) => sum + spend, 0) };
  }
}

function house(given: Record<string, unknown> = {}, store?: DialStore, clock: VirtualClock = new VirtualClock()) {
  const options: DestinationOptions = destinationOptions.parse(given);
  const lines: { fields: LogFields; message: string }[] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => void lines.push({ fields, message }) };
  const rules: DestinationRule[] = [];
  const ledger = new DialLedger({ clock, log, store });
  const destinations = new Destinations({
    options,
    ledger,
    log,
    isOwn: (number) => number === OWN,
    refused: (rule) => rules.push(rule),
  });
  const people = (to: string, more: Partial<DialRequest> = {}) =>
    destinations.admit({ callId: 'call_1', to, listed: [], ordered: [to], ...more });
  return { clock, destinations, ledger, lines, rules, people };
}

/** Lets promises settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

describe('the two gates', () => {
  it('A: the model reaches what the operator lists, however it is written, and nothing else', () => {
    const { destinations, rules } = house({ allow: ['+32'] });
    const listed = ['+15105550200', 'sip:desk@example.com'];
    const model = (to: string) => destinations.admit({ callId: 'call_1', to, listed, ordered: [] });

    expect(model('+15105550200')).toEqual({ ok: true, to: '+15105550200' });
    expect(model('tel:+1-510-555-0200')).toEqual({ ok: true, to: '+15105550200' });
    expect(model('sip:desk@EXAMPLE.com')).toEqual({ ok: true, to: 'sip:desk@example.com' });
    for (const to of ['+15105550201', '+32475123456', 'sip:desk@example.org', 'sip:+15105550200@example.com']) {
      expect(model(to)).toMatchObject({ ok: false, rule: 'not_a_target' });
    }
    expect(rules).toEqual(Array<string>(4).fill('not_a_target'));
  });

  it('B: people reach any valid number and SIP address when nothing else is said', () => {
    const { people } = house({ maxPerCall: 100 });

    for (const to of ['+15105550200', '+32475123456', 'tel:+442079460958', 'sip:desk@example.com']) {
      expect(people(to)).toMatchObject({ ok: true });
    }
    for (const to of ['112', '+19005551234', '+8821612345678', '12345', 'sip:911@example.com']) {
      expect(people(to)).toMatchObject({ ok: false });
    }
  });

  it.each([
    ['+32475123456', ['+32'], [], undefined],
    ['+15105550200', ['+32'], [], 'allow'],
    ['+32475123456', ['+32'], ['+32475'], 'deny'],
    ['+32475123456', undefined, ['+32475'], 'deny'],
    ['+32255501000', undefined, ['+32475'], 'invalid_number'],
    ['sip:desk@example.com', ['+32'], [], 'allow'],
    ['sip:desk@example.com', ['sip:example.com'], [], undefined],
    ['sip:desk@example.com', ['sip:*.example.com'], [], 'allow'],
    ['sip:desk@a.b.example.com', ['sip:*.example.com'], [], undefined],
    ['sip:desk@notexample.com', ['sip:*.example.com'], [], 'allow'],
    ['sip:desk@evil.example', ['sip:*'], [], undefined],
    ['sip:desk@evil.example', ['sip:*'], ['sip:evil.example'], 'deny'],
    // A phone number as SIP user is a number too.
    ['sip:+15105550200@example.com', ['sip:example.com'], [], 'allow'],
    ['sip:+15105550200@example.com', ['+1'], [], 'allow'],
    ['sip:+15105550200@example.com', ['+1', 'sip:example.com'], [], undefined],
    ['sip:+15105550200@example.com', undefined, ['+1510'], 'deny'],
    ['+15105550200', [], [], 'allow'],
  ])('people ask for %s; allow %j, deny %j: %s', (to, allow, deny, rule) => {
    const verdict = house({ ...(allow ? { allow } : {}), deny }).people(to);

    expect(verdict.ok ? undefined : verdict.rule).toBe(rule);
  });

  it('deny holds for the operator’s own targets too', () => {
    const { destinations } = house({ deny: ['+1510'] });
    const to = '+15105550200';

    expect(destinations.admit({ callId: 'c', to, listed: [to], ordered: [] })).toMatchObject({ rule: 'deny' });
  });

  it('never calls itself: neither a number of ours nor the one this call came in on', () => {
    const { people } = house();

    for (const to of [OWN, 'tel:+1-312-555-0178', `sip:${OWN}@sip.telnyx.com`]) {
      expect(people(to)).toMatchObject({ ok: false, rule: 'own_number' });
    }
    expect(people('+15105550200', { here: '+15105550200' })).toMatchObject({ ok: false, rule: 'own_number' });
  });

  it('says in an error, a log line and a count which rule refused and what to change', () => {
    const { destinations, lines, rules } = house({ allow: ['+32'] });

    const check = () => destinations.check({ callId: 'call_7', to: '+15105550200', listed: [] });

    expect(check).toThrow(
      expect.objectContaining({
        code: 'destination_not_allowed',
        message: 'to is not covered by destinations.allow; add a pattern for its number there (rule allow)',
      }),
    );
    expect(rules).toEqual(['allow']);
    expect(lines).toEqual([
      { fields: { to: '+1510•••00', rule: 'allow', callId: 'call_7' }, message: 'destination refused' },
    ]);
  });

  it('checks without counting', () => {
    const { destinations, ledger } = house({ maxPerHour: 1 });
    for (let i = 0; i < 3; i++) destinations.check({ callId: 'c', to: '+15105550200', listed: [] });

    expect(ledger.totals()).toEqual({ hour: 0, day: 0, spend: 0 });
  });
});

describe('the limits', () => {
  it('counts the legs of one call, and begins anew with the next', () => {
    const { people, destinations } = house({ maxPerCall: 2 });

    expect([people('+15105550200').ok, people('+15105550201').ok]).toEqual([true, true]);
    expect(people('+15105550202')).toMatchObject({ ok: false, rule: 'max_per_call' });
    expect(people('+15105550202', { callId: 'call_2' }).ok).toBe(true);
    destinations.forget('call_1');
    expect(people('+15105550202').ok).toBe(true);
  });

  it('counts the last 60 minutes and the last 24 hours, also what the operator listed', () => {
    const { people, destinations, clock } = house({ maxPerHour: 2, maxPerDay: 3, maxPerCall: 100 });
    const model = () => destinations.admit({ callId: 'x', to: '+15105550200', listed: ['+15105550200'], ordered: [] });

    expect([people('+15105550200').ok, model().ok]).toEqual([true, true]);
    expect(model()).toMatchObject({ ok: false, rule: 'max_per_hour' });
    clock.advance(HOUR - 1);
    expect(people('+15105550200')).toMatchObject({ rule: 'max_per_hour' });
    clock.advance(1);
    expect(people('+15105550200').ok).toBe(true);
    expect(people('+15105550200')).toMatchObject({ ok: false, rule: 'max_per_day' });
    clock.advance(23 * HOUR);
    expect(people('+15105550200').ok).toBe(true);
  });

  it('reckons five minutes at the price of the longest pattern', () => {
    const prices = { '+1': 0.02, '+1510': 1, '*': 0.5, 'sip:*': 0 };
    const { people, ledger, destinations } = house({ prices, maxSpendPerDay: 8, maxPerCall: 100 });

    people('+12125550100');
    expect(ledger.totals().spend).toBeCloseTo(0.1, 10);
    people('+15105550200');
    expect(ledger.totals().spend).toBeCloseTo(5.1, 10);
    people('+32475123456');
    expect(ledger.totals().spend).toBeCloseTo(7.6, 10);
    expect(people('+32475123456')).toMatchObject({ ok: false, rule: 'max_spend_per_day' });
    expect(people('sip:desk@example.com').ok).toBe(true);
    expect(() => destinations.check({ callId: 'c', to: '+32475123456', listed: [] })).toThrow(/about 7\.60 was spent/);
  });

  it('are kept across restarts', async () => {
    const store = new FakeStore();
    const before = house({ maxPerDay: 3, maxPerHour: 3 }, store);
    before.people('+15105550200');
    before.clock.advance(2 * HOUR);
    before.people('+15105550200');
    await before.ledger.close();
    await settle();
    expect(store.dials).toHaveLength(2);

    const after = house({ maxPerDay: 3, maxPerHour: 3 }, store, before.clock);
    await settle();
    expect(after.ledger.totals()).toMatchObject({ hour: 1, day: 2 });
    expect(after.people('+15105550200').ok).toBe(true);
    expect(after.people('+15105550200')).toMatchObject({ ok: false, rule: 'max_per_day' });
    await settle();
    // What was read back is not written again, and what was dialled since is not counted twice.
    expect(store.dials).toHaveLength(3);
    expect(after.ledger.totals().day).toBe(3);
  });

  it('never count a leg of the past as older than it is', async () => {
    const store = new FakeStore();
    const clock = new VirtualClock();
    const at = clock.wall() - 31 * 60_000;
    await store.addDial({ id: 'd', at, to: '+15105550200', callId: null, spend: 0.05 });
    const { ledger } = house({}, store, clock);
    await settle();

    // It falls out of the hour at the earliest when it is an hour old, at the latest five minutes after that.
    clock.advance(29 * 60_000 - 1);
    expect(ledger.totals().hour).toBe(1);
    clock.advance(5 * 60_000 + 1);
    expect(ledger.totals()).toMatchObject({ hour: 0, day: 1 });
  });

  it('go on from memory while the store is down, and are stored and joined with the past when it is back', async () => {
    const store = new FakeStore();
    const clock = new VirtualClock();
    await store.addDial({ id: 'old', at: clock.wall() - 2 * HOUR, to: '+15105550200', callId: null, spend: 1 });
    store.down = true;
    const { people, ledger, lines } = house({ maxPerHour: 2 }, store, clock);
    await settle();

    expect([people('+15105550200').ok, people('+15105550200').ok, people('+15105550200').ok]).toEqual([
      true,
      true,
      false,
    ]);
    await settle();
    expect(lines.filter(({ message }) => message.startsWith('dialled legs cannot be stored'))).toHaveLength(1);
    expect(ledger.totals().day).toBe(2);

    store.down = false;
    clock.advance(5_000);
    await settle();
    expect(store.dials.map(({ id }) => id)).toHaveLength(3);
    expect(ledger.totals()).toMatchObject({ hour: 2, day: 3 });
    await ledger.close();
    expect(clock.pending).toBe(0);
  });
});
