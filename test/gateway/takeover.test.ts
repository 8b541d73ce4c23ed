import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findJournal, readJournal } from '../../src/journal/reader.ts';
import { opened, startMessage, streamUrl } from './media-client.ts';
import { HANGUP, obedient, strangeLeg } from './strange-leg.ts';
import { inWorld, until, webhookBody, type GatewayWorld } from './world.ts';

interface Crashed {
  readonly leg: Record<string, unknown>;
  readonly id: string;
  /** Webhooks that had been taken before the crash, as they were sent. */
  readonly taken: readonly string[];
}

/** A call in conversation whose process is gone: the next one finds its journal as it was in the middle. */
async function crashed(world: GatewayWorld): Promise<Crashed> {
  obedient(world);
  const leg = strangeLeg();
  const taken = ['call.initiated', 'call.answered', 'call.dtmf.received'].map((type) =>
    webhookBody(type, { ...leg, digit: '7' }),
  );
  await world.webhook(taken[0] ?? '');
  await until(() => world.commands().includes('answer'), 'the answer');
  await world.webhook(taken[1] ?? '');
  const { ws } = await opened(streamUrl(world));
  ws.send(startMessage(leg['call_control_id'], { encoding: 'PCMU', sample_rate: 8000, channels: 1 }));
  await until(() => world.of('turn.started').length === 1, 'the greeting');
  await world.webhook(taken[2] ?? '');
  const id = world.events[0]?.callId ?? '';
  await world.request(`/v1/calls/${id}`);
  const live = join(world.dataDir, 'journal', 'live');
  const text = readFileSync(join(live, `${id}.jsonl`), 'utf8');
  const known = world.events.length;
  await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
  await world.gateway.stop();
  ws.terminate();
  // What this process told after that moment, no crashed one would have.
  world.events.length = known;
  rmSync(join(world.dataDir, 'journal', 'ended'), { recursive: true });
  writeFileSync(join(live, `${id}.jsonl`), text);
  return { leg, id, taken };
}

describe.concurrent('a call of a killed process, before the next one knows whether it still lives', () => {
  it('is not taken for a new one, hears nothing twice, and misses nothing', () =>
    inWorld({}, async (world) => {
      const { leg, id, taken } = await crashed(world);
      world.emulator.faults.api.clear();
      world.emulator.faults.api.hang('retrieve', { times: 1 });
      obedient(world);
      const before = world.commands().length;
      await world.restart();
      const answers = await Promise.all([
        ...taken.map((body) => world.webhook(body)),
        // A repeat that Telnyx gives a new id: the call is known all the same.
        world.webhook(webhookBody('call.initiated', leg, randomUUID())),
        world.webhook(webhookBody('call.dtmf.received', { ...leg, digit: '5' })),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      await world.gateway.recovered;
      expect(world.gateway.registry.sessions.size).toBe(1);
      await until(() => world.commands().length > before, 'the new stream');
      expect(world.commands().slice(before)).toEqual(['streaming_start']);
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      expect(world.of('call.ended').map(({ data }) => data.reason)).toEqual(['caller_hangup']);
      await world.request(`/v1/calls/${id}`);
      const journal = await readJournal((await findJournal(world.dataDir, id)) ?? '');
      const heard = journal.records.flatMap((r) => (r.k === 'in' && r.d.type === 'webhook' ? [r.d['event']] : []));
      expect(
        heard.map((event) => (event as { digit?: string; type: string }).digit ?? (event as { type: string }).type),
      ).toEqual(['call.initiated', 'call.answered', '7', 'call.initiated', '5', 'call.hangup']);
    }));

  it('can be hung up by the API at once', () =>
    inWorld({}, async (world) => {
      const { leg, id } = await crashed(world);
      world.emulator.faults.api.clear();
      world.emulator.faults.api.hang('retrieve', { times: 1 });
      obedient(world);
      await world.restart();
      const answer = await world.request(`/v1/calls/${id}/hangup`, { method: 'POST' });
      expect([answer.status, answer.json]).toEqual([200, expect.objectContaining({ id })]);
      await until(() => world.commands().includes('hangup'), 'the hangup');
      await world.webhook(webhookBody('call.hangup', { ...leg, ...HANGUP }));
      expect(world.of('call.ended').map(({ data }) => data.reason)).toEqual(['api_hangup']);
    }));

  it('is closed when Telnyx says that it is over', () =>
    inWorld({}, async (world) => {
      const { id } = await crashed(world);
      world.emulator.faults.api.clear();
      const before = world.commands().length;
      await world.restart();
      await world.gateway.recovered;
      expect(world.of('call.ended').map(({ data }) => data.reason)).toEqual(['crash_recovered']);
      expect(world.commands().length).toBe(before);
      expect((await world.request(`/v1/calls/${id}`)).json).toMatchObject({
        status: 'ended',
        endReason: 'crash_recovered',
      });
    }));
});

describe.concurrent('what a killed process can leave', () => {
  it('a journal without a whole line goes, one nobody can read stays and is said, and neither stops the start', () =>
    inWorld({ expectErrors: /cannot be taken over/ }, async (world) => {
      await world.gateway.stop();
      const live = join(world.dataDir, 'journal', 'live');
      mkdirSync(live, { recursive: true });
      writeFileSync(join(live, 'call_empty.jsonl'), '');
      writeFileSync(join(live, 'call_torn.jsonl'), '{"k":"head","format":"landl');
      writeFileSync(join(live, 'call_foreign.jsonl'), '{"k":"head","format":"another-journal","version":1}\n');
      await world.restart();
      await world.gateway.recovered;
      expect(readdirSync(live)).toEqual(['call_foreign.jsonl']);
      const said = world.logs.filter(({ level }) => level === 'error').map(({ fields }) => fields['callId']);
      expect(said).toEqual(['call_foreign']);
      const call = await world.talk();
      call.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
      rmSync(join(live, 'call_foreign.jsonl'));
    }));
});
