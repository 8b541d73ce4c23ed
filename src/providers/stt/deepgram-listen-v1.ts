import { bytesPerMs } from '../../audio/format.ts';
import type { TimerHandle } from '../../core/clock.ts';
import { encodingOf, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import { failureOfErrorFrame } from '../deepgram-failure.ts';
import { DeepgramSocket, type DeepgramMessage } from '../deepgram-socket.ts';
import type { SttEvent, SttOptions, SttStream, TimedWord } from '../ports.ts';
import { CallerAudio } from './deepgram-caller-audio.ts';
import { joinText, joinWords, readText, readWords } from './deepgram-transcript.ts';

export interface ListenV1Options extends DeepgramEndpoint {
  readonly model: string;
  /** Silence after which Deepgram ends the turn, milliseconds. Its own default of 10 is far too eager. */
  readonly endpointingMs: number;
}

const NAME = 'Deepgram listen v1';
const PIECE_MS = 40;
const TICK_MS = 500;
/** Deepgram hangs up after 10 s without audio and asks for a KeepAlive every 3 to 5 s. */
const KEEP_ALIVE_MS = 3_500;
/** Gap between words after which Deepgram says `UtteranceEnd`: the way out when noise hides the silence. */
const UTTERANCE_END_MS = 1_000;

/**
 * One stream of `GET /v1/listen` (Nova). The text of a turn is all `is_final` pieces up to the one that is
 * `speech_final`; without that one, `UtteranceEnd` ends the turn.
 */
export function openListenV1(options: ListenV1Options, stt: SttOptions, emit: (event: SttEvent) => void): SttStream {
  const { clock, model } = options;
  let quietSince = clock.mono();
  let tick: TimerHandle | undefined;
  const turn = createTurn(emit);

  const socket = new DeepgramSocket(
    options,
    {
      name: NAME,
      awaitConnected: false,
      maxBufferedBytes: bytesPerMs(stt.format) * 1_000,
      dial: (client) =>
        client.listen.v1.connect({
          model,
          encoding: encodingOf(stt.format),
          sample_rate: stt.format.sampleRate,
          channels: 1,
          language: stt.language,
          interim_results: 'true',
          vad_events: 'true',
          punctuate: 'true',
          endpointing: options.endpointingMs,
          utterance_end_ms: UTTERANCE_END_MS,
          ...hintsFor(model, stt.keyterms),
        }),
    },
    {
      opened() {
        emit({ type: 'sttOpened' });
        audio.open();
      },
      message: (message) => receive(message),
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

  function receive(message: DeepgramMessage): void {
    switch (message['type']) {
      case 'Results': {
        const result = readResult(message, (ms) => audio.callerMs(ms));
        if (result) turn.result(result);
        return;
      }
      case 'SpeechStarted':
        turn.speechStarted();
        return;
      case 'UtteranceEnd':
        // What is not final yet would come later and be said twice: ask for it now and let it end the turn.
        if (turn.utteranceEnd() === 'unfinished') socket.send((sdk) => sdk.sendFinalize({ type: 'Finalize' }));
        return;
      case 'Error':
        socket.fail(failureOfErrorFrame(NAME, message));
        return;
      default:
        return;
    }
  }

  const watch = (): void => {
    tick = clock.after(TICK_MS, watch);
    const now = clock.mono();
    if (now - quietSince >= TICK_MS) audio.flush();
    if (now - quietSince < KEEP_ALIVE_MS) return;
    if (socket.send((sdk) => sdk.sendKeepAlive({ type: 'KeepAlive' }))) quietSince = now;
  };
  tick = clock.after(TICK_MS, watch);

  return {
    endsTurns: true,
    write(bytes) {
      quietSince = clock.mono();
      audio.write(bytes);
    },
    // Deepgram ends the turns, so nobody asks for these.
    beginUtterance: () => undefined,
    finishUtterance: () => undefined,
    close() {
      tick?.cancel();
      audio.flush();
      socket.close((sdk) => sdk.sendCloseStream({ type: 'CloseStream' }));
    },
  };
}

/** Nova-3 takes `keyterm` and refuses `keywords`; the models before it know only `keywords`. */
function hintsFor(model: string, terms: readonly string[]): { keyterm?: string[]; keywords?: string[] } {
  if (terms.length === 0) return {};
  return /^nova-[3-9]/.test(model) ? { keyterm: [...terms] } : { keywords: [...terms] };
}

interface Result {
  readonly text: string;
  readonly words: readonly TimedWord[];
  readonly isFinal: boolean;
  /** Ends the turn: silence was heard, or it answers our `Finalize`. */
  readonly endsTurn: boolean;
}

function readResult(message: DeepgramMessage, toMs: (ms: number) => number): Result | undefined {
  const channel = message['channel'];
  if (typeof channel !== 'object' || channel === null || !('alternatives' in channel)) return undefined;
  const first: unknown = Array.isArray(channel.alternatives) ? channel.alternatives[0] : undefined;
  if (typeof first !== 'object' || first === null) return undefined;
  const isFinal = message['is_final'] === true;
  return {
    text: readText('transcript' in first ? first.transcript : undefined),
    words: isFinal ? readWords('words' in first ? first.words : undefined, toMs) : [],
    isFinal,
    endsTurn: isFinal && (message['speech_final'] === true || message['from_finalize'] === true),
  };
}

interface Turn {
  speechStarted(): void;
  result(result: Result): void;
  utteranceEnd(): 'ended' | 'unfinished';
}

function createTurn(emit: (event: SttEvent) => void): Turn {
  let final = '';
  let words: readonly TimedWord[] = [];
  let interim = '';
  let announced = false;
  let shown = '';

  const textSoFar = (): string => joinText(final, interim);
  const end = (): void => {
    const event: SttEvent = { type: 'sttEndOfTurn', text: textSoFar(), ...(words.length > 0 ? { words } : {}) };
    const heardAnything = announced || event.text !== '';
    [final, words, interim, shown, announced] = ['', [], '', '', false];
    // Deepgram also closes stretches in which nothing was ever heard.
    if (heardAnything) emit(event);
  };

  return {
    speechStarted() {
      // Comes again after every pause inside a turn; noise that led to no text does not swallow the next one.
      if (textSoFar() !== '') return;
      announced = true;
      emit({ type: 'sttSpeechStarted' });
    },
    result({ text, words: timed, isFinal, endsTurn }) {
      interim = isFinal ? '' : text;
      if (isFinal) {
        final = joinText(final, text);
        words = joinWords(words, timed);
      }
      if (endsTurn) {
        end();
        return;
      }
      const now = textSoFar();
      if (now === '' || now === shown) return;
      shown = now;
      emit({ type: 'sttPartial', text: now });
    },
    utteranceEnd() {
      if (interim !== '') return 'unfinished';
      if (final !== '') end();
      return 'ended';
    },
  };
}
