import { bytesPerMs } from '../../audio/format.ts';
import type { TimerHandle } from '../../core/clock.ts';
import { encodingOf, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import { failureOfErrorFrame } from '../deepgram-failure.ts';
import { DeepgramSocket, type DeepgramMessage } from '../deepgram-socket.ts';
import type { SttEvent, SttOptions, SttStream, TimedWord } from '../ports.ts';
import { CallerAudio } from './deepgram-caller-audio.ts';
import { readText, readWords } from './deepgram-transcript.ts';

export interface ListenV2Options extends DeepgramEndpoint {
  readonly model: string;
  readonly eotThreshold?: number;
  readonly eagerEotThreshold?: number;
  readonly eotTimeoutMs?: number;
}

const NAME = 'Deepgram listen v2';
/** Strongly recommended by the vendor: 640 bytes of G.711. */
const PIECE_MS = 80;
const TICK_MS = 100;
/** Flux ends a turn only while audio flows, so a standstill longer than this is filled with silence. */
const STANDSTILL_MS = 500;

/** One stream of `GET /v2/listen` (Flux), which decides about turns itself. */
export function openListenV2(options: ListenV2Options, stt: SttOptions, emit: (event: SttEvent) => void): SttStream {
  const { clock, model } = options;
  /** Until when the recogniser has been given audio, on our clock. */
  let fedUntil = clock.mono();
  let tick: TimerHandle | undefined;
  const turns = createTurns(emit);

  const socket = new DeepgramSocket(
    options,
    {
      name: NAME,
      awaitConnected: true,
      maxBufferedBytes: bytesPerMs(stt.format) * 1_000,
      dial: (client) =>
        client.listen.v2.connect({
          model,
          encoding: encodingOf(stt.format),
          sample_rate: stt.format.sampleRate,
          ...(options.eotThreshold === undefined ? {} : { eot_threshold: options.eotThreshold }),
          ...(options.eagerEotThreshold === undefined ? {} : { eager_eot_threshold: options.eagerEotThreshold }),
          ...(options.eotTimeoutMs === undefined ? {} : { eot_timeout_ms: options.eotTimeoutMs }),
          ...(stt.keyterms.length === 0 ? {} : { keyterm: [...stt.keyterms] }),
          // Only the multilingual model knows the hint, and the other refuses it.
          ...(model.endsWith('-multi') ? { language_hint: stt.language.split('-')[0] ?? stt.language } : {}),
        }),
    },
    {
      opened() {
        fedUntil = clock.mono();
        emit({ type: 'sttOpened' });
        audio.open();
      },
      message(message) {
        if (message['type'] === 'Error') socket.fail(failureOfErrorFrame(NAME, message));
        else if (message['type'] === 'TurnInfo') turns.info(message, (ms) => audio.callerMs(ms));
      },
      audio: () => undefined,
      failed(failure) {
        tick?.cancel();
        emit({ type: 'sttFailed', failure });
      },
    },
  );

  const audio = new CallerAudio({
    format: stt.format,
    pieceMs: PIECE_MS,
    send: (piece) => socket.send((sdk) => sdk.sendMedia(piece)),
  });

  const watch = (): void => {
    tick = clock.after(TICK_MS, watch);
    const now = clock.mono();
    const standstill = Math.floor(now - fedUntil);
    if (standstill < STANDSTILL_MS) return;
    audio.flush();
    if (!turns.isOpen || !socket.isOpen) return;
    // As much as time has passed, but some ticks behind it: audio that was only late still finds its place.
    const silence = standstill - STANDSTILL_MS + TICK_MS;
    audio.feedSilence(silence);
    fedUntil += silence;
  };
  tick = clock.after(TICK_MS, watch);

  return {
    endsTurns: true,
    write(bytes) {
      fedUntil = clock.mono();
      audio.write(bytes);
    },
    // Flux ends the turns, so nobody asks for these.
    beginUtterance: () => undefined,
    finishUtterance: () => undefined,
    close() {
      tick?.cancel();
      audio.flush();
      socket.close((sdk) => sdk.sendCloseStream({ type: 'CloseStream' }));
    },
  };
}

interface Turns {
  readonly isOpen: boolean;
  info(message: DeepgramMessage, toMs: (ms: number) => number): void;
}

/** initial --StartOfTurn--> ongoing --EagerEndOfTurn--> awaiting --(TurnResumed -> ongoing | EndOfTurn -> initial) */
function createTurns(emit: (event: SttEvent) => void): Turns {
  let isOpen = false;
  let shown = '';
  /** The text that `sttEagerEndOfTurn` carried, while it stands. */
  let eager: string | undefined;
  let lastEnded = -1;

  const start = (): void => {
    if (isOpen) return;
    isOpen = true;
    emit({ type: 'sttSpeechStarted' });
  };
  const partial = (text: string): void => {
    if (text === '' || text === shown) return;
    shown = text;
    emit({ type: 'sttPartial', text });
  };
  const resume = (): void => {
    if (eager === undefined) return;
    eager = undefined;
    emit({ type: 'sttTurnResumed' });
  };
  const end = (text: string, words: readonly TimedWord[]): void => {
    // Flux promises the eager text unchanged; were it not so, an answer to the eager text must not be spoken.
    if (eager !== text) resume();
    [isOpen, shown, eager] = [false, '', undefined];
    emit({ type: 'sttEndOfTurn', text, ...(words.length > 0 ? { words } : {}) });
  };

  return {
    get isOpen() {
      return isOpen;
    },
    info(message, toMs) {
      const stated = message['turn_index'];
      const index = Number.isSafeInteger(stated) ? Number(stated) : lastEnded + 1;
      if (index <= lastEnded) return;
      const text = readText(message['transcript']);
      switch (message['event']) {
        case 'StartOfTurn':
          start();
          partial(text);
          return;
        case 'Update':
          // Updates also come in the silence between turns, with no text.
          if (text === '') return;
          start();
          partial(text);
          return;
        case 'EagerEndOfTurn':
          if (text === '' || text === eager) return;
          start();
          resume();
          eager = text;
          emit({ type: 'sttEagerEndOfTurn', text });
          return;
        case 'TurnResumed':
          resume();
          partial(text);
          return;
        case 'EndOfTurn':
          if (!isOpen && text === '') return;
          lastEnded = index;
          start();
          end(text, readWords(message['words'], toMs));
          return;
        default:
          return;
      }
    },
  };
}
