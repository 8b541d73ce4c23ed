import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DialogueInput } from '../../src/agent/dialogue/inputs.ts';
import { FACTS, live, SERVER, voice, type Talk } from './talk.ts';

/** A caller whose recogniser does not end turns; the pauses are 300, 500, 1000 and 1500 ms. */
class Caller {
  readonly talk: Talk;

  constructor(config: Record<string, unknown> = {}) {
    this.talk = live({ endpointing: { silenceMs: 500, minSilenceMs: 300, maxSilenceMs: 1500 }, ...config });
    this.talk.in({ type: 'sttReady', stream: 1, endsTurns: false });
  }

  /** Speaks for a second, and is silent for 300 ms: the recogniser writes down `text`. */
  utters(text: string): string[] {
    this.begins();
    return this.stops(text);
  }

  begins(): string[] {
    return this.talk.in(voice('started', 60));
  }

  stops(text: string): string[] {
    const { talk } = this;
    talk.t += 1200;
    talk.in(voice('stopped', 1000, 200));
    talk.t += 100;
    const ended = talk.in({ type: 'timer', name: 'endpoint' });
    return [...ended, ...talk.stt({ type: 'sttUtterance', utterance: talk.state.ears.utterance, text })];
  }

  /** The pause runs out. */
  waits(ms: number): string[] {
    this.talk.t += ms;
    return this.talk.in({ type: 'timer', name: 'turnEnd' });
  }
}

describe('a recogniser without end of turn', () => {
  it('is told by the voice where utterances begin, and by the shortest pause where they end', () => {
    const { talk } = new Caller();
    expect(talk.in(voice('started', 60))).toEqual(['llmWarm', 'sttBegin 1 1']);
    expect(talk.in(voice('stopped', 600, 200))).toContain('in 100 endpoint');
    expect(talk.in(voice('started', 60))).toEqual(['llmWarm']);
    talk.in(voice('stopped', 600, 200));

    expect(talk.in({ type: 'timer', name: 'endpoint' })).toEqual(['sttFinish 1 1']);
  });

  it.each([
    ['yes', 'now'],
    ['I would like a table for two, please.', 'now'],
    ['tomorrow at five p.m.', 'now'],
    ['a room', 'in 200 turnEnd'],
    ['I would like to', 'in 700 turnEnd'],
    ['my phone number is four one five', 'in 1200 turnEnd'],
    ['my name is b e', 'in 1200 turnEnd'],
  ])('answers %j %s', (text, when) => {
    const effects = new Caller().utters(text);

    if (when === 'now') expect(effects).toContain(`! turn.ended caller ${text}`);
    else expect(effects.slice(-2)).toEqual([`! transcript.partial ${text}`, when]);
    expect(effects.includes('llmStart 1')).toBe(when === 'now');
  });

  it('takes a phone number with pauses for one turn', () => {
    const caller = new Caller();
    caller.utters('my number is four one five');
    caller.talk.t += 400;
    caller.utters('five five five');
    caller.talk.t += 800;
    expect(caller.utters('zero one four two').at(-1)).toBe('in 200 turnEnd');

    const said = 'my number is four one five five five five zero one four two';
    expect(caller.waits(200)).toEqual([`! turn.ended caller ${said}`, 'llmStart 1']);
    expect(caller.talk.history()).toEqual([`user: ${said}`]);
  });

  it('knows how many digits are collected', () => {
    const caller = new Caller({ tools: ['collect_digits'] });
    const { talk } = caller;
    talk.says('pay');
    talk.calls('collect_digits', '{"prompt":"Your code?","digits":4}');
    talk.voiced(700);
    talk.played();

    expect(caller.utters('one two').at(-1)).toBe('in 1200 turnEnd');
    expect(caller.utters('three four')).toContain('! tool.ended collect_digits {"status":"collected","digits":"1234"}');
  });

  it('answers what was said before when what follows is noise', () => {
    const caller = new Caller();
    caller.utters('I would like to');
    caller.talk.t += 300;

    expect(caller.utters('').at(-1)).toBe('in 700 turnEnd');
    expect(caller.waits(700)).toEqual(['! turn.ended caller I would like to', 'llmStart 1']);
  });

  it('waits for an utterance that has begun before the last one was written down', () => {
    const caller = new Caller();
    const { talk } = caller;
    caller.begins();
    talk.t += 1200;
    talk.in(voice('stopped', 1000, 200));
    talk.t += 100;
    talk.in({ type: 'timer', name: 'endpoint' });
    talk.t += 50;
    caller.begins();
    expect(talk.stt({ type: 'sttUtterance', utterance: 1, text: 'Yes.' })).toEqual([
      '! turn.started caller',
      '! transcript.partial Yes.',
    ]);

    expect(caller.stops('A table, please.')).toContain('! turn.ended caller Yes. A table, please.');
  });

  it('that understood nothing says so to the model', () => {
    const caller = new Caller();
    const { talk } = caller;
    caller.begins();
    talk.t += 1200;
    talk.in(voice('stopped', 1000, 200));
    talk.t += 300;
    talk.stt({ type: 'sttUtterance', utterance: 1, text: '', rejected: true });
    talk.in({ type: 'timer', name: 'endpoint' });
    talk.stt({ type: 'sttUtterance', utterance: 1, text: '', rejected: true });
    caller.waits(200);

    expect(talk.history().join()).toContain('[unclear]');
  });

  it('does not ask whether a caller is there who is in the middle of a number', () => {
    const caller = new Caller({ idle: { afterSeconds: 1, reprompts: 1 } });
    caller.utters('my number is four one five');

    expect(caller.talk.in(voice('stopped', 1000, 200)).join()).not.toContain('idle');
  });

  it('lets words take the turn from the agent before the pause is over', () => {
    const caller = new Caller();
    const { talk } = caller;
    talk.says('count');
    talk.answers('one two three four five six seven eight nine ten');
    talk.voiced(500);

    expect(caller.utters('wait, my number is four one')).toContain('playDrop');
  });
});

describe('what was held of a turn', () => {
  const said = 'my number is four one five';
  const cases: readonly [string, (caller: Caller) => unknown][] = [
    ['the call ends', ({ talk }) => talk.in({ type: 'close' })],
    ['the stream goes down', ({ talk }) => talk.in({ type: 'streamDown' })],
    ['a key is pressed', ({ talk }) => talk.in({ type: 'digit', digit: '5' })],
    ['the recogniser breaks', ({ talk }) => talk.stt({ type: 'sttFailed', failure: SERVER })],
    ['the caller is put on hold', ({ talk }) => talk.in({ type: 'hold', music: true })],
    ['the caller is handed over', (caller) => handOver(caller)],
    ['the pause is over', (caller) => caller.waits(1200)],
  ];

  it.each(cases)('is kept when %s', (_, happen) => {
    const caller = new Caller();
    caller.utters(said);
    happen(caller);

    expect(caller.talk.history().join('|')).toContain(`user: ${said}`);
    expect(caller.talk.state.heldTurn).toBe('');
  });

  it('is answered when the stream is back', () => {
    const caller = new Caller();
    caller.utters(said);
    caller.talk.in({ type: 'streamDown' });

    expect(caller.talk.in({ type: 'streamUp', bytesPerMs: 8 })).toContain('llmStart 1');
  });

  it('shows no digits of a sensitive entry when the call ends', () => {
    const caller = new Caller({ sensitiveDigits: true, tools: ['collect_digits'] });
    const { talk } = caller;
    talk.says('pay');
    talk.calls('collect_digits', '{"prompt":"Your code?","digits":4}');
    talk.voiced(700);
    talk.played();
    caller.utters('it is one two');

    expect(talk.state.heldTurn).toBe('it is one two');
    expect(talk.in({ type: 'close' }).join()).not.toMatch(/one|two/);
    expect(talk.history().join()).not.toMatch(/one two/);
  });

  it('shows no digits of a sensitive entry when that is over before the pause is', () => {
    const caller = new Caller({
      ...{ sensitiveDigits: true, tools: ['collect_digits'] },
      endpointing: { silenceMs: 500, maxSilenceMs: 5000 },
    });
    const { talk } = caller;
    talk.says('pay');
    talk.calls('collect_digits', '{"prompt":"Your code?","digits":2}');
    talk.voiced(700);
    talk.played();
    talk.in({ type: 'digit', digit: '1' });
    talk.in({ type: 'digit', digit: '2' });
    talk.t += 600;
    caller.utters('my code is one two three');
    talk.t += 3000;
    talk.in({ type: 'timer', name: 'entryTail' });

    expect(talk.state.heldTurn).not.toMatch(/one|two|three/);
    expect(caller.waits(2000).join()).toMatch(/turn.ended caller my code is/);
    expect(talk.history().join()).not.toMatch(/one|two|three/);
  });

  it('counts for the digits that are collected when the stream goes down', () => {
    const caller = new Caller({ tools: ['collect_digits'] });
    const { talk } = caller;
    talk.says('pay');
    talk.calls('collect_digits', '{"prompt":"Your code?","digits":4}');
    talk.voiced(700);
    talk.played();
    caller.utters('one two');
    talk.in({ type: 'streamDown' });
    talk.in({ type: 'streamUp', bytesPerMs: 8 });
    ready(talk);

    expect(caller.utters('three four')).toContain('! tool.ended collect_digits {"status":"collected","digits":"1234"}');
  });

  it('is said once and in order, whatever comes between', () => {
    const WORDS = ['my number is', 'four one', 'five', 'and', 'a table please.', 'I would like to', ''];
    const between = fc.constantFrom('wait', 'down', 'key', 'noise', 'stt', 'none');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...WORDS), between), { maxLength: 8 }), (steps) => {
        const caller = new Caller();
        const { talk } = caller;
        for (const [text, then] of steps) {
          caller.utters(text);
          if (then === 'wait') caller.waits(1500);
          if (then === 'key') talk.in({ type: 'digit', digit: '5' });
          if (then === 'noise') caller.utters('');
          if (then === 'stt') {
            talk.stt({ type: 'sttFailed', failure: SERVER });
            talk.in({ type: 'timer', name: 'sttRetry' });
            ready(talk);
          }
          if (then === 'down') {
            talk.in({ type: 'streamDown' });
            talk.in({ type: 'streamUp', bytesPerMs: 8 });
            ready(talk);
          }
          talk.t += 5000;
        }
        talk.in({ type: 'close' });
        const heard = talk
          .history()
          .filter((line) => line.startsWith('user: '))
          .map((line) => line.slice(6).replace(/\[pressed 5+\]/gu, ''));
        const expected = steps.map(([text]) => text);

        expect(heard.join(' ').split(/\s+/u).filter(Boolean)).toEqual(expected.join(' ').split(/\s+/u).filter(Boolean));
      }),
    );
  });
});

function ready(talk: Talk): void {
  talk.in({ type: 'sttReady', stream: talk.state.ears.stream, endsTurns: false });
}

function handOver({ talk }: Caller): void {
  const input: DialogueInput = { type: 'handOver', target: 'sales', to: FACTS.to, message: 'One moment.' };
  talk.in(input);
  talk.voiced(700);
  talk.played();
}
