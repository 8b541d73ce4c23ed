import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recoverCall } from '../../src/call/recovery.ts';
import { silentLog } from '../../src/core/log.ts';
import type { CommandOutcome } from '../../src/telnyx/commands.ts';
import { createTrackParser } from '../../src/journal/tracks.ts';
import { legState } from '../../src/call/telnyx-command.ts';
import { outboundWorld, pickUp, place, tell, unreached } from './outbound-world.ts';
import { createWorld, endReason, GONE, OK, REFUSED, talking, voice, type World } from './harness.ts';

/** One way to end: brings a call there and to its end. */
type Way = readonly [name: string, happen: () => World | Promise<World>];

const TARGET = { callControlId: 'cc-target', callLegId: 'leg-target' };

function answers(world: World, text: string): void {
  world.llm.script = () => [
    { type: 'llmDelta', text },
    { type: 'llmDone', finish: 'stop' },
  ];
}

function speaking(): World {
  const world = talking();
  answers(world, 'one two three four five six seven eight nine ten');
  world.stt.emit({ type: 'sttEndOfTurn', text: 'count' });
  world.run(1000);
  return world;
}

function transferring(ringing: boolean): World {
  const world = talking();
  world.llm.script = ({ messages }) =>
    messages.at(-1)?.role === 'tool'
      ? [
          { type: 'llmDelta', text: 'They are busy.' },
          { type: 'llmDone', finish: 'stop' },
        ]
      : [
          { type: 'llmToolCall', call: { id: 'c1', name: 'transfer_call', arguments: '{"target":"sales"}' } },
          { type: 'llmDone', finish: 'tool_calls' },
        ];
  world.stt.emit({ type: 'sttEndOfTurn', text: 'sales' });
  world.run(3000);
  if (ringing) world.webhook('call.initiated', { ...TARGET, direction: 'outgoing' });
  return world;
}

function pair(): World {
  const world = transferring(true);
  world.webhook('call.answered', TARGET);
  world.webhook('call.bridged', TARGET);
  world.webhook('call.bridged');
  world.clock.advance(10);
  return world;
}

/** An attended transfer whose target rings, or is asked. */
function consulting(isAsked: boolean): World {
  const world = talking();
  const action = { type: 'transfer', target: 'sales', to: '+15105550200', mode: 'attended', announce: 'x' } as const;
  world.session().post({ type: 'control', action, by: 'api' });
  world.clock.advance(40);
  const clientState = legState(world.session().callId, 'target1');
  world.webhook('call.initiated', { ...TARGET, clientState, direction: 'outgoing' });
  if (!isAsked) return world;
  world.webhook('call.answered', TARGET);
  world.connect();
  world.clock.advance(9_000);
  return world;
}

function holding(): World {
  const world = talking();
  world.session().post({ type: 'control', action: { type: 'hold', music: true }, by: 'api' });
  world.clock.advance(2000);
  return world;
}

function ringingOut(): World {
  const world = outboundWorld();
  place(world);
  world.clock.advance(10);
  tell(world, 'call.initiated');
  return world;
}

/** A call out that is not taken. */
function callee(cause: string, sipCode: string): World {
  const world = ringingOut();
  unreached(world, cause, sipCode);
  return world;
}

function dropSocket(world: World): void {
  const phone = world.phones.at(-1);
  if (phone) phone.closed = { code: 1006, reason: '' };
  world.session().mediaClosed('caller', world.session().state.legs['caller']?.epoch ?? 0, 1006, '');
}

function hangupWebhooks(world: World, ...of: ('caller' | 'target')[]): World {
  for (const party of of) world.webhook('call.hangup', party === 'target' ? TARGET : {});
  return world;
}

/** Telnyx speaks to its end. */
function spoken(world: World): World {
  world.webhook('call.speak.ended', { status: 'completed' });
  world.clock.advance(10);
  return hangupWebhooks(world, 'caller');
}

function answered(): World {
  const world = createWorld();
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  return world;
}

async function takenOver(first: World, alive: boolean): Promise<World> {
  const [callId = '', seed = ''] = [...first.seeds].at(-1) ?? [];
  const world = createWorld();
  world.telnyx.alive = () => ({ known: true, isAlive: alive });
  const head = {
    k: 'head',
    format: 'landline-journal',
    version: 1,
    callId,
    seed,
    createdAt: '',
    software: '',
  } as const;
  await recoverCall(
    {
      path: '',
      head: { ...head, wallMs: 0, monoMs: 0 },
      records: first.records,
      damaged: [],
      tornBytes: 0,
      ended: false,
    },
    {
      log: silentLog,
      telnyx: world.telnyx,
      registry: world.registry,
      agents: world.agents,
      codec: 'g711',
      wallSince: () => 0,
      open: (id) => world.open(id),
    },
  );
  if (world.registry.sessions.size > 0) world.session();
  world.clock.advance(10);
  return world;
}

const WAYS: readonly Way[] = [
  [
    'the caller hangs up before the answer',
    () => {
      const world = createWorld();
      world.webhook('call.initiated');
      return hangupWebhooks(world, 'caller');
    },
  ],
  ['the caller hangs up while the agent speaks', () => hangupWebhooks(speaking(), 'caller')],
  [
    'the caller hangs up, and only the socket closes',
    async () => {
      const world = talking();
      world.telnyx.answers = () => GONE;
      dropSocket(world);
      world.clock.advance(1000);
      return world;
    },
  ],
  [
    'the caller hangs up, and nothing says so',
    async () => {
      const world = talking();
      world.telnyx.answers = () => GONE;
      world.clock.advance(16_000);
      return world;
    },
  ],
  [
    'the agent hangs up',
    () => {
      const world = talking();
      world.llm.script = () => [
        { type: 'llmDelta', text: 'Bye now.' },
        { type: 'llmToolCall', call: { id: 'c1', name: 'hang_up', arguments: '{}' } },
        { type: 'llmDone', finish: 'tool_calls' },
      ];
      world.stt.emit({ type: 'sttEndOfTurn', text: 'bye' });
      world.run(1500);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the API hangs up',
    () => {
      const world = speaking();
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'a hangup is refused, and the call stays up',
    async () => {
      const world = talking();
      let tries = 0;
      world.telnyx.answers = ({ name }): CommandOutcome => (name === 'hangup' && ++tries < 3 ? REFUSED : OK);
      world.telnyx.alive = () => ({ known: true, isAlive: tries < 3 });
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      for (let n = 0; n < 5; n++) await world.settle(10_000);
      return world;
    },
  ],
  [
    'the socket drops and no stream comes back',
    () => {
      const world = speaking();
      dropSocket(world);
      world.clock.advance(22_000);
      return spoken(world);
    },
  ],
  [
    'the far end stops reading and no stream comes back',
    () => {
      const world = speaking();
      const [phone] = world.phones;
      if (phone) phone.bufferedAmount = 300_000;
      world.clock.advance(22_000);
      return spoken(world);
    },
  ],
  [
    'the stream never opens',
    () => {
      const world = answered();
      world.clock.advance(32_000);
      return spoken(world);
    },
  ],
  [
    'the stream never starts',
    () => {
      const world = answered();
      world.connect({ start: false });
      world.clock.advance(32_000);
      return spoken(world);
    },
  ],
  [
    'the codec cannot be played',
    () => {
      const world = answered();
      world.connect({ encoding: 'OPUS' });
      world.clock.advance(10);
      return spoken(world);
    },
  ],
  [
    'no media comes for 15 s',
    () => {
      const world = talking();
      world.clock.advance(16_000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the caller is silent for too long',
    () => {
      const world = talking();
      world.run(40_000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the call lasts too long',
    () => {
      const world = talking({ maxDurationSeconds: 5 });
      world.run(8000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the model fails for good',
    () => {
      const world = talking();
      world.llm.script = () => [{ type: 'llmFailed', failure: { kind: 'auth', message: '401', retryable: false } }];
      world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
      world.run(6000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the recogniser fails for good',
    () => {
      const world = talking();
      world.stt.emit({ type: 'sttFailed', failure: { kind: 'auth', message: '401', retryable: false } });
      world.run(6000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the voice fails for good',
    () => {
      const world = talking();
      answers(world, 'Hello.');
      world.tts.failure = { kind: 'auth', message: '401', retryable: false };
      world.stt.emit({ type: 'sttEndOfTurn', text: 'hello' });
      world.run(100);
      return spoken(world);
    },
  ],
  [
    'the answer is refused',
    () => {
      const world = createWorld();
      world.telnyx.answers = ({ name }) => (name === 'answer' ? REFUSED : OK);
      world.webhook('call.initiated');
      world.clock.advance(10);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the answer is never confirmed',
    () => {
      const world = createWorld();
      world.webhook('call.initiated');
      world.clock.advance(10_100);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the caller leaves while a target is dialled',
    () => {
      const world = transferring(false);
      hangupWebhooks(world, 'caller');
      world.webhook('call.initiated', { ...TARGET, direction: 'outgoing' });
      return world;
    },
  ],
  [
    'the caller leaves while the target rings',
    () => {
      const world = transferring(true);
      hangupWebhooks(world, 'caller');
      world.clock.advance(10);
      return hangupWebhooks(world, 'target');
    },
  ],
  [
    'the target is busy, and the caller leaves later',
    () => {
      const world = transferring(true);
      world.webhook('call.hangup', { ...TARGET, cause: 'user_busy' });
      world.run(2000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the target does not answer, and the caller leaves later',
    () => {
      const world = transferring(true);
      world.run(57_000);
      hangupWebhooks(world, 'target');
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the API hangs up while the target rings',
    () => {
      const world = transferring(true);
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      return hangupWebhooks(world, 'target', 'caller');
    },
  ],
  [
    'caller and target have talked, and Telnyx says that both have left',
    () => hangupWebhooks(pair(), 'target', 'caller'),
  ],
  [
    'caller and target have talked, and only one leaves',
    () => {
      const world = pair();
      hangupWebhooks(world, 'target');
      world.clock.advance(6000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'caller and target have talked, and nothing says that they have left',
    async () => {
      const world = pair();
      world.telnyx.answers = () => GONE;
      for (let n = 0; n < 8; n++) await world.settle(10_000);
      return world;
    },
  ],
  [
    'the API hangs up on caller and target',
    () => {
      const world = pair();
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      return hangupWebhooks(world, 'target', 'caller');
    },
  ],
  [
    'the gateway is drained',
    () => {
      const world = speaking();
      world.session().post({ type: 'drain', now: false });
      world.run(6000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'a second signal',
    () => {
      const world = speaking();
      world.session().post({ type: 'drain', now: false });
      world.run(500);
      world.session().post({ type: 'drain', now: true });
      world.clock.advance(10);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'our own code throws',
    () => {
      let broken = true;
      const world: World = createWorld(
        {},
        {
          onEvent: (event) => {
            if (event.type !== 'turn.started' || !broken) return;
            broken = false;
            throw new Error('injected');
          },
        },
      );
      world.webhook('call.initiated');
      world.clock.advance(5);
      world.webhook('call.answered');
      world.connect();
      world.run(500);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'our own code throws, and throws again while it ends the call',
    () => {
      const world: World = createWorld(
        {},
        {
          onEvent: (event) => {
            if (event.type === 'turn.started' || event.type === 'turn.ended') throw new Error('injected');
          },
        },
      );
      world.webhook('call.initiated');
      world.clock.advance(5);
      world.webhook('call.answered');
      world.connect();
      world.run(500);
      return world;
    },
  ],
  [
    'the disk does not keep up, and the API hangs up',
    () => {
      const world = createWorld({}, { slowDisk: true });
      world.webhook('call.initiated');
      world.clock.advance(60);
      world.webhook('call.answered');
      world.connect();
      world.run(2000);
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(60);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the caller leaves while the target of an attended transfer rings',
    () => {
      const world = consulting(false);
      hangupWebhooks(world, 'caller');
      world.clock.advance(10);
      return hangupWebhooks(world, 'target');
    },
  ],
  [
    'the caller leaves while the target is asked',
    () => {
      const world = consulting(true);
      hangupWebhooks(world, 'caller');
      world.clock.advance(10);
      return hangupWebhooks(world, 'target');
    },
  ],
  [
    'the target that is asked says no, and the caller leaves later',
    () => {
      const world = consulting(true);
      world.webhook('call.dtmf.received', { ...TARGET, digit: '2' });
      world.clock.advance(10);
      hangupWebhooks(world, 'target');
      world.clock.advance(2000);
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the API hangs up while the target is asked',
    () => {
      const world = consulting(true);
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      return hangupWebhooks(world, 'target', 'caller');
    },
  ],
  [
    'we have put caller and target together, and Telnyx says that both have left',
    () => {
      const world = consulting(true);
      world.webhook('call.dtmf.received', { ...TARGET, digit: '1' });
      world.clock.advance(10);
      world.webhook('call.bridged', TARGET);
      world.clock.advance(10);
      return hangupWebhooks(world, 'target', 'caller');
    },
  ],
  ['the caller hangs up on hold', () => hangupWebhooks(holding(), 'caller')],
  [
    'the API hangs up on hold',
    () => {
      const world = holding();
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      return hangupWebhooks(world, 'caller');
    },
  ],
  ['a call out: they are busy', () => callee('user_busy', '486')],
  ['a call out: they do not answer', () => callee('timeout', '480')],
  [
    'a call out: Telnyx refuses to dial',
    () => {
      const world = outboundWorld();
      world.telnyx.answers = () => REFUSED;
      place(world);
      world.clock.advance(10);
      return world;
    },
  ],
  [
    'a call out: the API hangs up while it rings',
    () => {
      const world = ringingOut();
      world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      world.clock.advance(10);
      tell(world, 'call.hangup', { cause: 'originator_cancel', source: 'caller', sipCode: '487' });
      return world;
    },
  ],
  [
    'a call out: they hang up',
    () => {
      const world = ringingOut();
      pickUp(world);
      world.clock.advance(2000);
      tell(world, 'call.hangup');
      return world;
    },
  ],
  ['the process is killed, and the caller has left meanwhile', () => takenOver(speaking(), false)],
  [
    'the process is killed, and the next one goes on',
    async () => {
      const world = await takenOver(talking(), true);
      world.connect();
      world.run(1000, voice(1000));
      return hangupWebhooks(world, 'caller');
    },
  ],
  [
    'the process is killed while it hangs up',
    async () => {
      const first = talking();
      first.session().post({ type: 'control', action: { type: 'hangup' }, by: 'api' });
      return hangupWebhooks(await takenOver(first, true), 'caller');
    },
  ],
];

/** What was seen of an end, as a row of the table. */
function rowOf(name: string, world: World): string {
  const hangups = (id: string): number =>
    world.telnyx.sent.filter((one) => one.command.name === 'hangup' && one.callControlId === id).length;
  const ordered = (id: string, was: boolean): string =>
    hangups(id) > 1 ? `us, ${hangups(id)} times` : hangups(id) === 1 ? 'us' : was ? 'Telnyx' : '–';
  const target =
    world.records.some((record) => 'leg' in record && record.leg === 'target1') || hangups('cc-target') > 0;
  const isOut = world.telnyx.count('dial') > 0 && world.telnyx.count('answer') === 0;
  const isRefused = isOut && endReason(world) === 'error';
  const closes = world.phones.map((phone) => (phone.closed?.code === 1006 ? 'Telnyx' : `us, ${phone.closed?.code}`));
  const last = world.tts.texts.at(-1) ?? '';
  const goodbye = world.telnyx.count('speak') > 0 ? 'Telnyx speaks' : /bye/i.test(last) ? last : '–';
  const cells = [
    name,
    `\`${endReason(world)}\``,
    goodbye,
    isOut ? ordered('cc-callee', !isRefused) : ordered('cc-caller', true),
    ordered('cc-target', target),
    closes.at(-1) ?? '–',
  ];
  return `| ${cells.join(' | ')} |`;
}

const page = readFileSync(new URL('../../docs/closures.md', import.meta.url), 'utf8');
const rows = page
  .slice(page.indexOf('| Way |'))
  .split('\n')
  .filter((line) => /^\| (?!Way \||:--)/.test(line));

describe('the ways a call ends', () => {
  it.each(WAYS)('%s', async (name, happen) => {
    const world = await happen();
    const frames = world.lastMedia?.counters.framesIn ?? 0;
    const stillOpen = world.clock.pending;
    world.clock.advance(120_000);

    // Decided and told once.
    expect(world.registry.sessions.size).toBe(0);
    expect(world.finished).toHaveLength(1);
    expect(world.types().filter((type) => type === 'call.ended')).toHaveLength(1);
    expect(world.types().at(-1)).toBe('call.ended');
    // Every provider stream was closed, and once: the fakes count no second close.
    expect([world.stt.closedStreams, world.tts.closedSessions]).toEqual([world.stt.opened, world.tts.opened]);
    // Every socket is closed, and no token opens another.
    expect(world.phones.every((phone) => phone.closed)).toBe(true);
    expect(world.tokens.filter((token) => world.registry.redeem(token))).toEqual([]);
    // The journal ends with its one end, after the last audio was handed over.
    expect(world.records.filter((record) => record.k === 'end')).toHaveLength(1);
    expect(world.records.at(-1)?.k).toBe('end');
    expect(world.late).toEqual([]);
    const parser = createTrackParser();
    const kept = world.tracks
      .flatMap((bytes) => [...parser.push(bytes)])
      .flatMap((track) => (track.kind === 'caller' ? [track.bytes.length] : []));
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBe(frames * 160);
    // Nothing is set any more: neither a timer of the call nor the wheel's.
    expect(world.clock.pending, `${stillOpen} at its end`).toBe(0);
    expect(rows).toContain(rowOf(name, world));
  });

  it('are all in docs/closures.md, and no other', () => {
    expect(rows.map((row) => row.split(' | ')[0]?.slice(2))).toEqual(WAYS.map(([name]) => name));
  });
});
