import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { voice } from '../call/harness.ts';
import { expectProblem } from './problems.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

const control = (world: GatewayWorld, id: string, step: string): ReturnType<GatewayWorld['request']> =>
  world.request(`/v1/calls/${id}/recording/${step}`, { method: 'POST' });

const told = (world: GatewayWorld): string[] =>
  world.events.flatMap((event) =>
    event.type === 'recording.started' || event.type === 'recording.stopped'
      ? [`${event.type} ${event.data.by} ${event.data.reason}`]
      : [],
  );

/** What is noted of the call's kept recordings. */
function kept(world: GatewayWorld, id: string): string {
  try {
    return readFileSync(join(world.dataDir, 'kept', `${id}.json`), 'utf8');
  } catch {
    return '';
  }
}

describe.concurrent('the control of a recording', () => {
  it('pauses, resumes, stops and starts it; what is already so is no error', () =>
    inWorld({}, async (world) => {
      const call = await world.talk();
      const id = world.idOf(call);
      for (const step of ['start', 'pause', 'pause', 'resume', 'resume', 'stop', 'stop']) {
        const answer = await control(world, id, step);
        expect([step, answer.status, answer.json]).toMatchObject([step, 200, { id, status: 'active' }]);
      }
      expectProblem(await control(world, id, 'pause'), 409, 'recording_not_active', /start it first/);
      expectProblem(await control(world, id, 'resume'), 409, 'recording_not_active', /start it first/);
      expect((await control(world, id, 'start')).status).toBe(200);
      expect(told(world)).toEqual([
        'recording.started gateway started',
        'recording.stopped gateway paused',
        'recording.started gateway resumed',
        'recording.stopped gateway stopped',
        'recording.started gateway started',
      ]);

      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      expectProblem(await control(world, id, 'stop'), 409, 'call_not_active');
      expectProblem(await control(world, 'call_x', 'stop'), 404, 'call_not_found');
    }));

  it('starts on an agent that does not record, after the consent', () =>
    inWorld({ agent: { recording: false, consent: { line: 'We record.', beep: true } } }, async (world) => {
      const call = await world.talk();
      const id = world.idOf(call);
      expect(told(world)).toEqual([]);
      expect((await control(world, id, 'start')).status).toBe(200);
      expectProblem(await control(world, id, 'pause'), 409, 'recording_not_active', /being told first/);
      await until(() => told(world).length === 1, 'the recording');
      expect(world.of('turn.ended', call).at(-1)?.data.text).toBe('We record.');
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
    }));
});

describe.concurrent('a recording that Telnyx makes', () => {
  it('is begun after the consent, and its file is kept though it comes after the end of the call', () =>
    inWorld({ agent: { recording: 'telnyx', consent: 'We record.' } }, async (world) => {
      const call = await world.talk();
      const id = world.idOf(call);
      await until(() => told(world).length === 1, 'the recording');
      await call.play(voice(400));
      call.hangup();
      await until(() => kept(world, id).includes('telnyx'), 'the file');

      expect(world.commands(call).filter((name) => name.startsWith('record'))).toEqual(['record_start']);
      expect(told(world)).toEqual(['recording.started telnyx started', 'recording.stopped telnyx ended']);
      expect(readdirSync(join(world.dataDir, 'recordings'), { recursive: true }).join(' ')).toContain(id);
    }));

  it('is known after a restart: the webhook finds its call in the journal, and twice is once', () =>
    inWorld({ agent: { recording: 'telnyx' } }, async (world) => {
      const call = await world.talk();
      const id = world.idOf(call);
      await until(() => told(world).length === 1, 'the recording');
      call.hangup();
      await until(() => kept(world, id).includes('telnyx'), 'the file');
      const before = kept(world, id);
      await world.gateway.stop();
      await world.restart();
      const saved = world.emulator.webhooks.findLast(({ type }) => type === 'call.recording.saved');
      const event = { ...saved?.event, id: 'another-id' };
      const body = (payload: object): string =>
        JSON.stringify({ data: { ...event, record_type: 'event', event_type: 'call.recording.saved', payload } });
      expect((await world.webhook(body({ ...saved?.event.payload }))).status).toBe(200);
      expect((await world.webhook(body({ ...saved?.event.payload, call_leg_id: 'a-stranger' }))).status).toBe(200);
      expect(world.logs.some(({ message }) => message.includes('without a call of ours'))).toBe(true);
      expect(kept(world, id)).toBe(before);
    }));
});
