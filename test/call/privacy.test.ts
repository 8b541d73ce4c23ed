import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordLines } from '../../src/call/record-lines.ts';
import { createRedactor } from '../../src/core/redaction.ts';
import { cards, LANGUAGES, spell, SPEAKERS } from '../planted.ts';
import { talking, type World } from './harness.ts';

/** Everything that was written down or shown, as one text. */
function written(world: World): string {
  return JSON.stringify([world.records, world.events]);
}

/** The digits that each kind of text says, over all its lines, spoken ones too. */
function saidDigits(world: World): string[] {
  const texts = new Map<string, string[]>();
  const add = (kind: string, value: unknown): void => {
    if (typeof value === 'string') texts.set(kind, [...(texts.get(kind) ?? []), value]);
  };
  for (const record of world.records) {
    if (record.k === 'head' || record.k === 'note') continue;
    const { d } = record;
    const event = (d['event'] ?? d['data'] ?? d['action'] ?? {}) as Record<string, unknown>;
    const kind = `${record.k} ${d.type} ${typeof event['role'] === 'string' ? event['role'] : ''}`;
    for (const source of [d, event]) for (const key of ['text', 'rest', 'heard', 'digit']) add(kind, source[key]);
  }
  return [...texts.values()].map((parts) => digitsOf(parts.join(' ')));
}

function digitsOf(text: string): string {
  const words = new Map(
    LANGUAGES.flatMap((language) => Array.from('0123456789').map((digit) => [spell(language, digit), digit] as const)),
  );
  return [...text.toLowerCase().matchAll(/\d|\p{L}+/gu)]
    .map(([token]) => words.get(token) ?? token)
    .join('')
    .replace(/\D/g, '');
}

function pieces(text: string, cuts: readonly number[]): string[] {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (text.length + 1)), text.length])].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => text.slice(at[i], end));
}

describe('a call in which a card number is said', () => {
  it('writes it nowhere, however it comes: partials, turns, tokens, pieces of the voice, tools, failures', () => {
    const spoken = fc.tuple(cards(), fc.constantFrom(...SPEAKERS), fc.array(fc.nat(300), { maxLength: 12 }));
    fc.assert(
      fc.property(spoken, spoken, ([card, speak, cuts], [other, speakOther, otherCuts]) => {
        const world = talking();
        world.llm.script = () => undefined;
        const text = `My card is ${speak(card)} until May`;
        for (let n = 1; n <= text.length; n += 5) world.stt.emit({ type: 'sttPartial', text: text.slice(0, n) });
        const words = text.split(' ').map((word, i) => ({ text: word, startMs: i * 100, endMs: i * 100 + 90 }));
        world.stt.emit({ type: 'sttEndOfTurn', text, words });
        world.run(20);
        const answer = `You said ${speak(card)}, not ${speakOther(other)}, right?`;
        for (const piece of pieces(answer, cuts)) world.llm.emit({ type: 'llmDelta', text: piece });
        const call = {
          id: 'call_1',
          name: 'hang_up',
          arguments: JSON.stringify({ card: speak(card), n: Number(other) }),
        };
        world.llm.emit({ type: 'llmToolCall', call });
        world.llm.emit({ type: 'llmDone', finish: 'tool_calls' });
        world.run(4000);
        const said = speakOther(other);
        for (const cut of otherCuts) world.stt.emit({ type: 'sttPartial', text: said.slice(0, cut % said.length) });
        world.registry.sessions.forEach((session) => {
          session.post({
            type: 'control',
            by: 'api',
            action: { type: 'say', text: `say ${speak(card)} now`, interrupt: true },
          });
          session.post({ type: 'fault', message: `cannot parse ${speakOther(other)} at all` });
        });
        world.run(3000);

        const all = written(world);
        for (const digits of [card, other]) {
          for (const form of SPEAKERS) expect(all).not.toContain(form(digits));
          for (const said of saidDigits(world)) expect(said).not.toContain(digits);
        }
        expect(all).toContain('[card]');
      }),
      { numRuns: 60 },
    );
  });

  it('writes it nowhere when it is said over several turns', () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Go on.' },
      { type: 'llmDone', finish: 'stop' },
    ];
    for (const text of ['it is 4111 1111', '1111', '1111 12 27', 'thank you']) {
      world.stt.emit({ type: 'sttEndOfTurn', text });
      world.run(3000);
    }

    const turns = world.events.flatMap((e) =>
      e.type === 'turn.ended' && e.data.role === 'caller' ? [e.data.text] : [],
    );
    expect(turns).toEqual(['it is 4111 1111', '1111', '[card]', 'thank you']);
    for (const said of saidDigits(world)) expect(said).not.toContain('4111111111111111');
  });

  it('writes it nowhere when it is keyed, and tells the model', () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Thanks.' },
      { type: 'llmDone', finish: 'stop' },
    ];
    for (const digit of '4111111111111111') {
      world.webhook('call.dtmf.received', { digit });
      world.run(200);
    }
    world.run(3000);

    for (const said of saidDigits(world)) expect(said).not.toContain('4111111111111111');
    expect(written(world)).toContain('[pressed [card]]');
    expect(world.llm.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', content: '[pressed 4111111111111111]' });
  });

  it('goes on unchanged for the model and at the ear', () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmDelta', text: 'So 4111 1111 1111 1111.' },
      { type: 'llmDone', finish: 'stop' },
    ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'it is 4111 1111 1111 1111' });
    world.run(4000);

    expect(world.llm.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', content: 'it is 4111 1111 1111 1111' });
    expect(world.tts.texts.at(-1)).toBe('So 4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1.');
    expect(written(world)).not.toContain('1111 1111');
    expect(written(world)).not.toContain('1 1 1 1');
  });
});

describe('sensitive digits', () => {
  it('are masked key by key everywhere, also for the model', () => {
    const world = talking({ sensitiveDigits: true });
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Thanks.' },
      { type: 'llmDone', finish: 'stop' },
    ];
    for (const digit of '7391') {
      world.webhook('call.dtmf.received', { digit });
      world.run(200);
    }
    world.run(3000);

    const keyed = world.records.filter((r) => r.k !== 'head' && JSON.stringify(r.d).includes('dtmf.received'));
    expect(keyed.length).toBeGreaterThan(0);
    expect(JSON.stringify(keyed)).not.toMatch(/"digit":"\d"/);
    expect(world.events.filter((e) => e.type === 'dtmf.received').map((e) => e.data)).toEqual(
      Array.from({ length: 4 }, () => ({ digit: '•' })),
    );
    expect(world.llm.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', content: '[pressed ••••]' });
  });

  it('still end an entry with # and still reach the operator', () => {
    const world = talking({ sensitiveDigits: true, fallbackTarget: 'sales' });
    world.webhook('call.dtmf.received', { digit: '0' });
    world.run(4000);

    expect(world.telnyx.names()).toContain('transfer');
  });
});

describe('transcripts: false', () => {
  it('leaves no text in journal or events, not even in tools', () => {
    const world = talking({ transcripts: false, greeting: 'Canary greeting.' });
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Canary answer.' },
      { type: 'llmToolCall', call: { id: 'c', name: 'transfer_call', arguments: '{"target":"canary"}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
    world.stt.emit({ type: 'sttPartial', text: 'canary par' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'canary question' });
    world.run(5000);
    world.registry.sessions.forEach((session) =>
      session.post({ type: 'control', by: 'api', action: { type: 'say', text: 'canary line', interrupt: true } }),
    );
    world.run(3000);

    expect(world.events.map((event) => event.type)).toEqual(expect.arrayContaining(['turn.ended', 'tool.called']));
    expect(written(world)).not.toMatch(/canary/i);
  });
});

describe('ordinary texts', () => {
  const lines = (): RecordLines =>
    new RecordLines({
      redactor: createRedactor(),
      keepTexts: true,
      digitsAreSensitive: () => false,
      wordsAreSensitive: () => false,
    });

  it('are written as they are', () => {
    const gate = lines();
    const input = {
      type: 'stt',
      stream: 1,
      event: { type: 'sttEndOfTurn', text: 'At 10:30 for $12.50, call +14155550142' },
    } as const;

    expect(gate.input(input, 0)).toEqual(input);
    const event = {
      type: 'call.created',
      data: { direction: 'inbound', from: '+14155550142', to: '+13125550178', agent: 'a' },
    } as const;
    expect(gate.event(event, 0)).toEqual(event);
  });

  it('of a stream are all there in the end, in the line that ends it if need be', () => {
    const gate = lines();
    const deltas = ['We have room', ' 12', ' at 10:', '30 or 11'].map((text) =>
      gate.input({ type: 'llm', generation: 1, event: { type: 'llmDelta', text } }, 0),
    );
    const done = gate.input({ type: 'llm', generation: 1, event: { type: 'llmDone', finish: 'stop' } }, 0);

    const texts = deltas.map((line) => (line['event'] as { text: string }).text);
    expect(texts.join('') + (done['event'] as { rest: string }).rest).toBe('We have room 12 at 10:30 or 11');
  });

  it('of a generation that was aborted stand in the line that says so', () => {
    const gate = lines();
    gate.input({ type: 'llm', generation: 3, event: { type: 'llmDelta', text: 'Call 415' } }, 0);

    expect(gate.effect({ type: 'llmAbort', generation: 3 })).toEqual({ type: 'llmAbort', generation: 3, rest: '415' });
  });
});
