import type { FastifyInstance } from 'fastify';
import type { RecordingStep } from '../agent/dialogue/inputs.ts';
import type { ControlAction } from '../call/inputs.ts';
import type { Session } from '../call/session.ts';
import { LandlineError } from '../core/errors.ts';
import type { CallView } from './call-view.ts';

export interface RecordingControlOptions {
  /** Posts the action through the call's door. @throws LandlineError `call_not_found`, `call_not_active` */
  readonly act: (id: string, action: (session: Session) => ControlAction) => Promise<CallView>;
  /** @throws LandlineError `call_not_active` unless the call is in conversation. */
  readonly needTalking: (session: Session) => void;
}

const STEPS: readonly RecordingStep[] = ['start', 'stop', 'pause', 'resume'];

/**
 * `POST /v1/calls/{id}/recording/start|stop|pause|resume`. What is as it was asked for is an answer like any other;
 * only a pause or a resume of nothing is refused.
 */
export function addRecordingControl(app: FastifyInstance, { act, needTalking }: RecordingControlOptions): void {
  for (const step of STEPS) {
    app.post<{ Params: { id: string } }>(`/v1/calls/:id/recording/${step}`, async ({ params }) =>
      act(params.id, (session) => {
        needTalking(session);
        const { recording } = session.dialogue;
        if ((step === 'pause' || step === 'resume') && recording !== 'on' && recording !== 'paused') {
          throw new LandlineError(
            'recording_not_active',
            recording === 'wanted'
              ? `call ${session.callId} is not recorded yet: its caller is being told first`
              : `call ${session.callId} is not being recorded: start it first`,
          );
        }
        return { type: 'record', do: step };
      }),
    );
  }
}
