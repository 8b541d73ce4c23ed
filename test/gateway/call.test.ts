import { afterEach, describe, expect, it } from 'vitest';
import { findWords } from '../../src/emulator/voice.ts';
import { sine } from '../../src/audio/tones.ts';
import { gatewayWorld, until, type GatewayWorld } from './world.ts';

let world: GatewayWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const CALL = { from: '+14155550142', to: '+13125550178' };

describe('a call on the wire', () => {
  it('is answered, greeted, answered in full and recorded', async () => {
    world = await gatewayWorld();
    const { emulator, test, events } = world;
    const call = emulator.placeCall(CALL);
    await until(() => events.some((e) => e.type === 'turn.ended'), 'the greeting to be heard');
    await call.play(sine({ hz: 500, ms: 600 }));
    test.recognise({ type: 'sttEndOfTurn', text: 'do you have a room' });
    await until(
      () => events.filter((e) => e.type === 'turn.ended' && e.data.role === 'agent').length === 2,
      'the answer to be heard',
    );
    const answer = emulator.commands.find((c) => c.path.endsWith('/actions/answer'));
    expect(answer?.body).toMatchObject({
      stream_track: 'inbound_track',
      stream_bidirectional_mode: 'rtp',
      stream_codec: 'PCMU',
      stream_bidirectional_codec: 'PCMU',
      stream_bidirectional_target_legs: 'self',
      send_silence_when_idle: true,
    });
    call.hangup();
    await until(() => events.at(-1)?.type === 'call.ended', 'the end of the call');

    expect(findWords(call.heard(), 8000, 'Hello there. Yes of course.').words.map((w) => w.text)).toEqual([
      'Hello',
      'there.',
      'Yes',
      'of',
      'course.',
    ]);
    expect(call.underruns).toEqual([]);
    expect(emulator.commands.filter((c) => c.path.includes('/actions/')).map((c) => c.path.split('/').at(-1))).toEqual([
      'answer',
    ]);
    const id = events[0]?.callId ?? '';
    const api = world.gateway.origin;
    const transcript = (await (await fetch(`${api}/v1/calls/${id}/transcript`)).json()) as {
      turns: { role: string; text: string }[];
    };
    expect(transcript.turns.map((turn) => [turn.role, turn.text])).toEqual([
      ['agent', 'Hello there.'],
      ['caller', 'do you have a room'],
      ['agent', 'Yes of course.'],
    ]);
    const view = (await (await fetch(`${api}/v1/calls/${id}`)).json()) as Record<string, unknown>;
    expect(view).toMatchObject({
      id,
      direction: 'inbound',
      status: 'ended',
      endReason: 'caller_hangup',
      agent: 'reception',
      ...CALL,
    });
    const wav = await fetch(`${api}/v1/calls/${id}/recording`);
    expect(wav.headers.get('content-type')).toBe('audio/wav');
    expect(test.openStt).toBe(0);
  });
});
