import { describe, expect, it } from 'vitest';
import { sine } from '../../src/audio/tones.ts';
import { heardWords } from './ear.ts';
import { startNeighbour } from './neighbour.ts';
import { CALLER, inWorld, RECEPTION, until } from './world.ts';

describe('a call on the wire', () => {
  it('is answered, greeted, answered in full and recorded, beside a neighbour who notices nothing', () =>
    inWorld({}, async (world) => {
      const { emulator, test } = world;
      const neighbour = await startNeighbour(world);
      const call = await world.talk();
      await call.play(sine({ hz: 500, ms: 600 }));
      test.recognise({ type: 'sttEndOfTurn', text: 'do you have a room' });
      await until(() => world.of('turn.ended', call).length === 3, 'the answer to be heard');
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
      await until(() => world.of('call.ended', call).length === 1, 'the end of the call');
      await neighbour.isUntouched();

      expect(heardWords(call.heard(), 'Hello there. Yes of course.').map((w) => w.text)).toEqual([
        'Hello',
        'there.',
        'Yes',
        'of',
        'course.',
      ]);
      expect(call.underruns).toEqual([]);
      expect(world.commands(call)).toEqual(['answer']);
      const id = world.idOf(call);
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
        from: CALLER,
        to: RECEPTION,
      });
      const wav = await fetch(`${api}/v1/calls/${id}/recording`);
      expect(wav.headers.get('content-type')).toBe('audio/wav');
    }));
});
