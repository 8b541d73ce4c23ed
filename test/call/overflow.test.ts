import { describe, expect, it } from 'vitest';
import { createWorld, endReason, talking, type World } from './harness.ts';

const TARGET = { callControlId: 'cc-target', callLegId: 'leg-target' };
const SECOND = { callControlId: 'cc-2', callLegId: 'leg-2', callSessionId: 'session-2' };

function bridge(world: World): void {
  world.webhook('call.initiated', { ...TARGET, direction: 'outgoing' });
  world.webhook('call.answered', TARGET);
  world.webhook('call.bridged', TARGET);
}

describe('a full gateway', () => {
  it('rejects a call as busy where the agent names nobody else', () => {
    const world = createWorld({}, { max: 1 });
    world.webhook('call.initiated');
    world.clock.advance(5);
    expect(world.webhook('call.initiated', SECOND)).toBe('rejected');

    expect(world.telnyx.sent.at(-1)?.command).toEqual({ name: 'reject', cause: 'USER_BUSY' });
  });

  it('picks the call up without audio and puts it through to the fallback target', () => {
    const world = createWorld({ fallbackTarget: 'sales' }, { max: 1 });
    world.webhook('call.initiated');
    world.clock.advance(5);
    expect(world.webhook('call.initiated', SECOND)).toBe('taken');
    world.clock.advance(5);
    world.webhook('call.answered', SECOND);
    world.clock.advance(5);
    const second = world.telnyx.sent.filter((one) => one.callControlId === 'cc-2').map((one) => one.command);

    expect(second[0]).toMatchObject({ name: 'answer', stream: undefined });
    expect(second[1]).toMatchObject({ name: 'transfer', to: '+15105550200' });
    expect(world.registry.full).toBe(true);
  });

  it('says so and hangs up when the fallback target cannot be reached either', () => {
    const world = createWorld({ fallbackTarget: 'sales' }, { max: 1 });
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.initiated', SECOND);
    world.clock.advance(5);
    world.webhook('call.answered', SECOND);
    world.clock.advance(5);
    const target = { ...TARGET, callSessionId: 'session-2' };
    world.webhook('call.initiated', { ...target, direction: 'outgoing' });
    world.webhook('call.hangup', { ...target, cause: 'user_busy', sipCode: '486' });
    world.clock.advance(5);
    expect(world.telnyx.sent.at(-1)?.command).toMatchObject({ name: 'speak' });
    world.webhook('call.speak.ended', { ...SECOND, status: 'completed' });
    world.clock.advance(5);
    world.webhook('call.hangup', SECOND);

    expect(endReason(world)).toBe('limit');
  });
});

describe('a stream that cannot be restored', () => {
  it('puts the caller through to the fallback target', () => {
    const world = talking({ fallbackTarget: 'sales' });
    world.phones[0]!.close(1006, 'gone');
    world.clock.advance(40_000);

    expect(world.telnyx.count('streamingStart')).toBe(3);
    expect(world.telnyx.sent.at(-1)?.command).toMatchObject({ name: 'transfer', to: '+15105550200' });
    bridge(world);
    world.webhook('call.hangup', TARGET);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('transferred');
  });

  it('ends with a sentence of Telnyx where there is no such target', () => {
    const world = talking();
    world.phones[0]!.close(1006, 'gone');
    world.clock.advance(40_000);

    expect(world.telnyx.names().slice(-2)).toEqual(['speak', 'hangup']);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('stream_failed');
  });
});
