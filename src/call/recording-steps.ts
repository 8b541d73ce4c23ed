import type { DialogueState } from '../agent/dialogue/state.ts';
import { createEncoder } from '../audio/codec.ts';
import type { AudioFormat } from '../audio/format.ts';
import { beep } from '../audio/tones.ts';
import type { CallEffect, RecordingEvent } from './inputs.ts';
import type { Recorder } from './recorder.ts';

/** The recorder warning tone of the field: half a second of 1400 Hz (Federal Standard 1037C, "recorder warning tone"). */
const BEEP = { hz: 1400, ms: 500 } as const;

/** Our own tracks do what was decided at `t`. */
export function followStep(recorder: Recorder, step: Extract<CallEffect, { type: 'record' }>, t: number): void {
  switch (step.do) {
    case 'start':
      recorder.start(t);
      return;
    case 'stop':
      recorder.stop(t);
      return;
    case 'pause':
      recorder.hold(step.isSensitive ? 'sensitive' : 'paused', t);
      return;
    case 'resume':
      recorder.release(t);
  }
}

/** The beep before a recording, as it goes onto the wire. */
export function recordingBeep(format: AudioFormat): Uint8Array {
  return createEncoder(format).encode(beep({ ...BEEP, sampleRate: format.sampleRate }));
}

/** What is told of the recording when the call has ended; undefined when nothing was being recorded. */
export function recordingEnded({ recording, recordingHeld, config }: DialogueState): RecordingEvent | undefined {
  if (recording !== 'on' || recordingHeld) return undefined;
  const by = config.recording === 'telnyx' ? 'telnyx' : 'gateway';
  return { type: 'recording.stopped', data: { by, reason: 'ended' } };
}
