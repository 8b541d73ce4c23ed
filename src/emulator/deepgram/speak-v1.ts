import type { Clock } from '../../core/clock.ts';
import { randomId } from '../../core/ids.ts';
import type { DeepgramConnection } from './connection.ts';
import { statedFormat } from './query.ts';
import { Speaker, type SpeakBehaviour } from './speaker.ts';

const MAX_FLUSHES = 20;
const FLUSH_WINDOW_MS = 60_000;
/** Audio that is on its way when `Clear` arrives. */
const LATE_CHUNKS = 2;

/** `GET /v1/speak` (Aura): text is collected and spoken on `Flush`. */
export function serveSpeakV1(connection: DeepgramConnection, behaviour: SpeakBehaviour, clock: Clock): void {
  const speaker = new Speaker(
    statedFormat(connection.query) ?? { encoding: 'linear16', sampleRate: 24000 },
    behaviour,
    clock,
    (bytes) => connection.sendAudio(bytes),
  );
  let collected = '';
  let sequence = 0;
  let flushTimes: number[] = [];

  function flush(): void {
    const now = clock.mono();
    flushTimes = flushTimes.filter((time) => now - time < FLUSH_WINDOW_MS);
    if (flushTimes.length >= MAX_FLUSHES) {
      connection.send({
        type: 'Warning',
        code: 'EXCESSIVE_FLUSH',
        description: `more than ${MAX_FLUSHES} Flush messages in 60 s; this one is refused`,
      });
      return;
    }
    flushTimes.push(now);
    const text = collected;
    collected = '';
    speaker.say(text, () => connection.send({ type: 'Flushed', sequence_id: sequence++ }));
  }

  connection.serve({
    audio: () => refuse(),
    unreadable: refuse,
    message(message) {
      switch (message['type']) {
        case 'Speak':
          if (typeof message['text'] === 'string') collected += message['text'];
          else refuse();
          return;
        case 'Flush':
          flush();
          return;
        case 'Clear':
          collected = '';
          speaker.stop(LATE_CHUNKS);
          connection.send({ type: 'Cleared', sequence_id: sequence++ });
          return;
        case 'Close':
          speaker.stop(0);
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
    type: 'Metadata',
    request_id: randomId(),
    model_name: connection.query.get('model') ?? 'aura-asteria-en',
    model_version: '2026-01-01.0',
    model_uuid: 'e0e0e0e0-0000-4000-8000-000000000002',
  });
}
