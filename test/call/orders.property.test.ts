import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Truth, type Outcome, type Party, type Step, type WebhookType } from './truth.ts';

const CALLER: readonly WebhookType[] = [
  'call.initiated',
  'call.answered',
  'streaming.started',
  'streaming.stopped',
  'streaming.failed',
  'call.bridged',
  'call.hangup',
  'call.speak.ended',
  'call.dtmf.received',
];
const TARGET: readonly WebhookType[] = ['call.initiated', 'call.answered', 'call.bridged', 'call.hangup'];
const OUTCOMES: readonly Outcome[] = ['truth', 'refused', 'unknown', 'unknown but done', 'never'];

const webhook = (of: Party, types: readonly WebhookType[]): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant('webhook' as const),
    of: fc.constant(of),
    type: fc.constantFrom(...types),
    times: fc.integer({ min: 1, max: 3 }),
  });

const socket: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('open' as const), back: fc.constantFrom(0, 0, 0, 1) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      how: fc.constantFrom('good', 'good', 'good', 'good', 'again', 'other call', 'OPUS'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('media' as const), frames: fc.constantFrom(1, 20, 100) }) },
  { weight: 2, arbitrary: fc.constantFrom<Step>({ do: 'stop' }, { do: 'drop' }) },
);

const control: fc.Arbitrary<Step> = fc.constantFrom<Step>(
  { do: 'control', action: { type: 'hangup' } },
  { do: 'control', action: { type: 'transfer', target: 'sales', to: '+15105550200' } },
  {
    do: 'control',
    action: { type: 'transfer', target: 'sales', to: '+15105550200', message: 'I am putting you through.' },
  },
  { do: 'control', action: { type: 'dtmf', digits: '1w2' } },
  { do: 'control', action: { type: 'say', text: 'A word from our desk.', interrupt: true } },
  { do: 'control', action: { type: 'say', text: 'A word in its turn.', interrupt: false } },
  { do: 'control', action: { type: 'play', sound: 'gong', interruptible: false } },
  { do: 'control', action: { type: 'mute', on: true } },
  { do: 'control', action: { type: 'mute', on: false } },
  { do: 'drain', now: false },
  { do: 'drain', now: true },
);

const telnyx: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('outcome' as const),
      of: fc.constantFrom(
        'answer',
        'hangup',
        'hangup',
        'transfer',
        'streamingStart',
        'streamingStop',
        'speak',
        'sendDtmf',
      ),
      is: fc.constantFrom(...OUTCOMES),
      times: fc.integer({ min: 1, max: 3 }),
      afterMs: fc.constantFrom(1, 1, 4000, 30_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('status' as const), known: fc.boolean() }) },
);

const dialogue: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      answer: fc.constantFrom('words', 'hang_up', 'transfer', 'transfer', 'dtmf', 'dtmf again', 'nothing'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      provider: fc.constantFrom('stt', 'tts', 'llm'),
      retryable: fc.boolean(),
    }),
  },
);

const wait: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('wait' as const),
  ms: fc.constantFrom(0, 1, 20, 300, 1000, 3000, 6000, 12_000, 41_000),
});
const leave = (of: Party): fc.Arbitrary<Step> => fc.constant({ do: 'leave', of });

const anything: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: webhook('caller', CALLER) },
  { weight: 6, arbitrary: socket },
  { weight: 3, arbitrary: telnyx },
  { weight: 2, arbitrary: control },
  { weight: 3, arbitrary: dialogue },
  { weight: 6, arbitrary: wait },
  { weight: 1, arbitrary: leave('caller') },
);

const END = fc.constantFrom('silent', 'webhook', 'api', 'drain', 'drain now');
/** Usually the first webhook comes first. */
const FIRST = fc.constantFrom<readonly Step[]>(
  ...[1, 2, 1].map((times) => [{ do: 'webhook', of: 'caller', type: 'call.initiated', times } as const]),
  [],
);
/** Up to the conversation, in most runs: steps further on mean more there. */
const TALKING: readonly Step[] = [
  { do: 'webhook', of: 'caller', type: 'call.initiated', times: 1 },
  { do: 'wait', ms: 20 },
  { do: 'webhook', of: 'caller', type: 'call.answered', times: 1 },
  { do: 'open', back: 0 },
  { do: 'start', how: 'good' },
  { do: 'media', frames: 60 },
];

/** Anything, and what happens to the legs a transfer dials. */
const two = fc.oneof(
  { weight: 8, arbitrary: webhook('target', TARGET) },
  { weight: 2, arbitrary: webhook('second', TARGET) },
  { weight: 1, arbitrary: leave('target') },
  { weight: 8, arbitrary: anything },
);

describe('any order, repetition and loss', () => {
  it('of everything that happens to a call from its first moment leaves no leg, socket, stream or timer', async () => {
    await fc.assert(
      fc.asyncProperty(FIRST, fc.array(anything, { maxLength: 25 }), END, async (first, steps, how) => {
        const truth = new Truth({ fallbackTarget: 'sales' });
        await truth.run([...first, ...steps]);
        await truth.end(how);
      }),
      { numRuns: 1500 },
    );
  });

  it('of what happens in a conversation does not either', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 20 }), END, async (steps, how) => {
        const truth = new Truth();
        await truth.run([...TALKING, ...steps]);
        await truth.end(how);
      }),
      { numRuns: 1200 },
    );
  });

  it('of what happens to the two legs of a transfer does not either', async () => {
    const transferring: readonly Step[] = [...TALKING, { do: 'say', answer: 'transfer' }, { do: 'media', frames: 160 }];
    await fc.assert(
      fc.asyncProperty(fc.array(two, { maxLength: 20 }), END, async (steps, how) => {
        const truth = new Truth();
        await truth.run([...transferring, ...steps]);
        await truth.end(how);
      }),
      { numRuns: 1200 },
    );
  });

  it('of what happens to a call for which there was no room does not either', async () => {
    const passedOn: readonly Step[] = [
      { do: 'webhook', of: 'caller', type: 'call.initiated', times: 1 },
      { do: 'wait', ms: 20 },
      { do: 'webhook', of: 'caller', type: 'call.answered', times: 1 },
    ];
    const one = fc.oneof(
      { weight: 4, arbitrary: webhook('target', TARGET) },
      { weight: 1, arbitrary: leave('target') },
      { weight: 8, arbitrary: anything },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 15 }), END, async (steps, how) => {
        const truth = new Truth({ fallbackTarget: 'sales' }, { max: 1 });
        // Another call takes the only place, and leaves later.
        const other = { callControlId: 'cc-second', callLegId: 'leg-second', callSessionId: 'session-2' };
        truth.world.webhook('call.initiated', other);
        await truth.run(passedOn);
        truth.world.webhook('call.hangup', other);
        await truth.run(steps);
        await truth.end(how);
      }),
      { numRuns: 600 },
    );
  });
});

describe('the first four webhooks of a call', () => {
  const four: readonly WebhookType[] = ['call.initiated', 'call.answered', 'streaming.started', 'call.hangup'];
  const rows = permutations(four).flatMap((order) =>
    [1, 2].flatMap((times) => [0, 20].map((pauseMs) => ({ order, times, pauseMs }))),
  );

  it.each(rows)('in the order $order, $times times each, $pauseMs ms apart', async ({ order, times, pauseMs }) => {
    const truth = new Truth();
    for (const type of order) {
      truth.step({ do: 'webhook', of: 'caller', type, times });
      truth.step({ do: 'wait', ms: pauseMs });
    }
    await truth.end('silent');

    const known = order.indexOf('call.initiated') < order.indexOf('call.hangup');
    expect(truth.world.telnyx.names()).toEqual(known ? ['answer'] : []);
    expect(truth.world.types().filter((type) => type === 'call.ended')).toHaveLength(known ? 1 : 0);
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((first, at) => permutations(items.toSpliced(at, 1)).map((rest) => [first, ...rest]));
}
