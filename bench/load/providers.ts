import type { AgentProviders } from '../../src/call/ports.ts';
import {
  DEED,
  DEEDS,
  FRAME_BYTES,
  FrameCheck,
  GIVEN_AT,
  INDEX,
  machineMicros,
  readStamp,
  writeStamp,
} from './stamp.ts';

/** Told before the rest: what a voice has ready first. */
const FIRST_PIECE_BYTES = 10 * FRAME_BYTES;

export interface NoOpProviders extends AgentProviders {
  /** What reached the recognisers of all calls. */
  readonly heard: { frames: number; lost: number; doubled: number };
}

/**
 * Providers that do no work of their own. The recogniser reads the caller's stamps (and counts frames), the model says one
 * sentence, the voice has `utteranceMs` of stamped audio for anything: 200 ms of it first, then the rest.
 */
export function noOpProviders(utteranceMs: number): NoOpProviders {
  const audio = new Uint8Array((utteranceMs / 20) * FRAME_BYTES).fill(0x30);
  for (let frame = 0; frame * FRAME_BYTES < audio.length; frame++) {
    writeStamp(audio, frame * FRAME_BYTES + INDEX.at, INDEX.nibbles, frame);
  }
  const rest = audio.subarray(FIRST_PIECE_BYTES);
  const heard = { frames: 0, lost: 0, doubled: 0 };
  return {
    heard,
    stt: {
      name: 'no-op recogniser',
      open: (_options, emit) => {
        const check = new FrameCheck();
        return {
          endsTurns: true,
          write: (bytes) => {
            check.see(readStamp(bytes, INDEX.at, INDEX.nibbles));
            const deed = readStamp(bytes, DEED.at, DEED.nibbles);
            if (deed === DEEDS.words) emit({ type: 'sttPartial', text: 'please tell me' });
            else if (deed === DEEDS.endOfTurn) emit({ type: 'sttEndOfTurn', text: 'please tell me the time' });
          },
          beginUtterance: () => undefined,
          finishUtterance: () => undefined,
          close: () => {
            heard.frames += check.frames;
            heard.lost += check.lost;
            heard.doubled += check.doubled;
          },
        };
      },
    },
    llm: {
      name: 'no-op model',
      warm: () => undefined,
      generate: (_request, emit) => {
        let live = true;
        setImmediate(() => {
          if (!live) return;
          emit({ type: 'llmDelta', text: 'It is time to go.' });
          emit({ type: 'llmDone', finish: 'stop' });
        });
        return { abort: () => void (live = false) };
      },
    },
    tts: {
      name: 'no-op voice',
      open: (_options, emit) => {
        let running = 0;
        let said = '';
        const speak = (utterance: number): void => {
          if (running !== utterance) return;
          const first = audio.slice(0, FIRST_PIECE_BYTES);
          writeStamp(first, GIVEN_AT.at, GIVEN_AT.nibbles, machineMicros());
          emit({ type: 'ttsAudio', utterance, bytes: first });
          setImmediate(() => {
            if (running !== utterance) return;
            if (rest.length > 0) emit({ type: 'ttsAudio', utterance, bytes: rest });
            emit({ type: 'ttsText', utterance, text: said, fromByte: 0, toByte: audio.length });
            emit({ type: 'ttsDone', utterance });
          });
        };
        return {
          begin: (utterance) => {
            running = utterance;
            said = '';
          },
          text: (more) => void (said += more),
          end: () => {
            const utterance = running;
            setImmediate(() => speak(utterance));
          },
          cancel: () => void (running = 0),
          close: () => void (running = 0),
        };
      },
    },
  };
}
