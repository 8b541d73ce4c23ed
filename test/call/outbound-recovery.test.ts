import { describe, expect, it } from 'vitest';
import { foldFacts } from '../../src/call/facts.ts';
import { recoverCall } from '../../src/call/recovery.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeRecord, parseRecord } from '../../src/journal/format.ts';
import type { CommandOutcome } from '../../src/telnyx/commands.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { OK, type World } from './harness.ts';
import { dials, ended, IDS, outboundWorld, pickUp, place, says, tell } from './outbound-world.ts';

const NOT_ANSWERED: CommandOutcome = { ok: false, kind: 'refused', status: 422, message: 'not answered yet' };
const CONFIG = { speaksFirst: 'agent', voicemail: 'Call us back.' };

interface Next {
  readonly isAlive?: boolean;
  /** Telnyx lists the leg that we had dialled. */
  readonly isListed?: boolean;
  readonly streaming?: CommandOutcome;
}

/** The process is killed where `first` is now; another one finds the file. */
async function next(first: World, { isAlive = true, isListed = false, streaming = OK }: Next = {}): Promise<World> {
  const world = outboundWorld(CONFIG);
  world.telnyx.alive = () => ({ known: true, isAlive });
  world.telnyx.found = () => ({ known: true, leg: isListed ? IDS : undefined });
  world.telnyx.answers = (command) => (command.name === 'streamingStart' ? streaming : OK);
  const [callId = '', seed = ''] = [...first.seeds].at(-1) ?? [];
  const records = first.records.map((record) => {
    const parsed = parseRecord(encodeRecord(record).trimEnd());
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.record;
  });
  const head = {
    k: 'head',
    format: 'landline-journal',
    version: 1,
    callId,
    seed,
    createdAt: '',
    software: '',
  } as const;
  await recoverCall(
    { path: '', head: { ...head, wallMs: 0, monoMs: 0 }, records, damaged: [], tornBytes: 0, ended: false },
    {
      log: silentLog,
      telnyx: world.telnyx,
      registry: world.registry,
      agents: world.agents,
      codec: 'g711',
      wallSince: () => 1000,
      open: (id) => world.open(id),
    },
  );
  if (world.registry.sessions.size > 0) world.session();
  await world.settle(10);
  return world;
}

const dialled = (): World => {
  const world = outboundWorld(CONFIG);
  place(world, { metadata: { order: '4711' }, machineDetection: 'greeting_end' });
  return world;
};
/** The webhook finds its call by the id of the leg, or by the mark. */
const mark = { clientState: '{"call":"call_1","leg":"callee"}' } as Partial<TelnyxEvent>;

function isOver(world: World, reason: string): void {
  expect(ended(world)?.['reason']).toBe(reason);
  expect([world.registry.sessions.size, dials(world)]).toEqual([0, []]);
}

describe('a call out whose process was killed', () => {
  it('in line is closed and not dialled', async () => {
    const world = await next(dialled());
    isOver(world, 'crash_recovered');
    expect(world.telnyx.names()).toEqual([]);
  });

  it.each([
    [true, ['hangup']],
    [false, []],
  ])(
    'with its dial out is looked for at Telnyx (there: %s), closed and not dialled again',
    async (isListed, commands) => {
      const first = outboundWorld(CONFIG);
      first.telnyx.answers = () => undefined;
      place(first);
      first.clock.advance(5);
      const world = await next(first, { isListed });
      await world.settle(5000);
      await world.settle(10);
      expect(world.telnyx.names()).toEqual(commands);
      if (isListed) tell(world, 'call.hangup', mark);
      isOver(world, 'crash_recovered');
    },
  );

  it('that was hung up before its dial was answered is not talked with', async () => {
    const first = outboundWorld(CONFIG);
    first.telnyx.answers = () => undefined;
    place(first);
    first.clock.advance(5);
    first.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
    const world = await next(first);
    tell(world, 'call.answered', mark);
    expect(world.telnyx.names()).toEqual(['hangup']);
    tell(world, 'call.hangup', mark);
    isOver(world, 'api_hangup');
  });

  it('while it rang rings on, and is talked with when it is answered', async () => {
    const first = dialled();
    first.clock.advance(5);
    tell(first, 'call.initiated');
    const world = await next(first, { streaming: NOT_ANSWERED });
    expect([world.telnyx.names(), world.session().state.metadata]).toEqual([['streamingStart'], { order: '4711' }]);
    world.telnyx.answers = () => OK;
    tell(world, 'call.answered', mark);
    await world.settle(10);
    world.connect();
    world.run(2000);
    expect(says(world)).toEqual(['Hello there.']);
    tell(world, 'call.hangup', mark);
    isOver(world, 'caller_hangup');
  });

  it('and that was answered meanwhile is talked with, though nobody was there to hear of it', async () => {
    const first = dialled();
    first.clock.advance(5);
    tell(first, 'call.initiated');
    const world = await next(first);
    world.connect();
    world.run(2000);
    expect(says(world)).toEqual(['Hello there.']);
    expect(world.types()).toContain('call.answered');
    tell(world, 'call.hangup', mark);
    isOver(world, 'caller_hangup');
  });

  it('while it rang and that is over by now is closed', async () => {
    const first = dialled();
    first.clock.advance(5);
    isOver(
      await next(first, { isAlive: false, streaming: { ok: false, kind: 'gone', message: 'over' } }),
      'crash_recovered',
    );
  });

  it('with an answering machine is hung up: its beep is past', async () => {
    const first = dialled();
    first.clock.advance(5);
    pickUp(first);
    tell(first, 'call.machine.detection.ended', { result: 'machine', premium: false });
    const world = await next(first);
    expect([world.telnyx.names(), says(world)]).toEqual([['hangup'], []]);
    tell(world, 'call.hangup', mark);
    isOver(world, 'machine');
  });

  it('does not press its keys again', async () => {
    const first = outboundWorld(CONFIG);
    place(first, { digits: '12' });
    first.clock.advance(5);
    pickUp(first);
    first.run(100);
    expect(foldFacts(first.records).keysSent).toBe(true);
    const world = await next(first);
    world.connect();
    world.run(1000);
    expect(world.telnyx.names()).toEqual(['streamingStart']);
    expect(says(world)).toEqual(['Hello there.']);
  });
});
