import { describe, expect, it } from 'vitest';
import type { PublishedEvent } from '../../src/call/ports.ts';
import type { ProviderFailure } from '../../src/providers/ports.ts';
import { createWorld, endReason, talking, voice, type FakePhone, type World } from './harness.ts';

const KINDS: readonly ProviderFailure['kind'][] = [
  ...(['connect', 'auth', 'rate_limited', 'bad_request', 'server', 'timeout'] as const),
  ...(['stalled', 'dropped', 'truncated', 'malformed', 'missing'] as const),
];
const FAILURES: readonly ProviderFailure[] = KINDS.flatMap((kind) =>
  [true, false].map((retryable) => ({ kind, message: 'it broke', retryable })),
);

function answers(world: World, text: string): void {
  world.llm.script = () => [
    { type: 'llmDelta', text },
    { type: 'llmDone', finish: 'stop' },
  ];
}

/** Brings a call to a phase of a turn. */
const PHASES: Readonly<Record<string, () => World>> = {
  greeting: () => {
    const world = createWorld({ greeting: 'one two three four five six seven eight nine ten' });
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.answered');
    world.connect();
    world.run(500);
    return world;
  },
  listening: () => talking(),
  'caller speaks': () => {
    const world = talking();
    world.run(400, voice(400));
    world.stt.emit({ type: 'sttPartial', text: 'when do' });
    return world;
  },
  thinking: () => {
    const world = talking();
    world.llm.script = undefined;
    world.stt.emit({ type: 'sttEndOfTurn', text: 'when do you open' });
    world.run(100);
    return world;
  },
  speaking: () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1000);
    return world;
  },
  paused: () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1000);
    world.run(400, voice(400));
    expect(world.phones[0]?.clears()).toBe(1);
    return world;
  },
};

function fail(world: World, provider: 'stt' | 'llm' | 'tts', failure: ProviderFailure): void {
  if (provider === 'stt') world.stt.emit({ type: 'sttFailed', failure });
  if (provider === 'llm') world.llm.emit({ type: 'llmFailed', failure });
  if (provider === 'tts') {
    const { speech } = world.session().dialogue;
    const utterance = speech && speech.utterance > 0 ? { utterance: speech.utterance } : {};
    world.tts.emit({ type: 'ttsFailed', failure, ...utterance });
  }
}

/** A model that is being waited for answers after all. */
function finishThought(world: World): void {
  world.llm.emit({ type: 'llmDelta', text: 'We open at nine.' });
  world.llm.emit({ type: 'llmDone', finish: 'stop' });
}

/** Did the caller hear anything since `bytes`, or is Telnyx speaking for us? */
function heardSince(world: World, bytes: number): boolean {
  return (world.phones.at(-1)?.heard.length ?? 0) > bytes || world.telnyx.count('speak') > 0;
}

/** The far party leaves; nothing may be left of the call. */
function endAndCheck(world: World): void {
  world.webhook('call.hangup');
  world.clock.advance(120_000);
  expect(world.finished).toHaveLength(1);
  expect(world.registry.sessions.size).toBe(0);
  expect(world.types().filter((type) => type === 'call.ended')).toHaveLength(1);
  expect(world.types().at(-1)).toBe('call.ended');
  expect(world.stt.closedStreams).toBe(world.stt.opened);
  expect(world.tts.closedSessions).toBe(world.tts.opened);
  expect(world.phones.every((phone) => phone.closed)).toBe(true);
  expect(world.records.some((record) => record.k === 'in' && record.d.type === 'fault')).toBe(false);
  expect(world.clock.pending).toBe(0);
}

describe.each(['stt', 'llm', 'tts'] as const)('%s fails once', (provider) => {
  describe.each(Object.keys(PHASES))('while %s', (phase) => {
    it.each(FAILURES)('by $kind (retryable: $retryable): the call is heard of and goes on or ends', (failure) => {
      const world = PHASES[phase]?.() as World;
      const heard = world.phones[0]?.heard.length ?? 0;
      answers(world, 'Here I am again.');
      fail(world, provider, failure);
      finishThought(world);
      world.run(9000);
      world.webhook('call.speak.ended', { status: 'completed' });
      world.clock.advance(10);
      expect(heardSince(world, heard), 'dead air').toBe(true);

      if (world.telnyx.count('hangup') === 0) {
        const before = world.phones[0]?.heard.length ?? 0;
        world.stt.emit({ type: 'sttEndOfTurn', text: 'are you there' });
        world.run(4000);
        expect(heardSince(world, before), 'no answer any more').toBe(true);
      }
      endAndCheck(world);
    });
  });
});

describe.each(['stt', 'llm', 'tts'] as const)('%s fails for good', (provider) => {
  it.each(Object.keys(PHASES))('while %s: the caller hears a line, and the call ends', (phase) => {
    const world = PHASES[phase]?.() as World;
    const failure: ProviderFailure = { kind: 'server', message: '503', retryable: true };
    const heard = world.phones[0]?.heard.length ?? 0;
    answers(world, 'Here I am again.');
    if (provider === 'llm') world.llm.script = () => [{ type: 'llmFailed', failure }];
    if (provider === 'tts') world.tts.failure = failure;
    for (let n = 0; n < 30 && world.telnyx.count('hangup') === 0; n++) {
      fail(world, provider, failure);
      world.run(2000);
      if (world.telnyx.count('speak') > 0) world.webhook('call.speak.ended', { status: 'completed' });
      world.clock.advance(1);
      if (provider !== 'stt') world.stt.emit({ type: 'sttEndOfTurn', text: 'hello?' });
    }

    expect(heardSince(world, heard)).toBe(true);
    expect(world.telnyx.count('hangup')).toBe(1);
    endAndCheck(world);
    expect(endReason(world)).toBe('provider_failure');
  });
});

const STREAM_FAILURES: Readonly<Record<string, (world: World, phone: FakePhone) => void>> = {
  'the socket drops': (world, phone) => {
    phone.closed = { code: 1006, reason: '' };
    world.session().mediaClosed('caller', 1, 1006, '');
  },
  'Telnyx stops the stream': (world) => {
    world.session().mediaMessage('caller', 1, Buffer.from('{"event":"stop","stream_id":"s","stop":{}}'));
  },
  'the far end stops reading': (world, phone) => {
    phone.bufferedAmount = 300_000;
    world
      .session()
      .post({ type: 'control', action: { type: 'say', text: 'Is this on?', interrupt: true }, by: 'test' });
  },
  'the socket sends garbage': (world) => {
    for (let n = 0; n < 50; n++) world.session().mediaMessage('caller', 1, Buffer.from('garbage'));
  },
};

describe.each(Object.entries(STREAM_FAILURES))('%s', (_what, breakStream) => {
  it.each(Object.keys(PHASES))('while %s: a new stream goes on where the old one ended', (phase) => {
    const world = PHASES[phase]?.() as World;
    answers(world, 'Here I am again.');
    breakStream(world, world.phones[0] as FakePhone);
    finishThought(world);
    world.run(2500);
    expect(world.telnyx.count('streamingStart')).toBeGreaterThanOrEqual(1);
    const phone = world.connect();
    world.run(12_000);

    // The rest of what was being said, an answer, or the question whether the caller is still there.
    expect(phone.heard.length).toBeGreaterThan(0);
    expect(world.session().state.status).toBe('active');
    expect(world.types().filter((type) => type === 'call.updated').length).toBeGreaterThan(0);
    endAndCheck(world);
  });

  it.each(Object.keys(PHASES))('while %s and never comes back: Telnyx speaks, and the call ends', (phase) => {
    const world = PHASES[phase]?.() as World;
    answers(world, 'Here I am again.');
    breakStream(world, world.phones[0] as FakePhone);
    world.clock.advance(40_000);
    expect(world.telnyx.count('streamingStart')).toBe(3);
    expect(world.telnyx.count('speak')).toBe(1);
    world.webhook('call.speak.ended', { status: 'completed' });
    world.clock.advance(10);

    expect(world.telnyx.count('hangup')).toBe(1);
    endAndCheck(world);
    expect(endReason(world)).toBe('stream_failed');
  });
});

describe('a stream that never comes up', () => {
  it.each<[string, (world: World) => void]>([
    ['never opens', () => undefined],
    ['opens and says nothing', (world) => void world.connect({ start: false })],
    [
      'is refused by Telnyx',
      (world) => void world.webhook('streaming.failed', { reason: 'connection_failed', streamId: undefined }),
    ],
  ])('because it %s is asked for again, then Telnyx speaks', (_how, happen) => {
    const world = createWorld();
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.answered');
    happen(world);
    world.clock.advance(32_000);

    expect(world.telnyx.names()).toEqual(['answer', 'streamingStart', 'streamingStart', 'streamingStart', 'speak']);
    world.webhook('call.speak.ended', { status: 'completed' });
    world.clock.advance(10);
    expect(world.telnyx.count('hangup')).toBe(1);
    endAndCheck(world);
  });
});

const SECOND = { callControlId: 'cc-second', callLegId: 'leg-second', callSessionId: 'session-2' };

/** Two calls in one registry; the second is in conversation. What happens to the first is up to `harm`. */
function neighbours(
  onEvent: (event: PublishedEvent) => void,
  harm: (world: World) => void,
): { world: World; second: FakePhone } {
  const world = createWorld({}, { onEvent });
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  const first = world.stt.emit;
  world.webhook('call.initiated', SECOND);
  world.clock.advance(5);
  world.webhook('call.answered', SECOND);
  const second = world.connect();
  world.run(2000);
  answers(world, 'one two three four five six seven eight nine ten');
  const emit = world.stt.emit;
  world.stt.emit = first;
  world.stt.emit({ type: 'sttPartial', text: 'hello' });
  harm(world);
  world.stt.emit = emit;
  world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
  world.run(4000);
  return { world, second };
}

describe('a fault inside one call', () => {
  const calm = neighbours(
    () => undefined,
    () => undefined,
  );

  it.each<[string, (event: PublishedEvent, calls: string[]) => void]>([
    [
      'that throws once',
      (event, calls) => {
        if (event.callId === calls[0] && event.type === 'turn.ended' && event.data.role === 'caller')
          throw new Error('injected');
      },
    ],
    [
      'that throws again while the call is being ended',
      (event, calls) => {
        if (event.callId === calls[0] && event.type !== 'transcript.partial' && calls.length > 1)
          throw new Error('injected');
      },
    ],
  ])('%s ends that call, hangs its leg up and does not touch its neighbour', (_how, harm) => {
    const calls: string[] = [];
    let armed = false;
    const { world, second } = neighbours(
      (event) => {
        if (event.type === 'call.created') calls.push(event.callId);
        else if (armed) harm(event, calls);
      },
      (world) => {
        armed = true;
        world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
      },
    );

    expect(
      world.telnyx.sent.filter(({ command }) => command.name === 'hangup').map((one) => one.callControlId),
    ).toEqual(['cc-caller']);
    expect(second.messages).toEqual(calm.second.messages);
    expect(second.heard).toEqual(calm.second.heard);
    armed = false;
    world.webhook('call.hangup');
    const ended = world.events.filter((event) => event.type === 'call.ended');
    expect(ended.map((event) => [event.callId, event.data.reason])).toEqual([[calls[0], 'error']]);
    expect(world.events.filter((event) => event.callId === calls[0]).at(-1)?.type).toBe('call.ended');
    expect([...world.registry.sessions.keys()]).toEqual([calls[1]]);
    world.webhook('call.hangup', SECOND);
    world.clock.advance(60_000);
    expect(world.stt.closedStreams).toBe(world.stt.opened);
    expect(world.tts.closedSessions).toBe(world.tts.opened);
    expect(world.clock.pending).toBe(0);
  });

  it('that feeds on itself ends that call and does not touch its neighbour', () => {
    const { world, second } = neighbours(
      () => undefined,
      (world) => {
        const [session] = [...world.registry.sessions.values()];
        // A step that posts more inputs than may wait.
        world.llm.script = () => {
          for (let n = 0; n < 300; n++) session?.post({ type: 'stalled', ms: n });
          return undefined;
        };
        world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
        answers(world, 'one two three four five six seven eight nine ten');
      },
    );

    expect(second.messages).toEqual(calm.second.messages);
    expect(
      world.telnyx.sent.filter(({ command }) => command.name === 'hangup').map((one) => one.callControlId),
    ).toEqual(['cc-caller']);
    world.webhook('call.hangup');
    expect(world.events.filter((event) => event.type === 'call.ended').map((event) => event.data.reason)).toEqual([
      'error',
    ]);
    expect(world.registry.sessions.size).toBe(1);
  });

  it('in the first moment of a call lets go of it', () => {
    const world = createWorld(
      {},
      {
        onEvent: () => {
          throw new Error('injected');
        },
      },
    );
    world.webhook('call.initiated');
    world.clock.advance(1000);
    world.webhook('call.hangup');
    world.clock.advance(60_000);

    expect(world.registry.sessions.size).toBe(0);
    expect(world.telnyx.count('hangup')).toBe(1);
    expect(world.types().filter((type) => type === 'call.ended')).toHaveLength(1);
    expect(world.clock.pending).toBe(0);
  });

  it('of a provider that throws out of every method is a failure of that provider', () => {
    const world = talking();
    world.stt.open = () => {
      throw new Error('injected');
    };
    world.llm.generate = () => {
      throw new Error('injected');
    };
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(8000);

    expect(world.telnyx.count('hangup')).toBe(1);
    endAndCheck(world);
    expect(endReason(world)).toBe('provider_failure');
  });
});
