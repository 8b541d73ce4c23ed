import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldFacts } from '../../src/call/facts.ts';
import { recoverCall, type Recovered } from '../../src/call/recovery.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeRecord, parseRecord, type JournalRecord } from '../../src/journal/format.ts';
import type { Journal } from '../../src/journal/reader.ts';
import { endReason, talking, type World } from './harness.ts';
import { Truth, type Step, type TruthSnapshot } from './truth.ts';

/** A first life of a call, with the state of the world at every record. */
interface Life {
  readonly callId: string;
  readonly seed: string;
  readonly records: readonly JournalRecord[];
  readonly snapshots: readonly TruthSnapshot[];
}

async function live(steps: readonly Step[], config: Record<string, unknown> = {}): Promise<Life> {
  const snapshots: TruthSnapshot[] = [];
  const truth: Truth = new Truth(config, { onRecord: () => snapshots.push(truth.snapshot()) });
  await truth.run(steps);
  const [callId = '', seed = ''] = [...truth.world.seeds].at(-1) ?? [];
  return { callId, seed, records: [...truth.world.records], snapshots };
}

interface Taken {
  readonly truth: Truth;
  readonly world: World;
  readonly how: Recovered;
  readonly records: readonly JournalRecord[];
}

/** SIGKILL after record `cut`, and a new process finds the file. */
async function takeOver(life: Life, cut: number, statusKnown = true): Promise<Taken> {
  const truth = new Truth();
  truth.step({ do: 'status', known: statusKnown });
  const { world } = truth;
  // Through the format, as from a file.
  const records = life.records.slice(0, cut).map((record) => {
    const parsed = parseRecord(encodeRecord(record).trimEnd());
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.record;
  });
  const { callId, seed } = life;
  const head = {
    k: 'head',
    format: 'landline-journal',
    version: 1,
    callId,
    seed,
    createdAt: '',
    software: '',
  } as const;
  const journal: Journal = {
    path: '',
    head: { ...head, wallMs: 0, monoMs: 0 },
    records,
    damaged: [],
    tornBytes: 0,
    ended: false,
  };
  const before = { up: { caller: true, target: false, second: false }, transfers: 0 };
  const snapshot = cut === 0 ? before : life.snapshots[cut - 1];
  if (!snapshot) throw new Error(`no record ${cut} to be killed after`);
  truth.takeOver(snapshot, records);
  const how = await recoverCall(journal, {
    log: silentLog,
    telnyx: world.telnyx,
    registry: world.registry,
    agents: world.agents,
    codec: 'g711',
    wallSince: () => 1000,
    open: (id) => world.open(id),
  });
  world.llm.script = () => [
    { type: 'llmDelta', text: 'Yes, of course.' },
    { type: 'llmDone', finish: 'stop' },
  ];
  world.clock.advance(20);
  return { truth, world, how, records };
}

function inputs(records: readonly JournalRecord[], type: string): readonly JournalRecord[] {
  return records.filter((record) => record.k === 'in' && record.d.type === type);
}

function webhooks(records: readonly JournalRecord[], type: string, leg: string): number {
  return records.filter(
    (record) =>
      record.k === 'in' &&
      record.leg === leg &&
      record.d.type === 'webhook' &&
      (record.d['event'] as { type: string }).type === type,
  ).length;
}

/** What holds wherever the call was cut. */
function checkCommands({ world, records }: Taken): void {
  const first = new Map<string, string>();
  for (const record of records) {
    if (record.k !== 'fx' || record.d.type !== 'command') continue;
    first.set(String(record.d['commandId']), (record.d['command'] as { name: string }).name);
  }
  for (const { commandId, command } of world.telnyx.sent) {
    const before = first.get(commandId);
    if (before !== undefined) expect([before, command.name]).toEqual(['answer', 'answer']);
  }
  const ids = world.telnyx.sent.map((one) => one.commandId);
  expect(new Set(ids).size).toBe(ids.length);
  const answered = webhooks(records, 'call.answered', 'caller') > 0 || inputs(records, 'mediaStarted').length > 0;
  if (answered) expect(world.telnyx.count('answer')).toBe(0);
  expect(world.telnyx.count('answer')).toBeLessThanOrEqual(1);
  // What a tool had started is never done again.
  expect(world.telnyx.count('transfer') + world.telnyx.count('sendDtmf')).toBe(0);
}

const TALK: readonly Step[] = [
  { do: 'webhook', of: 'caller', type: 'call.initiated', times: 1 },
  { do: 'wait', ms: 20 },
  { do: 'webhook', of: 'caller', type: 'call.answered', times: 1 },
  { do: 'open', back: 0 },
  { do: 'start', how: 'good' },
  { do: 'media', frames: 80 },
  { do: 'say', answer: 'words' },
  { do: 'media', frames: 90 },
  { do: 'say', answer: 'dtmf' },
  { do: 'media', frames: 60 },
  { do: 'drop' },
  { do: 'wait', ms: 400 },
  { do: 'open', back: 0 },
  { do: 'start', how: 'good' },
  { do: 'media', frames: 40 },
];
const BUSY: readonly Step[] = [
  { do: 'say', answer: 'transfer' },
  { do: 'media', frames: 150 },
  { do: 'webhook', of: 'target', type: 'call.initiated', times: 1 },
  { do: 'media', frames: 5 },
  { do: 'webhook', of: 'target', type: 'call.hangup', times: 1 },
  { do: 'say', answer: 'words' },
  { do: 'media', frames: 60 },
];
const THROUGH: readonly Step[] = [
  { do: 'say', answer: 'transfer' },
  { do: 'media', frames: 150 },
  { do: 'webhook', of: 'second', type: 'call.initiated', times: 1 },
  { do: 'media', frames: 5 },
  { do: 'webhook', of: 'second', type: 'call.answered', times: 1 },
  { do: 'wait', ms: 100 },
  { do: 'webhook', of: 'second', type: 'call.bridged', times: 1 },
  { do: 'webhook', of: 'caller', type: 'call.bridged', times: 1 },
  { do: 'wait', ms: 5000 },
];
const BYE: readonly Step[] = [
  { do: 'say', answer: 'hang_up' },
  { do: 'media', frames: 60 },
  { do: 'wait', ms: 1000 },
];
const LIVES: Readonly<Record<string, readonly Step[]>> = {
  'that the agent ends': [...TALK, ...BYE, { do: 'webhook', of: 'caller', type: 'call.hangup', times: 1 }],
  'with a transfer that fails': [
    ...TALK,
    ...BUSY,
    { do: 'leave', of: 'caller' },
    { do: 'webhook', of: 'caller', type: 'call.hangup', times: 1 },
  ],
  'with a transfer that works': [...TALK, ...BUSY, ...THROUGH],
  'with a transfer that works after one that nobody answered': [
    ...[...TALK, ...BUSY.slice(0, 3), { do: 'media', frames: 2300 } as const],
    ...THROUGH,
  ],
  'whose call.answered is lost': [...TALK.slice(0, 2), ...TALK.slice(3, 8), ...BYE],
};

describe.each(Object.entries(LIVES))('a call %s, cut after every record of its journal', (_name, steps) => {
  it('goes on or ends, repeats nothing and leaves nothing', async () => {
    const life = await live(steps);
    expect(life.records.length).toBeGreaterThan(80);
    for (let cut = 1; cut <= life.records.length; cut++) {
      const taken = await takeOver(life, cut);
      const { truth, world, how, records } = taken;
      const facts = foldFacts(records);
      const caller = facts.legs['caller'];
      checkCommands(taken);
      if (how === 'resumed' && caller?.answered === true && caller.phase === 'answered') {
        // A target that was being hung up is hung up again; the caller gets a new stream.
        const toCaller = world.telnyx.sent.filter(({ callControlId }) => callControlId === 'cc-caller');
        expect(
          toCaller.map(({ command }) => command.name),
          `cut ${cut}`,
        ).toEqual(['streamingStart']);
        truth.step({ do: 'open', back: 0 });
        truth.step({ do: 'start', how: 'good' });
        truth.step({ do: 'media', frames: 20 });
        truth.step({ do: 'say', answer: 'words' });
        truth.step({ do: 'media', frames: 50 });
        // The model reads what was heard before the crash, and of every tool that was called one result.
        const messages = world.llm.requests.at(-1)?.messages ?? [];
        for (const turn of facts.turns)
          if (turn.role !== 'tool' && turn.text !== '') expect(JSON.stringify(messages)).toContain(turn.text);
        const called = messages.flatMap((message) => ('toolCalls' in message ? (message.toolCalls ?? []) : []));
        expect(messages.filter((message) => message.role === 'tool')).toHaveLength(called.length);
      }
      if (how === 'resumed' && caller?.phase === 'bridged') {
        world.clock.advance(30_000);
        expect(world.telnyx.sent, `cut ${cut}`).toEqual([]);
      }
      if (how === 'ended' && facts.status !== 'ended' && records.length > 0 && caller) {
        world.clock.advance(120_000);
        await truth.end('decided');
        expect(endReason(world)).toBe('crash_recovered');
        continue;
      }
      await truth.end(cut % 2 === 0 ? 'silent' : 'api');
    }
  });
});

describe('a call of random life, cut anywhere, twice', () => {
  const step = fc.oneof<fc.Arbitrary<Step>[]>(
    fc.constantFrom<Step>(...TALK, ...BUSY, ...THROUGH),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 300, 3000, 12_000) }),
    fc.record({ do: fc.constant('media' as const), frames: fc.constantFrom(5, 50) }),
  );

  it('leaves no leg, no socket, no stream and no timer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('silent', 'webhook', 'api', 'drain'),
        async (more, first, second, how) => {
          const life = await live([...TALK.slice(0, 6), ...more]);
          const taken = await takeOver(life, Math.ceil(first * (life.records.length - 1)) + 1);
          checkCommands(taken);
          const all = [...taken.records, ...taken.world.records];
          const snapshots = [...all.map(() => taken.truth.snapshot())];
          const again = await takeOver(
            { ...life, records: all, snapshots },
            taken.records.length + Math.ceil(second * taken.world.records.length),
          );
          await again.truth.end(how);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a takeover', () => {
  it('answers what rang, under the id and with the stream URL of the first try', async () => {
    const life = await live(TALK.slice(0, 1));
    const { world, how } = await takeOver(life, life.records.length);
    const first = life.records.find((record) => record.k === 'fx' && record.d.type === 'command');

    expect(how).toBe('resumed');
    expect(world.telnyx.names()).toEqual(['answer']);
    expect(first?.k === 'fx' && first.d['commandId']).toBe(world.telnyx.sent[0]?.commandId);
  });

  it('tells the model of a tool that had started that its outcome is unknown', async () => {
    const life = await live(TALK.slice(0, 10));
    const called = life.records.findIndex((record) => record.k === 'ev' && record.d.type === 'tool.called');
    const { truth, world } = await takeOver(life, called + 1);
    truth.step({ do: 'open', back: 0 });
    truth.step({ do: 'start', how: 'good' });
    truth.step({ do: 'say', answer: 'words' });
    truth.step({ do: 'wait', ms: 50 });

    const results = world.llm.requests.at(-1)?.messages.filter((message) => message.role === 'tool');
    expect(results).toEqual([{ role: 'tool', toolCallId: 'c1', content: '{"status":"outcome unknown"}' }]);
  });

  it('of a call whose caller has left hangs up the target that still rings', async () => {
    const life = await live([...TALK, ...BUSY.slice(0, 3)]);
    const { truth, world, how } = await takeOver(
      { ...life, snapshots: life.snapshots.map((one) => ({ ...one, up: { ...one.up, caller: false, target: true } })) },
      life.records.length,
    );

    expect(how).toBe('ended');
    expect(world.telnyx.sent.map(({ callControlId, command }) => `${command.name} ${callControlId}`)).toEqual([
      'hangup cc-target',
    ]);
    await truth.end('decided');
    expect(endReason(world)).toBe('crash_recovered');
  });

  it('knows a target that Telnyx only told of when it was asked', async () => {
    const world = talking();
    const leg = { callControlId: 'cc-target', callLegId: 'leg-target', callSessionId: 'session-1', clientState: '' };
    world.telnyx.found = () => ({ known: true, leg });
    const action = { type: 'transfer', target: 'sales', to: '+15105550200' } as const;
    world.session().post({ type: 'control', action, by: 'test' });
    world.run(42_000);
    await world.settle();

    expect(world.session().state.legs['target1']).toMatchObject({ phase: 'bridged', callControlId: 'cc-target' });
    expect(foldFacts(world.records).legs['target1']).toMatchObject({ phase: 'bridged', callControlId: 'cc-target' });
  });

  it('of a call whose caller and target have both left asks nothing more of them', async () => {
    const life = await live([...TALK, ...BUSY.slice(0, 3)]);
    const up = { caller: false, target: false, second: false };
    const snapshots = life.snapshots.map((one) => ({ ...one, up }));
    const { truth, world, how } = await takeOver({ ...life, snapshots }, life.records.length);

    expect(how).toBe('ended');
    expect(world.telnyx.names()).toEqual([]);
    await truth.end('decided');
    expect(endReason(world)).toBe('crash_recovered');
  });

  it('of a call whose agent is not configured any more hangs it up', async () => {
    const life = await live(TALK);
    const records = life.records.map((record) =>
      record.k === 'ev' && record.d.type === 'call.created'
        ? { ...record, d: { ...record.d, data: { ...(record.d['data'] as object), agent: 'gone' } } }
        : record,
    );
    const { truth, world, how } = await takeOver({ ...life, records }, records.length);

    expect(how).toBe('ended');
    expect(world.telnyx.names()).toEqual(['hangup']);
    await truth.end('decided');
    expect(endReason(world)).toBe('crash_recovered');
  });

  it('takes what cannot be asked as alive', async () => {
    const life = await live(TALK);
    const { truth, how } = await takeOver(life, life.records.length, false);

    expect(how).toBe('resumed');
    await truth.end('silent');
  });

  it('of a call that was not even written only closes its books', async () => {
    const { world, how } = await takeOver(await live(TALK), 0);

    expect(how).toBe('ended');
    expect(world.registry.sessions.size).toBe(0);
    expect(world.records.map((record) => record.k)).toEqual(['end']);
  });

  it('of an ended call only closes its books', async () => {
    const life = await live(LIVES['that the agent ends'] ?? []);
    const ended = life.records.findIndex((record) => record.k === 'ev' && record.d.type === 'call.ended');
    const { world, how } = await takeOver(life, ended + 1);

    expect(how).toBe('ended');
    expect(world.telnyx.sent).toEqual([]);
    expect(world.events).toEqual([]);
    expect(world.records.map((record) => record.k)).toEqual(['end']);
  });
});
