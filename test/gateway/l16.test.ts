import { expect, it } from 'vitest';
import { encodeL16 } from '../../src/audio/linear.ts';
import { createResampler } from '../../src/audio/resample.ts';
import { renderVoice, findWords } from '../../src/emulator/voice.ts';
import type { AgentProviders } from '../../src/call/ports.ts';
import { gatewayWorld, until } from './world.ts';

/** A voice that speaks in the session's own format, and an ear that keeps what it gets. */
function wideband(heard: Uint8Array[]): AgentProviders {
  return {
    stt: {
      name: 'ear',
      open: () => ({
        endsTurns: true,
        write: (bytes) => void heard.push(bytes.slice()),
        beginUtterance: () => undefined,
        finishUtterance: () => undefined,
        close: () => undefined,
      }),
    },
    llm: { name: 'none', warm: () => undefined, generate: () => ({ abort: () => undefined }) },
    tts: {
      name: 'voice',
      open: (options, emit) => {
        let utterance = 0;
        let text = '';
        return {
          begin: (number) => void (utterance = number),
          text: (more) => void (text += more),
          end: () => {
            const said = text;
            setImmediate(() => {
              const { samples, words } = renderVoice(said, options.format.sampleRate);
              const bytes = encodeL16(samples, 'little');
              emit({ type: 'ttsAudio', utterance, bytes });
              emit({ type: 'ttsText', utterance, text: said, fromByte: 0, toByte: bytes.length, words });
              emit({ type: 'ttsDone', utterance });
            });
          },
          cancel: () => undefined,
          close: () => undefined,
        };
      },
    },
  };
}

it.each(['little', 'big'] as const)(
  'L16 at 16 kHz goes both ways, %s-endian, without being told which',
  async (order) => {
    const heard: Uint8Array[] = [];
    const world = await gatewayWorld({
      providers: wideband(heard),
      agent: { greeting: 'Hello there.' },
      emulator: { l16ByteOrder: order },
      gateway: { media: { codec: 'L16', l16ByteOrder: order === 'big' ? 'auto' : 'little' } },
    });
    try {
      const { emulator, events } = world;
      const call = emulator.placeCall({ from: '+14155550142', to: '+13125550178', codec: 'L16' });
      await until(() => events.some((e) => e.type === 'turn.ended'), 'the greeting');
      await call.play(renderVoice('do you have a room', 8000).samples);
      const start = emulator.commands.find((c) => c.path.endsWith('/actions/streaming_start'));
      expect(start?.body).toMatchObject({
        stream_codec: 'L16',
        stream_bidirectional_codec: 'L16',
        stream_bidirectional_sampling_rate: 16000,
      });
      expect(emulator.commands.find((c) => c.path.endsWith('/actions/answer'))?.body).not.toHaveProperty('stream_url');
      // In big-endian the first words may be noise until the order was heard; from then on both sides are clear.
      if (order === 'little') {
        expect(findWords(call.heard(), 8000, 'Hello there.').words.map((w) => w.text)).toEqual(['Hello', 'there.']);
      }
      const bytes = Buffer.concat(heard);
      const wide = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)));
      const narrow = createResampler(16000, 8000).process(wide);
      const words = findWords(narrow, 8000, 'do you have a room').words.map((w) => w.text);
      expect(words.slice(-3)).toEqual(['have', 'a', 'room']);
      call.hangup();
      await until(() => events.at(-1)?.type === 'call.ended', 'the end');
    } finally {
      await world.close();
    }
  },
  20_000,
);
