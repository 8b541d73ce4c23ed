import { randomId } from '../../core/ids.ts';
import type { DeepgramConnection } from './connection.ts';
import { statedFormat, thresholdProblem } from './query.ts';
import type { Script } from './script.ts';
import { SpeechDetector, timedWords, type Stretch } from './speech-detector.ts';
import { createDecoder } from './wire-audio.ts';

export interface ListenV2Behaviour {
  /** Silence after which an eager end of turn is guessed, milliseconds of audio. */
  readonly eagerSilenceMs: number;
  /** Silence that ends a turn at the default threshold of 0.7; each 0.1 more or less is 100 ms. */
  readonly eotSilenceMs: number;
  /** `ForceEndTurn` must be enabled by Deepgram. */
  readonly allowForceEndTurn: boolean;
}

type TurnEvent = 'StartOfTurn' | 'Update' | 'EagerEndOfTurn' | 'TurnResumed' | 'EndOfTurn';
type Trigger = 'model' | 'timeout' | 'manual';

const UPDATE_MS = 250;
/** A pause inside a turn. */
const PAUSE_MS = 200;
const THRESHOLDS = ['eot_threshold', 'eager_eot_threshold', 'eot_timeout_ms'] as const;

/**
 * `GET /v2/listen` (Flux): the turn state machine in stream time. A text that ends in `…` sounds unfinished: the model
 * never ends its turn, only the timeout does.
 */
export function serveListenV2(connection: DeepgramConnection, script: Script, behaviour: ListenV2Behaviour): void {
  const format = statedFormat(connection.query);
  const decode = format && createDecoder(format);
  const requestId = randomId();
  const settings = new URLSearchParams(connection.query);
  const eagerThreshold = (): number | undefined => numberOf(settings.get('eager_eot_threshold'));
  let sequence = 0;
  let turnIndex = 0;
  let updateAtMs = UPDATE_MS;
  let nowMs = 0;
  /** The turn so far: earlier stretches are whole, the last one may still be growing. */
  let stretches: Stretch[] = [];
  let isOpen = false;
  let isAwaiting = false;
  let ended: Stretch | undefined;

  const send = (message: Readonly<Record<string, unknown>>): void => {
    connection.send({ ...message, request_id: requestId, sequence_id: sequence++ });
  };

  const detector = new SpeechDetector({
    sampleRate: format?.sampleRate ?? 8000,
    pauseMs: PAUSE_MS,
    script,
    isTurnOpen: () => isOpen,
    tick,
  });

  function tick(now: number, stretch: Stretch | undefined, quietMs: number): void {
    nowMs = now;
    if (stretch && stretch !== stretches.at(-1) && stretch !== ended) {
      stretches.push(stretch);
      if (isAwaiting) resume();
    }
    if (!isOpen && transcript() !== '') {
      isOpen = true;
      turnInfo('StartOfTurn');
    }
    if (isOpen) decide(quietMs);
    if (now < updateAtMs) return;
    updateAtMs += UPDATE_MS;
    turnInfo('Update');
  }

  function decide(quietMs: number): void {
    const last = stretches.at(-1);
    if (!last?.isOver) return;
    const isFinished = !transcript().endsWith('…');
    const eotMs = behaviour.eotSilenceMs + (Number(settings.get('eot_threshold') ?? 0.7) - 0.7) * 1000;
    if (isFinished && quietMs >= eotMs) endTurn('model');
    else if (quietMs >= Number(settings.get('eot_timeout_ms') ?? 5000)) endTurn('timeout');
    else if (isFinished && !isAwaiting && eagerThreshold() !== undefined && quietMs >= behaviour.eagerSilenceMs) {
      isAwaiting = true;
      turnInfo('EagerEndOfTurn');
    }
  }

  function resume(): void {
    isAwaiting = false;
    turnInfo('TurnResumed');
  }

  function endTurn(trigger: Trigger): void {
    turnInfo('EndOfTurn', trigger);
    turnIndex++;
    ended = stretches.at(-1);
    stretches = [];
    [isOpen, isAwaiting] = [false, false];
  }

  const transcript = (): string =>
    stretches.flatMap((stretch) => (stretch.words ?? []).slice(0, stretch.known)).join(' ');

  function turnInfo(event: TurnEvent, trigger?: Trigger): void {
    const eager = eagerThreshold() ?? 0.5;
    const confidence = {
      StartOfTurn: 0.05,
      Update: 0.05,
      TurnResumed: 0.1,
      EagerEndOfTurn: eager + 0.02,
      EndOfTurn: 0.92,
    };
    send({
      type: 'TurnInfo',
      event,
      ...(trigger ? { trigger } : {}),
      turn_index: turnIndex,
      audio_window_start: Math.round(stretches[0]?.startMs ?? nowMs) / 1000,
      audio_window_end: Math.round(nowMs) / 1000,
      transcript: transcript(),
      words: stretches.flatMap((stretch) =>
        timedWords(stretch.words ?? [], stretch.startMs, stretch.endMs)
          .slice(0, stretch.known)
          .map(({ punctuated_word: word, start, end, confidence: sure }) => ({ word, start, end, confidence: sure })),
      ),
      end_of_turn_confidence: confidence[event],
    });
  }

  function configure(message: Readonly<Record<string, unknown>>): void {
    const thresholds = message['thresholds'];
    const wanted = new URLSearchParams(settings);
    if (typeof thresholds === 'object' && thresholds !== null) {
      for (const [name, value] of Object.entries(thresholds)) wanted.set(name, String(value));
    }
    if (thresholdProblem(wanted) !== undefined) {
      send({ type: 'ConfigureFailure' });
      return;
    }
    for (const name of THRESHOLDS) {
      const value = wanted.get(name);
      if (value !== null) settings.set(name, value);
    }
    send({
      type: 'ConfigureSuccess',
      thresholds: Object.fromEntries(
        THRESHOLDS.filter((name) => settings.has(name)).map((name) => [name, Number(settings.get(name))]),
      ),
      keyterms: Array.isArray(message['keyterms']) ? message['keyterms'] : settings.getAll('keyterm'),
    });
  }

  connection.serve({
    audio(bytes) {
      if (decode && bytes.length > 0) detector.push(decode(bytes));
      else fail('DATA-0000', 'the audio could not be decoded');
    },
    message(message) {
      if (message['type'] === 'CloseStream') {
        detector.finish();
        connection.close(1000);
      } else if (message['type'] === 'Configure') configure(message);
      else if (message['type'] === 'ForceEndTurn' && behaviour.allowForceEndTurn) {
        if (isOpen) endTurn('manual');
      } else refuse();
    },
    unreadable: refuse,
    closed: () => undefined,
  });

  function refuse(): void {
    fail('UNPARSABLE_CLIENT_MESSAGE', 'the message could not be parsed');
  }

  function fail(code: string, description: string): void {
    send({ type: 'Error', code, description });
    connection.close(1008, code);
  }

  send({ type: 'Connected' });
}

const numberOf = (text: string | null): number | undefined => (text === null ? undefined : Number(text));
