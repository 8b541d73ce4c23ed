import { describe, expect, it } from 'vitest';
import type { Tool, ToolOutcome } from '../../src/tools/tool.ts';
import { createWorld, endReason, talking, voice, type World, type WorldOptions } from './harness.ts';

function answers(world: World, text: string): void {
  world.llm.script = () => [
    { type: 'llmDelta', text },
    { type: 'llmDone', finish: 'stop' },
  ];
}

function lastMessages(world: World): { role: string; content: string }[] {
  return (world.llm.requests.at(-1)?.messages ?? [])
    .filter((m) => m.role !== 'system')
    .map((m) => ({ role: m.role, content: m.content }));
}

describe('a call from ring to hangup', () => {
  it('is answered once, greets, listens, answers and ends', () => {
    const world = talking();
    answers(world, 'We open at nine.');

    expect(world.telnyx.names()).toEqual(['answer']);
    expect(world.tts.texts).toEqual(['Hello there.']);
    world.stt.emit({ type: 'sttPartial', text: 'when do you' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'when do you open' });
    world.run(3000);
    expect(world.tts.texts).toEqual(['Hello there.', 'We open at nine.']);
    expect(lastMessages(world)).toEqual([
      { role: 'assistant', content: 'Hello there.' },
      { role: 'user', content: 'when do you open' },
    ]);
    world.webhook('call.hangup');

    expect(endReason(world)).toBe('caller_hangup');
    expect(world.types().at(-1)).toBe('call.ended');
    expect(world.finished).toHaveLength(1);
    expect(world.telnyx.count('hangup')).toBe(0);
    expect(world.stt.closedStreams).toBe(world.stt.opened);
    expect(world.tts.closedSessions).toBe(world.tts.opened);
  });

  it('lets the caller hear every byte of the voice once, in frames of 20 ms, and marks the end', () => {
    const world = talking();
    const phone = world.phones[0]!;

    const media = phone.messages.filter((m) => m.event === 'media');
    expect(new Set(media.map((m) => m.bytes))).toEqual(new Set([160]));
    expect(phone.heard).toHaveLength(12 * 60 * 8);
    expect(phone.messages.filter((m) => m.event === 'mark').map((m) => m.name)).toEqual(['t1:3200', 't1:5760']);
    expect(world.session().media.playout.underruns).toBe(0);
  });

  it('hears the caller through the original bytes, once and in order', () => {
    const world = talking();

    expect(world.stt.bytes).toBe(100 * 160);
  });
});

describe('barge-in', () => {
  it('clears at once when words come, and the history holds only what was heard', () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1000);
    const before = world.phones[0]!.clears();
    world.stt.emit({ type: 'sttPartial', text: 'stop please' });

    expect(world.phones[0]!.clears()).toBe(before + 1);
    const sentAtClear = world.phones[0]!.messages.length;
    world.run(500);
    expect(world.phones[0]!.messages.slice(sentAtClear).filter((m) => m.event === 'media')).toEqual([]);
    world.stt.emit({ type: 'sttEndOfTurn', text: 'stop please' });
    const heard = lastMessages(world)[2]?.content ?? '';
    // 995 ms at 60 ms a character: "one two three fou|r".
    expect(['one two three', 'one two three four']).toContain(heard);
    expect(lastMessages(world).at(-1)).toEqual({ role: 'user', content: 'stop please' });
    const cut = world.events.find((e) => e.type === 'speech.interrupted');
    expect(cut?.data).toMatchObject({ heard });
  });

  it('pauses on 300 ms of voice and goes on where it stopped when no words come', () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1000);
    world.run(500, voice(500));
    expect(world.phones[0]!.clears()).toBe(1);
    world.run(6000);

    // Everything was said: nothing lost, and only the cut word twice.
    expect(world.tts.texts.at(-1)).toBe('one two three four five six seven eight nine ten');
    const text = 'one two three four five six seven eight nine ten';
    const extra = world.phones[0]!.heard.length - 5760 - text.length * 60 * 8;
    expect(extra).toBeGreaterThanOrEqual(0);
    expect(extra).toBeLessThan(6 * 60 * 8 + 320);
    expect(world.events.some((e) => e.type === 'speech.interrupted')).toBe(false);
    expect(world.events.filter((e) => e.type === 'turn.ended' && e.data.role === 'agent').at(-1)?.data).toMatchObject({
      text,
    });
  });

  it('ignores a click and a murmur of agreement', () => {
    const world = talking();
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(600);
    world.run(40, voice(40));
    world.stt.emit({ type: 'sttPartial', text: 'mhm' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'Mhm.' });
    world.run(4000);

    expect(world.phones[0]!.clears()).toBe(0);
    expect(world.llm.requests).toHaveLength(1);
  });

  it('does not interrupt a greeting that must be heard, and answers afterwards', () => {
    const world = createWorld({ interruptible: false, greeting: 'This call is recorded for quality.' });
    answers(world, 'Sure.');
    world.webhook('call.initiated');
    world.connect();
    world.run(500);
    world.stt.emit({ type: 'sttPartial', text: 'hello hello' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello hello' });
    expect(world.phones[0]!.clears()).toBe(0);
    expect(world.llm.requests).toHaveLength(0);
    world.run(3000);

    expect(world.llm.requests).toHaveLength(1);
    expect(lastMessages(world)).toEqual([
      { role: 'user', content: 'hello hello' },
      { role: 'assistant', content: 'This call is recorded for quality.' },
    ]);
  });
});

describe('an eager end of turn', () => {
  it('starts the model early and lets nothing out before the commit', () => {
    const world = talking();
    answers(world, 'Friday it is.');
    world.stt.emit({ type: 'sttEagerEndOfTurn', text: 'friday' });
    world.run(200);
    expect(world.llm.requests).toHaveLength(1);
    expect(world.tts.texts).toHaveLength(1);
    world.stt.emit({ type: 'sttEndOfTurn', text: 'friday' });

    expect(world.llm.requests).toHaveLength(1);
    expect(world.tts.texts.at(-1)).toBe('Friday it is.');
  });

  it('is discarded without trace when the caller goes on', () => {
    const world = talking();
    answers(world, 'Fine.');
    world.stt.emit({ type: 'sttEagerEndOfTurn', text: 'friday' });
    world.stt.emit({ type: 'sttTurnResumed' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'friday or saturday' });

    expect(world.llm.aborted).toBe(1);
    expect(world.llm.requests).toHaveLength(2);
    expect(lastMessages(world).at(-1)?.content).toBe('friday or saturday');
    expect(world.events.filter((e) => e.type === 'turn.ended' && e.data.role === 'caller')).toHaveLength(1);
  });
});

describe('a recogniser without end of turn', () => {
  it('is told by the VAD where utterances begin and end', () => {
    const world = createWorld();
    world.stt.endsTurns = false;
    answers(world, 'Good.');
    world.webhook('call.initiated');
    world.connect();
    world.run(1500);
    world.run(800, voice(800));
    expect(world.stt.utterances).toEqual([1]);
    expect(world.stt.finished).toEqual([]);
    world.run(700);
    expect(world.stt.finished).toEqual([1]);
    world.stt.emit({ type: 'sttUtterance', utterance: 1, text: 'a room please' });
    world.run(100);

    expect(lastMessages(world).at(-1)?.content).toBe('a room please');
  });
});

describe('a slow recogniser without end of turn', () => {
  it('is waited for before the agent goes on', () => {
    const world = createWorld();
    world.stt.endsTurns = false;
    answers(world, 'one two three four five six seven eight nine ten');
    world.webhook('call.initiated');
    world.connect();
    world.run(2000);
    world.run(800, voice(800));
    world.run(700);
    world.stt.emit({ type: 'sttUtterance', utterance: 1, text: 'count please' });
    world.run(1000);
    world.run(800, voice(800));
    world.run(2500);
    const sent = world.phones[0]!.heard.length;
    world.run(500);
    expect(world.phones[0]!.heard).toHaveLength(sent);
    world.stt.emit({ type: 'sttUtterance', utterance: 2, text: '' });
    world.run(3000);

    expect(world.phones[0]!.heard.length).toBeGreaterThan(sent);
  });
});

describe('tools', () => {
  it('hangs up only after the goodbye was played', () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Goodbye and thank you.' },
      { type: 'llmToolCall', call: { id: 'c1', name: 'hang_up', arguments: '{}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'bye' });
    world.run(1200);
    expect(world.telnyx.count('hangup')).toBe(0);
    world.run(400);

    expect(world.telnyx.count('hangup')).toBe(1);
    expect(world.phones[0]!.heard.length).toBe(5760 + 22 * 60 * 8);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('agent_hangup');
  });

  it('puts the caller through to a named target and falls silent at the bridge', () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmToolCall', call: { id: 'c1', name: 'transfer_call', arguments: '{"target":"sales"}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'sales' });
    world.run(4000);
    const transfer = world.telnyx.sent.find((one) => one.command.name === 'transfer');
    expect(transfer?.command).toMatchObject({ to: '+15105550200', timeLimitSecs: 3630 });
    expect(world.tts.texts.at(-1)).toBe('One moment, I am putting you through.');
    const target = { callControlId: 'cc-target', callLegId: 'leg-target' };
    world.webhook('call.initiated', { ...target, direction: 'outgoing' });
    world.webhook('call.answered', target);
    world.webhook('call.bridged', target);
    world.webhook('call.bridged');
    world.clock.advance(5);

    expect(world.telnyx.names()).toEqual(['answer', 'transfer', 'streamingStop']);
    expect(world.session().state.status).toBe('transferred');
    world.webhook('call.hangup', target);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('transferred');
  });

  it('comes back to the caller when the target is busy, and the model knows why', () => {
    const world = talking();
    world.llm.script = (request) =>
      request.messages.some((m) => m.role === 'tool')
        ? [
            { type: 'llmDelta', text: 'They are busy.' },
            { type: 'llmDone', finish: 'stop' },
          ]
        : [
            { type: 'llmDelta', text: 'One moment.' },
            { type: 'llmToolCall', call: { id: 'c1', name: 'transfer_call', arguments: '{"target":"sales"}' } },
            { type: 'llmDone', finish: 'tool_calls' },
          ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'sales' });
    world.run(1500);
    const target = { callControlId: 'cc-target', callLegId: 'leg-target' };
    world.webhook('call.initiated', { ...target, direction: 'outgoing' });
    world.webhook('call.hangup', { ...target, cause: 'user_busy', sipCode: '486' });
    world.run(3000);

    expect(world.tts.texts.at(-1)).toBe('They are busy.');
    expect(world.llm.requests.at(-1)?.messages.find((m) => m.role === 'tool')?.content).toContain('busy');
    expect(world.session().state.status).toBe('active');
    expect(world.telnyx.count('hangup')).toBe(0);
  });

  it('gives a malformed or forbidden call back to the model instead of running it', () => {
    const world = talking();
    world.llm.script = (request) =>
      request.messages.some((m) => m.role === 'tool')
        ? [
            { type: 'llmDelta', text: 'I cannot do that.' },
            { type: 'llmDone', finish: 'stop' },
          ]
        : [
            { type: 'llmToolCall', call: { id: 'c1', name: 'transfer_call', arguments: '{"target":"+882123456"}' } },
            { type: 'llmToolCall', call: { id: 'c2', name: 'transfer_call', arguments: '{"target":' } },
            { type: 'llmDone', finish: 'tool_calls' },
          ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'call a satellite' });
    world.run(3000);

    expect(world.telnyx.count('transfer')).toBe(0);
    expect(world.llm.requests.at(-1)?.messages.filter((m) => m.role === 'tool')).toHaveLength(2);
    expect(world.tts.texts.at(-1)?.trim()).toBe('I cannot do that.');
  });

  it('stops a model that calls tools for ever', () => {
    const world = talking();
    let n = 0;
    world.llm.script = () => [
      { type: 'llmToolCall', call: { id: `c${++n}`, name: 'nothing', arguments: '{}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'loop' });
    world.run(8000);

    expect(world.llm.requests).toHaveLength(4);
    expect(world.llm.requests.at(-1)?.tools.map(({ name }) => name)).toEqual(['hang_up']);
    expect(world.tts.texts.at(-1)).toBe('Sorry, I have a technical problem. Could you say that again?');
    expect(world.telnyx.count('hangup')).toBe(0);
  });
});

describe('keys', () => {
  it('count once though socket and webhook both report them', () => {
    const world = talking();
    answers(world, 'Room service.');
    world.session().mediaMessage('caller', 1, Buffer.from('{"event":"dtmf","stream_id":"s","dtmf":{"digit":"1"}}'));
    world.webhook('call.dtmf.received', { digit: '1' });
    world.webhook('call.dtmf.received', { digit: '2' });
    world.session().mediaMessage('caller', 1, Buffer.from('{"event":"dtmf","stream_id":"s","dtmf":{"digit":"2"}}'));
    world.run(1500);

    expect(world.events.filter((e) => e.type === 'dtmf.received').map((e) => e.data)).toEqual([
      { digit: '1' },
      { digit: '2' },
    ]);
    expect(lastMessages(world).at(-1)?.content).toBe('[pressed 12]');
  });
});

describe('a key that can be heard', () => {
  it.each(['before', 'after'] as const)('is not taken for speech when its tone is heard %s the report', (order) => {
    const world = createWorld();
    world.stt.endsTurns = false;
    answers(world, 'Room service.');
    world.webhook('call.initiated');
    world.connect();
    world.run(2000);
    const press = (): void =>
      world.session().mediaMessage('caller', 1, Buffer.from('{"event":"dtmf","stream_id":"s","dtmf":{"digit":"1"}}'));
    if (order === 'after') press();
    world.run(160, voice(160));
    if (order === 'before') press();
    world.run(700);
    expect(world.stt.finished).toEqual([1]);
    world.stt.emit({ type: 'sttUtterance', utterance: 1, text: '', rejected: true });
    world.run(600);

    expect(world.llm.requests).toHaveLength(1);
    expect(lastMessages(world).at(-1)?.content).toBe('[pressed 1]');
    const pressed = world.events.find((e) => e.type === 'turn.ended' && e.data.text === '[pressed 1]');
    expect(pressed?.type === 'turn.ended' && pressed.data.startMs).toBeGreaterThan(1900);
  });
});

describe('a consent line', () => {
  it('is heard to its end before anything is recorded and before the greeting', () => {
    const world = createWorld({ consent: 'This call is recorded.' });
    world.webhook('call.initiated');
    world.connect();
    world.run(500);
    world.stt.emit({ type: 'sttPartial', text: 'hello hello' });
    world.run(700);
    expect(world.phones[0]!.clears()).toBe(0);
    expect(world.types()).not.toContain('recording.started');
    world.run(3000);

    expect(world.tts.texts).toEqual(['This call is recorded.', 'Hello there.']);
    const order = world.types().filter((type) => type === 'recording.started' || type === 'turn.ended');
    expect(order).toEqual(['turn.ended', 'recording.started', 'turn.ended']);
    world.webhook('call.hangup');
    expect(world.types().slice(-2)).toEqual(['recording.stopped', 'call.ended']);
  });

  it('changes nothing where recording is off', () => {
    const world = createWorld({ consent: 'This call is recorded.', recording: false });
    world.webhook('call.initiated');
    world.connect();
    world.run(2000);

    expect(world.tts.texts).toEqual(['Hello there.']);
    expect(world.types()).not.toContain('recording.started');
  });
});

describe('the operator key', () => {
  it('puts the caller through to the fallback target from any point of the talk', () => {
    const world = talking({ fallbackTarget: 'sales' });
    answers(world, 'one two three four five six seven eight nine ten');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(500);
    world.session().mediaMessage('caller', 1, Buffer.from('{"event":"dtmf","stream_id":"s","dtmf":{"digit":"0"}}'));
    world.run(3500);

    expect(world.tts.texts.at(-1)).toBe('One moment, I am putting you through.');
    expect(world.telnyx.sent.at(-1)?.command).toMatchObject({ name: 'transfer', to: '+15105550200' });
  });

  it('is an ordinary key where there is no fallback target', () => {
    const world = talking();
    world.session().mediaMessage('caller', 1, Buffer.from('{"event":"dtmf","stream_id":"s","dtmf":{"digit":"0"}}'));
    world.run(1500);

    expect(lastMessages(world).at(-1)?.content).toBe('[pressed 0]');
    expect(world.telnyx.count('transfer')).toBe(0);
  });
});

describe('a quiet caller', () => {
  it('is asked twice, then the call ends with a goodbye', () => {
    const world = talking();
    world.run(40_000);

    expect(world.tts.texts.slice(1)).toEqual([
      'Are you still there?',
      'Are you still there?',
      'I cannot hear you, so I will hang up now. Goodbye.',
    ]);
    expect(world.telnyx.count('hangup')).toBe(1);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('silence');
  });
});

describe('providers that fail', () => {
  const dead = { kind: 'server', message: 'vendor 503', retryable: true } as const;

  it('the model: once more, then an apology, then the end', () => {
    const world = talking();
    world.llm.script = () => [{ type: 'llmFailed', failure: dead }];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
    world.run(6000);
    expect(world.llm.requests).toHaveLength(2);
    expect(world.tts.texts.at(-1)).toBe('Sorry, I have a technical problem. Could you say that again?');
    world.stt.emit({ type: 'sttEndOfTurn', text: 'hello again' });
    world.run(9000);

    expect(world.tts.texts.at(-1)).toContain('Please call again later');
    expect(world.telnyx.count('hangup')).toBe(1);
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('provider_failure');
  });

  it('the recogniser: three new streams, then the end', () => {
    const world = talking();
    for (let i = 0; i < 4; i++) {
      world.stt.emit({ type: 'sttFailed', failure: dead });
      world.run(2500);
    }
    expect(world.stt.opened).toBe(4);
    world.run(8000);
    expect(world.telnyx.count('hangup')).toBe(1);
  });

  it('a recogniser that goes deaf is replaced', () => {
    const world = talking();
    world.run(800, voice(800));
    world.run(1500);

    expect(world.stt.opened).toBe(2);
    expect(world.types()).toContain('provider.failed');
  });

  it('the voice: a new connection says the rest, and if that fails Telnyx speaks', () => {
    const world = talking();
    answers(world, 'one two three');
    world.tts.failure = dead;
    world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
    world.run(1000);

    expect(world.telnyx.sent.at(-1)?.command).toMatchObject({ name: 'speak' });
    world.webhook('call.speak.ended', { status: 'completed' });
    expect(world.telnyx.names().at(-1)).toBe('hangup');
    world.webhook('call.hangup');
    expect(endReason(world)).toBe('provider_failure');
  });
});

/** A call that was greeted, of a world that is prepared first. */
function greeted(world: World): World {
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  world.run(2000);
  return world;
}

describe('a wait for a tool', () => {
  it('is no hole in what the caller hears', async () => {
    let finish: (outcome: ToolOutcome) => void = () => undefined;
    const tool: Tool = {
      spec: { name: 'look_up', description: '', parameters: {} },
      ...{ deadlineMs: 9000, filler: [] },
      run: () => new Promise((resolve) => (finish = resolve)),
    };
    const options: WorldOptions = { tools: [tool] };
    const world = greeted(createWorld({}, options));
    world.llm.script = ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? [
            { type: 'llmDelta', text: 'At five.' },
            { type: 'llmDone', finish: 'stop' },
          ]
        : [
            { type: 'llmDelta', text: 'Let me see.' },
            { type: 'llmToolCall', call: { id: 'c1', name: 'look_up', arguments: '{}' } },
            { type: 'llmDone', finish: 'tool_calls' },
          ];
    world.stt.emit({ type: 'sttEndOfTurn', text: 'when' });
    world.run(3000);
    finish({ ok: true, result: '5' });
    await world.settle(1);
    world.run(2000);

    expect(world.tts.texts).toEqual(['Hello there.', 'Let me see.', 'At five.']);
    expect(world.session().media.playout.underruns).toBe(0);
    const said = world.events.flatMap((e) => (e.type === 'turn.ended' && e.data.role === 'agent' ? [e.data.text] : []));
    expect(said).toEqual(['Hello there.', 'Let me see. At five.']);
  });
});

describe('a recogniser that does not end turns', () => {
  const utters = (world: World, text: string): void => {
    world.run(1000, voice(1000));
    world.run(420);
    world.stt.emit({ type: 'sttUtterance', utterance: world.stt.finished.at(-1) ?? 0, text });
  };

  it('hears a number with pauses as one turn, and a whole sentence at once', () => {
    const world = createWorld();
    world.stt.endsTurns = false;
    greeted(world);
    answers(world, 'Thank you.');
    utters(world, 'my number is four one five');
    world.run(600);
    utters(world, 'five five five');
    expect(world.stt.finished).toEqual([1, 2]);
    expect(world.llm.requests).toHaveLength(0);
    world.run(1500);
    expect(lastMessages(world).at(-1)?.content).toBe('my number is four one five five five five');

    world.run(2000);
    utters(world, 'That is all, thank you.');
    expect(lastMessages(world).at(-1)?.content).toBe('That is all, thank you.');
  });

  it('loses nothing when the caller hangs up in the middle', () => {
    const world = createWorld();
    world.stt.endsTurns = false;
    greeted(world);
    utters(world, 'my number is four one five');
    world.webhook('call.hangup');

    const said = world.events.flatMap((e) =>
      e.type === 'turn.ended' && e.data.role === 'caller' ? [e.data.text] : [],
    );
    expect(said).toEqual(['my number is four one five']);
    expect(world.types().at(-1)).toBe('call.ended');
  });
});
