import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LlmEvent } from '../../src/providers/ports.ts';
import { createWorld, type World } from './harness.ts';

const TARGETS = { sales: '+15105550200', desk: 'sip:desk@example.com' };
const CALLS = 100_000;
/** Strings that one model asks for in one turn: the machine takes 20 tool calls of a call. */
const PER_TURN = 20;

/** What a caller might talk a model into, beside plain noise. */
const asked = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 4,
    arbitrary: fc.string({
      unit: fc.constantFrom(...Array.from('+0123456789-.() ;,*#%@:?sipteladxSALES')),
      maxLength: 24,
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('', 'sip:', 'sips:', 'tel:', '+', '00', '011', ' ', '\u200b'),
        fc.constantFrom(
          'sales',
          'desk',
          'SALES',
          'sales ',
          TARGETS.sales,
          TARGETS.desk,
          '911',
          '112',
          '+8821612345678',
          '+19005551234',
          '＋１５１０',
        ),
        fc.constantFrom('', ' ', '\n', ';ext=1', '@evil.example', ',,1', '"', '\\u0073', '\u0000', '__proto__'),
      )
      .map((parts) => parts.join('')),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '0', ''),
  },
);

/** The arguments around the string: honest, surplus, nested, broken. */
const shaped = fc.tuple(asked, fc.integer({ min: 0, max: 7 })).map(([text, shape]) => {
  switch (shape) {
    case 0:
      return JSON.stringify({ target: text, to: '+8821612345678' });
    case 1:
      return JSON.stringify({ target: text, transferTargets: { [text]: text } });
    case 2:
      return JSON.stringify({ target: [text] });
    case 3:
      return JSON.stringify({ target: { name: text } });
    case 4:
      return text;
    case 5:
      return `{"target":"sales","target":${JSON.stringify(text)}}`;
    default:
      return JSON.stringify({ target: text });
  }
});

/** A call whose model asks for these transfers, all at once, in its first answer. */
function ask(world: World, calls: readonly string[]): void {
  world.llm.script = (request) =>
    request.messages.some(({ role }) => role === 'tool')
      ? [
          { type: 'llmDelta', text: 'Sorry.' },
          { type: 'llmDone', finish: 'stop' },
        ]
      : [
          ...calls.map((text, n): LlmEvent => ({
            type: 'llmToolCall',
            call: { id: `t${n}`, name: 'transfer_call', arguments: text },
          })),
          { type: 'llmDone', finish: 'tool_calls' },
        ];
}

describe('a caller cannot talk the model into another destination', () => {
  it(`dials nothing but the operator's targets, whatever ${CALLS} tool calls ask for`, () => {
    const listed: readonly string[] = Object.values(TARGETS);
    let asks = 0;
    let refused = 0;
    const dialled = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(shaped, { minLength: PER_TURN, maxLength: PER_TURN }), (calls) => {
        const world = createWorld({ greeting: '', idle: { afterSeconds: 0 }, transferTargets: TARGETS });
        // A fast talker: the line before a transfer takes a fifth of a second.
        world.tts.msPerChar = 5;
        world.webhook('call.initiated');
        world.clock.advance(5);
        world.webhook('call.answered');
        world.connect();
        ask(world, calls);
        world.stt.emit({ type: 'sttEndOfTurn', text: 'put me through' });
        world.clock.advance(600);
        for (const { command } of world.telnyx.sent) {
          if (!('to' in command)) continue;
          expect(listed).toContain(command.to);
          dialled.set(command.to, (dialled.get(command.to) ?? 0) + 1);
        }
        const ends = world.events.filter((event) => event.type === 'tool.ended');
        asks += world.events.filter((event) => event.type === 'tool.called').length;
        refused += ends.filter((event) => event.data.result.includes('error')).length;
      }),
      { numRuns: CALLS / PER_TURN, seed: 20_26 },
    );

    expect(asks).toBe(CALLS);
    // The test is about something: names were hit, and most was refused.
    expect([...dialled.keys()].sort()).toEqual([...listed].sort());
    expect(refused).toBeGreaterThan(CALLS / 2);
  }, 60_000);
});
