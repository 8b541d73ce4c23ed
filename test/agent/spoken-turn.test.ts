import { describe, expect, it } from 'vitest';
import { live, voice, type Talk } from './talk.ts';

/** What the voice is given while the model writes `pieces`. */
function streamed(pieces: readonly string[], config: Record<string, unknown> = {}): string[] {
  const talk = live(config);
  talk.says('go on');
  const effects = [
    ...pieces.flatMap((text) => talk.llm({ type: 'llmDelta', text })),
    ...talk.llm({ type: 'llmDone', finish: 'stop' }),
  ];
  return effects.flatMap((effect) => (effect.startsWith('ttsText ') ? [effect.slice(8)] : []));
}

describe('what the model writes is said as people say it', () => {
  it.each<[string, readonly string[], string, Record<string, unknown>]>([
    ['a price in three tokens', ['It is $', '12', '.50 to', 'day.'], 'It is 12 dollars and 50 cents today.', {}],
    ['a time', ['At 2', 'pm', ' sharp.'], 'At 2 PM sharp.', {}],
    ['marks', ['**Ye', 's**', ', `we', '` do'], 'Yes, we do', {}],
    ['a list', ['- one\n', '- two'], ' one\n two', {}],
    ['emoji', ['Great! ', '👍', ' See you.'], 'Great!  See you.', {}],
    ['one word', ['Y', 'es', '.'], 'Yes.', {}],
    ['French', ['12,50 ', '€ ici.'], '12 euros 50 ici.', { language: 'fr-BE' }],
    ['a name', ['Ask Ngu', 'yen now.'], 'Ask win now.', { pronunciations: { Nguyen: 'win' } }],
    ['a language without rules', ['**To** $5 ', 'jest.'], 'To $5 jest.', { language: 'pl' }],
  ])('%s', (_, pieces, spoken, config) => {
    const said = streamed(pieces, config).join('');

    expect(said.trim().replace(/ +/gu, ' ')).toBe(spoken.trim().replace(/ +/gu, ' '));
  });

  it('goes to the voice as soon as the word is over', () => {
    const talk = live();
    talk.says('hello');
    expect(talk.llm({ type: 'llmDelta', text: 'Sure' })).toEqual([]);
    expect(talk.llm({ type: 'llmDelta', text: ',' })).toEqual([]);
    expect(talk.llm({ type: 'llmDelta', text: ' I' })).toEqual(['playBegin 2', 'ttsBegin 1 1 2', 'ttsText Sure, ']);
    expect(talk.llm({ type: 'llmDelta', text: ' can' })).toEqual(['ttsText I ']);
  });

  it('fixed lines too, and in one piece', () => {
    const talk = live();

    expect(talk.in({ type: 'say', text: 'It costs **$5**.', interrupt: false })).toContain(
      'ttsText It costs 5 dollars.',
    );
  });

  it('an answer of nothing but marks is no answer', () => {
    const talk = live();
    talk.says('hello');
    talk.answers('---');

    expect(talk.state.generations).toBe(2);
    talk.answers('Hello.');
    expect(talk.state.speech?.textDone).toBe(true);
  });

  it('the last word before a tool is said before it', () => {
    const talk = live({ tools: ['hang_up'] });
    talk.says('bye');

    expect(talk.calls('hang_up', '{}', 'Bye')).toEqual([
      ...['playBegin 2', 'ttsBegin 1 1 2', 'ttsText Bye', '! tool.called hang_up'],
      ...['! tool.ended hang_up {"status":"ok"}', 'ttsEnd'],
    ]);
    expect(talk.history().at(1)).toBe('assistant: Bye');
  });

  it('what follows a tool is a word of its own', () => {
    const talk = live({ tools: ['transfer_call'] });
    talk.says('sales');
    talk.calls('transfer_call', '{"target":"nobody"}', 'Let me see.');
    talk.answers('We have nobody there.');
    talk.voiced(60_000);

    expect(talk.played()[0]).toBe('! turn.ended agent Let me see. We have nobody there.');
    expect(talk.state.history.map(({ content }) => content)).toEqual(['sales', 'Let me see.', 'We have nobody there.']);
  });
});

describe('history, transcript and events', () => {
  // Said: "It is only 12 dollars and 50 cents for you.", ten words of 400 ms each.
  const WORDS = ['It', 'is', 'only', '12', 'dollars', 'and', '50', 'cents', 'for', 'you.'];
  const cut = (heardWords: number): Talk => {
    const talk = live();
    talk.says('how much');
    talk.answers('It is **only** $12.50 for you.');
    const utterance = talk.state.utterance;
    const bytes = WORDS.length * 3200;
    talk.view = { turn: 2, writtenBytes: bytes, sentBytes: bytes, heardBytes: heardWords * 3200 };
    talk.in({ type: 'ttsFirstAudio', utterance });
    const words = WORDS.map((text, n) => ({ text, startMs: n * 400, endMs: (n + 1) * 400 }));
    talk.tts({ type: 'ttsText', utterance, text: WORDS.join(' '), fromByte: 0, toByte: bytes, words });
    return talk;
  };

  it.each([
    [0, ''],
    [2, 'It is'],
    [3, 'It is **only**'],
    [4, 'It is **only**'],
    [7, 'It is **only**'],
    [8, 'It is **only** $12.50'],
    [9, 'It is **only** $12.50 for'],
  ])('show what was written up to word %i of what was heard', (words, written) => {
    const talk = cut(words);
    const effects = talk.stt({ type: 'sttPartial', text: 'wait' });

    expect(effects).toContain(`! speech.interrupted ${written}`);
    expect(effects).toContain(`! turn.ended agent ${written}`);
    expect(talk.history()).toEqual(['user: how much', ...(written === '' ? [] : [`assistant: ${written}`])]);
  });

  it('show all of it once it was played, as it was written', () => {
    const talk = cut(10);
    talk.tts({ type: 'ttsDone', utterance: talk.state.utterance });

    expect(talk.played()[0]).toBe('! turn.ended agent It is **only** $12.50 for you.');
  });

  it('a voice that breaks inside a price goes on in it', () => {
    const talk = cut(4);
    talk.view = { ...talk.view, writtenBytes: 5 * 3200 };
    const failure = { kind: 'server', message: '503', retryable: true } as const;

    expect(talk.tts({ type: 'ttsFailed', utterance: talk.state.utterance, failure })).toContain(
      'ttsText and 50 cents for you.',
    );
  });
});

describe('a caller who says "yes" over the agent', () => {
  const asked = (text: string, heardWords: number, language = 'en'): Talk => {
    const talk = live({ language });
    talk.says('go on');
    talk.answers(text);
    talk.voiced(text.split(' ').slice(0, heardWords).join(' ').length * 60);
    return talk;
  };
  const LONG = 'We are open from nine to five, and on Saturdays from ten to four, and never on Sundays.';

  it.each([
    ['en', 'okay', LONG, 3, 'goes on'],
    ['fr', 'd’accord', LONG, 3, 'goes on'],
    ['nl', 'ja ja', LONG, 3, 'goes on'],
    ['en', 'mhm', 'Shall I book it?', 3, 'goes on'],
    ['en', 'yes', 'There is a table at nine. Shall I book it?', 9, 'stops'],
    ['en', 'yes', `${LONG} Shall I book it?`, 2, 'goes on'],
    ['en', 'no', LONG, 3, 'stops'],
    ['en', 'yes but on Monday', LONG, 3, 'stops'],
    ['pl', 'okay', LONG, 3, 'stops'],
  ])('%s: %j to %j after %i words: the agent %s', (language, said, text, heardWords, outcome) => {
    const partial = asked(text, heardWords, language);
    partial.stt({ type: 'sttPartial', text: said });
    expect(partial.state.speech === undefined).toBe(outcome === 'stops');

    const whole = asked(text, heardWords, language);
    whole.in(voice('started', 60));
    whole.in(voice('sustained', 300));
    whole.in(voice('stopped', 500));
    const effects = whole.says(said);
    expect(effects.some((effect) => effect.startsWith('playResume'))).toBe(outcome === 'goes on');
    expect(whole.history().includes(`user: ${said}`)).toBe(outcome === 'stops');
  });

  it('is answered when there is nothing to hear yet', () => {
    const talk = live();
    talk.says('a table for two');

    expect(talk.says('yes')).toContain('llmStart 2');
    expect(talk.history()).toEqual(['user: a table for two yes']);
  });
});
