import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlAction } from '../../src/call/inputs.ts';
import type { LlmEvent } from '../../src/providers/ports.ts';
import { endReason, talking, voice, type World } from './harness.ts';

const control = (world: World, action: ControlAction, by = 'api:desk'): void =>
  world.session().post({ type: 'control', action, by });

const press = (world: World, digit: string): void =>
  world
    .session()
    .mediaMessage('caller', 1, Buffer.from(JSON.stringify({ event: 'dtmf', stream_id: 's', dtmf: { digit } })));

const lines = (world: World): string[] =>
  world.events.flatMap((event) =>
    event.type === 'turn.ended' ? [`${event.data.role}: ${event.data.text}${event.data.interrupted ? ' …' : ''}`] : [],
  );

const keysOut = (world: World): { t: number; digits: string }[] =>
  world.telnyx.sent.flatMap(({ t, command }) => (command.name === 'sendDtmf' ? [{ t, digits: command.digits }] : []));

/** Milliseconds at which audio left for the caller. */
const media = (world: World): number[] =>
  (world.phones.at(-1)?.messages ?? []).flatMap(({ t, event }) => (event === 'media' ? [t] : []));

function answers(world: World, text: string): void {
  world.llm.script = (): readonly LlmEvent[] => [
    { type: 'llmDelta', text },
    { type: 'llmDone', finish: 'stop' },
  ];
}

describe('keys that we press', () => {
  it('silence the agent while they play, and it goes on with the word that was cut', () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten eleven twelve');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1500);
    const at = world.clock.mono();
    control(world, { type: 'dtmf', digits: '12w3' });
    world.run(5000);
    const silent = media(world).filter((t) => t > at + 1 && t < at + 3 * 350 + 500);
    expect(silent).toEqual([]);
    expect(media(world).some((t) => t > at + 3 * 350 + 500)).toBe(true);
    expect(lines(world).at(-1)).toBe('agent: one two three four five six seven eight nine ten eleven twelve');
    expect(world.types().filter((type) => type === 'speech.interrupted')).toEqual([]);
  });

  it('are one order after the other, whoever asks, each when the last was played', () => {
    const world = talking();
    control(world, { type: 'dtmf', digits: '11' }, 'api:a');
    control(world, { type: 'dtmf', digits: 'W' }, 'api:b');
    control(world, { type: 'dtmf', digits: '2' }, 'api:a');
    world.run(4000);
    const [first, second, third] = keysOut(world);
    expect(keysOut(world).map(({ digits }) => digits)).toEqual(['11', 'W', '2']);
    expect((second?.t ?? 0) - (first?.t ?? 0)).toBeGreaterThanOrEqual(700);
    expect((third?.t ?? 0) - (second?.t ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(world.events.filter(({ type }) => type === 'dtmf.sent').map(({ data }) => data)).toEqual([
      { digits: '11' },
      { digits: 'W' },
      { digits: '2' },
    ]);
  });

  it('that are refused do not hold up the next ones', () => {
    const world = talking();
    world.telnyx.answers = (command) =>
      command.name === 'sendDtmf' && command.digits === '1'
        ? { ok: false, kind: 'refused', message: 'no' }
        : { ok: true };
    control(world, { type: 'dtmf', digits: '1' });
    control(world, { type: 'dtmf', digits: '2' });
    world.run(100);
    expect(keysOut(world).map(({ digits }) => digits)).toEqual(['1', '2']);
  });

  it('that Telnyx never answers for do not silence the agent for ever', () => {
    const world = talking();
    world.telnyx.answers = ({ name }) => (name === 'sendDtmf' ? undefined : { ok: true });
    control(world, { type: 'dtmf', digits: '1' });
    answers(world, 'Hello again.');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello?' });
    world.run(7800);
    expect(lines(world).at(-1)).toBe('caller: hello?');
    world.run(2000);
    expect(lines(world).at(-1)).toBe('agent: Hello again.');
  });

  it('of an agent with sensitive digits are written down nowhere', () => {
    const world = talking({ sensitiveDigits: true });
    control(world, { type: 'dtmf', digits: '90w210' });
    world.run(3000);
    expect(keysOut(world).map(({ digits }) => digits)).toEqual(['90w210']);
    expect(JSON.stringify([world.records, world.events])).not.toContain('90w210');
    expect(world.events.find(({ type }) => type === 'dtmf.sent')?.data).toEqual({ digits: '••w•••' });
  });
});

describe('a line that is said', () => {
  it('waits while the agent thinks and speaks, in the order of asking', () => {
    const world = talking();
    world.stt.emit({ type: 'sttEndOfTurn', text: 'question' });
    control(world, { type: 'say', text: 'First.', interrupt: false });
    control(world, { type: 'say', text: 'Second.', interrupt: false });
    world.run(500);
    world.llm.emit({ type: 'llmDelta', text: 'An answer.' });
    world.llm.emit({ type: 'llmDone', finish: 'stop' });
    world.run(4000);
    expect(lines(world).slice(-3)).toEqual(['agent: An answer.', 'agent: First.', 'agent: Second.']);
  });

  it('cuts in when it is to', () => {
    const world = talking();
    answers(world, 'This is a very long answer which nobody needs to hear to its end.');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'question' });
    world.run(1000);
    control(world, { type: 'say', text: 'Stop.', interrupt: true });
    world.run(2000);
    expect(lines(world).at(-2)).toMatch(/^agent: This .* …$/);
    expect(lines(world).at(-1)).toBe('agent: Stop.');
  });
});

describe('an agent that is muted', () => {
  it('stops at once, hears everything, and answers when it may again', () => {
    const world = talking();
    answers(world, 'A long answer to what was asked, of many words.');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'question' });
    world.run(1000);
    control(world, { type: 'mute', on: true });
    const at = world.clock.mono();
    world.run(500);
    expect(media(world).filter((t) => t > at)).toEqual([]);
    const asked = world.llm.requests.length;
    world.stt.emit({ type: 'sttEndOfTurn', text: 'are you there?' });
    world.run(60_000);
    expect(world.llm.requests).toHaveLength(asked);
    expect(lines(world).at(-1)).toBe('caller: are you there?');
    expect(endReason(world)).toBeUndefined();
    control(world, { type: 'mute', on: false });
    world.run(4000);
    expect(lines(world).at(-1)).toBe('agent: A long answer to what was asked, of many words.');
    expect(
      world.events.flatMap((event) => (event.type === 'call.updated' && 'muted' in event.data ? [event.data] : [])),
    ).toEqual([
      { status: 'active', muted: true },
      { status: 'active', muted: false },
    ]);
  });

  it('leaves the line to a person, who has answered then', () => {
    const world = talking();
    control(world, { type: 'mute', on: true });
    control(world, { type: 'mute', on: true });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'are you there?' });
    control(world, { type: 'say', text: 'This is Ann, I am.', interrupt: false });
    world.run(3000);
    expect(lines(world).at(-1)).toBe('agent: This is Ann, I am.');
    control(world, { type: 'mute', on: false });
    world.run(1000);
    expect(world.llm.requests).toHaveLength(0);
    expect(world.events.filter((event) => event.type === 'call.updated' && 'muted' in event.data)).toHaveLength(2);
  });

  it('still says goodbye when the call must end', () => {
    const world = talking({ maxDurationSeconds: 10 });
    control(world, { type: 'mute', on: true });
    world.run(15_000);
    expect(endReason(world) ?? world.session().state.endReason).toBe('max_duration');
    expect(lines(world).at(-1)).toMatch(/^agent: ./);
  });
});

describe('a sound that is played', () => {
  it('is heard whole, in its turn, and stands in the transcript', () => {
    const world = talking();
    const before = world.phones[0]?.heard.length ?? 0;
    control(world, { type: 'play', sound: 'gong', interruptible: true });
    world.run(3000);
    expect((world.phones[0]?.heard.length ?? 0) - before).toBe(16_000);
    expect(lines(world).at(-1)).toBe('agent: [played gong]');
    answers(world, 'Yes?');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(1500);
    expect(world.llm.requests.at(-1)?.messages.slice(-2)).toEqual([
      { role: 'assistant', content: '[played gong]' },
      { role: 'user', content: 'hello' },
    ]);
  });

  it('is cut by who talks over it, and only the heard part is booked', () => {
    const world = talking();
    control(world, { type: 'play', sound: 'gong', interruptible: true });
    world.run(800);
    world.stt.emit({ type: 'sttPartial', text: 'stop that noise' });
    world.run(500);
    expect(lines(world).at(-1)).toMatch(/^agent: \[played gong: 0\.[5-9] of 2\.0 s\] …$/);
    expect(world.events.find(({ type }) => type === 'speech.interrupted')?.data).toMatchObject({ unheardWords: 0 });
  });

  it('is not, where it may not be', () => {
    const world = talking();
    control(world, { type: 'play', sound: 'gong', interruptible: false });
    world.run(800);
    world.stt.emit({ type: 'sttPartial', text: 'stop that noise' });
    world.run(2500);
    expect(lines(world).at(-1)).toBe('agent: [played gong]');
  });

  it('pauses for a noise and goes on where it stopped', () => {
    const world = talking();
    control(world, { type: 'play', sound: 'gong', interruptible: true });
    world.run(500);
    world.run(600, voice(600));
    world.run(5000);
    expect(lines(world).at(-1)).toBe('agent: [played gong]');
  });
});

type Deed = (world: World) => void;
const deed = (name: string, run: Deed): { readonly name: string; readonly run: Deed } => ({ name, run });
const acts: readonly ControlAction[] = [
  { type: 'mute', on: true },
  { type: 'mute', on: false },
  { type: 'play', sound: 'gong', interruptible: true },
  { type: 'play', sound: 'gong', interruptible: false },
  { type: 'say', text: 'A word.', interrupt: true },
  { type: 'say', text: 'A word in turn.', interrupt: false },
  { type: 'dtmf', digits: '1w2' },
  { type: 'dtmf', digits: '#' },
  { type: 'record', do: 'pause' },
  { type: 'record', do: 'resume' },
  { type: 'transfer', target: 'sales', to: '+15105550200' },
];
const deeds = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...acts.map((action) => deed(JSON.stringify(action), (w) => control(w, action)))),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('0', '1', '2', '3', '#', '*').map((key) => deed(`key ${key}`, (w) => press(w, key))),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('collect', 'four two', 'wait a moment', '')
      .map((text) => deed(`says ${text}`, (w) => w.stt.emit({ type: 'sttEndOfTurn', text }))),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      deed('partial', (w) => w.stt.emit({ type: 'sttPartial', text: 'but wait' })),
      deed('talks', (w) => w.run(500, voice(500))),
      deed('loses the stream', (w) =>
        w.session().mediaClosed('caller', w.session().state.legs['caller']?.epoch ?? 1, 1006, ''),
      ),
      deed('hears of a bridge', (w) => w.webhook('call.bridged')),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      deed('caller hangs up', (w) => w.webhook('call.hangup')),
      deed('operator hangs up', (w) => control(w, { type: 'hangup' })),
    ),
  },
);

describe('two operators and a caller at once', () => {
  it('cannot bring a call into a wrong state', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(deeds, fc.constantFrom(0, 0, 20, 300, 2000)), { minLength: 5, maxLength: 25 }),
        (script) => {
          const world = talking({ tools: ['collect_digits', 'hang_up'], fallbackTarget: 'sales', operatorKey: '*' });
          let calls = 0;
          world.llm.script = ({ messages }): readonly LlmEvent[] =>
            messages.at(-1)?.content === 'collect'
              ? [
                  {
                    type: 'llmToolCall',
                    call: {
                      id: `c${++calls}`,
                      name: 'collect_digits',
                      arguments: JSON.stringify({ prompt: 'Code?', digits: 3, sensitive: true }),
                    },
                  },
                  { type: 'llmDone', finish: 'tool_calls' },
                ]
              : [
                  { type: 'llmDelta', text: 'An answer of some words.' },
                  { type: 'llmDone', finish: 'stop' },
                ];
          const session = world.session();
          for (const [{ run }, wait] of script) {
            if (world.finished.length > 0) break;
            const before = session.dialogue;
            const asked = world.llm.requests.length;
            run(world);
            if (before.muted && session.dialogue.muted)
              expect(world.llm.requests.length, 'a muted agent does not think').toBe(asked);
            world.run(wait);
            const { dialogue } = session;
            if (dialogue.collection)
              expect(dialogue.generation, 'nobody thinks while digits are asked for').toBeUndefined();
            if (dialogue.collection) expect(dialogue.recordingHeld).toBe(true);
          }
          if (world.finished.length === 0) control(world, { type: 'hangup' });
          world.run(1000);
          if (world.finished.length === 0) world.webhook('call.hangup');
          world.run(1000);
          world.clock.advance(60_000);

          expect(world.events.filter(({ type }) => type === 'call.ended').length).toBeLessThanOrEqual(1);
          expect(world.late, 'nothing is written after the end').toEqual([]);
          const { dialogue } = session;
          if (dialogue.phase === 'closed') {
            expect([dialogue.keying, dialogue.collection, dialogue.speech, dialogue.generation]).toEqual([
              [],
              undefined,
              undefined,
              undefined,
            ]);
          }
          const called = world.events.flatMap((e) => (e.type === 'tool.called' ? [e.data.id] : []));
          const ended = world.events.flatMap((e) => (e.type === 'tool.ended' ? [e.data.id] : []));
          if (dialogue.phase === 'closed')
            expect(ended.toSorted(), 'every tool call has one result').toEqual(called.toSorted());
          expect(JSON.stringify(world.records)).not.toContain('"type":"fault"');
        },
      ),
      { numRuns: 400 },
    );
  });
});
