import type { TimerHandle } from '../../core/clock.ts';
import { encodingOf, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import { failureOfErrorFrame } from '../deepgram-failure.ts';
import type { DeepgramMessage } from '../deepgram-socket.ts';
import type { ProviderFailure, TtsEvent, TtsOptions, TtsSession } from '../ports.ts';
import { createWatchdog } from '../watchdog.ts';
import { SpeakConnection, startsLikeWav } from './deepgram-connection.ts';
import { createFlushBudget } from './deepgram-flush-budget.ts';
import { createSentences, isSpeakable, type Sentences } from './sentences.ts';

export interface SpeakV1Options extends DeepgramEndpoint {
  readonly model: string;
}

interface Utterance {
  readonly number: number;
  /** All of its text so far. */
  text: string;
  sentences: Sentences;
  /** Pieces that are complete and were not sent yet. */
  ready: string[];
  /** White space and the like at the very end: part of the text, not worth a message. */
  tail: string;
  /** Text that was sent but not flushed: the server only collects it. */
  collected: string;
  /** Texts whose `Flushed` is still to come, in order. */
  flushes: string[];
  /** Something of it was sent. */
  isSent: boolean;
  hasFlushed: boolean;
  isEnded: boolean;
  /** Audio emitted so far, and up to where `ttsText` told about it. */
  bytes: number;
  toldBytes: number;
  hasTold: boolean;
}

const NAME = 'Deepgram speak v1';
const FIRST_BYTE_MS = 2_000;
const IDLE_MS = 3_000;
/** Longest text of one message; Deepgram's own limit is about twice that. */
const MAX_SPEAK_CHARS = 1_000;
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
    if (wasOpen && !utterance) {
      // Died while nothing was being said: nothing is lost, and the next words get a new connection.
      log.info({ failure }, 'idle deepgram speak connection lost');
      return;
    }
    if (wasOpen && utterance && !redialled && canGoOn(utterance, failure)) {
      log.info({ failure, utterance: utterance.number }, 'deepgram speak connection lost and dialled again');
      redialled = true;
      if (isOwed(utterance)) startOver(utterance);
      connection.ensure();
      return;
    }
    current = undefined;
    emit({ type: 'ttsFailed', ...(utterance ? { utterance: utterance.number } : {}), failure });
  }

  /** Sends what may be sent by now. Called whenever text, an end, or a connection comes. */
  function pump(): void {
    const utterance = current;
    if (!utterance || !connection.isOpen) return;
    for (const text of utterance.ready.splice(0)) {
      if (!isSpeakable(text)) {
        utterance.tail += text;
        continue;
      }
      connection.send((sdk) => sdk.sendText({ type: 'Speak', text }));
      utterance.collected += text;
      utterance.isSent = true;
      const isDue = !utterance.hasFlushed || utterance.collected.length >= FLUSH_AFTER_CHARS;
      if (isDue && budget.allowsEarly()) flush(utterance);
    }
    if (utterance.isEnded) sendEnd(utterance);
  }

  function sendEnd(utterance: Utterance): void {
    if (utterance.collected !== '') {
      const waitMs = budget.waitMs();
      if (waitMs > 0) {
        postponed?.cancel();
        postponed = clock.after(waitMs, pump);
        return;
      }
      utterance.collected += utterance.tail;
      utterance.tail = '';
      flush(utterance);
    }
    finishIfDone(utterance);
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
    utterance.hasTold = true;
    emit({ type: 'ttsText', utterance: utterance.number, text, fromByte, toByte: utterance.bytes });
  }

  const isCurrent = (utterance: Utterance): boolean => current === utterance;

  function finishIfDone(utterance: Utterance): void {
    if (!isCurrent(utterance) || !utterance.isEnded) return;
    if (utterance.ready.length > 0 || isOwed(utterance)) return;
    // So that the pieces are the whole text.
    if (utterance.tail !== '') tell(utterance, utterance.tail);
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
    if (!utterance || !isOwed(utterance)) return;
    if (connection.send((sdk) => sdk.sendClear({ type: 'Clear' }))) clearing++;
  }

  return {
    begin(number) {
      if (connection.isClosed) return;
      drop();
      redialled = !connection.isOpen;
      current = { number, text: '', ...freshText(), isEnded: false, bytes: 0, toldBytes: 0, hasTold: false };
      connection.ensure();
    },
    text(text) {
      if (!current || current.isEnded) return;
      current.text += text;
      current.ready.push(...current.sentences.push(text));
      pump();
    },
    end() {
      if (!current || current.isEnded) return;
      current.isEnded = true;
      current.ready.push(...current.sentences.flush());
      if (current.isSent || current.ready.some(isSpeakable)) {
        pump();
        return;
      }
      // Nothing to say needs no connection.
      current.tail = current.ready.splice(0).join('');
      finishIfDone(current);
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

/** Nothing was heard of the text that the server has, so all of it may be said again; and no deadline has passed. */
function canGoOn(utterance: Utterance, failure: ProviderFailure): boolean {
  if (!failure.retryable || failure.kind === 'timeout' || failure.kind === 'stalled') return false;
  return !isOwed(utterance) || (utterance.bytes === 0 && !utterance.hasTold);
}

function startOver(utterance: Utterance): void {
  Object.assign(utterance, freshText());
  utterance.ready.push(...utterance.sentences.push(utterance.text));
  if (utterance.isEnded) utterance.ready.push(...utterance.sentences.flush());
}

/** Nothing sent yet. */
function freshText(): Pick<
  Utterance,
  'sentences' | 'ready' | 'tail' | 'collected' | 'flushes' | 'isSent' | 'hasFlushed'
> {
  return {
    sentences: createSentences({ firstClauseChars: Infinity, maxChars: MAX_SPEAK_CHARS }),
    ready: [],
    tail: '',
    collected: '',
    flushes: [],
    isSent: false,
    hasFlushed: false,
  };
}

/** The server holds text that was not answered with its audio. */
function isOwed(utterance: Utterance): boolean {
  return utterance.collected !== '' || utterance.flushes.length > 0;
}
