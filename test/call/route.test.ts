import { describe, expect, it } from 'vitest';
import { blockedBy, callerOf } from '../../src/call/callers.ts';
import { hoursOptions } from '../../src/call/hours.ts';
import { route, type RouteState } from '../../src/call/route.ts';
import type { Routing } from '../../src/call/routing.ts';

const CALLER = '+14155550142';
const NUMBER = '+13125550178';
const MONDAY_10 = Date.parse('2026-01-05T10:00:00Z');
const MONDAY_20 = Date.parse('2026-01-05T20:00:00Z');
const hours = hoursOptions.parse({ timezone: 'UTC', open: { mon: ['09:00-17:00'] }, afterHours: 'night' });
const agents = new Map(['reception', 'night', 'poor'].map((name) => [name, name]));

const routing: Routing = { numbers: { [NUMBER]: 'reception', '+13125550179': 'gone' }, defaultAgent: undefined };

interface Row {
  readonly what: string;
  readonly from?: string | undefined;
  readonly to?: string;
  readonly wallMs?: number;
  readonly routing?: Partial<Routing>;
  readonly state?: Partial<RouteState<string>>;
  readonly answer: object;
}

const reception = { name: 'reception', agent: 'reception', overflow: false, afterHours: false };
const rejected = { reject: 'blocked', cause: 'CALL_REJECTED' };
const busy = (reject: string) => ({ reject, cause: 'USER_BUSY' });

const ROWS: readonly Row[] = [
  { what: 'its number’s agent', answer: reception },
  { what: 'nobody for an unknown number', to: '+13125550000', answer: { reject: 'no_agent', cause: 'CALL_REJECTED' } },
  { what: 'nobody for an agent that is gone', to: '+13125550179', answer: { reject: 'no_agent' } },
  { what: 'the default agent', to: '+13125550000', routing: { defaultAgent: 'reception' }, answer: reception },
  { what: 'no agent of a name on the prototype', to: 'constructor', answer: { reject: 'no_agent' } },
  { what: 'the agent by day', routing: { hours }, answer: reception },
  {
    what: 'the after-hours agent by night',
    routing: { hours },
    wallMs: MONDAY_20,
    answer: { name: 'night', agent: 'night', overflow: false, afterHours: true },
  },
  { what: 'a blocked number', routing: { blocked: [CALLER] }, answer: rejected },
  { what: 'a blocked beginning', routing: { blocked: ['+1415*'] }, answer: rejected },
  { what: 'another beginning', routing: { blocked: ['+1416*'] }, answer: reception },
  { what: 'no number, allowed', from: undefined, answer: reception },
  { what: 'no number, blocked', from: undefined, routing: { blocked: ['anonymous'] }, answer: rejected },
  { what: '“Restricted”, blocked', from: 'Restricted', routing: { blocked: ['anonymous'] }, answer: rejected },
  {
    what: 'blocked before the number is even looked at',
    to: '+13125550000',
    routing: { blocked: [CALLER] },
    answer: rejected,
  },
  { what: 'a caller below the cap', routing: { maxCallsPerCaller: 2 }, state: { callsOf: () => 1 }, answer: reception },
  {
    what: 'a caller at the cap',
    routing: { maxCallsPerCaller: 2 },
    state: { callsOf: (caller) => (caller === CALLER ? 2 : 0) },
    answer: busy('caller_limit'),
  },
  {
    what: 'anonymous callers, who are many',
    from: 'anonymous',
    routing: { maxCallsPerCaller: 2 },
    state: { callsOf: () => 100 },
    answer: reception,
  },
  { what: 'no cap', state: { callsOf: () => 1000 }, answer: reception },
  { what: 'a full gateway, with a fallback', state: { load: 'full' }, answer: { ...reception, overflow: true } },
  { what: 'a full gateway, without', state: { load: 'full', hasFallback: () => false }, answer: busy('full') },
  { what: 'a gateway full of overflow', state: { load: 'over' }, answer: busy('full') },
  {
    what: 'a full gateway by night: the night agent’s fallback counts',
    routing: { hours },
    wallMs: MONDAY_20,
    state: { load: 'full', hasFallback: (agent) => agent === 'night' },
    answer: { name: 'night', agent: 'night', overflow: true, afterHours: true },
  },
];

describe('route', () => {
  it.each(ROWS)('$what', (row) => {
    const { to = NUMBER, wallMs = MONDAY_10, routing: more, state, answer } = row;
    const caller = 'from' in row ? row.from : CALLER;
    const decision = route(
      { from: caller, to, wallMs },
      {
        routing: { ...routing, ...more },
        agents,
        callsOf: () => 0,
        load: 'free',
        hasFallback: () => true,
        ...state,
      },
    );

    expect(decision).toMatchObject(answer);
  });
});

describe('callers', () => {
  it.each<readonly [string | undefined, string]>([
    ['+14155550142', '+14155550142'],
    ['14155550142', '+14155550142'],
    ['sip:+14155550142@sip.example.com', '+14155550142'],
    ['tel:+1-415-555-0142', '+14155550142'],
    ['sip:alice@example.com', 'sip:alice@example.com'],
    ...[
      'anonymous',
      'Anonymous',
      'Restricted',
      'Unavailable',
      '+266696687',
      '266696687',
      '',
      'sip:anonymous@anonymous.invalid',
    ].map((from) => [from, 'anonymous'] as const),
    [undefined, 'anonymous'],
  ])('%j is %s', (from, caller) => {
    expect(callerOf(from)).toBe(caller);
  });

  it('blocks by number, by beginning and the anonymous', () => {
    expect(blockedBy(['+19005551234', '+44*'], '+442079460958')).toBe('+44*');
    expect(blockedBy(['+19005551234', '+44*'], '+19005551234')).toBe('+19005551234');
    expect(blockedBy(['+1900555123'], '+19005551234')).toBeUndefined();
    expect(blockedBy(['anonymous'], 'anonymous')).toBe('anonymous');
    expect(blockedBy([], 'anonymous')).toBeUndefined();
  });
});
