import type { RecordingStep } from './inputs.ts';
import { sayLine } from './speaking.ts';
import type { Draft } from './state.ts';

/** The consent as a turn of its own, which nobody talks over; recording begins when it was heard to its end. */
export function sayConsent(d: Draft): void {
  const consent = d.s.config.consent;
  sayLine(d, consent?.line ?? '', {
    interruptible: false,
    beep: consent?.beep ?? false,
    after: [{ type: 'record' }],
  });
}

/** Must the caller be told something before recording may begin? */
export function needsConsent(d: Draft): boolean {
  return d.s.recording === 'wanted' && d.s.config.consent !== undefined && !d.s.recorded;
}

/** The way is free: what is wanted begins. */
export function beginRecording(d: Draft): void {
  if (d.s.recording === 'wanted') change(d, 'start', 'on');
}

/** After a restart: recording goes on as it was. Telnyx has not noticed that we were gone. */
export function resumeRecording(d: Draft): void {
  if (d.s.config.recording === 'telnyx') return;
  if (d.s.recording === 'on') change(d, 'start', 'on');
  if (d.s.recording === 'paused') {
    change(d, 'start', 'on');
    change(d, 'pause', 'paused');
  }
}

/** Somebody outside decides. What makes no sense at this moment changes nothing. */
export function onRecord(d: Draft, step: RecordingStep): void {
  if (d.s.wrapUp !== undefined && step !== 'stop' && step !== 'pause') return;
  const { recording } = d.s;
  switch (step) {
    case 'start':
      if (recording === 'paused') change(d, 'resume', 'on');
      if (recording !== 'off') return;
      d.s.recording = 'wanted';
      if (!needsConsent(d)) beginRecording(d);
      else if (d.s.phase === 'live' && !d.s.speech && !d.s.generation) sayConsent(d);
      return;
    case 'stop':
      if (recording === 'wanted') d.s.recording = 'off';
      else if (recording !== 'off') change(d, 'stop', 'off');
      return;
    case 'pause':
      if (recording === 'on') change(d, 'pause', 'paused');
      return;
    case 'resume':
      if (recording === 'paused') change(d, 'resume', 'on');
  }
}

/** Digits that nobody may keep are being collected, or no longer: nothing is recorded meanwhile, whoever wants it. */
export function holdRecording(d: Draft, on: boolean): void {
  if (d.s.recordingHeld === on) return;
  d.s.recordingHeld = on;
  if (d.s.recording === 'on') tell(d, on ? 'pause' : 'resume', 'sensitive');
}

function change(d: Draft, step: RecordingStep, to: 'on' | 'off' | 'paused'): void {
  d.s.recorded = true;
  d.s.recording = to;
  const isStill = d.s.recordingHeld && (step === 'pause' || step === 'resume');
  if (!isStill) tell(d, step);
  if (step === 'start' && d.s.recordingHeld) tell(d, 'pause', 'sensitive');
}

function tell(d: Draft, step: RecordingStep, why?: 'sensitive'): void {
  const by = d.s.config.recording === 'telnyx' ? 'telnyx' : 'gateway';
  d.fx.push({ type: 'signal', signal: { type: 'record', do: step, by, ...(why === undefined ? {} : { why }) } });
}
