import { randomId } from '../../core/ids.ts';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { DeepgramConnection } from './connection.ts';
import { statedFormat } from './query.ts';
import type { Script } from './script.ts';
import { SpeechDetector, timedWords, type Stretch } from './speech-detector.ts';
import { createDecoder } from './wire-audio.ts';

export interface ListenV1Behaviour {
  /** From hearing the end of an utterance to sending its final result, milliseconds. */
  readonly finalDelayMs: number;
  /** Words after which a long utterance gets an `is_final` result on the way. */
  readonly finalEveryWords: number;
  /** False: finals are never `speech_final`, as on a noisy line, and only `UtteranceEnd` tells the end. */
  readonly speechFinal: boolean;
  /** The answer to `CloseStream` ends with this code; 1005 is an empty close frame. */
  readonly endCode: 1000 | 1005;
}

const IDLE_MS = 10_000;
const INTERIM_MS = 300;

/** `GET /v1/listen`: results in stream time, driven by the received audio alone. */
export function serveListenV1(
  connection: DeepgramConnection,
  script: Script,
  behaviour: ListenV1Behaviour,
  clock: Clock,
): void {
  const { query } = connection;
  const format = statedFormat(query);
  const decode = format && createDecoder(format);
  const requestId = randomId();
  const utteranceEndMs = Number(query.get('utterance_end_ms') ?? Infinity);
  let idle: TimerHandle | undefined;
  let seen: Stretch | undefined;
  /** Words of the seen stretch that are final already. */
  let finals = 0;
  let interimAtMs = 0;
  let isEnding = false;
  let isUtteranceEndDue = false;
  let nowMs = 0;

  const detector = new SpeechDetector({
    sampleRate: format?.sampleRate ?? 8000,
    // Deepgram's own default is very short.
    pauseMs: Number(query.get('endpointing') ?? 10),
    script,
    isTurnOpen: () => false,
    tick,
  });

  function tick(now: number, stretch: Stretch | undefined): void {
    nowMs = now;
    if (!stretch) return;
    if (stretch !== seen) {
      [seen, finals, interimAtMs, isUtteranceEndDue] = [stretch, 0, stretch.startMs, true];
      if (query.get('vad_events') === 'true') {
        connection.send({ type: 'SpeechStarted', channel: [0], timestamp: seconds(stretch.startMs) });
      }
    }
    if (stretch.isOver) {
      if (finals >= 0) sendFinal(stretch, true);
      if (!isUtteranceEndDue || now - stretch.endMs < utteranceEndMs) return;
      isUtteranceEndDue = false;
      if (stretch.words?.length === 0) return;
      afterFinal(() => connection.send({ type: 'UtteranceEnd', channel: [0], last_word_end: seconds(stretch.endMs) }));
      return;
    }
    if (stretch.known - finals >= behaviour.finalEveryWords) {
      sendFinal(stretch, false);
    } else if (now - interimAtMs >= INTERIM_MS && stretch.known > finals) {
      interimAtMs = now;
      if (query.get('interim_results') === 'true') connection.send(results(stretch, finals, { isFinal: false }));
    }
  }

  function sendFinal(stretch: Stretch, isEnd: boolean, fromFinalize = false): void {
    const message = results(stretch, finals, {
      isFinal: true,
      speechFinal: isEnd && !fromFinalize && behaviour.speechFinal,
      fromFinalize,
    });
    // -1: everything of this stretch was said.
    finals = isEnd ? -1 : stretch.known;
    afterFinal(() => connection.send(message));
  }

  function afterFinal(run: () => void): void {
    if (behaviour.finalDelayMs === 0 || isEnding) run();
    else clock.after(behaviour.finalDelayMs, run);
  }

  function results(
    stretch: Stretch,
    from: number,
    marks: { isFinal: boolean; speechFinal?: boolean; fromFinalize?: boolean },
  ): Readonly<Record<string, unknown>> {
    const all = timedWords(stretch.words ?? [], stretch.startMs, stretch.endMs);
    const words = all.slice(from, stretch.known);
    const start = words[0]?.start ?? seconds(stretch.startMs);
    return {
      type: 'Results',
      channel_index: [0, 1],
      start,
      duration: Math.max(0, seconds(nowMs - start * 1000)),
      is_final: marks.isFinal,
      speech_final: marks.speechFinal ?? false,
      ...(marks.fromFinalize ? { from_finalize: true } : {}),
      channel: {
        alternatives: [{ transcript: words.map((word) => word.punctuated_word).join(' '), confidence: 0.98, words }],
      },
      metadata: {
        request_id: requestId,
        model_uuid: 'e0e0e0e0-0000-4000-8000-000000000001',
        model_info: { name: query.get('model') ?? 'base', version: '2026-01-01.0', arch: 'emulated' },
      },
    };
  }

  function finalize(): void {
    const stretch = seen;
    if (stretch && !stretch.isOver) {
      sendFinal(stretch, false, true);
      return;
    }
    if (seen) connection.send({ ...results(seen, seen.known, { isFinal: true }), from_finalize: true });
  }

  function end(): void {
    isEnding = true;
    idle?.cancel();
    detector.finish();
    connection.send({
      type: 'Metadata',
      transaction_key: 'deprecated',
      request_id: requestId,
      sha256: '0'.repeat(64),
      created: new Date(clock.wall()).toISOString(),
      duration: seconds(nowMs),
      channels: 1,
    });
    if (behaviour.endCode === 1000) connection.close(1000);
    else connection.close();
  }

  function restartIdle(): void {
    idle?.cancel();
    idle = clock.after(IDLE_MS, () => connection.close(1011, 'NET-0001: no audio or KeepAlive for 10 s'));
  }

  connection.serve({
    audio(bytes) {
      restartIdle();
      // An empty frame is the old way to say CloseStream.
      if (bytes.length === 0) end();
      else if (decode) detector.push(decode(bytes));
      else connection.close(1008, 'DATA-0000: the audio could not be decoded');
    },
    message(message) {
      restartIdle();
      if (message['type'] === 'CloseStream') end();
      else if (message['type'] === 'Finalize') finalize();
      else if (message['type'] !== 'KeepAlive') refuse();
    },
    unreadable: refuse,
    closed: () => idle?.cancel(),
  });

  function refuse(): void {
    connection.send({ type: 'Error', code: 'MESSAGE-0000', description: 'unknown control message' });
    connection.close(1008, 'MESSAGE-0000');
  }

  restartIdle();
}

/** Deepgram's times have milliseconds. */
const seconds = (ms: number): number => Math.round(ms) / 1000;
