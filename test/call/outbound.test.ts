import { describe, expect, it } from 'vitest';
import type { ControlAction } from '../../src/call/inputs.ts';
import type { CommandOutcome } from '../../src/telnyx/commands.ts';
import { OK, voice, type World } from './harness.ts';
import {
  CALLEE,
  dials,
  ended,
  IDS,
  OURS,
  outboundWorld,
  pickUp,
  place,
  says,
  tell,
  unreached,
} from './outbound-world.ts';

const UNKNOWN: CommandOutcome = { ok: false, kind: 'unknown', message: 'no answer' };
const HANGUP: ControlAction = { type: 'hangup' };

const statuses = (world: World): unknown[] =>
  world.events.flatMap((event) => (event.type === 'call.updated' ? [event.data.status] : []));
const hangUp = (world: World): void => world.session().post({ type: 'control', action: HANGUP, by: 'api' });
const legsLeft = (world: World): number => world.registry.sessions.size;

/** The call is over, everything it held is given back, and it was dialled so often. */
function isOver(world: World, reason: string, times = 1): void {
  expect(ended(world)?.['reason']).toBe(reason);
  expect(legsLeft(world)).toBe(0);
  expect(dials(world)).toHaveLength(times);
  expect(world.dials.state).toEqual({ queued: 0, active: 0 });
  world.clock.advance(120_000);
  expect(world.clock.pending).toBe(0);
}

describe('a call out', () => {
  it('is on file before it is dialled, with everything that was asked for', () => {
    const world = outboundWorld();
    place(world, {
      metadata: { order: '4711' },
      maxDurationMs: 60_000,
      ringTimeoutMs: 20_000,
      machineDetection: 'premium',
    });
    expect(world.events.map(({ type, data }) => [type, data])).toEqual([
      [
        'call.created',
        { direction: 'outbound', from: OURS, to: CALLEE, agent: 'reception', metadata: { order: '4711' } },
      ],
    ]);
    expect(world.session().state.status).toBe('dialing');
    world.clock.advance(0);
    expect(dials(world).map(({ command }) => command)).toEqual([
      {
        name: 'dial',
        to: CALLEE,
        from: OURS,
        timeoutSecs: 20,
        timeLimitSecs: 90,
        machineDetection: 'premium',
        stream: { url: `wss://gateway.test/media/${world.tokens[0]}`, codec: 'PCMU', sampleRate: 8000 },
        clientState: '{"call":"call_1","leg":"callee"}',
      },
    ]);
    const lines = world.records.map((record) => ('d' in record ? `${record.k} ${record.d.type}` : record.k));
    expect(lines.indexOf('in dial')).toBe(0);
    expect(lines.indexOf('fx command')).toBeGreaterThan(0);
  });

  it('rings, is answered and talked with like any other', () => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    place(world);
    world.clock.advance(5);
    expect(statuses(world)).toEqual(['ringing']);
    pickUp(world);
    world.run(2000);
    expect(says(world)).toEqual(['Hello there.']);
    tell(world, 'call.hangup');
    expect(statuses(world)).toEqual(['ringing', 'active', 'active']);
    isOver(world, 'caller_hangup');
  });

  it('says no word before it is answered, though its socket is open, and gives the socket its time', () => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    place(world);
    world.clock.advance(5);
    const phone = world.connect({ start: false });
    world.clock.advance(20_000);
    expect([phone.closed, says(world)]).toEqual([undefined, []]);
    tell(world, 'call.answered');
    world.clock.advance(6000);
    expect(phone.closed).toMatchObject({ reason: 'no start' });
  });

  it.each([
    ['timeout', '487', 'no_answer'],
    ['no_answer', 'unspecified', 'no_answer'],
    ['normal_clearing', '480', 'no_answer'],
    ['normal_clearing', '408', 'no_answer'],
    ['user_busy', '486', 'busy'],
    ['normal_clearing', '486', 'busy'],
    ['call_rejected', '603', 'rejected'],
    ['unspecified', '403', 'rejected'],
    ['not_found', '404', 'error'],
    ['normal_clearing', '503', 'error'],
  ])('that nobody takes (%s, SIP %s) ends as %s', (cause, sip, reason) => {
    const world = outboundWorld();
    place(world);
    world.clock.advance(5);
    tell(world, 'call.initiated');
    unreached(world, cause, sip);
    expect(ended(world)).toEqual({ reason, durationMs: 0, cause, sipCode: sip });
    isOver(world, reason);
  });

  it.each<readonly [CommandOutcome, string, RegExp]>([
    [
      { ok: false, kind: 'refused', status: 422, code: '90005', message: 'dial refused: bad number' },
      'error',
      /bad number/,
    ],
    [
      { ok: false, kind: 'refused', status: 403, code: 'D38', message: 'dial refused' },
      'rejected',
      /outbound voice profile/,
    ],
  ])('that Telnyx refuses says why: %o', (outcome, reason, why) => {
    const world = outboundWorld();
    world.telnyx.answers = () => outcome;
    place(world);
    world.clock.advance(5);
    expect(ended(world)?.['detail']).toMatch(why);
    isOver(world, reason);
  });

  it('is told by Telnyx to wait, waits, and is dialled again under a new id, three times at most', () => {
    const world = outboundWorld();
    const limited: CommandOutcome = { ok: false, kind: 'refused', status: 429, retryAfterMs: 3000, message: 'limited' };
    world.telnyx.answers = () => limited;
    place(world);
    world.clock.advance(2990);
    expect(dials(world)).toHaveLength(1);
    world.clock.advance(20);
    expect(dials(world)).toHaveLength(2);
    world.clock.advance(10_000);
    expect(new Set(dials(world).map(({ commandId }) => commandId)).size).toBe(4);
    expect(ended(world)?.['detail']).toMatch(/too many calls/);
    isOver(world, 'limit', 4);
  });

  it('that rings too long is given up by us when the word of Telnyx is lost', () => {
    const world = outboundWorld();
    place(world, { ringTimeoutMs: 10_000 });
    world.clock.advance(20_001);
    expect(world.telnyx.names()).toEqual(['dial', 'hangup']);
    tell(world, 'call.hangup');
    isOver(world, 'no_answer');
  });

  it('ends with the goodbye of its own longest duration', () => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    place(world, { maxDurationMs: 5000 });
    world.clock.advance(5);
    pickUp(world);
    world.run(12_000);
    expect(says(world)).toEqual(['Hello there.', 'I am sorry, our time is up. Goodbye.']);
    tell(world, 'call.hangup');
    isOver(world, 'max_duration');
  });
});

describe('a dial whose answer is lost', () => {
  const lost = (): World => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    world.telnyx.answers = (command) => (command.name === 'dial' ? undefined : OK);
    place(world);
    world.clock.advance(5);
    return world;
  };

  it('is joined by the webhook, whichever comes first', () => {
    for (const type of ['call.initiated', 'call.answered'] as const) {
      const world = lost();
      expect(tell(world, type)).toBe('taken');
      expect(world.session().state.legs['callee']).toMatchObject(IDS);
      tell(world, 'call.answered');
      world.connect();
      world.run(2000);
      expect(says(world)).toEqual(['Hello there.']);
      dials(world)[0]?.done(UNKNOWN);
      expect(ended(world)).toBe(undefined);
      tell(world, 'call.hangup');
      isOver(world, 'caller_hangup');
    }
  });

  it('is known by its ids alone when a late answer brings them, and by a second answer without ids', async () => {
    const world = lost();
    dials(world)[0]?.done({ ok: true });
    await world.settle(4999);
    expect(world.session().state.legs['callee']?.phase).toBe('dialing');
    world.telnyx.found = () => ({ known: true, leg: undefined });
    expect(tell(world, 'call.answered')).toBe('taken');
    expect(world.session().state.legs['callee']).toMatchObject({ ...IDS, phase: 'answered' });
    unreached(world, 'normal_clearing', '200');
    isOver(world, 'caller_hangup');
  });

  it('and that Telnyx has ringing is hung up', async () => {
    const world = lost();
    world.telnyx.found = (state) => ({
      known: true,
      leg: state === '{"call":"call_1","leg":"callee"}' ? IDS : undefined,
    });
    dials(world)[0]?.done(UNKNOWN);
    await world.settle(10);
    expect(world.telnyx.sent.map(({ command, callControlId }) => [command.name, callControlId])).toEqual([
      ['dial', ''],
      ['hangup', 'cc-callee'],
    ]);
    tell(world, 'call.hangup');
    isOver(world, 'error');
  });

  it('and that Telnyx does not have is over after the second look; what comes up later is hung up', async () => {
    const world = lost();
    let looks = 0;
    world.telnyx.found = () => ({ known: ++looks > 1, leg: undefined, message: '503' });
    dials(world)[0]?.done(UNKNOWN);
    for (let s = 0; s < 3; s++) await world.settle(5000);
    expect(looks).toBe(3);
    expect(ended(world)?.['reason']).toBe('error');
    expect(tell(world, 'call.initiated')).toBe('ended');
    expect(world.telnyx.sent.at(-1)).toMatchObject({ callControlId: 'cc-callee', command: { name: 'hangup' } });
    expect(dials(world)).toHaveLength(1);
  });

  it('never becomes two legs: the second is hung up, the first talks on', () => {
    const world = lost();
    tell(world, 'call.answered');
    expect(
      tell(world, 'call.initiated', {
        callControlId: 'cc-2',
        callLegId: 'leg-2',
        callSessionId: 's-2',
      }),
    ).toBe('ended');
    expect(world.telnyx.sent.at(-1)).toMatchObject({ callControlId: 'cc-2', command: { name: 'hangup' } });
    expect(world.session().state.legs['callee']).toMatchObject({ ...IDS, answered: true });
  });
});

describe('a call out that is hung up', () => {
  it('in line is never dialled', () => {
    const world = outboundWorld();
    place(world);
    hangUp(world);
    isOver(world, 'api_hangup', 0);
  });

  it('while its intent waits for the disk is never dialled', () => {
    const world = outboundWorld({}, { slowDisk: true });
    place(world);
    world.clock.advance(10);
    hangUp(world);
    world.clock.advance(100);
    isOver(world, 'api_hangup', 0);
  });

  it.each<readonly [string, (world: World) => void]>([
    ['by the answer of the dial', (world) => dials(world)[0]?.done({ ok: true, leg: IDS })],
    ['by a webhook', (world) => void tell(world, 'call.initiated')],
    ['by an answer that comes even then', (world) => void tell(world, 'call.answered')],
  ])('before Telnyx has named it is hung up when it is named %s', (_, name) => {
    const world = outboundWorld();
    world.telnyx.answers = (command) => (command.name === 'dial' ? undefined : OK);
    place(world);
    world.clock.advance(5);
    hangUp(world);
    expect(world.telnyx.names()).toEqual(['dial']);
    name(world);
    world.clock.advance(5);
    expect(world.telnyx.sent.slice(1).map(({ command, callControlId }) => [command.name, callControlId])).toEqual([
      ['hangup', 'cc-callee'],
    ]);
    unreached(world, 'originator_cancel', '487');
    isOver(world, 'api_hangup');
  });

  it('while it rings is hung up at Telnyx', () => {
    const world = outboundWorld();
    place(world);
    world.clock.advance(5);
    tell(world, 'call.initiated');
    hangUp(world);
    unreached(world, 'originator_cancel', '487');
    expect(world.telnyx.names()).toEqual(['dial', 'hangup']);
    isOver(world, 'api_hangup');
  });
});

describe('who was called', () => {
  const answered = (config: Record<string, unknown> = {}): World => {
    const world = outboundWorld(config);
    world.stt.endsTurns = true;
    place(world, { metadata: { name: 'Ada' } });
    world.clock.advance(5);
    pickUp(world);
    return world;
  };

  it('is greeted after saying hello, and not by the model', () => {
    const world = answered({ greeting: 'Good day, {{name}}.' });
    world.run(300);
    world.run(400, voice(400));
    expect(says(world)).toEqual([]);
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(100);
    expect([says(world), world.llm.requests]).toEqual([['Good day, Ada.'], []]);
  });

  it('is greeted when they say nothing for 1.8 s', () => {
    const world = answered();
    world.run(1780);
    expect(says(world)).toEqual([]);
    world.run(60);
    expect(says(world)).toEqual(['Hello there.']);
  });

  it('is greeted when what they said was not understood', () => {
    const world = answered();
    world.run(1000);
    world.run(600, voice(600));
    world.run(1000);
    expect(says(world)).toEqual([]);
    world.run(1000);
    expect(says(world)).toEqual(['Hello there.']);
  });

  it('is answered by the model when the agent has no greeting', () => {
    const world = answered({ greeting: undefined });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(20);
    expect(world.llm.requests).toHaveLength(1);
  });

  it('hears the consent after the hello, then the greeting', () => {
    const world = answered({ consent: 'This call is recorded.' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(4000);
    expect(says(world)).toEqual(['This call is recorded.', 'Hello there.']);
  });

  it('is not talked to before the keys to their extension are pressed', () => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    place(world, { digits: 'W12' });
    world.clock.advance(5);
    pickUp(world);
    world.run(1600);
    expect([world.telnyx.names(), says(world)]).toEqual([['dial', 'sendDtmf'], []]);
    expect(world.events.find(({ type }) => type === 'dtmf.sent')?.data).toEqual({ digits: 'W12' });
    world.run(200);
    expect(says(world)).toEqual(['Hello there.']);
  });

  it('is talked to at once when the keys cannot be pressed', () => {
    const world = outboundWorld({ speaksFirst: 'agent' });
    world.telnyx.answers = (command) =>
      command.name === 'sendDtmf'
        ? { ok: false, kind: 'refused', message: 'no' }
        : { ok: true, ...(command.name === 'dial' ? { leg: IDS } : {}) };
    place(world, { digits: '1' });
    world.clock.advance(5);
    pickUp(world);
    world.run(60);
    expect(says(world)).toEqual(['Hello there.']);
    expect(world.types()).not.toContain('dtmf.sent');
  });
});

describe('an answering machine', () => {
  const MESSAGE = 'Please call us back, {{name}}.';
  const machine = (mode: 'greeting_end' | 'premium' | 'detect', voicemail: string | undefined = MESSAGE): World => {
    const world = outboundWorld({ voicemail });
    place(world, { machineDetection: mode, metadata: { name: 'Ada' } });
    world.clock.advance(5);
    pickUp(world);
    return world;
  };
  const detect = (world: World, result: string, type: 'detection' | 'greeting' = 'detection'): void =>
    void tell(world, `call.machine.${type}.ended`, { result, premium: false });

  it.each(['greeting_end', 'premium'] as const)(
    'hears the message after its beep, once, to the last sample: %s',
    (mode) => {
      const world = machine(mode);
      world.run(500);
      detect(world, 'machine');
      world.run(3000, voice(3000));
      // Its own greeting is no conversation.
      world.stt.emit({ type: 'sttEndOfTurn', text: 'you have reached Ada' });
      world.run(2000);
      expect(says(world)).toEqual([]);
      detect(world, 'beep_detected', 'greeting');
      detect(world, 'ended', 'greeting');
      detect(world, 'machine');
      world.run(1400);
      expect([says(world), world.telnyx.count('hangup')]).toEqual([['Please call us back, Ada.'], 0]);
      world.run(1000);
      expect(world.telnyx.count('hangup')).toBe(1);
      tell(world, 'call.hangup');
      expect([says(world), world.llm.requests]).toEqual([['Please call us back, Ada.'], []]);
      isOver(world, 'machine');
    },
  );

  it('whose beep comes before the verdict hears the message at once', () => {
    const world = machine('premium');
    detect(world, 'beep_detected', 'greeting');
    world.run(3000);
    expect(says(world)).toEqual(['Please call us back, Ada.']);
    tell(world, 'call.hangup');
    isOver(world, 'machine');
  });

  it('whose greeting never ends hears it after 30 s', () => {
    const world = machine('greeting_end');
    detect(world, 'machine');
    world.run(29_900);
    expect(says(world)).toEqual([]);
    world.run(200);
    expect(says(world)).toEqual(['Please call us back, Ada.']);
  });

  it('interrupts a greeting that had begun, which it may hear some of', () => {
    const world = outboundWorld({
      speaksFirst: 'agent',
      voicemail: MESSAGE,
      greeting: 'Good day, this is a long greeting.',
    });
    place(world, { machineDetection: 'greeting_end' });
    world.clock.advance(5);
    pickUp(world);
    world.run(600);
    detect(world, 'machine');
    world.run(1000);
    expect(world.events.find(({ type }) => type === 'speech.interrupted')).toBeDefined();
    detect(world, 'ended', 'greeting');
    world.run(60);
    expect(says(world).at(-1)).toBe('Please call us back, name.');
  });

  it('is known before the audio is: the message waits for it', () => {
    const world = outboundWorld({ voicemail: MESSAGE });
    place(world, { machineDetection: 'greeting_end' });
    world.clock.advance(5);
    detect(world, 'machine');
    detect(world, 'ended', 'greeting');
    expect(says(world)).toEqual([]);
    world.connect();
    world.run(60);
    expect(says(world)).toEqual(['Please call us back, name.']);
  });

  it.each<readonly ['greeting_end' | 'detect', string | undefined]>([
    ['greeting_end', undefined],
    ['detect', MESSAGE],
  ])('is hung up on when there is no message for it (%s, %s)', (mode, voicemail) => {
    const world = outboundWorld(voicemail === undefined ? {} : { voicemail });
    place(world, { machineDetection: mode });
    world.clock.advance(5);
    pickUp(world);
    detect(world, 'machine');
    tell(world, 'call.hangup');
    expect(says(world)).toEqual([]);
    isOver(world, 'machine');
  });

  it('that is a fax is hung up on', () => {
    const world = machine('premium');
    detect(world, 'fax_detected');
    tell(world, 'call.hangup');
    expect(ended(world)).toMatchObject({ reason: 'machine', detail: 'A fax machine answered.' });
    isOver(world, 'machine');
  });

  it.each([
    ['human', 'human'],
    ['human_residence', 'human'],
    ['not_sure', 'unknown'],
    ['silence', 'unknown'],
  ])('is none when the verdict is %s, whatever is said later', (result, answeredBy) => {
    const world = machine('premium');
    detect(world, result);
    detect(world, 'machine');
    detect(world, 'ended', 'greeting');
    world.run(2000);
    expect(says(world)).toEqual(['Hello there.']);
    expect(world.events.flatMap((e) => (e.type === 'call.updated' ? (e.data.answeredBy ?? []) : []))).toEqual([
      answeredBy,
    ]);
  });

  it('is not looked for unless it was asked for', () => {
    const world = outboundWorld({ voicemail: MESSAGE });
    place(world);
    world.clock.advance(5);
    pickUp(world);
    detect(world, 'machine');
    world.run(2000);
    expect(says(world)).toEqual(['Hello there.']);
  });
});
