import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Sounds } from '../call/sounds.ts';
import { LandlineError } from '../core/errors.ts';
import { ACTED } from './action-routes.ts';
import { callParams } from './api/call-schemas.ts';
import type { ApiDoc, ZodProvider } from './api/documented.ts';
import type { CallActions } from './call-actions.ts';

export interface VoiceRoutesOptions {
  readonly actions: CallActions;
  readonly sounds: Sounds;
}

export interface PlayBody {
  readonly file: string;
  readonly interruptible: boolean;
}

export const playBody: z.ZodType<PlayBody> = z.strictObject({
  file: z.string().min(1).max(64).describe('a name in `sounds` of the config; never a path or a URL'),
  interruptible: z.boolean().default(true).describe('may the caller talk over it?'),
});

const docs = {
  play: {
    tag: 'actions',
    summary: 'Play an audio file',
    description: 'In its turn, like a line that is said; then the conversation goes on.',
    bodyExample: { file: 'welcome' },
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'sound_not_found', 'store_unavailable'],
  },
  mute: {
    tag: 'actions',
    summary: 'Silence the agent',
    description:
      'It stops at once and starts nothing of its own; the caller is still heard and written down. What is sent to `say` and `play` is heard.',
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
  unmute: {
    tag: 'actions',
    summary: 'Let the agent speak again',
    description: 'It answers what the caller said last, unless somebody has.',
    answers: { 200: ACTED },
    problems: ['call_not_active', 'call_not_found', 'store_unavailable'],
  },
} satisfies Readonly<Record<string, ApiDoc>>;

/** `POST /v1/calls/{id}/play|mute|unmute`. */
export function addVoiceRoutes(server: FastifyInstance, { actions, sounds }: VoiceRoutesOptions): void {
  const { act, needTalking } = actions;
  const app = server.withTypeProvider<ZodProvider>();

  app.post(
    '/v1/calls/:id/play',
    { schema: { params: callParams, body: playBody }, config: { api: docs.play } },
    async ({ params, body: { file, interruptible }, caller }) =>
      act(
        params.id,
        (session) => {
          needTalking(session);
          if (!sounds.names.includes(file)) {
            const known = sounds.names.length === 0 ? 'there are none' : `there are ${sounds.names.join(', ')}`;
            throw new LandlineError('sound_not_found', `no sound "${file}" in the config: ${known}`);
          }
          return { type: 'play', sound: file, interruptible };
        },
        caller,
      ),
  );

  for (const name of ['mute', 'unmute'] as const) {
    app.post(
      `/v1/calls/:id/${name}`,
      { schema: { params: callParams }, config: { api: docs[name] } },
      async ({ params, caller }) =>
        act(
          params.id,
          (session) => {
            needTalking(session);
            return { type: 'mute', on: name === 'mute' };
          },
          caller,
        ),
    );
  }
}
