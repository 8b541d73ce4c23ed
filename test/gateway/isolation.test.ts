import { describe, expect, it } from 'vitest';
import { sine } from '../../src/audio/tones.ts';
import type { AgentProviders } from '../../src/call/ports.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import type { LlmEvent, SttEvent, TtsEvent } from '../../src/providers/ports.ts';
import { startNeighbour } from './neighbour.ts';
import { TestProviders } from './providers.ts';
import { CALLER, inWorld, until } from './world.ts';

const boom = (): never => {
  throw new Error('boom');
};

/** What a broken adapter does, and how its call ends by itself; `undefined`: it goes on until the caller hangs up. */
const FAULTS: readonly (readonly [
  name: string,
  ends: string | undefined,
  breakIt: (parts: AgentProviders, test: TestProviders) => Partial<AgentProviders>,
])[] = [
  ['ears that cannot be opened', 'provider_failure', ({ stt }) => ({ stt: { ...stt, open: boom } })],
  [
    'ears that throw at what they hear',
    'provider_failure',
    ({ stt }) => ({ stt: { ...stt, open: (options, emit) => ({ ...stt.open(options, emit), write: boom }) } }),
  ],
  [
    'ears that throw when they are closed',
    undefined,
    ({ stt }) => ({
      stt: {
        ...stt,
        open: (options, emit) => {
          const ear = stt.open(options, emit);
          return {
            ...ear,
            close: () => {
              ear.close();
              boom();
            },
          };
        },
      },
    }),
  ],
  [
    'ears that say what nobody can read',
    'error',
    ({ stt }) => ({
      stt: { ...stt, open: (options, emit) => stt.open(options, wild<SttEvent>(emit, 'sttEndOfTurn')) },
    }),
  ],
  [
    'ears that say nothing at all',
    'provider_failure',
    ({ stt }) => ({
      stt: {
        ...stt,
        open: (options, emit) => {
          setImmediate(() => emit(undefined as unknown as SttEvent));
          return stt.open(options, emit);
        },
      },
    }),
  ],
  ['a mind that throws', 'provider_failure', ({ llm }) => ({ llm: { ...llm, generate: boom } })],
  ['a mind that throws when it is warmed', undefined, ({ llm }) => ({ llm: { ...llm, warm: boom } })],
  [
    'a mind that says what nobody can read',
    'error',
    ({ llm }) => ({
      llm: { ...llm, generate: (request, emit) => llm.generate(request, wild<LlmEvent>(emit, 'llmDelta')) },
    }),
  ],
  [
    'a mind that throws when it is stopped',
    undefined,
    ({ llm }) => ({ llm: { ...llm, generate: (request, emit) => ({ ...llm.generate(request, emit), abort: boom }) } }),
  ],
  ['a voice that cannot be opened', 'provider_failure', ({ tts }) => ({ tts: { ...tts, open: boom } })],
  [
    'a voice that throws at what it is to say',
    'provider_failure',
    ({ tts }) => ({ tts: { ...tts, open: (options, emit) => ({ ...tts.open(options, emit), text: boom }) } }),
  ],
  [
    'a voice that throws at everything',
    'provider_failure',
    ({ tts }) => ({
      tts: { ...tts, open: () => ({ begin: boom, text: boom, end: boom, cancel: boom, close: boom }) },
    }),
  ],
  [
    'a voice without sound',
    'provider_failure',
    ({ tts }) => ({ tts: { ...tts, open: (options, emit) => tts.open(options, wild<TtsEvent>(emit, 'ttsAudio')) } }),
  ],
  [
    'a voice whose words make no sense',
    'error',
    ({ tts }) => ({ tts: { ...tts, open: (options, emit) => tts.open(options, wild<TtsEvent>(emit, 'ttsText')) } }),
  ],
];

/** Passes events on; those of one type have lost everything that is in them but their numbers. */
function wild<E extends { readonly type: string }>(emit: (event: E) => void, type: E['type']): (event: E) => void {
  return (event) => {
    const numbers = Object.entries(event).filter(([key, value]) => key === 'type' || typeof value === 'number');
    emit(event.type === type ? (Object.fromEntries(numbers) as E) : event);
  };
}

describe('a fault in one call', () => {
  it('ends that call properly, or not even that, and none of three others notices', () => {
    const number = (n: number): string => `+131255503${String(n).padStart(2, '0')}`;
    const minds = FAULTS.map(() => new TestProviders());
    const others = Object.fromEntries(
      FAULTS.map(([, , breakIt], n) => {
        const test = minds[n] as TestProviders;
        return [number(n), { ...test.providers, ...breakIt(test.providers, test) }];
      }),
    );
    return inWorld({ others, expectErrors: /^call fault|^event listener failed/ }, async (world) => {
      const { pid } = process;
      const neighbours = [await startNeighbour(world), await startNeighbour(world), await startNeighbour(world)];
      world.gateway.events.subscribe(({ type }) => {
        if (type === 'turn.started') boom();
      });
      const calls = FAULTS.map((_, n) => world.emulator.placeCall({ from: CALLER, to: number(n) }));
      const talk = async (call: EmulatedCall, n: number): Promise<void> => {
        const ends = FAULTS[n]?.[1];
        await until(() => call.state === 'ended' || world.of('turn.ended', call).length > 0, 'the greeting');
        if (call.state !== 'ended') {
          await call.play(sine({ hz: 500, ms: 300 }));
          minds[n]?.recognise({ type: 'sttPartial', text: 'hello there' });
          minds[n]?.recognise({ type: 'sttEndOfTurn', text: 'hello there' });
        }
        if (ends === undefined) {
          await until(() => world.of('turn.ended', call).length >= 3, 'the answer');
          call.hangup();
        }
        await call.waitFor('ended', 15_000);
        await until(() => world.of('call.ended', call).length === 1, 'the end');
      };
      await Promise.all(calls.map(talk));
      for (const neighbour of neighbours) await neighbour.isUntouched();

      expect(calls.map((call, n) => [FAULTS[n]?.[0], world.of('call.ended', call)[0]?.data.reason])).toEqual(
        FAULTS.map(([name, ends]) => [name, ends ?? 'caller_hangup']),
      );
      expect(process.pid).toBe(pid);
    });
  });
});
