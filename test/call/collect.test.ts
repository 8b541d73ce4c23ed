import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LlmEvent } from '../../src/providers/ports.ts';
import type { CollectOutcome } from '../../src/tools/collect-digits.ts';
import { defineTool } from '../../src/tools/define-tool.ts';
import { z } from 'zod';
import { createWorld, talking, type World } from './harness.ts';

const TOOLS = ['collect_digits', 'hang_up', 'send_dtmf', 'transfer_call'];

/** A call whose model asks for digits as soon as the caller speaks, and says "Thank you." to whatever comes back. */
function asked(args: object, config: Record<string, unknown> = {}, prompt = 'Your code?'): World {
  const world = talking({ tools: TOOLS, ...config });
  world.llm.script = ({ messages }): readonly LlmEvent[] =>
    messages.at(-1)?.role === 'tool' || messages.some(({ role }) => role === 'tool')
      ? [
          { type: 'llmDelta', text: 'Thank you.' },
          { type: 'llmDone', finish: 'stop' },
        ]
      : [
          {
            type: 'llmToolCall',
            call: { id: 'c1', name: 'collect_digits', arguments: JSON.stringify({ prompt, ...args }) },
          },
          { type: 'llmDone', finish: 'tool_calls' },
        ];
  world.stt.emit({ type: 'sttEndOfTurn', text: 'I want to pay' });
  return world;
}

function press(world: World, ...keys: readonly string[]): void {
  for (const digit of keys) {
    world
      .session()
      .mediaMessage('caller', 1, Buffer.from(JSON.stringify({ event: 'dtmf', stream_id: 's', dtmf: { digit } })));
    world.run(200);
  }
}

const say = (world: World, text: string): void => {
  world.stt.emit({ type: 'sttEndOfTurn', text });
  world.run(100);
};

const results = (world: World): unknown[] =>
  world.events.flatMap((event) =>
    event.type === 'tool.ended' && event.data.name === 'collect_digits'
      ? [JSON.parse(event.data.result) as unknown]
      : [],
  );

const lines = (world: World): string[] =>
  world.events.flatMap((event) =>
    event.type === 'turn.ended' ? [`${event.data.role}: ${event.data.text}${event.data.interrupted ? ' …' : ''}`] : [],
  );

/** The prompt has been said. */
const PROMPT_MS = 1200;

describe('digits that a model asks for', () => {
  it('end with the last of an exact number, at once', () => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    press(world, '1', '2', '3');
    expect(results(world)).toEqual([]);
    press(world, '4');
    expect(results(world)).toEqual([{ status: 'collected', digits: '1234' }]);
    world.run(2000);
    expect(lines(world).slice(-2)).toEqual(['agent: Your code?', 'agent: Thank you.']);
  });

  it('cut the prompt short with the first key', () => {
    const world = asked({ digits: 1 }, {}, 'Please type the code that stands in the letter we sent you last week.');
    world.run(900);
    press(world, '7');
    world.run(1500);
    expect(results(world)).toEqual([{ status: 'collected', digits: '7' }]);
    expect(lines(world).some((line) => /^agent: Please .* …$/.test(line))).toBe(true);
  });

  it.each([
    ['the terminator', {}, ['4', '2', '#'], 0, { status: 'collected', digits: '42' }],
    ['another terminator', { terminator: '*' }, ['4', '*'], 0, { status: 'collected', digits: '4' }],
    [
      'no terminator: the key is none of the entry',
      { terminator: '' },
      ['4', '#'],
      3200,
      { status: 'collected', digits: '4' },
    ],
    ['the pause between digits', {}, ['4', '2'], 3200, { status: 'collected', digits: '42' }],
    ['its own pause', { betweenDigitsTimeoutMs: 700 }, ['4', '2'], 800, { status: 'collected', digits: '42' }],
    ['the most it may have', { max: 3 }, ['1', '2', '3'], 0, { status: 'collected', digits: '123' }],
    ['nothing at all', { retries: 0 }, [], 5200, { status: 'timeout', digits: '' }],
    ['its own first wait', { retries: 0, firstDigitTimeoutMs: 600 }, [], 800, { status: 'timeout', digits: '' }],
    ['too few', { retries: 0, min: 4 }, ['1', '2', '#'], 0, { status: 'invalid', digits: '12' }],
    ['too few and a pause', { retries: 0, digits: 4 }, ['1', '2'], 3200, { status: 'invalid', digits: '12' }],
  ] as const)('are ended by %s', (_, args, keys, wait, result) => {
    const world = asked(args);
    world.run(PROMPT_MS);
    press(world, ...keys);
    world.run(wait);
    expect(results(world)).toEqual([result]);
  });

  it('are asked for again, with other words, as often as was said', () => {
    const world = asked({ digits: 2, retries: 2, retryPrompt: 'Two digits, please.' });
    world.run(PROMPT_MS + 5200);
    world.run(1500);
    press(world, '1', '#');
    world.run(1500);
    press(world, '1', '9');
    world.run(1500);
    expect(results(world)).toEqual([{ status: 'collected', digits: '19' }]);
    expect(lines(world).filter((line) => line === 'agent: Two digits, please.')).toHaveLength(2);
  });

  it.each([
    ['figures', ['42 17.'], '4217'],
    ['words', ['double four, oh seven'], '4407'],
    ['pieces', ['four two', 'one seven'], '4217'],
    ['another language', ['vier zwei eins sieben'], '4217'],
  ])('may be said: %s', (_, said, digits) => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    for (const text of said) say(world, text);
    expect(results(world)).toEqual([{ status: 'collected', digits }]);
  });

  it('may be typed in part and said in part', () => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    press(world, '4', '2');
    say(world, 'one seven');
    expect(results(world)).toEqual([{ status: 'collected', digits: '4217' }]);
  });

  it('too many of them said are not the number', () => {
    const world = asked({ digits: 2, retries: 0 });
    world.run(PROMPT_MS);
    say(world, 'one two three');
    expect(results(world)).toEqual([{ status: 'invalid', digits: '123' }]);
  });

  it('end when the caller says something else, and the model hears it', () => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    press(world, '1');
    say(world, 'where do I find it?');
    expect(results(world)).toEqual([{ status: 'spoke' }]);
    expect(world.llm.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', content: 'where do I find it?' });
  });

  it('go on while somebody only agrees, or nothing was understood', () => {
    const world = asked({ digits: 2 });
    world.run(PROMPT_MS);
    say(world, 'mhm');
    say(world, '');
    press(world, '1', '2');
    expect(results(world)).toEqual([{ status: 'collected', digits: '12' }]);
  });

  it('keep the operator key for the number, and other keys for nothing', () => {
    const world = asked({ digits: 3 }, { fallbackTarget: 'sales' });
    world.run(PROMPT_MS);
    press(world, '0', 'A', '0', '0');
    expect(results(world)).toEqual([{ status: 'collected', digits: '000' }]);
    expect(world.types()).not.toContain('transfer.started');
  });

  it('end where the operator key is no digit of theirs', () => {
    const world = asked({ digits: 3 }, { fallbackTarget: 'sales', operatorKey: '*' });
    world.run(PROMPT_MS);
    press(world, '1', '*');
    expect(results(world)).toEqual([{ status: 'cancelled', reason: 'the caller asked for the operator' }]);
  });

  it('swallow a terminator that comes after an entry of full length', () => {
    const world = asked({ digits: 2 });
    world.run(PROMPT_MS);
    press(world, '1', '2', '#');
    world.run(2500);
    expect(lines(world).at(-1)).toBe('agent: Thank you.');
    expect(world.llm.requests.at(-1)?.messages.filter(({ role }) => role === 'user')).toHaveLength(1);
  });

  it('wait anew when the audio was gone, and lose what was pressed meanwhile', () => {
    const world = asked({ digits: 2 });
    world.run(PROMPT_MS);
    press(world, '1');
    world.session().mediaClosed('caller', 1, 1006, '');
    world.run(4000);
    expect(results(world)).toEqual([]);
  });

  it('are cancelled when the call ends, and every timer with them', () => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    press(world, '1');
    world.webhook('call.hangup');
    world.run(10_000);
    expect(results(world)).toEqual([{ status: 'cancelled', reason: 'the call ended' }]);
    expect(world.types().at(-1)).toBe('call.ended');
  });

  it('are no more when the agent is muted', () => {
    const world = asked({ digits: 4 });
    world.run(PROMPT_MS);
    world.session().post({ type: 'control', action: { type: 'mute', on: true }, by: 'api' });
    expect(results(world)).toEqual([{ status: 'cancelled', reason: 'the agent was muted' }]);
  });

  it('cannot be asked for with another action, or in a way that makes no sense', () => {
    for (const [calls, error] of [
      [
        [
          ['collect_digits', { prompt: 'x' }],
          ['hang_up', {}],
        ],
        /only tool call/,
      ],
      [
        [
          ['collect_digits', { prompt: 'x' }],
          ['collect_digits', { prompt: 'y' }],
        ],
        /only tool call/,
      ],
      [[['collect_digits', { prompt: 'x', digits: 4, min: 2 }]], /leave out min and max/],
      [[['collect_digits', { prompt: 'x', min: 4, max: 2 }]], /min must not be above max/],
      [[['collect_digits', {}]], /prompt/],
    ] as const) {
      const world = talking({ tools: TOOLS });
      world.stt.emit({ type: 'sttEndOfTurn', text: 'I want to pay' });
      calls.forEach(([name, args], n) =>
        world.llm.emit({ type: 'llmToolCall', call: { id: `c${n}`, name, arguments: JSON.stringify(args) } }),
      );
      world.llm.emit({ type: 'llmDone', finish: 'tool_calls' });
      expect(JSON.stringify(results(world)[0])).toMatch(error);
      expect(world.session().dialogue.collection).toBeUndefined();
    }
  });
});

describe('sensitive digits', () => {
  /** Everything of the call that anybody but the caller could ever read. */
  const written = (world: World): string =>
    JSON.stringify([world.records, world.events, world.llm.requests.map(({ messages }) => messages)]);

  it('are told by a token, and stand nowhere', () => {
    const world = asked({ digits: 6, sensitive: true });
    world.run(PROMPT_MS);
    for (const digit of '918273') {
      press(world, digit);
      // The other report of the same key, after the last one has ended the entry too.
      world.webhook('call.dtmf.received', { digit });
    }
    world.run(1500);
    expect(results(world)).toEqual([{ status: 'collected', length: 6, token: 'entry1' }]);
    const digits = world.events.flatMap((event) => (event.type === 'dtmf.received' ? [event.data.digit] : []));
    expect(digits).toEqual(['•', '•', '•', '•', '•', '•']);
    for (const record of world.records) expect(JSON.stringify(record)).not.toMatch(/"digit":"\d"/);
    expect(written(world)).not.toContain('918273');
    expect(world.session().dialogue.keptDigits).toEqual({ entry1: '918273' });
  });

  it('may be said, and stand nowhere either', () => {
    const world = asked({ digits: 6, sensitive: true });
    world.run(PROMPT_MS);
    world.stt.emit({ type: 'sttPartial', text: 'nine one eight' });
    say(world, 'nine one eight two seven three');
    world.run(1500);
    expect(results(world)).toEqual([{ status: 'collected', length: 6, token: 'entry1' }]);
    expect(written(world)).not.toMatch(/nine one|918/);
    expect(lines(world)).toContain('caller: ••••••');
  });

  it('stand nowhere when they come among other words', () => {
    const world = asked({ digits: 6, sensitive: true });
    world.run(PROMPT_MS);
    say(world, 'it begins with nine one eight, then forty-two, wait');
    world.run(500);
    expect(results(world)).toEqual([{ status: 'spoke' }]);
    expect(written(world)).not.toMatch(/nine one|forty/);
    expect(world.llm.requests.at(-1)?.messages.at(-1)?.content).toMatch(/it begins with ••/);
  });

  it('are not recorded: the tones are in the audio', () => {
    const world = asked({ digits: 2, sensitive: true });
    world.run(PROMPT_MS);
    press(world, '1', '2');
    world.run(2000);
    expect(world.types().filter((type) => type.startsWith('recording'))).toEqual([
      'recording.started',
      'recording.stopped',
    ]);
    world.run(2000);
    expect(
      world
        .types()
        .filter((type) => type.startsWith('recording'))
        .at(-1),
    ).toBe('recording.started');
    const stopped = world.events.find(({ type }) => type === 'recording.stopped');
    expect(stopped?.data).toEqual({ by: 'gateway', reason: 'sensitive' });
  });

  it('are all digits of an agent that keeps none', () => {
    const world = asked({ digits: 2 }, { sensitiveDigits: true });
    world.run(PROMPT_MS);
    press(world, '1', '2');
    expect(results(world)).toEqual([{ status: 'collected', length: 2, token: 'entry1' }]);
  });

  it('of any length and timing are in nothing that is written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'), { minLength: 5, maxLength: 9 }),
        fc.array(fc.constantFrom(0, 300, 1500), { minLength: 9, maxLength: 9 }),
        fc.boolean(),
        (keys, waits, isTwice) => {
          const world = asked({ min: 5, max: 9, sensitive: true });
          world.run(PROMPT_MS);
          keys.forEach((key, n) => {
            press(world, key);
            world.run(waits[n] ?? 0);
            if (isTwice) world.webhook('call.dtmf.received', { digit: key });
          });
          press(world, '#');
          world.run(5000);
          const result = results(world)[0] as { status: string; length: number };
          expect([result.status, result.length]).toEqual(['collected', keys.length]);
          for (const record of world.records) expect(JSON.stringify(record)).not.toMatch(/"digit":"\d"/);
          expect(written(world)).not.toContain(keys.join(''));
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('digits for code', () => {
  const done: LlmEvent = { type: 'llmDone', finish: 'tool_calls' };
  const answer: readonly LlmEvent[] = [
    { type: 'llmDelta', text: 'Thank you.' },
    { type: 'llmDone', finish: 'stop' },
  ];

  function withTool(
    execute: Parameters<typeof defineTool>[0]['execute'],
    calls: readonly (readonly [name: string, args: object])[],
  ): World {
    const tool = defineTool({
      name: 'verify',
      description: 'Verifies the caller.',
      parameters: z.object({ pin: z.string().optional() }),
      deadlineMs: 60_000,
      execute,
    });
    const world = createWorld({ tools: ['collect_digits'] }, { tools: [tool] });
    let n = 0;
    world.llm.script = () => {
      const call = calls[n++];
      if (!call) return answer;
      return [{ type: 'llmToolCall', call: { id: `c${n}`, name: call[0], arguments: JSON.stringify(call[1]) } }, done];
    };
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.answered');
    world.connect();
    world.run(2000);
    world.stt.emit({ type: 'sttEndOfTurn', text: 'I want to pay' });
    return world;
  }

  it('come to the tool that asked, and to nobody else', async () => {
    const got: CollectOutcome[] = [];
    const world = withTool(
      async (_, call) => {
        got.push(await call.collectDigits({ prompt: 'Your PIN?', digits: 4, sensitive: true }));
        return { verified: true };
      },
      [['verify', {}]],
    );
    world.run(200);
    await world.settle(100);
    world.run(2000);
    press(world, '7', '3', '9', '1');
    await world.settle();
    world.run(2000);
    await world.settle(100);
    expect(got).toEqual([{ status: 'collected', digits: '7391' }]);
    expect(lines(world).at(-1)).toBe('agent: Thank you.');
    expect(JSON.stringify([world.records, world.events, world.llm.requests])).not.toContain('7391');
  });

  it('are cancelled when the call ends, and one entry is enough at a time', async () => {
    const got: CollectOutcome[] = [];
    const world = withTool(
      async (_, call) => {
        const ask = async (prompt: string): Promise<void> => void got.push(await call.collectDigits({ prompt }));
        await Promise.all([ask('First?'), ask('Second?')]);
        return 'done';
      },
      [['verify', {}]],
    );
    world.run(200);
    await world.settle(100);
    expect(got).toEqual([{ status: 'cancelled', reason: 'other digits are being collected' }]);
    world.webhook('call.hangup');
    await world.settle(100);
    expect(got[1]).toMatchObject({ status: 'cancelled' });
  });

  it('are put in for a token, behind the journal, and taken out of the answer', async () => {
    const pins: unknown[] = [];
    const world = withTool(
      ({ pin }) => {
        pins.push(pin);
        return { accepted: pin };
      },
      [
        ['collect_digits', { prompt: 'Your PIN?', digits: 4, sensitive: true }],
        ['verify', { pin: '{{digits:entry1}}' }],
      ],
    );
    world.run(1500);
    press(world, '7', '3', '9', '1');
    world.run(200);
    await world.settle(100);
    world.run(1500);
    expect(pins).toEqual(['7391']);
    const told = world.events.flatMap((event) => (event.type === 'tool.ended' ? [event.data.result] : []));
    expect(told.at(-1)).toBe('{"accepted":"{{digits:entry1}}"}');
    expect(JSON.stringify([world.records, world.events, world.llm.requests])).not.toContain('7391');
  });
});
