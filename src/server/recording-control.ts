import type { FastifyInstance } from 'fastify';
import type { RecordingStep } from '../agent/dialogue/inputs.ts';
import { LandlineError } from '../core/errors.ts';
import { ACTED } from './action-routes.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { CallActions } from './call-actions.ts';

const STEPS: readonly RecordingStep[] = ['start', 'stop', 'pause', 'resume'];
const SUMMARIES: Readonly<Record<RecordingStep, string>> = {
  start: 'Start recording',
  stop: 'Stop recording for good',
  pause: 'Pause recording',
  resume: 'Go on recording',
};

/**
 * `POST /v1/calls/{id}/recording/start|stop|pause|resume`. What is as it was asked for is an answer like any other;
 * only a pause or a resume of nothing is refused.
 */
export function addRecordingControl(server: FastifyInstance, { act, needTalking }: CallActions): void {
  const app = server.withTypeProvider<ZodProvider>();
  for (const step of STEPS) {
    const api: ApiDoc = {
      tag: 'recordings',
      summary: SUMMARIES[step],
      answers: { 200: ACTED },
      problems: [
        ...(step === 'pause' || step === 'resume' ? (['recording_not_active'] as const) : []),
        ...(['call_not_active', 'call_not_found', 'store_unavailable'] as const),
      ],
    };
    const route = { schema: { params: callParams }, config: { api } };
    app.post(`/v1/calls/:id/recording/${step}`, route, async ({ params, caller }) =>
      act(
        params.id,
        (session) => {
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
        },
        caller,
      ),
    );
  }
}
