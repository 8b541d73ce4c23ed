import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { listEnded, readJournal } from '../../src/journal/reader.ts';
import { filesOf, leaksIn, type Secret } from '../leak-scan.ts';
import { CALLER, RECEPTION, until, type GatewayWorld } from './world.ts';

/** What must hold after every test of this folder, whatever it was about: nothing is left up, open, doubled or told. */
export async function standingChecks(world: GatewayWorld, expectErrors?: RegExp): Promise<void> {
  const { emulator, gateway, events, logs, dataDir, test, neighbour } = world;
  await until(() => emulator.liveCalls().length === 0, 'every leg to be down at the emulator');
  await until(() => gateway.registry.sessions.size === 0, 'the registry to be empty');

  for (const callId of new Set(events.map((event) => event.callId))) {
    const types = events.filter((event) => event.callId === callId).map((event) => event.type);
    expect(
      types.filter((type) => type === 'call.created'),
      `created events of ${callId}`,
    ).toHaveLength(1);
    expect(
      types.filter((type) => type === 'call.ended'),
      `end events of ${callId}`,
    ).toHaveLength(1);
    const live = types.filter((type) => type !== 'call.summarized');
    expect(live.at(-1), `last event of ${callId}`).toBe('call.ended');
  }
  const ids = events.map((event) => Number(event.id));
  expect(ids, 'event ids').toEqual([...new Set(ids)].sort((a, b) => a - b));

  expect(world.eventProblems, 'events against their schemas').toEqual([]);
  expect(world.answerProblems, 'answers against the OpenAPI document').toEqual([]);
  expect(lateCommands(world), 'commands after the end of their leg').toEqual([]);
  expect(
    logs.filter(({ level, message }) => level === 'error' && !expectErrors?.test(message)),
    'error lines',
  ).toEqual([]);
  expect(await leaks(world), 'secrets and personal data where they do not belong').toEqual([]);
  expect([test.openStt, test.openVoices, neighbour.openStt, neighbour.openVoices], 'open provider streams').toEqual([
    0, 0, 0, 0,
  ]);

  await until(() => liveJournals(dataDir).length === 0, 'every journal to be closed and moved');
  for (const { path } of await listEnded(dataDir)) {
    const journal = await readJournal(path);
    expect([journal.ended, journal.damaged, journal.tornBytes], path).toEqual([true, [], 0]);
    expect(new Set(journal.records.flatMap((r) => ('s' in r ? [r.s] : []))).size, `sequence of ${path}`).toBe(
      journal.records.filter((r) => 's' in r).length,
    );
  }
}

/** Commands that left when the gateway had been told that the leg was over. */
function lateCommands({ emulator }: GatewayWorld): string[] {
  const late: string[] = [];
  for (const { event, t, ms, status } of emulator.webhooks) {
    if (event.event_type !== 'call.hangup' || status !== 200) continue;
    const id = event.payload['call_control_id'];
    const sent = new Set<string | undefined>();
    for (const command of emulator.commands) {
      // Another try of what was decided before is no new command.
      const isNew = command.command_id === undefined || !sent.has(command.command_id);
      sent.add(command.command_id);
      if (!isNew) continue;
      if (command.call_control_id === id && command.command !== 'retrieve' && command.t > t + ms) {
        late.push(`${command.command} ${Math.round(command.t - t - ms)} ms late`);
      }
    }
  }
  return late;
}

/** Every channel of every test of this folder is looked through for keys, media tokens, control ids and whole numbers. */
async function leaks(world: GatewayWorld): Promise<string[]> {
  const { emulator, logs, events, dataDir } = world;
  const secrets: Secret[] = [
    { name: 'Telnyx key', kind: 'key', value: emulator.apiKey },
    ...[CALLER, RECEPTION, '+15105550200'].map((value): Secret => ({ name: 'number', kind: 'number', value })),
  ];
  const ids = new Set<string>();
  for (const { body, call_control_id: id } of emulator.commands) {
    const url = body['stream_url'];
    const token = typeof url === 'string' ? /\/media\/([^/]+)$/.exec(url)?.[1] : undefined;
    if (token !== undefined) secrets.push({ name: 'media token', kind: 'token', value: token });
    if (id !== undefined && id.length > 12) ids.add(id);
  }
  for (const value of ids) secrets.push({ name: 'call control id', kind: 'controlId', value });
  const lines = logs.map((line) => JSON.stringify(line));
  return [
    // The line itself says more than that there is one.
    ...lines.filter((line) => leaksIn('log', line, secrets).length > 0).map((line) => line.slice(0, 300)),
    ...leaksIn('events', JSON.stringify(events), secrets),
    ...leaksIn('metrics', (await world.request('/metrics')).text, secrets),
    ...leaksIn('api', (await world.request('/v1/calls/export')).text, secrets),
    ...filesOf(dataDir).flatMap(({ channel, bytes }) => leaksIn(channel, bytes, secrets)),
  ];
}

function liveJournals(dataDir: string): string[] {
  try {
    return readdirSync(join(dataDir, 'journal', 'live')).map((name) =>
      readFileSync(join(dataDir, 'journal', 'live', name), 'utf8').slice(0, 200),
    );
  } catch {
    return [];
  }
}
