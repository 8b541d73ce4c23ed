import { describe, expect, it } from 'vitest';
import type { DialogueInput } from '../../src/agent/dialogue/inputs.ts';
import { createDialogue, messagesOf, type DialogueState } from '../../src/agent/dialogue/state.ts';
import { stepDialogue } from '../../src/agent/dialogue/step.ts';
import { AUTH, FACTS, live, SERVER, Talk, voice } from './talk.ts';

/** The agent says ten words, all sent; `heardMs` were played. */
function speaking(heardMs = 1000): Talk {
  const talk = live();
  talk.says('count');
  talk.answers('one two three four five six seven eight nine ten');
  talk.voiced(heardMs);
  return talk;
}

describe('the first words', () => {
  it('are the greeting', () => {
    const talk = new Talk({ greeting: 'Hello {{from}}.' });

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual([
      ...[
        'sttOpen 1',
        'ttsOpen 1',
        'playBegin 1',
        'ttsBegin 1 1 1',
        'ttsText Hello plus 1 4 1, 5 5 5, 5 0 1, 4 2.',
        'ttsEnd',
      ],
    ]);
  });

  it('are the caller’s where there is no greeting', () => {
    expect(new Talk().in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 1', 'ttsOpen 1', 'in 8000 idle']);
  });

  it('are the consent line where one is set, and recording begins when it was heard', () => {
    const talk = new Talk({ greeting: 'Hello.', consent: 'We record.', recording: true });
    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toContain('ttsText We record.');
    talk.voiced(600);

    expect(talk.played()).toEqual([
      ...[
        '! turn.ended agent We record.',
        'signal record start gateway',
        'playBegin 2',
        'ttsBegin 1 2 2',
        'ttsText Hello.',
        'ttsEnd',
      ],
    ]);
  });

  it('are not spoken before the stream is up: a goodbye waits for it', () => {
    const talk = new Talk({ greeting: 'Hello.' });
    const before = talk.in({ type: 'wrapUp', reason: 'drain' });
    expect(before.slice(0, 3)).toEqual(['playBegin 1', 'playPause', 'ttsOpen 1']);

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 1', 'playResume 0']);
  });
});

describe('a turn', () => {
  it('goes from words to the model, to the voice, to the ear, and back', () => {
    const talk = live();
    talk.t = 5000;
    expect(talk.stt({ type: 'sttPartial', text: 'when' })).toEqual([
      '! turn.started caller',
      '! transcript.partial when',
    ]);
    expect(talk.says('when do you open')).toEqual(['! turn.ended caller when do you open', 'llmStart 1']);
    expect(talk.llm({ type: 'llmDelta', text: ' ' })).toEqual([]);
    expect(talk.llm({ type: 'llmDelta', text: 'At ' })).toEqual(['playBegin 2', 'ttsBegin 1 1 2', 'ttsText At ']);
    expect(talk.llm({ type: 'llmDelta', text: '*nine* ' })).toEqual(['ttsText nine ']);
    expect(talk.llm({ type: 'llmDelta', text: 'sharp.' })).toEqual([]);
    expect(talk.llm({ type: 'llmDone', finish: 'stop' })).toEqual(['ttsText sharp.', 'ttsEnd']);
    expect(talk.in({ type: 'ttsFirstAudio', utterance: 1 })).toEqual(['! turn.started agent']);
    expect(talk.tts({ type: 'ttsDone', utterance: 1 })).toEqual(['playEnd 2']);
    expect(talk.played()).toEqual(['! turn.ended agent At *nine* sharp.', 'in 8000 idle']);
    expect(talk.history()).toEqual(['user: when do you open', 'assistant: At *nine* sharp.']);
  });

  it('tells its latency from the end of the caller’s speech', () => {
    const talk = live();
    talk.t = 1000;
    talk.in(voice('started', 60));
    talk.t = 2000;
    talk.in(voice('stopped', 800, 200));
    talk.t = 2100;
    talk.says('hello');
    talk.t = 2400;
    talk.llm({ type: 'llmDelta', text: 'Hi.' }, { type: 'llmDone', finish: 'stop' });
    talk.t = 2500;
    talk.voiced(0);
    talk.t = 3000;
    const step = stepDialogue(talk.state, { type: 'played', turn: 2, by: 'mark' }, 3000, talk.view);

    expect(step.effects.find((effect) => effect.type === 'event')).toMatchObject({
      event: {
        data: { startMs: 2500, endMs: 3000, latency: { endOfTurnMs: 300, firstTokenMs: 600, firstAudioMs: 700 } },
      },
    });
  });

  it('takes what the caller adds before the answer into the same message', () => {
    const talk = live();
    talk.says('a room');
    expect(talk.says('for two')).toEqual([
      '! turn.started caller',
      '! turn.ended caller for two',
      'llmAbort 1',
      'llmStart 2',
    ]);

    expect(talk.history()).toEqual(['user: a room for two']);
  });

  it.each(['', '  ', '...'])('is not begun by %j', (text) => {
    const talk = speaking();

    expect(talk.says(text)).toEqual([]);
  });

  it('asks the model about a sound of agreement only when nobody speaks', () => {
    expect(speaking().says('Mhm.')).toEqual([]);
    expect(live().says('Mhm.')).toContain('llmStart 1');
  });
});

describe('an eager end of turn', () => {
  it('starts the model and holds everything back until the turn has ended', () => {
    const talk = live();
    expect(talk.stt({ type: 'sttEagerEndOfTurn', text: ' friday ' })).toEqual(['llmStart 1']);
    expect(talk.answers('Fine.')).toEqual([]);

    expect(talk.says('friday')).toEqual([
      ...[
        '! turn.started caller',
        '! turn.ended caller friday',
        'playBegin 2',
        'ttsBegin 1 1 2',
        'ttsText Fine.',
        'ttsEnd',
      ],
    ]);
  });

  it.each<[string, (talk: Talk) => string[]]>([
    ['the caller goes on', (talk) => talk.stt({ type: 'sttTurnResumed' })],
    ['there were no words', (talk) => talk.says('')],
    ['the recogniser breaks', (talk) => talk.stt({ type: 'sttFailed', failure: SERVER })],
    ['the stream goes down', (talk) => talk.in({ type: 'streamDown' })],
    ['the call is over', (talk) => talk.in({ type: 'close' })],
  ])('is discarded when %s', (_when, happen) => {
    const talk = live();
    talk.stt({ type: 'sttEagerEndOfTurn', text: 'friday' });

    expect(happen(talk)).toContain('llmAbort 1');
    expect(talk.state.generation).toBeUndefined();
  });

  it('is asked again when the words have changed', () => {
    const talk = live();
    talk.stt({ type: 'sttEagerEndOfTurn', text: 'friday' });

    expect(talk.says('friday noon')).toEqual([
      '! turn.started caller',
      '! turn.ended caller friday noon',
      'llmAbort 1',
      'llmStart 2',
    ]);
  });

  it('may fail unheard', () => {
    const talk = live();
    talk.stt({ type: 'sttEagerEndOfTurn', text: 'friday' });
    expect(talk.llm({ type: 'llmFailed', failure: AUTH })).toEqual(['! provider.failed llm auth']);

    expect(talk.says('friday')).toContain('llmStart 2');
  });
});

describe('barge-in', () => {
  it('by 300 ms of voice pauses', () => {
    const talk = speaking();
    talk.in(voice('started', 60));

    expect(talk.in(voice('sustained', 300))).toEqual(['playPause', 'in 10000 keepPaused']);
  });

  it('by voice before anything was heard does not', () => {
    const talk = live();
    talk.says('count');
    talk.answers('one two');

    expect(talk.in(voice('sustained', 300))).toEqual([]);
  });

  it('by voice that goes on pauses the first audio', () => {
    const talk = live();
    talk.in(voice('started', 60));
    talk.in(voice('sustained', 300));
    talk.says('count');
    talk.answers('one two');

    expect(talk.in({ type: 'ttsFirstAudio', utterance: 1 })).toEqual([
      '! turn.started agent',
      'playPause',
      'in 10000 keepPaused',
    ]);
  });

  it('without words is over 1.2 s after the voice', () => {
    const talk = speaking();
    talk.in(voice('sustained', 300));
    expect(talk.in(voice('stopped', 400, 200))).toContain('in 1000 resume');

    // 1000 ms were heard: "one two three fou|r" goes on with "four".
    const resumed = talk.in({ type: 'timer', name: 'resume' });
    expect(resumed).toEqual([`playResume ${Math.floor((14 / 49) * 48 * 60 * 8)}`]);
  });

  it('without words is over when the recogniser says that there were none', () => {
    const talk = speaking();
    talk.in(voice('sustained', 300));

    expect(talk.says('')[0]).toMatch(/^playResume/);
  });

  it('that stays undecided is over after 10 s', () => {
    const talk = speaking();
    talk.in(voice('sustained', 300));

    expect(talk.in({ type: 'timer', name: 'keepPaused' })[0]).toMatch(/^playResume/);
  });

  it('by words cuts, and keeps what was heard', () => {
    const talk = speaking();

    expect(talk.stt({ type: 'sttPartial', text: 'stop' })).toEqual([
      '! turn.started caller',
      '! transcript.partial stop',
      'ttsCancel 1000',
      'playDrop',
      '! speech.interrupted one two three four',
      '! turn.ended agent one two three four',
    ]);
    expect(talk.history()).toEqual(['user: count', 'assistant: one two three four']);
  });

  it('by words while the model thinks stops it', () => {
    const talk = live();
    talk.says('count');

    expect(talk.stt({ type: 'sttPartial', text: 'no wait' })).toContain('llmAbort 1');
  });

  it('by a key cuts too', () => {
    expect(speaking().in({ type: 'digit', digit: '1' })).toEqual([
      '! dtmf.received 1',
      'ttsCancel 1000',
      'playDrop',
      '! speech.interrupted one two three four',
      '! turn.ended agent one two three four',
      'in 1000 digits',
    ]);
  });

  it('after the last word was heard interrupts nothing', () => {
    const talk = speaking(48 * 60);
    const effects = talk.stt({ type: 'sttPartial', text: 'thanks' });

    expect(effects.some((effect) => effect.startsWith('! speech.interrupted'))).toBe(false);
    expect(effects).toContain('! turn.ended agent one two three four five six seven eight nine ten');
  });

  it('does not touch a line that must be heard; the answer comes after it', () => {
    const talk = new Talk({ greeting: 'We record.', interruptible: false });
    talk.in({ type: 'streamUp', bytesPerMs: 8 });
    talk.voiced(200);
    expect(talk.in(voice('sustained', 300))).toEqual([]);
    talk.stt({ type: 'sttPartial', text: 'hello' });
    expect(talk.says('hello')).toEqual(['! turn.ended caller hello']);

    expect(talk.played()).toEqual(['! turn.ended agent We record.', 'llmStart 1']);
  });
});

describe('late news', () => {
  it.each<[string, DialogueInput]>([
    ['of an older recogniser', { type: 'stt', stream: 0, event: { type: 'sttEndOfTurn', text: 'x' } }],
    ['of an older thought', { type: 'llm', generation: 0, event: { type: 'llmDelta', text: 'x' } }],
    ['of an older voice', { type: 'tts', session: 0, event: { type: 'ttsDone', utterance: 1 } }],
    ['of an older utterance', { type: 'tts', session: 1, event: { type: 'ttsDone', utterance: 99 } }],
    ['of the end of an older turn', { type: 'played', turn: 1, by: 'mark' }],
    ['of the first audio of an older utterance', { type: 'ttsFirstAudio', utterance: 99 }],
    [
      'of text of an older utterance',
      { type: 'tts', session: 1, event: { type: 'ttsText', utterance: 99, text: 'x', fromByte: 0, toByte: 1 } },
    ],
    ['of a transfer nobody waits for', { type: 'transferFailed', target: 'sales', outcome: 'busy' }],
    ['of a stream that is up', { type: 'streamUp', bytesPerMs: 8 }],
    ['of a timer without a reason: resume', { type: 'timer', name: 'resume' }],
    ['of a timer without a reason: idle', { type: 'timer', name: 'idle' }],
    ['of a timer without a reason: endpoint', { type: 'timer', name: 'endpoint' }],
    ['of a timer without a reason: digits', { type: 'timer', name: 'digits' }],
  ])('%s changes nothing', (_what, input) => {
    const talk = speaking();
    const before = talk.state;

    expect(talk.in(input)).toEqual([]);
    expect(talk.state).toEqual(before);
  });

  it('a failure of an utterance that was cut does not touch the one that runs', () => {
    const talk = speaking();
    expect(talk.tts({ type: 'ttsFailed', utterance: 99, failure: SERVER })).toEqual(['! provider.failed tts server']);

    expect(talk.state.speech?.utterance).toBe(1);
  });

  it('after the end does nothing at all', () => {
    const talk = speaking();
    talk.in({ type: 'close' });
    const { state } = talk;
    for (const input of [
      { type: 'streamUp', bytesPerMs: 8 },
      { type: 'wrapUp', reason: 'drain' },
      { type: 'say', text: 'x', interrupt: true },
      { type: 'digit', digit: '1' },
      { type: 'close' },
    ] as const)
      expect(talk.in(input)).toEqual([]);

    expect(talk.state).toBe(state);
  });
});

describe('tools', () => {
  const after = (talk: Talk): string[] => {
    talk.voiced(600);
    return talk.played();
  };

  it('hang_up waits for the goodbye', () => {
    const talk = live();
    talk.says('bye');
    expect(talk.calls('hang_up', '{}', 'Goodbye now.')).toEqual([
      ...[
        'playBegin 2',
        'ttsBegin 1 1 2',
        'ttsText Goodbye ',
        'ttsText now.',
        '! tool.called hang_up',
        '! tool.ended hang_up {"status":"ok"}',
        'ttsEnd',
      ],
    ]);

    expect(after(talk)).toEqual(['! turn.ended agent Goodbye now.', 'signal hangup agent_hangup']);
  });

  it('hang_up without a word says goodbye', () => {
    const talk = live();
    talk.says('bye');

    expect(talk.calls('hang_up', '{}')).toContain('ttsText Goodbye.');
  });

  it('hang_up is not talked out of by a late word', () => {
    const talk = live();
    talk.says('bye');
    talk.calls('hang_up', '{}', 'Goodbye.');
    talk.voiced(100);
    expect(talk.stt({ type: 'sttPartial', text: 'oh wait' })).not.toContain('playDrop');
    talk.says('oh wait');

    expect(talk.played()).toEqual(['! turn.ended agent Goodbye.', 'signal hangup agent_hangup']);
  });

  it('transfer_call falls silent when its line was heard, and comes back when it failed', () => {
    const talk = live();
    talk.says('sales please');
    talk.calls('transfer_call', '{"target":"sales"}');
    expect(after(talk)).toEqual([
      ...[
        '! turn.ended agent One moment, I am putting you through.',
        'sttClose 1',
        'signal transfer sales +15105550200',
      ],
    ]);
    expect(talk.says('are you there')).toEqual([]);

    expect(talk.in({ type: 'transferFailed', target: 'sales', outcome: 'busy' })).toEqual([
      ...[
        'sttOpen 2',
        '! tool.ended transfer_call {"status":"failed","target":"sales","outcome":"busy"}',
        'llmStart 2',
      ],
    ]);
    expect(talk.history().slice(-2)).toEqual([
      'assistant: One moment, I am putting you through.',
      'tool: {"status":"failed","target":"sales","outcome":"busy"}',
    ]);
  });

  it('send_dtmf waits for its outcome, and the model hears of it', () => {
    const talk = live();
    talk.says('press one');
    talk.calls('send_dtmf', '{"digits":"1"}', 'Now.');
    expect(after(talk)).toEqual(['! turn.ended agent Now.', 'in 8000 keys', 'signal dtmf 1 c1']);

    expect(talk.in({ type: 'dtmfSent', toolCallId: 'c1', ok: true })).toEqual([
      '! tool.ended send_dtmf {"status":"sent"}',
      'in 350 keys',
      'llmStart 2',
    ]);
  });

  it('send_dtmf without a word is sent at once', () => {
    const talk = live();
    talk.says('press one');

    expect(talk.calls('send_dtmf', '{"digits":"1"}')).toEqual([
      '! tool.called send_dtmf',
      'in 8000 keys',
      'signal dtmf 1 c1',
    ]);
  });

  it('that the model repeats for ever after every outcome is refused after three times', () => {
    const talk = live();
    talk.says('press one');
    for (let n = 0; n < 3; n++) {
      // The model uses one id again and again; ours are different.
      const id = n === 0 ? 'c1' : `c1_${n + 1}`;
      expect(talk.calls('send_dtmf', '{"digits":"1"}')).toContain(`signal dtmf 1 ${id}`);
      talk.in({ type: 'dtmfSent', toolCallId: id, ok: true });
      talk.in({ type: 'timer', name: 'keys' });
    }

    expect(talk.calls('send_dtmf', '{"digits":"1"}').join()).toContain('too many tool calls');
  });

  it('are counted anew for every question', () => {
    const talk = live();
    for (let question = 0; question < 5; question++) {
      talk.says('press one');
      const id = question === 0 ? 'c1' : `c1_${question + 1}`;
      expect(talk.calls('send_dtmf', '{"digits":"1"}')).toContain(`signal dtmf 1 ${id}`);
      talk.in({ type: 'dtmfSent', toolCallId: id, ok: true });
      talk.in({ type: 'timer', name: 'keys' });
    }
  });

  it('that was interrupted gets a result all the same', () => {
    const talk = live();
    talk.says('press one');
    talk.calls('send_dtmf', '{"digits":"1"}', 'Now I press one.');
    talk.voiced(100);

    expect(talk.stt({ type: 'sttPartial', text: 'no' })).toContain(
      '! tool.ended send_dtmf {"status":"cancelled","reason":"the caller interrupted"}',
    );
  });

  it('that is not allowed goes back to the model, three times at most', () => {
    const talk = live();
    talk.says('call my mother');
    for (const generation of [2, 3, 4]) expect(talk.calls('dial', '{}')).toContain(`llmStart ${generation}`);

    expect(talk.calls('dial', '{}')).toContain('ttsText Sorry, I have a technical problem. Could you say that again?');
  });

  it('every call has exactly one result in what the model reads', () => {
    const talk = live();
    talk.says('do things');
    talk.llm(
      { type: 'llmToolCall', call: { id: 'a', name: 'dial', arguments: '{}' } },
      { type: 'llmToolCall', call: { id: 'b', name: 'send_dtmf', arguments: '{"digits":"x"}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    );
    const messages = messagesOf(talk.state);

    expect(messages.filter((message) => message.role === 'tool').map((message) => message.toolCallId)).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('a model that fails', () => {
  it('is asked once more, then the agent apologises, then the call ends', () => {
    const talk = live();
    talk.says('hello');
    expect(talk.llm({ type: 'llmFailed', failure: SERVER })).toEqual(['! provider.failed llm server', 'llmStart 2']);
    expect(talk.llm({ type: 'llmFailed', failure: SERVER })).toContain(
      'ttsText Sorry, I have a technical problem. Could you say that again?',
    );
    talk.voiced(100);
    talk.played();
    talk.says('hello');
    talk.llm({ type: 'llmFailed', failure: SERVER });

    expect(talk.llm({ type: 'llmFailed', failure: SERVER })).toContain(
      'ttsText Sorry, we have a technical problem. Please call again later. Goodbye.',
    );
    talk.voiced(100);
    expect(talk.played().at(-1)).toBe('signal hangup provider_failure');
  });

  it('for good ends the call at once', () => {
    const talk = live();
    talk.says('hello');

    expect(talk.llm({ type: 'llmFailed', failure: AUTH })).toContain(
      'ttsText Sorry, we have a technical problem. Please call again later. Goodbye.',
    );
  });

  it('in the middle of a sentence leaves the sentence', () => {
    const talk = live();
    talk.says('hello');
    talk.llm({ type: 'llmDelta', text: 'Well, ' });

    expect(talk.llm({ type: 'llmFailed', failure: SERVER })).toEqual(['! provider.failed llm server', 'ttsEnd']);
  });

  it.each(['', ' ', '👍', '***'])('answers %j: that is nothing, and it is asked once more', (text) => {
    const talk = live();
    talk.says('hello');

    expect(talk.answers(text)).toEqual(['llmStart 2']);
  });

  it('hands the caller over where there is a fallback target', () => {
    const talk = live({ fallbackTarget: 'sales' });
    talk.says('hello');
    expect(talk.llm({ type: 'llmFailed', failure: AUTH })).toContain('ttsText One moment, I am putting you through.');
    talk.voiced(100);
    expect(talk.played().at(-1)).toBe('signal transfer sales +15105550200');

    expect(talk.in({ type: 'transferFailed', target: 'sales', outcome: 'busy' })).toContain(
      'ttsText Sorry, we have a technical problem. Please call again later. Goodbye.',
    );
  });
});

describe('a recogniser that fails', () => {
  it('is opened again at once, after 0.5 s and after 2 s, and then the call ends', () => {
    const talk = live();
    for (const ms of [0, 500, 2000]) {
      expect(talk.stt({ type: 'sttFailed', failure: SERVER })).toEqual([
        '! provider.failed stt server',
        'in 8000 idle',
        `in ${ms} sttRetry`,
      ]);
      expect(talk.in({ type: 'timer', name: 'sttRetry' })[0]).toMatch(/^sttOpen/);
    }

    expect(talk.stt({ type: 'sttFailed', failure: SERVER })).toContain(
      'ttsText Sorry, we have a technical problem. Please call again later. Goodbye.',
    );
  });

  it('for good ends the call at once', () => {
    expect(live().stt({ type: 'sttFailed', failure: AUTH })).toContain(
      'ttsText Sorry, we have a technical problem. Please call again later. Goodbye.',
    );
  });

  it('is said to be back when it hears something', () => {
    const talk = live();
    talk.stt({ type: 'sttFailed', failure: SERVER });
    talk.in({ type: 'timer', name: 'sttRetry' });

    expect(talk.says('hello')[0]).toBe('! provider.recovered stt');
  });

  it('is replaced when it is deaf', () => {
    const talk = live();
    talk.in(voice('started', 60));
    expect(talk.in(voice('stopped', 600, 200))).toContain('in 800 sttMute');

    expect(talk.in({ type: 'timer', name: 'sttMute' })).toEqual([
      'sttClose 1',
      '! provider.failed stt stalled',
      'in 8000 idle',
      'in 0 sttRetry',
    ]);
  });

  it('is not deaf when it answered, or when there was hardly any voice', () => {
    const talk = live();
    talk.in(voice('started', 60));
    talk.stt({ type: 'sttSpeechStarted' });
    expect(talk.in(voice('stopped', 600, 200)).join()).not.toContain('sttMute');
    talk.in(voice('started', 60));

    expect(talk.in(voice('stopped', 300, 200)).join()).not.toContain('sttMute');
  });
});

describe('a voice that fails', () => {
  it('when idle gets a new connection', () => {
    expect(live().tts({ type: 'ttsFailed', failure: SERVER })).toEqual([
      '! provider.failed tts server',
      'ttsClose 1',
      'ttsOpen 2',
    ]);
  });

  it('when idle for good, or again and again, waits for the next turn to try', () => {
    const talk = live();
    expect(talk.tts({ type: 'ttsFailed', failure: AUTH })).toEqual(['! provider.failed tts auth', 'ttsClose 1']);
    talk.says('hello');

    expect(talk.answers('Hi.')).toEqual(['playBegin 2', 'ttsOpen 2', 'ttsBegin 2 1 2', 'ttsText Hi.', 'ttsEnd']);
  });

  it('in the middle of a turn says the words without audio on a new connection', () => {
    const talk = live();
    talk.says('count');
    talk.answers('one two three four');
    talk.view = { turn: 2, writtenBytes: 4000, sentBytes: 4000, heardBytes: 800 };
    talk.in({ type: 'ttsFirstAudio', utterance: 1 });
    talk.tts({ type: 'ttsText', utterance: 1, text: 'one two', fromByte: 0, toByte: 4000 });

    expect(talk.tts({ type: 'ttsFailed', utterance: 1, failure: SERVER })).toEqual([
      ...['! provider.failed tts server', 'ttsClose 1', 'ttsOpen 2', 'ttsBegin 2 2 2', 'ttsText three four', 'ttsEnd'],
    ]);
    talk.view = { turn: 2, writtenBytes: 8000, sentBytes: 8000, heardBytes: 8000 };
    talk.tts({ type: 'ttsText', utterance: 2, text: 'three four', fromByte: 0, toByte: 4000 });
    talk.tts({ type: 'ttsDone', utterance: 2 });
    expect(talk.played()[0]).toBe('! turn.ended agent one two three four');
  });

  it('after its last word lets the turn end, and the next turn opens a new one', () => {
    const talk = speaking();
    expect(talk.tts({ type: 'ttsFailed', failure: SERVER })).toEqual([
      '! provider.failed tts server',
      'ttsClose 1',
      'playEnd 2',
    ]);
    talk.played();
    talk.says('more');

    expect(talk.answers('Yes.')).toContain('ttsOpen 2');
  });

  it('twice in a turn lets Telnyx speak', () => {
    const talk = live();
    talk.says('count');
    talk.answers('one two');
    talk.tts({ type: 'ttsFailed', utterance: 1, failure: SERVER });

    expect(talk.tts({ type: 'ttsFailed', utterance: 2, failure: SERVER })).toEqual([
      ...['! provider.failed tts server', 'ttsClose 2', 'ttsCancel 0', 'playDrop', 'sttClose 1'],
      'signal speakForUs Sorry, we have a technical problem. Please call again later. Goodbye.',
    ]);
  });

  it('in a goodbye lets Telnyx say the rest of it', () => {
    const talk = live();
    talk.in({ type: 'wrapUp', reason: 'silence' });

    expect(talk.tts({ type: 'ttsFailed', utterance: 1, failure: AUTH }).at(-1)).toBe(
      'signal speakForUs I cannot hear you, so I will hang up now. Goodbye.',
    );
  });

  it('where there is a fallback target hands the caller over without a word', () => {
    const talk = live({ fallbackTarget: 'sales' });
    talk.says('hello');
    talk.answers('Hi.');
    expect(talk.tts({ type: 'ttsFailed', utterance: 1, failure: AUTH }).at(-1)).toBe(
      'signal transfer sales +15105550200',
    );
    // Nobody there either, and still no voice.
    talk.in({ type: 'transferFailed', target: 'sales', outcome: 'busy' });

    expect(talk.tts({ type: 'ttsFailed', utterance: 2, failure: AUTH }).at(-1)).toMatch(/^signal speakForUs Sorry/);
  });

  it('in the line before a transfer does not hold it up', () => {
    const talk = live();
    talk.says('sales');
    talk.calls('transfer_call', '{"target":"sales"}', 'One moment.');

    expect(talk.tts({ type: 'ttsFailed', utterance: 1, failure: AUTH }).at(-1)).toBe(
      'signal transfer sales +15105550200',
    );
  });
});

describe('a turn longer than a minute', () => {
  it('goes into the history only as far as it was played', () => {
    const talk = live();
    talk.says('tell me everything');
    talk.answers('one two three four');
    talk.in({ type: 'ttsFirstAudio', utterance: 1 });
    talk.tts({ type: 'ttsText', utterance: 1, text: 'one two three four', fromByte: 0, toByte: 900_000 });
    talk.view = { turn: 2, writtenBytes: 480_000, sentBytes: 480_000, heardBytes: 480_000 };

    expect(talk.played()[0]).toBe('! turn.ended agent one two');
    expect(talk.history().at(-1)).toBe('assistant: one two');
  });
});

describe('a stream that is lost', () => {
  it('pauses the agent and closes the ears; when it is back both go on', () => {
    const talk = speaking();
    expect(talk.in({ type: 'streamDown' })).toEqual(['playPause', 'in 10000 keepPaused', 'sttClose 1']);
    expect(talk.in({ type: 'timer', name: 'resume' })).toEqual([]);

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual([
      'sttOpen 2',
      expect.stringMatching(/^playResume \d+$/),
    ]);
  });

  it('holds back what the model begins to say meanwhile', () => {
    const talk = live();
    talk.says('hello');
    talk.in({ type: 'streamDown' });
    expect(talk.answers('Hi there.').slice(0, 2)).toEqual(['playBegin 2', 'playPause']);

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 2', 'playResume 0']);
  });

  it('waits for the caller again when nobody was speaking', () => {
    const talk = live();
    talk.in({ type: 'streamDown' });

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 2', 'in 8000 idle']);
  });

  it('answers the keys that were pressed before', () => {
    const talk = live();
    talk.in({ type: 'digit', digit: '1' });
    talk.in({ type: 'streamDown' });
    talk.in({ type: 'timer', name: 'digits' });

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 2', 'llmStart 1']);
  });
});

describe('keys', () => {
  it('make one entry until a pause of a second', () => {
    const talk = live();
    for (const digit of '12')
      expect(talk.in({ type: 'digit', digit })).toEqual([`! dtmf.received ${digit}`, 'in 1000 digits']);

    expect(talk.in({ type: 'timer', name: 'digits' })).toContain('! turn.ended caller [pressed 12]');
  });

  it('make an entry at once with #, and never one of more than 32', () => {
    const talk = live();
    talk.in({ type: 'digit', digit: '7' });
    expect(talk.in({ type: 'digit', digit: '#' })).toContain('! turn.ended caller [pressed 7#]');
    let last: string[] = [];
    for (let n = 0; n < 32; n++) last = talk.in({ type: 'digit', digit: '5' });

    expect(last.join()).toContain(`[pressed ${'5'.repeat(32)}]`);
  });
});

describe('a quiet caller', () => {
  it('is asked again, and in the end the call ends', () => {
    const talk = live({ idle: { afterSeconds: 5, reprompts: 1 } });
    expect(talk.in({ type: 'timer', name: 'idle' })).toContain('ttsText Are you still there?');
    talk.voiced(100);
    expect(talk.played().at(-1)).toBe('in 5000 idle');
    expect(talk.in({ type: 'timer', name: 'idle' })).toContain(
      'ttsText I cannot hear you, so I will hang up now. Goodbye.',
    );
    talk.voiced(100);

    expect(talk.played().at(-1)).toBe('signal hangup silence');
  });

  it('who says something starts the count again', () => {
    const talk = live({ idle: { afterSeconds: 5, reprompts: 1 } });
    talk.in({ type: 'timer', name: 'idle' });
    talk.says('yes');

    expect(talk.state.reprompts).toBe(0);
  });

  it('may be quiet for ever where idle is off', () => {
    expect(new Talk({ idle: { afterSeconds: 0 } }).in({ type: 'streamUp', bytesPerMs: 8 })).toEqual([
      'sttOpen 1',
      'ttsOpen 1',
    ]);
  });
});

describe('people outside', () => {
  it('may say a line: after the running one, or instead of it', () => {
    const talk = speaking();
    expect(talk.in({ type: 'say', text: 'A taxi is here.', interrupt: false })).toEqual([]);
    expect(talk.played()).toContain('ttsText A taxi is here.');
    talk.voiced(0);

    const now = talk.in({ type: 'say', text: 'Please leave.', interrupt: true });
    expect(now).toContain('playDrop');
    expect(now).toContain('ttsText Please leave.');
  });

  it('may hand the caller over, with or without a word', () => {
    const talk = speaking();
    const effects = talk.in({ type: 'handOver', target: 'desk', to: 'sip:desk@example.com' });
    expect(effects.at(-1)).toBe('signal transfer desk sip:desk@example.com');
    const other = speaking();
    other.in({ type: 'handOver', target: 'desk', to: 'sip:desk@example.com', message: 'To the desk.' });
    other.voiced(100);

    expect(other.played().at(-1)).toBe('signal transfer desk sip:desk@example.com');
  });

  it('do not get through to a goodbye, a transfer or a stream that is down', () => {
    const goodbye = live();
    goodbye.in({ type: 'wrapUp', reason: 'drain' });
    const down = live();
    down.in({ type: 'streamDown' });
    const away = live();
    away.in({ type: 'handOver', target: 'desk', to: 'sip:desk@example.com' });
    for (const talk of [goodbye, down, away]) {
      expect(talk.in({ type: 'say', text: 'x', interrupt: true })).toEqual([]);
      expect(talk.in({ type: 'handOver', target: 'y', to: '+15105550200' })).toEqual([]);
    }
  });
});

describe('the end', () => {
  it.each([
    ['max_duration', 'I am sorry, our time is up. Goodbye.'],
    ['drain', 'I am sorry, this line has to close now. Please call again. Goodbye.'],
  ] as const)('by %s cuts in with its line and hangs up after it', (reason, line) => {
    const talk = speaking();
    expect(talk.in({ type: 'wrapUp', reason })).toContain(`ttsText ${line}`);
    talk.voiced(100);

    expect(talk.played().at(-1)).toBe(`signal hangup ${reason}`);
  });

  it('is wrapped up once, and not over a goodbye that is being said', () => {
    const talk = live();
    talk.says('bye');
    talk.calls('hang_up', '{}', 'Goodbye.');
    expect(talk.in({ type: 'wrapUp', reason: 'drain' })).toEqual([]);
    const other = live();
    other.in({ type: 'wrapUp', reason: 'drain' });

    expect(other.in({ type: 'wrapUp', reason: 'max_duration' })).toEqual([]);
  });

  it('during a transfer is said over it, and a transfer that fails then does not talk over the goodbye', () => {
    const talk = live();
    talk.in({ type: 'handOver', target: 'desk', to: 'sip:desk@example.com' });
    expect(talk.in({ type: 'wrapUp', reason: 'drain' })).toContain('ttsBegin 1 1 2');

    expect(talk.in({ type: 'transferFailed', target: 'desk', outcome: 'busy' })).toEqual(['sttOpen 2']);
    talk.voiced(100);
    expect(talk.played().at(-1)).toBe('signal hangup drain');
  });

  it('closes everything that is open, once', () => {
    const talk = speaking();
    talk.stt({ type: 'sttSpeechStarted' });

    expect(talk.in({ type: 'close' })).toEqual([
      'ttsCancel 1000',
      'playDrop',
      '! speech.interrupted one two three four',
      '! turn.ended agent one two three four',
      'sttClose 1',
      'ttsClose 1',
    ]);
  });

  it('of a thought stops it', () => {
    const talk = live();
    talk.says('hello');

    expect(talk.in({ type: 'close' })[0]).toBe('llmAbort 1');
  });
});

describe('after a restart', () => {
  const resumed = (history: DialogueState['history'], config: Record<string, unknown> = {}, recorded = false): Talk => {
    const talk = new Talk({ greeting: 'Hello.', ...config });
    talk.state = createDialogue(talk.state.config, FACTS, { history, toolResults: {}, turn: 7, recorded });
    return talk;
  };

  it('the greeting is not said again', () => {
    const talk = resumed([{ role: 'assistant', content: 'Hello.', toolCalls: [] }]);

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 1', 'ttsOpen 1', 'in 8000 idle']);
  });

  it('keys of an entry that the crash has cut off are covered until they are over', () => {
    const talk = resumed([
      { role: 'assistant', content: 'PIN?', toolCalls: [{ id: 'c1', name: 'collect_digits', arguments: '{}' }] },
    ]);

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toContain('in 3000 entryTail');
    expect(talk.in({ type: 'digit', digit: '7' })).toEqual(['! dtmf.received •']);
    talk.in({ type: 'timer', name: 'entryTail' });
    expect(talk.in({ type: 'digit', digit: '7' })).toContain('! dtmf.received 7');
  });

  it('an agent that was muted still is', () => {
    const talk = resumed([{ role: 'user', content: 'hello?' }]);
    talk.state = { ...talk.state, muted: true };

    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 }).join()).not.toContain('llmStart');
  });

  it('a caller who was greeted by nobody is', () => {
    expect(resumed([]).in({ type: 'streamUp', bytesPerMs: 8 })).toContain('ttsText Hello.');
  });

  it('a question that was not answered is, in a turn of its own number', () => {
    const talk = resumed([{ role: 'user', content: 'when do you open' }]);
    expect(talk.in({ type: 'streamUp', bytesPerMs: 8 })).toEqual(['sttOpen 1', 'ttsOpen 1', 'llmStart 1']);

    expect(talk.state.speech?.turn).toBe(8);
  });

  it('nothing is recorded before the consent line was heard to its end', () => {
    const history = [{ role: 'user', content: 'hello' }] as const;
    const config = { consent: 'We record.', recording: true };
    const heard = resumed(history, config, true).in({ type: 'streamUp', bytesPerMs: 8 });
    const unheard = resumed(history, config).in({ type: 'streamUp', bytesPerMs: 8 });

    expect(heard).toEqual(['sttOpen 1', 'ttsOpen 1', 'signal record start gateway', 'llmStart 1']);
    expect(unheard).toContain('ttsText We record.');
    expect(unheard).not.toContain('signal record start gateway');
  });

  it('a transfer that failed meanwhile is told when the audio is back', () => {
    const talk = resumed([{ role: 'assistant', content: 'One moment.', toolCalls: [] }]);
    talk.in({ type: 'transferFailed', target: 'sales', outcome: 'busy' });
    talk.in({ type: 'streamUp', bytesPerMs: 8 });

    expect(talk.history().at(-1)).toBe('user: [the transfer to sales failed: busy]');
    expect(talk.state.generation).toBeDefined();
  });
});
