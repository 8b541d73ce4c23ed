import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldFacts } from '../../src/call/facts.ts';
import { stepCall } from '../../src/call/machine.ts';
import type { CommandOutcome } from '../../src/telnyx/commands.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { GONE, OK, REFUSED, talking, type World } from './harness.ts';

const TARGET = { callControlId: 'cc-target', callLegId: 'leg-target' } as const;
const UNKNOWN: CommandOutcome = { ok: false, kind: 'unknown', message: 'no answer' };

/** A call whose target is being dialled. */
function dialling(announce = 'It is about a quote.'): World {
  const world = talking();
  const action = { type: 'transfer', target: 'sales', to: '+15105550200', mode: 'attended', announce } as const;
  world.session().post({ type: 'control', action, by: 'test' });
  world.run(40);
  return world;
}

/** Telnyx tells something of the target's leg, marked as it was dialled. */
function tell(world: World, type: TelnyxEvent['type'], more: object = {}): void {
  const clientState = JSON.stringify({ call: world.session().callId, leg: 'target1' });
  world.webhook(type, {
    ...(TARGET as object),
    clientState,
    ...(type === 'call.initiated' ? { direction: 'outgoing' } : {}),
    ...more,
  });
}

/** The target has answered and was told and asked. */
function asked(): World {
  const world = dialling();
  tell(world, 'call.initiated');
  tell(world, 'call.answered');
  world.connect();
  pass(world, 9_000);
  return world;
}

let chunks = 1_000_000;

/** Time passes in which the caller's audio goes on. */
function pass(world: World, ms: number): void {
  const session = world.session();
  for (let left = ms; left > 0; left -= 5_000) {
    const { callControlId = '', epoch = 0 } = session.state.legs['caller'] ?? {};
    if (callControlId !== '' && !world.phones[0]?.closed && world.finished.length === 0) {
      const media = { track: 'inbound', chunk: String(++chunks), timestamp: '0', payload: SILENCE };
      session.mediaMessage('caller', epoch, Buffer.from(JSON.stringify({ event: 'media', stream_id: 's', media })));
    }
    world.clock.advance(Math.min(left, 5_000));
  }
}

const SILENCE = Buffer.alloc(160, 0xff).toString('base64');

const outcomes = (world: World): string[] =>
  world.events.flatMap((event) => (event.type === 'transfer.ended' ? [event.data.outcome] : []));

/** Telnyx says that every leg is gone that it was told to hang up. */
function hangUpAll(world: World): void {
  for (const { command, callControlId } of world.telnyx.sent) {
    if (command.name !== 'hangup') continue;
    if (callControlId === TARGET.callControlId) tell(world, 'call.hangup');
    else world.webhook('call.hangup');
  }
}

describe('an attended transfer', () => {
  it('dials once, on the leg of the caller, with its own audio', () => {
    const world = dialling();
    const dials = world.telnyx.sent.filter(({ command }) => command.name === 'dial');

    expect(dials).toHaveLength(1);
    expect(dials[0]?.command).toMatchObject({
      to: '+15105550200',
      from: '+13125550178',
      linkTo: 'cc-caller',
      machineDetection: 'detect',
      timeoutSecs: 30,
    });
    expect(world.session().state).toMatchObject({ status: 'transferring', transfer: { attended: { leg: 'target1' } } });
  });

  it('tells what it was told to tell, then asks, and asks once more when nothing is said', () => {
    const world = asked();
    pass(world, 14_000);
    const said = world.tts.texts.slice(1);

    expect(said[0]).toContain('It is about a quote.');
    expect(said.slice(1)).toEqual([said[1], said[1]]);
    expect(outcomes(world)).toEqual([]);
    pass(world, 20_000);
    expect(outcomes(world)).toEqual(['no_answer']);
  });

  it('bridges once, and stops both streams when Telnyx has bridged', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });
    tell(world, 'call.dtmf.received', { digit: '1' });
    world.clock.advance(10);
    expect(world.telnyx.count('bridge')).toBe(1);
    expect(world.telnyx.count('streamingStop')).toBe(0);
    tell(world, 'call.bridged');
    world.webhook('call.bridged');
    world.clock.advance(100);

    expect(world.telnyx.count('streamingStop')).toBe(2);
    expect(outcomes(world)).toEqual(['answered']);
    expect(world.session().state.status).toBe('transferred');
  });

  it('believes the answer to the bridge when call.bridged is lost', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });
    world.clock.advance(3_100);

    expect(outcomes(world)).toEqual(['answered']);
  });

  it('is not through because the target of an earlier one was connected late', () => {
    const world = dialling();
    world.webhook('call.bridged');
    world.clock.advance(10);

    expect(outcomes(world)).toEqual([]);
    expect(world.telnyx.count('streamingStop')).toBe(0);
  });

  it('is told of once, though the two are hung up later by us', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });
    tell(world, 'call.bridged');
    world.session().post({ type: 'control', action: { type: 'hangup' }, by: 'test' });
    world.clock.advance(10);
    hangUpAll(world);

    expect(world.finished).toHaveLength(1);
    expect(outcomes(world)).toEqual(['answered']);
  });

  it.each([
    ['refused', REFUSED],
    ['not answered', UNKNOWN],
  ] as const)('lets nobody hang when the bridge is %s', (_name, outcome) => {
    const world = asked();
    world.telnyx.answers = (command) => (command.name === 'bridge' ? outcome : OK);
    tell(world, 'call.dtmf.received', { digit: '1' });
    world.clock.advance(10);

    expect(outcomes(world)).toEqual(['failed']);
    expect(
      world.telnyx.sent.filter(({ command }) => command.name === 'hangup').map((one) => one.callControlId),
    ).toEqual(['cc-target']);
    expect(world.session().state.status).toBe('active');
  });

  it('asks which of the two has gone when the bridge finds one of them gone', async () => {
    const world = asked();
    world.telnyx.answers = (command) => (command.name === 'bridge' ? GONE : OK);
    world.telnyx.alive = (id) => ({ known: true, isAlive: id === 'cc-caller' });
    tell(world, 'call.dtmf.received', { digit: '1' });
    world.clock.advance(10);
    await world.settle();

    expect(outcomes(world)).toEqual(['failed']);
    expect(world.session().state.legs['caller']?.phase).toBe('streaming');
  });

  it('does not take "Yes?" on picking up for an answer', () => {
    const world = dialling();
    tell(world, 'call.initiated');
    tell(world, 'call.answered');
    world.connect();
    world.run(400);
    world.stt.emit({ type: 'sttEndOfTurn', text: 'Yes?' });
    world.run(20);

    expect(world.telnyx.count('bridge')).toBe(0);
  });

  it('ends a target that comes up after it was given up', async () => {
    const world = talking();
    world.telnyx.answers = (command) => (command.name === 'dial' ? UNKNOWN : OK);
    const action = { type: 'transfer', target: 'sales', to: '+15105550200', mode: 'attended', announce: 'x' } as const;
    world.session().post({ type: 'control', action, by: 'test' });
    world.run(40);
    await world.settle(5_100);
    await world.settle(10);
    expect(outcomes(world)).toEqual(['failed']);
    tell(world, 'call.initiated');
    world.clock.advance(10);

    expect(world.telnyx.sent.filter((one) => one.callControlId === 'cc-target').map((one) => one.command.name)).toEqual(
      ['hangup'],
    );
  });

  it('gives the caller back a lost stream after the music', () => {
    const world = asked();
    const [caller] = world.phones;
    caller?.close(1006, 'lost');
    world.clock.advance(5);
    tell(world, 'call.dtmf.received', { digit: '2' });
    world.clock.advance(400);

    expect(outcomes(world)).toEqual(['declined']);
    expect(world.telnyx.count('streamingStart')).toBe(1);
    expect(world.session().dialogue.phase).toBe('down');
  });
});

describe('an attended transfer after a restart', () => {
  const recovered = (world: World): { readonly effects: readonly string[]; readonly step: string | undefined } => {
    const { legs, transfer, status } = foldFacts(world.records);
    const state = { ...world.session().state, legs, transfer, status };
    const { effects } = stepCall(state, { type: 'recovered' }, 0);
    const told = effects.flatMap((effect) => {
      if (effect.type === 'command') return [`${effect.leg} ${effect.command.name}`];
      return effect.type === 'event' && effect.event.type === 'transfer.ended' ? [effect.event.data.outcome] : [];
    });
    return { effects: told, step: transfer?.attended?.step };
  };

  it.each([
    ['was being dialled', dialling],
    ['was being asked', asked],
  ] as const)('gives up a target that %s, and brings the caller back', (_when, begin) => {
    const world = begin();
    tell(world, 'call.initiated');
    world.clock.advance(5);

    expect(recovered(world)).toEqual({
      effects: ['failed', 'target1 hangup', 'caller streamingStart'],
      step: 'dialing',
    });
  });

  it('puts through a target that had said yes', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });

    expect(recovered(world)).toEqual({ effects: ['caller bridge'], step: 'bridging' });
  });

  it('gives the caller a stream again when that fails', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });
    const { legs, transfer, status } = foldFacts(world.records);
    const { state } = stepCall({ ...world.session().state, legs, transfer, status }, { type: 'recovered' }, 0);
    const failed = { type: 'commandDone', leg: 'caller', effect: 1, name: 'bridge', outcome: REFUSED } as const;
    const { effects } = stepCall(state, failed, 10);

    expect(effects.flatMap((one) => (one.type === 'command' ? [`${one.leg} ${one.command.name}`] : []))).toEqual([
      'target1 hangup',
      'caller streamingStart',
    ]);
  });

  it('leaves two people alone who talk', () => {
    const world = asked();
    tell(world, 'call.dtmf.received', { digit: '1' });
    tell(world, 'call.bridged');

    expect(recovered(world).effects).toEqual([]);
  });

  it('takes the caller off hold', () => {
    const world = talking();
    play(world, 'hold');

    expect(foldFacts(world.records).hold).toBe(true);
  });
});

type Step =
  | 'initiated'
  | 'answered'
  | 'socket'
  | 'bridged'
  | 'targetHangup'
  | 'callerHangup'
  | 'accept'
  | 'decline'
  | 'machine'
  | 'cancel'
  | 'hold'
  | 'resume'
  | 'apiHangup'
  | 'drain'
  | 'again'
  | 'loseCaller'
  | 'loseTarget'
  | number;

function play(world: World, step: Step): void {
  const control = (action: Parameters<ReturnType<World['session']>['post']>[0]): void => world.session().post(action);
  switch (step) {
    case 'initiated':
    case 'answered':
      tell(world, `call.${step}`);
      return;
    case 'bridged':
      if (world.telnyx.count('bridge') > 0) tell(world, 'call.bridged');
      return;
    case 'socket': {
      const { legs } = world.session().state;
      if (
        world.finished.length === 0 &&
        legs['target1']?.socket === 'none' &&
        world.tokens.length === 2 &&
        world.phones.length === 1
      )
        world.connect();
      return;
    }
    case 'targetHangup':
      tell(world, 'call.hangup');
      return;
    case 'callerHangup':
      world.webhook('call.hangup');
      return;
    case 'accept':
    case 'decline':
      tell(world, 'call.dtmf.received', { digit: step === 'accept' ? '1' : '2' });
      return;
    case 'machine':
      tell(world, 'call.machine.detection.ended', { result: 'machine', premium: false });
      return;
    case 'cancel':
      control({ type: 'control', action: { type: 'transferCancel' }, by: 'test' });
      return;
    case 'hold':
      control({ type: 'control', action: { type: 'hold', music: true }, by: 'test' });
      return;
    case 'resume':
      control({ type: 'control', action: { type: 'resume' }, by: 'test' });
      return;
    case 'apiHangup':
      control({ type: 'control', action: { type: 'hangup' }, by: 'test' });
      return;
    case 'drain':
      control({ type: 'drain', now: false });
      return;
    case 'again':
      control({
        type: 'control',
        action: { type: 'transfer', target: 'sales', to: '+15105550200', mode: 'attended', announce: 'x' },
        by: 'test',
      });
      return;
    case 'loseCaller':
      world.phones[0]?.close(1006, 'lost');
      return;
    case 'loseTarget':
      world.phones[1]?.close(1006, 'lost');
      return;
    default:
      pass(world, step);
  }
}

describe('attended transfers in any order, with anything lost', () => {
  const steps: readonly Step[] = [
    ...(['initiated', 'answered', 'socket', 'bridged', 'targetHangup', 'callerHangup', 'accept', 'decline'] as const),
    ...(['machine', 'cancel', 'hold', 'resume', 'apiHangup', 'drain', 'again', 'loseCaller', 'loseTarget'] as const),
    ...[5, 900, 6_000, 31_000, 130_000],
  ];
  const answers = fc.constantFrom<(CommandOutcome | undefined)[]>(OK, OK, OK, REFUSED, GONE, UNKNOWN, undefined);

  it('leave no leg, no stream, no timer and one outcome for each', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...steps), { maxLength: 12 }),
        answers,
        answers,
        async (order, dialled, bridged) => {
          const world = talking();
          let isOver = false;
          const alive = new Set(['cc-caller']);
          const given: (CommandOutcome | undefined)[] = world.telnyx.sent.map(() => OK);
          world.telnyx.answers = (command, id) => {
            if (command.name === 'hangup') alive.delete(id);
            if (command.name === 'dial' && (dialled === undefined || dialled.ok || dialled.kind === 'unknown'))
              alive.add('cc-target');
            const outcome = isOver ? OK : command.name === 'dial' ? dialled : command.name === 'bridge' ? bridged : OK;
            given.push(outcome);
            return outcome;
          };
          world.telnyx.alive = (id) => ({ known: true, isAlive: alive.has(id) });
          world.telnyx.found = () => ({
            known: true,
            leg: alive.has('cc-target') ? { ...TARGET, callSessionId: 'session-1' } : undefined,
          });
          play(world, 'again');
          for (const step of order) {
            // What was never dialled does not come up.
            const isTargets = ['initiated', 'answered', 'targetHangup', 'accept', 'decline', 'machine'].includes(
              `${step}`,
            );
            if (isTargets && !alive.has('cc-target')) continue;
            play(world, step);
            if (step === 'targetHangup') alive.delete('cc-target');
            if (step === 'callerHangup') alive.delete('cc-caller');
            if (typeof step === 'number') await world.settle();
          }
          // The call is ended, Telnyx answers again, and everything has its time.
          isOver = true;
          world.telnyx.sent.forEach(({ done }, n) => {
            if (given[n] === undefined) done(UNKNOWN);
          });
          for (let round = 0; round < 12 && world.finished.length === 0; round++) {
            if (round === 0) play(world, 'apiHangup');
            await world.settle(30_000);
            hangUpAll(world);
            await world.settle(10);
          }

          // What the emulated phones still play.
          world.clock.advance(60_000);

          expect(world.finished).toHaveLength(1);
          const started = world.events.filter(({ type }) => type === 'transfer.started').length;
          expect(outcomes(world)).toHaveLength(started);
          expect(world.telnyx.count('bridge')).toBeLessThanOrEqual(started);
          expect(world.stt.opened).toBe(world.stt.closedStreams);
          expect(world.tts.opened).toBe(world.tts.closedSessions);
          expect(world.phones.every(({ closed }) => closed !== undefined)).toBe(true);
          expect(world.clock.pending).toBe(0);
          expect(world.late).toEqual([]);
        },
      ),
      { numRuns: 250 },
    );
  }, 60_000);
});

describe('hold', () => {
  it('is silent, listens to nobody and keeps keys until the agent is back', () => {
    const world = talking();
    play(world, 'hold');
    world.run(60_000);
    world.webhook('call.dtmf.received', { digit: '7' });
    expect(world.stt.closedStreams).toBe(1);
    expect(world.tts.texts).toHaveLength(1);
    play(world, 'resume');
    world.run(5_000);

    expect(world.tts.texts[1]).toBe('Thank you for holding.');
    expect(world.llm.requests.at(-1)?.messages).toContainEqual({ role: 'user', content: '[pressed 7]' });
  });

  it('ends by itself after half an hour', () => {
    const world = talking();
    play(world, 'hold');
    world.run(30 * 60_000 + 3_000);

    expect(world.tts.texts[1]).toBe('Thank you for holding.');
    expect(world.session().state.hold).toBe(false);
  });
});
