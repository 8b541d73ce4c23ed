import type { Clock, TimerHandle } from '../../core/clock.ts';
import { failureOfErrorFrame } from '../deepgram-failure.ts';
import { encodingOf, type DeepgramEndpoint, type DeepgramMessage } from '../deepgram-socket.ts';
import type { ProviderFailure, TtsEvent, TtsOptions, TtsSession } from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { SpeakConnection, startsLikeWav } from './deepgram-connection.ts';
import { sentenceLength, speakParts } from './deepgram-text.ts';

export interface SpeakV1Options extends DeepgramEndpoint {
  readonly model: string;
}

interface Utterance {
  readonly number: number;
  /** Text that was not sent yet. */
  pending: string;
  /** Text that was sent but not flushed: the server only collects it. */
  collected: string;
  /** Texts whose `Flushed` is still to come, in order. */
  readonly flushes: string[];
  /** Something of it was sent: if the connection dies now, something is lost. */
  isSent: boolean;
  hasFlushed: boolean;
  isEnded: boolean;
  /** Audio emitted so far, and up to where `ttsText` told about it. */
  bytes: number;
  toldBytes: number;
}

const NAME = 'Deepgram speak v1';
const FIRST_BYTE_MS = 2_000;
const IDLE_MS = 3_000;
/** Deepgram takes 20 `Flush` in 60 s (and a margin for the way there). From the 15th on only ends are flushed. */
const FLUSH_WINDOW_MS = 61_000;
const MAX_FLUSHES = 20;
const MAX_EARLY_FLUSHES = 15;
/** After the first sentence more is collected before the next flush: frequent flushing hurts the melody. */
const FLUSH_AFTER_CHARS = 500;

/**
 * `GET /v1/speak` (Aura): the server collects text and speaks it on `Flush`. Sentences are sent as they become complete;
 * the first one is flushed at once, so that speech starts early, then long stretches, then the end.
 */
export function openSpeakV1(options: SpeakV1Options, tts: TtsOptions, emit: (event: TtsEvent) => void): TtsSession {
  const { clock, log, model } = options;
  const watchdog = createWatchdog(clock);
  const budget = createFlushBudget(clock);
  let current: Utterance | undefined;
  /** `Clear` messages without their `Cleared`: until then binary frames are old speech. */
  let clearing = 0;
  let opened = false;
  let redialled = false;
  let postponed: TimerHandle | undefined;

  const connection = new SpeakConnection(
    options,
    tts.format,
    {
      name: NAME,
      awaitConnected: false,
      dial: (client) =>
        client.speak.v1.connect({
          model,
          encoding: encodingOf(tts.format),
          sample_rate: String(tts.format.sampleRate),
          queryParams: { container: 'none' },
        }),
    },
    { opened: onOpened, message: onMessage, audio: onAudio, lost: onLost },
  );

  function onOpened(): void {
    if (!opened) emit({ type: 'ttsOpened' });
    opened = true;
    pump();
  }

  function onMessage(message: DeepgramMessage): void {
    switch (message['type']) {
      case 'Flushed':
        if (clearing === 0) onFlushed();
        return;
      case 'Cleared':
        clearing = Math.max(0, clearing - 1);
        return;
      case 'Warning':
        log.warn({ code: message['code'], description: message['description'] }, 'deepgram speak v1 warning');
        return;
      case 'Error':
        connection.fail(failureOfErrorFrame(NAME, message));
        return;
      default:
        return;
    }
  }

  function onAudio(bytes: Uint8Array): void {
    const utterance = current;
    if (!utterance?.isSent || clearing > 0) return;
    if (utterance.bytes === 0 && startsLikeWav(bytes)) {
      connection.fail({ kind: 'malformed', message: `${NAME} sent a WAV file instead of raw audio`, retryable: false });
      return;
    }
    utterance.bytes += bytes.length;
    watch(utterance);
    emit({ type: 'ttsAudio', utterance: utterance.number, bytes });
  }

  function onFlushed(): void {
    const utterance = current;
    const text = utterance?.flushes.shift();
    if (!utterance || text === undefined) return;
    watch(utterance);
    tell(utterance, text);
    finishIfDone(utterance);
  }

  function onLost(failure: ProviderFailure, wasOpen: boolean): void {
    watchdog.stop();
    clearing = 0;
    const utterance = current;
    if (wasOpen && !utterance?.isSent) {
      // Died while nothing was being said: nothing is lost, and the next words get a new connection.
      log.info({ failure }, 'idle deepgram speak connection lost');
      if (utterance && !redialled) {
        redialled = true;
        connection.ensure();
        return;
      }
      if (!utterance) return;
    }
    current = undefined;
    emit({ type: 'ttsFailed', ...(utterance ? { utterance: utterance.number } : {}), failure });
  }

  /** Sends what may be sent by now. Called whenever text, an end, or a connection comes. */
  function pump(): void {
    const utterance = current;
    if (!utterance || !connection.isOpen) return;
    for (;;) {
      const length = sentenceLength(utterance.pending);
      if (length === 0) break;
      speak(utterance, length);
      const isDue = !utterance.hasFlushed || utterance.collected.length >= FLUSH_AFTER_CHARS;
      if (isDue && budget.used() < MAX_EARLY_FLUSHES) flush(utterance);
    }
    if (utterance.isEnded) sendEnd(utterance);
  }

  function sendEnd(utterance: Utterance): void {
    if (utterance.pending.trim() !== '') speak(utterance, utterance.pending.length);
    if (utterance.collected !== '') {
      if (budget.used() >= MAX_FLUSHES) {
        postponed?.cancel();
        postponed = clock.after(budget.nextMs(), pump);
        return;
      }
      // White space at the end belongs to the last piece, so that the pieces are the whole text.
      utterance.collected += utterance.pending;
      utterance.pending = '';
      flush(utterance);
    }
    finishIfDone(utterance);
  }

  function speak(utterance: Utterance, length: number): void {
    const text = utterance.pending.slice(0, length);
    for (const part of speakParts(text)) connection.send((sdk) => sdk.sendText({ type: 'Speak', text: part }));
    utterance.pending = utterance.pending.slice(length);
    utterance.collected += text;
    if (text !== '') utterance.isSent = true;
  }

  function flush(utterance: Utterance): void {
    connection.send((sdk) => sdk.sendFlush({ type: 'Flush' }));
    budget.spend();
    utterance.hasFlushed = true;
    utterance.flushes.push(utterance.collected);
    utterance.collected = '';
    if (utterance.flushes.length === 1) watch(utterance);
  }

  /** The vendor owes audio or `Flushed` as long as a flush is unanswered, and only then. */
  function watch(utterance: Utterance): void {
    if (utterance.flushes.length === 0) {
      watchdog.stop();
      return;
    }
    const isFirst = utterance.bytes === 0;
    const ms = isFirst ? FIRST_BYTE_MS : IDLE_MS;
    watchdog.arm(ms, () => {
      const what = isFirst ? 'sent no audio' : 'fell silent in the middle';
      connection.fail({
        kind: isFirst ? 'timeout' : 'stalled',
        message: `${NAME} ${what} for ${ms} ms`,
        retryable: true,
      });
    });
  }

  function tell(utterance: Utterance, text: string): void {
    const fromByte = utterance.toldBytes;
    utterance.toldBytes = utterance.bytes;
    emit({ type: 'ttsText', utterance: utterance.number, text, fromByte, toByte: utterance.bytes });
  }

  const isCurrent = (utterance: Utterance): boolean => current === utterance;

  function finishIfDone(utterance: Utterance): void {
    if (!isCurrent(utterance) || !utterance.isEnded) return;
    if (utterance.collected !== '' || utterance.flushes.length > 0) return;
    if (utterance.pending !== '') tell(utterance, utterance.pending);
    // The listener may have cancelled it in `tell`, or closed.
    if (!isCurrent(utterance)) return;
    current = undefined;
    emit({ type: 'ttsDone', utterance: utterance.number });
  }

  function drop(): void {
    const utterance = current;
    current = undefined;
    watchdog.stop();
    postponed?.cancel();
    if (!utterance || (utterance.collected === '' && utterance.flushes.length === 0)) return;
    if (connection.send((sdk) => sdk.sendClear({ type: 'Clear' }))) clearing++;
  }

  return {
    begin(number) {
      if (connection.isClosed) return;
      drop();
      redialled = !connection.isOpen;
      current = {
        number,
        pending: '',
        collected: '',
        flushes: [],
        isSent: false,
        hasFlushed: false,
        isEnded: false,
        bytes: 0,
        toldBytes: 0,
      };
      connection.ensure();
    },
    text(text) {
      if (!current || current.isEnded) return;
      current.pending += text;
      pump();
    },
    end() {
      if (!current || current.isEnded) return;
      current.isEnded = true;
      // Nothing to say needs no connection.
      if (!current.isSent && current.pending.trim() === '') finishIfDone(current);
      else pump();
    },
    cancel: drop,
    close() {
      current = undefined;
      watchdog.stop();
      postponed?.cancel();
      connection.close((sdk) => sdk.sendClose({ type: 'Close' }));
    },
  };
}

/** Counts the flushes of the last 60 s. */
function createFlushBudget(clock: Clock): { used(): number; spend(): void; nextMs(): number } {
  let times: number[] = [];
  const recent = (): readonly number[] => {
    const since = clock.mono() - FLUSH_WINDOW_MS;
    return (times = times.filter((time) => time > since));
  };
  return {
    used: () => recent().length,
    spend: () => void times.push(clock.mono()),
    /** Until the oldest one leaves the window. */
    nextMs: () => (recent()[0] ?? 0) + FLUSH_WINDOW_MS - clock.mono(),
  };
}
