import { describe, expect, it } from 'vitest';
import { createWorld, FakePhone, talking, type World } from './harness.ts';

function speaking(): World {
  const world = talking();
  world.llm.script = () => [
    { type: 'llmDelta', text: 'one two three four five six seven eight nine ten eleven twelve thirteen' },
    { type: 'llmDone', finish: 'stop' },
  ];
  world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
  world.run(600);
  return world;
}

function sentSince(world: World, at: number): number {
  return world.phones[0]?.messages.slice(at).filter((message) => message.event === 'media').length ?? 0;
}

describe('a process that was away', () => {
  it.each([
    ['for less than the lead makes up for it and notes nothing', 150, 0, 8],
    ['for 3 s sends its lead, not everything it missed, and notes the stall', 3000, 1, 11],
  ])('%s', (_what, ms, stalls, frames) => {
    const world = speaking();
    const at = world.phones[0]?.messages.length ?? 0;
    world.session().advance(world.clock.mono() + ms);

    expect(sentSince(world, at)).toBe(frames);
    expect(world.session().media.playout.underruns).toBe(stalls);
    const noted = world.records.filter((record) => record.k === 'in' && record.d.type === 'stalled');
    expect(noted).toHaveLength(stalls);
  });
});

describe('a media socket', () => {
  it('of a stream that was superseded before it opened is closed, and the new one is not touched', () => {
    const world = talking();
    const ticket = { session: world.session(), leg: 'caller', epoch: 0 } as const;
    const late = new FakePhone(
      world.clock,
      () => undefined,
      () => ticket.session.mediaClosed('caller', 0, 1001, ''),
    );
    ticket.session.mediaOpened('caller', 0, late);
    world.run(100);

    expect(late.closed?.code).toBe(1001);
    expect(world.session().state.legs['caller']?.phase).toBe('streaming');
    expect(world.stt.bytes).toBe(105 * 160);
  });

  it('that opens after its call has ended is closed', () => {
    const world = createWorld();
    world.webhook('call.initiated');
    world.clock.advance(5);
    const session = world.session();
    const phone = new FakePhone(
      world.clock,
      () => undefined,
      () => undefined,
    );
    world.webhook('call.hangup');
    session.mediaOpened('caller', 1, phone);

    expect(phone.closed?.code).toBe(1001);
  });

  it('is opened once per token, by the newest token of its leg, while its call lasts', () => {
    const world = talking();
    expect(world.registry.redeem(world.tokens[0] ?? '')).toBeUndefined();
    expect(world.registry.redeem('')).toBeUndefined();
    world.session().mediaClosed('caller', 1, 1006, '');
    world.clock.advance(6500);
    expect(world.tokens).toHaveLength(3);
    expect(world.registry.redeem(world.tokens[1] ?? '')).toBeUndefined();
    world.webhook('call.hangup');

    expect(world.registry.redeem(world.tokens[2] ?? '')).toBeUndefined();
  });
});

describe('intent before action', () => {
  it('no command leaves before its journal line is written, or 50 ms have passed', () => {
    const world = createWorld({}, { slowDisk: true });
    world.webhook('call.initiated');
    world.clock.advance(49);
    expect(world.telnyx.names()).toEqual([]);
    world.clock.advance(1);

    expect(world.telnyx.names()).toEqual(['answer']);
  });

  it('the line of a command is in the journal before it, with the id it is sent under', () => {
    const seen: string[][] = [];
    const world: World = createWorld(
      {},
      {
        onRecord: (record) => record.k === 'fx' && seen.push([String(record.d['commandId']), ...world.telnyx.names()]),
      },
    );
    world.webhook('call.initiated');
    world.clock.advance(5);

    expect(seen[0]).toEqual([world.telnyx.sent[0]?.commandId]);
  });
});

describe('two calls', () => {
  it('share nothing: the end of one is not the end of the other', () => {
    const world = talking();
    const second = { callControlId: 'cc-2', callLegId: 'leg-2', callSessionId: 'session-2' };
    world.webhook('call.initiated', second);
    expect(world.registry.sessions.size).toBe(2);
    world.webhook('call.hangup');

    expect([...world.registry.sessions.values()].map((session) => session.talkingLeg?.callControlId)).toEqual(['cc-2']);
  });
});

describe('webhooks without a call', () => {
  it.each([
    ['call.answered', 'unknown'],
    ['streaming.started', 'unknown'],
    ['call.hangup', 'ended'],
  ] as const)('%s begins nothing', (type, verdict) => {
    const world = createWorld();

    expect(world.webhook(type)).toBe(verdict);
    expect(world.registry.sessions.size).toBe(0);
    expect(world.telnyx.sent).toEqual([]);
  });

  it('a target that comes up after its call has ended is hung up, once', () => {
    const world = talking();
    world.webhook('call.hangup');
    const target = { callControlId: 'cc-target', callLegId: 'leg-target' };
    expect(world.webhook('call.answered', target)).toBe('ended');
    world.webhook('call.initiated', { ...target, direction: 'outgoing' });

    expect(world.telnyx.sent.map(({ callControlId, command }) => `${command.name} ${callControlId}`)).toEqual([
      'answer cc-caller',
      'hangup cc-target',
    ]);
  });

  it('a target whose end was heard of before its beginning is not waited for', () => {
    const world = talking();
    const target = { callControlId: 'cc-target', callLegId: 'leg-target' };
    world
      .session()
      .post({ type: 'control', action: { type: 'transfer', target: 'x', to: '+15105550200' }, by: 'test' });
    world.run(57_000);
    expect(world.webhook('call.hangup', target)).toBe('ended');
    world
      .session()
      .post({ type: 'control', action: { type: 'transfer', target: 'y', to: '+15105550201' }, by: 'test' });
    expect(world.webhook('call.initiated', { ...target, direction: 'outgoing' })).toBe('ended');

    expect(Object.keys(world.session().state.legs)).toEqual(['caller']);
    expect(world.telnyx.count('transfer')).toBe(2);
  });

  it('an outgoing leg of nobody is left alone', () => {
    const world = createWorld();

    expect(world.webhook('call.initiated', { direction: 'outgoing' } as never)).toBe('unknown');
    expect(world.telnyx.sent).toEqual([]);
  });
});
