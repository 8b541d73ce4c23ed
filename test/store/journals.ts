import { voice, createWorld, talking, type World } from '../call/harness.ts';
import { encodeRecord, type HeadRecord, type JournalRecord } from '../../src/journal/format.ts';

const START = Date.UTC(2026, 0, 5, 9, 0, 0);

export function head(callId: string, wallMs: number = START): HeadRecord {
  return {
    k: 'head',
    format: 'landline-journal',
    version: 1,
    callId,
    seed: 'seed',
    createdAt: '2026-01-05T09:00:00.000Z',
    wallMs,
    monoMs: 1000,
    software: 'landline test',
  };
}

/** A journal as its bytes, with event ids as a gateway gives them: wall time in microseconds, unique over the calls. */
export function journalBytes(callId: string, records: readonly JournalRecord[], wallMs: number = START): Buffer {
  const own = Number(callId.replaceAll(/\D/g, '')) * 100;
  const lines = [head(callId, wallMs), ...records].map((record) =>
    encodeRecord(
      record.k === 'ev'
        ? { ...record, id: String(Math.floor((wallMs + record.t) * 1000) + own + Number(record.id)) }
        : record,
    ),
  );
  return Buffer.from(lines.join(''));
}

const hello = (world: World, text: string): void => {
  world.stt.emit({ type: 'sttSpeechStarted' });
  world.run(600, voice(600));
  world.stt.emit({ type: 'sttEndOfTurn', text });
};

/** Calls of different fates, as the real session journals them. */
export const LIVES: Readonly<Record<string, () => World>> = {
  'a caller who asks and hangs up': () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Yes, of course.' },
      { type: 'llmDone', finish: 'stop', usage: { promptTokens: 40, completionTokens: 6 } },
    ];
    hello(world, 'do you have a room');
    world.run(4000);
    world.webhook('call.hangup');
    world.clock.advance(1000);
    return world;
  },
  'a call that is handed over': () => {
    const world = talking();
    world.llm.script = () => [
      { type: 'llmToolCall', call: { id: 'c1', name: 'transfer_call', arguments: '{"target":"sales"}' } },
      { type: 'llmDone', finish: 'tool_calls' },
    ];
    hello(world, 'I want to talk to sales');
    world.run(3000);
    const target = { callControlId: 'cc-target', callLegId: 'leg-target', from: '+13125550178', to: '+15105550200' };
    world.webhook('call.initiated', { ...target, direction: 'outgoing', offeredCodecs: [], callerIdName: undefined });
    world.run(1000);
    world.webhook('call.answered', target);
    world.webhook('call.bridged', target);
    world.run(5000);
    world.webhook('call.hangup', { ...target, cause: 'normal_clearing', source: 'callee', sipCode: '200' });
    world.webhook('call.hangup');
    world.clock.advance(2000);
    return world;
  },
  'a call that the API ends': () => {
    const world = talking();
    world
      .session()
      .post({ type: 'control', action: { type: 'say', text: 'One moment.', interrupt: false }, by: 'api' });
    world.run(2000);
    world.session().post({ type: 'control', action: { type: 'hangup', reason: 'closing time' }, by: 'key ops' });
    world.clock.advance(500);
    world.webhook('call.hangup', { cause: 'normal_clearing', source: 'callee', sipCode: '200' });
    world.clock.advance(1000);
    return world;
  },
  'a caller who gives up while it rings': () => {
    const world = createWorld();
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.hangup', { cause: 'originator_cancel', source: 'caller', sipCode: '487' });
    world.clock.advance(1000);
    return world;
  },
  'a call whose agent keeps no transcripts': () => {
    const world = talking({ transcripts: false });
    world.llm.script = () => [
      { type: 'llmDelta', text: 'Yes, of course.' },
      { type: 'llmDone', finish: 'stop' },
    ];
    hello(world, 'a secret wish');
    world.run(4000);
    world.webhook('call.hangup');
    world.clock.advance(1000);
    return world;
  },
};
