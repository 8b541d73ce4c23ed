import type { DialogueSignal, RecordingStep } from '../agent/dialogue/inputs.ts';
import type { CommandOutcome } from '../telnyx/commands.ts';
import type { CallCommand, RecordingEvent } from './inputs.ts';
import { isOver, type CallDraft, type Leg } from './state.ts';

type RecordCommand = Extract<CallCommand, { name: `record${string}` }>['name'];

const COMMANDS: Readonly<Record<RecordingStep, RecordCommand>> = {
  start: 'recordStart',
  stop: 'recordStop',
  pause: 'recordPause',
  resume: 'recordResume',
};

/** What people are told of a step that was done. */
export function recordingEvent(step: RecordingStep, by: 'gateway' | 'telnyx', isSensitive: boolean): RecordingEvent {
  switch (step) {
    case 'start':
      return { type: 'recording.started', data: { by, reason: 'started' } };
    case 'resume':
      return { type: 'recording.started', data: { by, reason: 'resumed' } };
    case 'stop':
      return { type: 'recording.stopped', data: { by, reason: 'stopped' } };
    case 'pause':
      return { type: 'recording.stopped', data: { by, reason: isSensitive ? 'sensitive' : 'paused' } };
  }
}

/** The dialogue decided: our own tracks follow at once, Telnyx is asked. */
export function onRecordSignal(
  d: CallDraft,
  leg: Leg,
  { do: step, by, why }: Extract<DialogueSignal, { type: 'record' }>,
): void {
  if (isOver(leg)) return;
  const tag = why === undefined ? {} : { tag: why };
  if (by === 'telnyx') {
    d.fx.push({ type: 'command', leg: leg.name, command: { name: COMMANDS[step] }, ...tag });
    return;
  }
  d.fx.push(
    { type: 'record', do: step, isSensitive: why !== undefined },
    { type: 'event', event: recordingEvent(step, by, why !== undefined) },
  );
}

/** Telnyx' answer to a recording command. A pause that was refused must not let the recording go on: it is stopped. */
export function onRecordDone(
  d: CallDraft,
  leg: Leg,
  name: RecordCommand,
  outcome: CommandOutcome,
  tag: string | undefined,
): void {
  const step = (Object.keys(COMMANDS) as RecordingStep[]).find((one) => COMMANDS[one] === name);
  if (step === undefined) return;
  if (outcome.ok) {
    d.fx.push({ type: 'event', event: recordingEvent(step, 'telnyx', tag === 'sensitive') });
    return;
  }
  d.fx.push({ type: 'event', event: { type: 'recording.stopped', data: { by: 'telnyx', reason: 'failed' } } });
  d.fx.push({ type: 'dialogue', input: { type: 'recordingFailed' } });
  // Whether it was carried out may be unknown; nothing is recorded that people believe is not.
  const isSettled = name === 'recordStop' || (name === 'recordStart' && outcome.kind === 'refused');
  if (!isSettled && !isOver(leg)) d.fx.push({ type: 'command', leg: leg.name, command: { name: 'recordStop' } });
}

export function isRecordCommand(name: string): name is RecordCommand {
  return Object.values<string>(COMMANDS).includes(name);
}
