import { bytesPerMs } from '../../audio/format.ts';
import { encodingOf, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import { failureOfErrorFrame } from '../deepgram-failure.ts';
import type { DeepgramMessage } from '../deepgram-socket.ts';
import type { ProviderFailure, TtsEvent, TtsOptions, TtsSession } from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { SpeakConnection, startsLikeWav } from './deepgram-connection.ts';
import { createSentences, isSpeakable, type Sentences } from './sentences.ts';

export interface SpeakV2Options extends DeepgramEndpoint {
  readonly model: string;
}

interface Utterance {
  readonly number: number;
  /** Where it starts in the session's audio. */
  startMs: number;
  readonly sentences: Sentences;
  /** The text holds a whole sentence: the server has no reason to wait for more. */
  hasSentence: boolean;
  pending: string;
  sent: string;
  isEnded: boolean;
  isFlushed: boolean;
  /** The deadline of the first byte runs, or ran. */
  isAwaited: boolean;
  bytes: number;
}

const NAME = 'Deepgram speak v2';
const FIRST_BYTE_MS = 2_000;
const IDLE_MS = 3_000;
/** Longest text of one message. */
const MAX_SPEAK_CHARS = 1_000;
const INTERRUPT_MS = 1_000;
/** Warnings that mean: your `Interrupt` was ignored. */
const IGNORED = new Set([
  'NO_AUDIO_GENERATED',
  'INTERRUPT_IN_PROGRESS',
  'INVALID_INTERRUPT_OFFSET',
  'NO_ACTIVE_SPEECH',
]);

/**
 * `GET /v2/speak` (Flux TTS): tokens go straight in, one `Flush` ends the utterance, and its audio stands between
 * `SpeechStarted` and `SpeechMetadata`.
 *
 * Barge-in: `Interrupt` with the position the caller has heard, counted over the whole session; the answer says which
 * words that were. Until it comes no new text is sent, because the server appends text to whatever is still open.
 */
export function openSpeakV2(options: SpeakV2Options, tts: TtsOptions, emit: (event: TtsEvent) => void): TtsSession {
  const { clock, log, model } = options;
  const perMs = bytesPerMs(tts.format);
  const watchdog = createWatchdog(clock);
  let current: Utterance | undefined;
  /** The last one that was spoken to its end: its audio may still be playing, so it can still be interrupted. */
  let spoken: Utterance | undefined;
  /** The utterance whose `Interrupt` is unanswered; `isOpen` when the server was still working on it. */
  let interrupted: { readonly number: number; readonly isOpen: boolean } | undefined;
  /** Between `SpeechStarted` and the end of that speech. */
  let inSpeech = false;
  /** What the caller has heard of this session, as far as it is decided. */
  let playedMs = 0;
  let lastOffsetMs = 0;
  let opened = false;
  let redialled = false;

  const connection = new SpeakConnection(
    options,
    tts.format,
    {
      name: NAME,
      awaitConnected: true,
      dial: (client) =>
        client.speak.v2.connect({
          model,
          encoding: encodingOf(tts.format),
          sample_rate: String(tts.format.sampleRate),
        }),
    },
    { opened: onOpened, message: onMessage, audio: onAudio, lost: onLost },
  );

  /** A new connection counts from zero and knows of nothing said before. */
  function forget(): void {
    watchdog.stop();
    [spoken, interrupted, inSpeech, playedMs, lastOffsetMs] = [undefined, undefined, false, 0, 0];
    if (current) current.startMs = 0;
  }

  function onOpened(): void {
    if (!opened) emit({ type: 'ttsOpened' });
    opened = true;
    pump();
  }

  function onMessage(message: DeepgramMessage): void {
    switch (message['type']) {
      case 'SpeechStarted':
        inSpeech = true;
        return;
      case 'SpeechMetadata':
        inSpeech = false;
        if (!interrupted && current?.isFlushed) finish(current);
        return;
      case 'SpeechInterrupted':
        onInterrupted(message['text_spoken']);
        return;
      case 'Warning':
        onWarning(message);
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
    if (!utterance || interrupted || !inSpeech) return;
    if (utterance.bytes === 0 && startsLikeWav(bytes)) {
      connection.fail({ kind: 'malformed', message: `${NAME} sent a WAV file instead of raw audio`, retryable: false });
      return;
    }
    utterance.bytes += bytes.length;
    // Before the flush a pause may be the model's, who has not written on yet.
    if (utterance.isFlushed) expectWithin(IDLE_MS, 'stalled');
    else watchdog.stop();
    emit({ type: 'ttsAudio', utterance: utterance.number, bytes });
  }

  function onInterrupted(textSpoken: unknown): void {
    if (!interrupted) return;
    const { number } = interrupted;
    settle();
    if (typeof textSpoken === 'string') emit({ type: 'ttsSpoken', utterance: number, text: textSpoken });
    pump();
  }

  function onWarning(message: DeepgramMessage): void {
    const code = String(message['code']);
    log.warn({ code, description: message['description'] }, 'deepgram speak v2 warning');
    if (!interrupted || !IGNORED.has(code)) return;
    // Its text would be spoken in front of the next utterance's.
    if (interrupted.isOpen) renew();
    else settle();
    pump();
  }

  function settle(): void {
    interrupted = undefined;
    inSpeech = false;
    watchdog.stop();
  }

  function renew(): void {
    forget();
    connection.renew();
  }

  function onLost(failure: ProviderFailure, wasOpen: boolean): void {
    forget();
    const utterance = current;
    if (wasOpen && !utterance) {
      // Died while nothing was being said: nothing is lost, and the next words get a new connection.
      log.info({ failure }, 'idle deepgram speak connection lost');
      return;
    }
    if (wasOpen && utterance && !redialled && canStartOver(utterance, failure)) {
      log.info({ failure, utterance: utterance.number }, 'deepgram speak connection lost and dialled again');
      redialled = true;
      utterance.pending = utterance.sent + utterance.pending;
      utterance.sent = '';
      utterance.isFlushed = utterance.isAwaited = false;
      connection.ensure();
      return;
    }
    current = undefined;
    emit({ type: 'ttsFailed', ...(utterance ? { utterance: utterance.number } : {}), failure });
  }

  /** Sends what may be sent by now. Called whenever text, an end, a connection, or the answer to an interrupt comes. */
  function pump(): void {
    const utterance = current;
    if (!utterance || interrupted || !connection.isOpen) return;
    // White space alone opens no speech on the server, so it waits for words.
    if (isSpeakable(utterance.pending) || utterance.sent !== '') {
      for (const text of speakParts(utterance.pending))
        connection.send((sdk) => sdk.sendSpeak({ type: 'Speak', text }));
      utterance.sent += utterance.pending;
      utterance.pending = '';
    }
    if (utterance.isEnded && !utterance.isFlushed && utterance.sent !== '') {
      utterance.isFlushed = connection.send((sdk) => sdk.sendFlush({ type: 'Flush' }));
      if (utterance.bytes > 0) expectWithin(IDLE_MS, 'stalled');
    }
    const isDue = utterance.isFlushed || utterance.hasSentence;
    if (utterance.bytes > 0 || utterance.isAwaited || !isDue) return;
    utterance.isAwaited = true;
    expectWithin(FIRST_BYTE_MS, 'timeout');
  }

  function expectWithin(ms: number, kind: 'timeout' | 'stalled'): void {
    watchdog.arm(ms, () => {
      const what = kind === 'timeout' ? 'sent no audio' : 'fell silent in the middle';
      connection.fail({ kind, message: `${NAME} ${what} for ${ms} ms`, retryable: true });
    });
  }

  function finish(utterance: Utterance): void {
    watchdog.stop();
    const { number, bytes } = utterance;
    playedMs = utterance.startMs + bytes / perMs;
    spoken = utterance;
    const text = utterance.sent + utterance.pending;
    if (text !== '') emit({ type: 'ttsText', utterance: number, text, fromByte: 0, toByte: bytes });
    // The listener may have cancelled it meanwhile, or closed.
    if (current !== utterance) return;
    current = undefined;
    emit({ type: 'ttsDone', utterance: number });
  }

  function cancel(heardMs: number): void {
    const utterance = current ?? spoken;
    const isOpen = utterance !== undefined && utterance === current;
    [current, spoken] = [undefined, undefined];
    if (!utterance || utterance.sent === '') return;
    watchdog.stop();
    if (utterance.bytes === 0) {
      // Nothing to interrupt, yet its text is on the server: leave it there. The next words are a caller's turn away.
      if (isOpen) renew();
      return;
    }
    const heard = Math.min(Math.max(0, heardMs), utterance.bytes / perMs);
    // The server ignores a position that does not advance past the one before.
    const value = Math.max(Math.round(utterance.startMs + heard), lastOffsetMs + 1);
    const interrupt = { type: 'Interrupt', playback_offset: { type: 'time_ms', value } } as const;
    if (!connection.send((sdk) => sdk.sendInterrupt(interrupt))) return;
    playedMs = lastOffsetMs = value;
    interrupted = { number: utterance.number, isOpen };
    watchdog.arm(INTERRUPT_MS, renew);
  }

  return {
    begin(number) {
      if (connection.isClosed) return;
      if (current) cancel(0);
      redialled = !connection.isOpen;
      current = {
        number,
        startMs: playedMs,
        sentences: createSentences({ firstClauseChars: Infinity }),
        hasSentence: false,
        pending: '',
        sent: '',
        isEnded: false,
        isFlushed: false,
        isAwaited: false,
        bytes: 0,
      };
      connection.ensure();
    },
    text(text) {
      if (!current || current.isEnded) return;
      current.pending += text;
      if (current.sentences.push(text).length > 0) current.hasSentence = true;
      pump();
    },
    end() {
      if (!current || current.isEnded) return;
      current.isEnded = true;
      // Nothing to say needs no connection.
      if (current.sent === '' && !isSpeakable(current.pending)) finish(current);
      else pump();
    },
    cancel,
    close() {
      [current, spoken, interrupted] = [undefined, undefined, undefined];
      watchdog.stop();
      connection.close((sdk) => sdk.sendClose({ type: 'Close' }));
    },
  };
}

/** Nothing of it was heard, so all of it may be said again; and no deadline has passed. */
function canStartOver(utterance: Utterance, failure: ProviderFailure): boolean {
  return utterance.bytes === 0 && failure.retryable && failure.kind !== 'timeout' && failure.kind !== 'stalled';
}

/** `text` in parts that fit into one message each. */
function speakParts(text: string): readonly string[] {
  if (text.length <= MAX_SPEAK_CHARS) return text === '' ? [] : [text];
  const parts = createSentences({ firstClauseChars: Infinity, maxChars: MAX_SPEAK_CHARS });
  return [...parts.push(text), ...parts.flush()];
}
