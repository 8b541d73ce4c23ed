import type { Clock } from '../../core/clock.ts';
import { randomId } from '../../core/ids.ts';
import type { VoicedWord } from '../voice.ts';
import type { DeepgramConnection } from './connection.ts';
import { statedFormat } from './query.ts';
import { Speaker, type SpeakBehaviour } from './speaker.ts';

/** One speech: all text up to a `Flush`. */
interface Speech {
  readonly id: string;
  /** Where it begins in what the client has played of this session, milliseconds. */
  readonly startMs: number;
  text: string;
  /** How much of the text was given to the voice. */
  spokenChars: number;
  readonly words: VoicedWord[];
  durationMs: number;
  hasStarted: boolean;
  isFlushed: boolean;
  /** Sentences on their way. */
  pending: number;
}

const LATE_CHUNKS = 2;
const SENTENCE = /^[^]*?[.!?…]+\s+/u;

/** `GET /v2/speak` (Flux TTS): tokens in, whole sentences spoken as they come, `Interrupt` answered with what was heard. */
export function serveSpeakV2(connection: DeepgramConnection, behaviour: SpeakBehaviour, clock: Clock): void {
  const speaker = new Speaker(
    statedFormat(connection.query) ?? { encoding: 'linear16', sampleRate: 24000 },
    behaviour,
    clock,
    (bytes) => {
      const [speech] = speeches;
      if (speech && !speech.hasStarted) {
        speech.hasStarted = true;
        connection.send({ type: 'SpeechStarted', speech_id: speech.id });
      }
      connection.sendAudio(bytes);
    },
  );
  /** Speeches that are not finished, in order; text goes to the last one unless it was flushed. */
  let speeches: Speech[] = [];
  /** The last one whose audio was sent whole: it may still be playing. */
  let finished: Speech | undefined;
  let interruptedMs = -1;
  const totals = { durationMs: 0, chars: 0 };

  function openSpeech(): Speech {
    const last = speeches.at(-1);
    if (last && !last.isFlushed) return last;
    const before = last ?? finished;
    const speech: Speech = {
      id: `dg_sp_${randomId().replaceAll('-', '').slice(0, 12)}`,
      startMs: before ? before.startMs + before.durationMs : Math.max(0, interruptedMs),
      text: '',
      spokenChars: 0,
      words: [],
      durationMs: 0,
      hasStarted: false,
      isFlushed: false,
      pending: 0,
    };
    speeches.push(speech);
    return speech;
  }

  function say(speech: Speech, text: string): void {
    speech.spokenChars += text.length;
    speech.pending++;
    const said = speaker.say(text, () => {
      speech.pending--;
      finishIfDone(speech);
    });
    for (const word of said.words) {
      const at = speech.durationMs;
      speech.words.push({ text: word.text, startMs: at + word.startMs, endMs: at + word.endMs });
    }
    speech.durationMs += said.durationMs;
    totals.durationMs += said.durationMs;
  }

  function sayCompleteSentences(speech: Speech): void {
    for (;;) {
      const sentence = SENTENCE.exec(speech.text.slice(speech.spokenChars))?.[0];
      if (sentence === undefined) return;
      say(speech, sentence);
    }
  }

  function flush(): void {
    const speech = speeches.at(-1);
    if (!speech || speech.isFlushed) {
      warn('NO_ACTIVE_SPEECH', 'there is nothing to flush');
      return;
    }
    speech.isFlushed = true;
    say(speech, speech.text.slice(speech.spokenChars));
    if (speech.words.length === 0) warn('NO_SYNTHESIZABLE_TEXT', 'the text has no words');
  }

  function finishIfDone(speech: Speech): void {
    if (!speech.isFlushed || speech.pending > 0) return;
    speeches = speeches.filter((other) => other !== speech);
    finished = speech;
    connection.send({ type: 'Flushed', speech_id: speech.id });
    connection.send({ type: 'SpeechMetadata', ...metadataOf(speech) });
  }

  function metadataOf(speech: Speech): Readonly<Record<string, unknown>> {
    return {
      speech_id: speech.id,
      audio_duration_ms: Math.round(speech.durationMs),
      input_character_count: speech.text.length,
      billable_character_count: speech.text.length,
      controls_applied: { pronunciations_applied: 0, breaks_applied: 0, pronunciation_warnings: 0 },
    };
  }

  function interrupt(offset: unknown): void {
    const value = offsetMs(offset);
    if (totals.durationMs === 0) {
      warn('NO_AUDIO_GENERATED', 'no audio was generated yet');
      return;
    }
    if (value === 'invalid' || (value !== undefined && value <= interruptedMs)) {
      warn('INVALID_INTERRUPT_OFFSET', 'playback_offset must advance');
      return;
    }
    const speech = speeches.find((one) => one.words.length > 0) ?? finished;
    speaker.stop(speeches.some((one) => one.hasStarted) ? LATE_CHUNKS : 0);
    speeches = [];
    finished = undefined;
    interruptedMs = value ?? totals.durationMs;
    if (!speech) {
      warn('NO_ACTIVE_SPEECH', 'there is nothing to interrupt');
      return;
    }
    connection.send({
      type: 'SpeechInterrupted',
      audio_played_ms: interruptedMs,
      ...(value === undefined ? {} : split(speech, value - speech.startMs)),
      metadata: metadataOf(speech),
    });
  }

  function warn(code: string, description: string): void {
    connection.send({ type: 'Warning', code, description });
  }

  connection.serve({
    audio: () => refuse(),
    unreadable: refuse,
    message(message) {
      switch (message['type']) {
        case 'Speak': {
          if (typeof message['text'] !== 'string') {
            refuse();
            return;
          }
          const speech = openSpeech();
          speech.text += message['text'];
          totals.chars += message['text'].length;
          sayCompleteSentences(speech);
          return;
        }
        case 'Flush':
          flush();
          return;
        case 'Interrupt':
          interrupt(message['playback_offset']);
          return;
        case 'Configure':
          connection.send({
            type: 'ConfigureFailure',
            code: 'SPEED_NOT_SUPPORTED',
            field: 'speed',
            value: message['speed'],
            description: 'the emulated voice has one speed',
          });
          return;
        case 'Close':
          speaker.stop(0);
          connection.send({
            type: 'SessionMetadata',
            total_audio_duration_ms: Math.round(totals.durationMs),
            total_input_character_count: totals.chars,
            total_billable_character_count: totals.chars,
          });
          connection.close(1000);
          return;
        default:
          refuse();
      }
    },
    closed: () => speaker.stop(0),
  });

  function refuse(): void {
    connection.send({ type: 'Error', code: 'MESSAGE-0000', description: 'the message could not be understood' });
    connection.close(1008, 'MESSAGE-0000');
  }

  connection.send({
    type: 'Connected',
    request_id: randomId(),
    model_name: connection.query.get('model') ?? '',
    model_version: '2026-01-01.0',
    model_uuids: ['e0e0e0e0-0000-4000-8000-000000000003'],
  });
}

function offsetMs(offset: unknown): number | undefined | 'invalid' {
  if (offset === undefined) return undefined;
  if (typeof offset !== 'object' || offset === null || !('type' in offset) || !('value' in offset)) return 'invalid';
  return offset.type === 'time_ms' && typeof offset.value === 'number' ? offset.value : 'invalid';
}

/** The text up to the last word that had ended by then, and the rest. */
function split(speech: Speech, playedMs: number): { text_spoken: string; text_remaining: string } {
  let at = 0;
  for (const word of speech.words) {
    if (word.endMs > playedMs) break;
    at = speech.text.indexOf(word.text, at) + word.text.length;
  }
  return { text_spoken: speech.text.slice(0, at), text_remaining: speech.text.slice(at) };
}
