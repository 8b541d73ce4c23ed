import { afterEach, vi } from 'vitest';
import type { AudioFormat } from '../../src/audio/format.ts';
import { PCMU_8K } from '../../src/audio/format.ts';
import { encodeG711 } from '../../src/audio/g711.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import {
  createDeepgramEmulator,
  type DeepgramEmulator,
  type DeepgramEmulatorOptions,
} from '../../src/emulator/deepgram/emulator.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import type { SttEvent, SttStream, TtsEvent, TtsSession } from '../../src/providers/ports.ts';
import { createDeepgramStt, type DeepgramSttOptions } from '../../src/providers/stt/deepgram.ts';
import { createDeepgramTts, type DeepgramTtsOptions } from '../../src/providers/tts/deepgram.ts';

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Waits for a condition on real sockets; says what was waited for when it does not come. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitUntil(condition, { interval: 2, timeout: 10_000 }).catch(() => {
    throw new Error(`waited in vain: ${what}`);
  });
}

export async function startEmulator(options: DeepgramEmulatorOptions = {}): Promise<DeepgramEmulator> {
  const emulator = await createDeepgramEmulator({ firstByteMs: 0, speed: 1000, ...options });
  closers.push(() => emulator.close());
  return emulator;
}

export interface SttBench {
  readonly stream: SttStream;
  readonly events: SttEvent[];
  readonly types: () => string[];
  readonly has: (type: SttEvent['type'], count?: number) => Promise<void>;
}

export function openStt(
  emulator: DeepgramEmulator,
  options: Partial<DeepgramSttOptions> & { format?: AudioFormat; keyterms?: string[]; language?: string } = {},
): SttBench {
  const { format = PCMU_8K, keyterms = [], language = 'en-US', ...rest } = options;
  const provider = createDeepgramStt({
    apiKey: 'test-key',
    baseUrl: emulator.baseUrl,
    model: 'nova-3',
    clock: systemClock,
    log: silentLog,
    ...rest,
  });
  const events: SttEvent[] = [];
  const stream = provider.open({ format, language, keyterms }, (event) => events.push(event));
  closers.push(() => stream.close());
  return {
    stream,
    events,
    types: () => events.map((event) => event.type),
    has: (type, count = 1) =>
      until(() => events.filter((event) => event.type === type).length >= count, `${count} x ${type}`),
  };
}

export interface TtsBench {
  readonly session: TtsSession;
  readonly events: TtsEvent[];
  readonly types: () => string[];
  readonly has: (type: TtsEvent['type'], count?: number) => Promise<void>;
  /** All audio of one utterance so far. */
  readonly audio: (utterance: number) => Buffer;
}

export function openTts(
  emulator: DeepgramEmulator,
  options: Partial<DeepgramTtsOptions> & { format?: AudioFormat; clock?: Clock } = {},
): TtsBench {
  const { format = PCMU_8K, ...rest } = options;
  const provider = createDeepgramTts({
    apiKey: 'test-key',
    baseUrl: emulator.baseUrl,
    model: 'aura-2-thalia-en',
    clock: systemClock,
    log: silentLog,
    ...rest,
  });
  const events: TtsEvent[] = [];
  const session = provider.open({ format, language: 'en' }, (event) => events.push(event));
  closers.push(() => session.close());
  return {
    session,
    events,
    types: () => events.map((event) => event.type),
    has: (type, count = 1) =>
      until(() => events.filter((event) => event.type === type).length >= count, `${count} x ${type}`),
    audio: (utterance) =>
      Buffer.concat(
        events.flatMap((event) => (event.type === 'ttsAudio' && event.utterance === utterance ? [event.bytes] : [])),
      ),
  };
}

/** mu-law speech of the emulated voice, then silence. */
export function spoken(text: string, silenceMs: number): Buffer {
  return Buffer.concat([encodeG711('PCMU', renderVoice(text, 8000).samples), silence(silenceMs)]);
}

export function silence(ms: number): Buffer {
  return Buffer.alloc(ms * 8, 0xff);
}

/** Writes as a phone leg does: 20 ms at a time. */
export function writeFrames(stream: SttStream, audio: Uint8Array, frameBytes = 160): void {
  for (let at = 0; at < audio.length; at += frameBytes) stream.write(audio.subarray(at, at + frameBytes));
}
