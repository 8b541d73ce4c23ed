import type { ToolCall } from '../../src/providers/ports.ts';
import { createWorld, voice, type World, type WorldOptions } from './harness.ts';

/** What is said, pressed or shown in {@link scriptedCall} and may be nowhere in logs, metrics and traces. */
export const PRIVATE = [
  '+14155550142',
  '4155550142',
  '+13125550178',
  '+15105550200',
  'Hello there',
  'when do you',
  'We open',
  'my card is',
  '4929',
  'cc-caller',
  'session-1',
] as const;

/**
 * One whole call on the virtual clock: greeting, a question and its answer, a false alarm, a barge-in, a key, an invented
 * tool, a broken voice, a failed transfer, and the caller hangs up.
 */
export function scriptedCall(options: WorldOptions = {}): World {
  const world = createWorld({}, options);
  const says = (text: string): void => {
    world.llm.script = () => [
      { type: 'llmDelta', text },
      { type: 'llmDone', finish: 'stop', usage: { promptTokens: 30, completionTokens: 4 } },
    ];
  };
  const calls = (...toolCalls: ToolCall[]): void => {
    world.llm.script = () => {
      says('All right then.');
      return [
        ...toolCalls.map((call) => ({ type: 'llmToolCall' as const, call })),
        { type: 'llmDone' as const, finish: 'tool_calls' as const },
      ];
    };
  };
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  world.run(2000);

  says('We open at nine in the morning, every day but Sunday.');
  world.run(600, voice(600));
  world.run(300);
  world.stt.emit({ type: 'sttPartial', text: 'when do you' });
  world.stt.emit({ type: 'sttEndOfTurn', text: 'when do you open' });
  world.run(1000);
  // A cough: the agent pauses and goes on.
  world.run(400, voice(400));
  world.run(2200);
  // Words: the agent is cut.
  world.run(400, voice(400));
  says('Noted.');
  world.stt.emit({ type: 'sttPartial', text: 'my card is' });
  world.stt.emit({ type: 'sttEndOfTurn', text: 'my card is 4929' });
  world.run(1500);

  world
    .session()
    .mediaMessage('caller', 1, Buffer.from(JSON.stringify({ event: 'dtmf', stream_id: 's', dtmf: { digit: '7' } })));
  world.run(3000);

  calls({ id: 'c1', name: 'charge_4929', arguments: '{"card":"4929"}' });
  world.stt.emit({ type: 'sttEndOfTurn', text: 'charge it' });
  world.run(2000);

  calls({ id: 'c2', name: 'transfer_call', arguments: '{"target":"sales"}' });
  world.telnyx.answers = (command) =>
    command.name === 'transfer' ? { ok: false, kind: 'refused', status: 422, message: 'refused' } : { ok: true };
  world.stt.emit({ type: 'sttEndOfTurn', text: 'give me sales' });
  world.run(5000);

  world.tts.failure = { kind: 'dropped', message: 'the connection was lost', retryable: true };
  says('Still here.');
  world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
  world.clock.advance(6);
  world.tts.failure = undefined;
  world.run(3000);
  world.webhook('call.hangup');
  return world;
}
