import { describe, expect, it } from 'vitest';
import type { CallEffect, CallInput, LegName } from '../../src/call/inputs.ts';
import { stepCall } from '../../src/call/machine.ts';
import type { CallState, Leg, LegPhase } from '../../src/call/state.ts';
import type { CommandOutcome, TelnyxCommand } from '../../src/telnyx/commands.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { GONE, OK, REFUSED } from './harness.ts';

type Input = Parameters<typeof stepCall>[1];

const UNKNOWN: CommandOutcome = { ok: false, kind: 'unknown', message: 'no answer' };
const NOW = 10_000;

function leg(name: LegName, phase: LegPhase, more: Partial<Leg> = {}): Leg {
  const before = phase === 'ringing' || phase === 'answering';
  return {
    name,
    phase,
    callControlId: `cc-${name}`,
    callLegId: `leg-${name}`,
    callSessionId: 'session',
    answered: !before,
    epoch: phase === 'ringing' ? 0 : 1,
    socket: ['streaming', 'transferring', 'bridged'].includes(phase) ? 'started' : 'none',
    restores: 0,
    restoresTotal: 0,
    ...more,
  };
}

function call(legs: readonly Leg[], more: Partial<CallState> = {}): CallState {
  const talking = legs.find(({ name }) => name === 'caller' || name === 'callee');
  return {
    direction: 'inbound',
    from: '+14155550142',
    to: '+13125550178',
    agent: 'reception',
    status: talking?.answered === true ? 'active' : 'ringing',
    limits: { maxDurationMs: 3_600_000, noMediaMs: 15_000 },
    failureLine: 'Sorry.',
    declared: 'PCMU',
    legs: Object.fromEntries(legs.map((one) => [one.name, one])),
    overflow: false,
    fallback: undefined,
    transfer: undefined,
    answeredAt: talking?.answered === true ? 1000 : undefined,
    endReason: undefined,
    hangupCause: undefined,
    sipCode: undefined,
    finished: false,
    ...more,
  };
}

const TRANSFER = { transfer: { target: 'sales', to: '+15105550200' }, status: 'transferring' } as const;

function webhook(type: TelnyxEvent['type'], name: LegName = 'caller', more: object = {}): CallInput {
  const event = {
    type,
    id: 'e',
    callControlId: `cc-${name}`,
    callLegId: `leg-${name}`,
    callSessionId: 'session',
    ...(type === 'call.initiated' ? { direction: 'incoming', offeredCodecs: [] } : {}),
    ...(type === 'call.hangup' ? { cause: 'normal_clearing', source: 'caller', sipCode: '200' } : {}),
    ...more,
  } as unknown as TelnyxEvent;
  return { type: 'webhook', leg: name, event };
}

const opened = (epoch = 1): Input => ({ type: 'mediaOpened', leg: 'caller', epoch });
const started = (epoch = 1): Input => ({
  type: 'mediaStarted',
  leg: 'caller',
  epoch,
  streamId: 's',
  encoding: 'PCMU',
  sampleRate: 8000,
});
const stopped = (epoch = 1): Input => ({ type: 'mediaStopped', leg: 'caller', epoch });
const closed = (epoch = 1): Input => ({ type: 'mediaClosed', leg: 'caller', epoch, code: 1006, why: '' });
const done = (name: TelnyxCommand['name'], outcome: CommandOutcome, of: LegName = 'caller', tag?: string): Input => ({
  type: 'commandDone',
  leg: of,
  effect: 1,
  name,
  outcome,
  ...(tag === undefined ? {} : { tag }),
});
const timer = (
  name: Extract<CallInput, { type: 'timer' }>['name'],
  of: LegName = 'caller',
  quietMs?: number,
): Input => ({
  type: 'timer',
  leg: of,
  name,
  ...(quietMs === undefined ? {} : { quietMs }),
});
const status = (alive: boolean | undefined, of: LegName = 'caller'): Input => ({
  type: 'legStatus',
  leg: of,
  status: alive === undefined ? { known: false, message: '503' } : { known: true, isAlive: alive },
});

/** Effects in a form that a table can hold; timers that are cancelled are left out. */
function brief(effects: readonly CallEffect[]): string[] {
  return effects.flatMap((effect): string[] => {
    switch (effect.type) {
      case 'command': {
        const { name, ...rest } = effect.command;
        const values = Object.values(rest).join(' ');
        return [`${effect.leg} ${name}${values === '' ? '' : ` ${values}`}`];
      }
      case 'askStatus':
        return [`${effect.leg} ask`];
      case 'findLeg':
        return [`${effect.leg} find`];
      case 'awaitTurn':
        return [`${effect.leg} turn after ${effect.afterMs}`];
      case 'closeMedia':
        return [`close ${effect.code}`];
      case 'setTimer':
        return [`${effect.leg} in ${effect.ms} ${effect.name}`];
      case 'cancelTimer':
        return [];
      case 'event': {
        const data = effect.event.data as Readonly<Record<string, string>>;
        const told = ['status', 'stream', 'reason', 'outcome', 'digits'].flatMap((key) => data[key] ?? []);
        return [['!', effect.event.type, ...told].join(' ')];
      }
      case 'consult':
      case 'consultEnd':
        return [`${effect.leg} ${effect.type}`];
      case 'brief':
        return [`${effect.leg} > ${effect.input.type}`];
      case 'record':
        return [`record ${effect.do}${effect.isSensitive ? ' sensitive' : ''}`];
      case 'dialogue':
        return [`> ${effect.input.type}`];
      case 'finished':
        return [`finished ${effect.reason}`];
    }
  });
}

type Phases = Readonly<Partial<Record<LegName, LegPhase>>>;
type Row = readonly [name: string, state: CallState, input: Input, phases: Phases, effects: readonly string[]];

function check([, state, input, phases, effects]: Row): CallState {
  const before = structuredClone(state);
  const step = stepCall(state, input, NOW);
  expect(brief(step.effects)).toEqual(effects);
  expect(Object.fromEntries(Object.values(step.state.legs).map((one) => [one.name, one.phase]))).toEqual(phases);
  expect(state, 'the state that came in is not changed').toEqual(before);
  return step.state;
}

const RINGING: readonly Row[] = [
  [
    'call.initiated is answered',
    call([]),
    webhook('call.initiated'),
    { caller: 'answering' },
    ['! call.created', 'caller answer 1', 'caller in 10000 answer'],
  ],
  [
    'a repeated call.initiated is not',
    call([leg('caller', 'answering')]),
    webhook('call.initiated'),
    { caller: 'answering' },
    [],
  ],
  [
    'call.answered waits for the stream',
    call([leg('caller', 'answering')]),
    webhook('call.answered'),
    { caller: 'answered' },
    ['! call.answered', '! call.updated active', 'caller in 3600000 maxDuration', 'caller in 10000 media'],
  ],
  [
    'call.answered after the socket waits for start',
    call([leg('caller', 'answering', { socket: 'open' })]),
    webhook('call.answered'),
    { caller: 'answered' },
    ['! call.answered', '! call.updated active', 'caller in 3600000 maxDuration', 'caller in 5000 start'],
  ],
  [
    'a repeated call.answered changes nothing',
    call([leg('caller', 'streaming')]),
    webhook('call.answered'),
    { caller: 'streaming' },
    [],
  ],
  ['a socket before the answer waits', call([leg('caller', 'answering')]), opened(), { caller: 'answering' }, []],
  [
    'a socket that closes before the answer is no news',
    call([leg('caller', 'answering', { socket: 'open' })]),
    closed(),
    { caller: 'answering' },
    [],
  ],
  [
    'start says that the call was answered',
    call([leg('caller', 'answering', { socket: 'open' })]),
    started(),
    { caller: 'streaming' },
    [
      ...['! call.answered', '! call.updated active', 'caller in 3600000 maxDuration', 'caller in 5000 start'],
      ...['caller in 15000 noMedia', '! call.updated active up', '> streamUp'],
    ],
  ],
  [
    'an answer that was accepted waits for its webhook',
    call([leg('caller', 'answering')]),
    done('answer', OK),
    { caller: 'answering' },
    [],
  ],
  [
    'an answer that was refused ends the call',
    call([leg('caller', 'answering')]),
    done('answer', REFUSED),
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'an answer whose outcome is lost, when the call is up, changes nothing',
    call([leg('caller', 'streaming')]),
    done('answer', UNKNOWN),
    { caller: 'streaming' },
    [],
  ],
  [
    'an answer that came too late ends the call',
    call([leg('caller', 'answering')]),
    done('answer', GONE),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended caller_hangup', 'finished caller_hangup'],
  ],
  [
    'an answer that is not confirmed ends the call',
    call([leg('caller', 'answering')]),
    timer('answer'),
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a caller who hangs up while it rings',
    call([leg('caller', 'answering')]),
    webhook('call.hangup'),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended caller_hangup', 'finished caller_hangup'],
  ],
];

const STREAM: readonly Row[] = [
  [
    'a socket waits for start',
    call([leg('caller', 'answered')]),
    opened(),
    { caller: 'answered' },
    ['caller in 5000 start'],
  ],
  [
    'start begins the conversation',
    call([leg('caller', 'answered', { socket: 'open' })]),
    started(),
    { caller: 'streaming' },
    ['caller in 15000 noMedia', '! call.updated active up', '> streamUp'],
  ],
  [
    'no start within 5 s: the socket is closed and another stream asked for',
    call([leg('caller', 'answered', { socket: 'open' })]),
    timer('start'),
    { caller: 'restoring' },
    ['close 1008', 'caller in 300 restore'],
  ],
  [
    'the start timer after start changes nothing',
    call([leg('caller', 'streaming')]),
    timer('start'),
    { caller: 'streaming' },
    [],
  ],
  [
    'no socket within 10 s: another stream',
    call([leg('caller', 'answered')]),
    timer('media'),
    { caller: 'restoring' },
    ['caller in 300 restore'],
  ],
  [
    'the media timer waits for an open socket',
    call([leg('caller', 'restoring', { socket: 'open' })]),
    timer('media'),
    { caller: 'restoring' },
    [],
  ],
  [
    'streaming.failed: another stream',
    call([leg('caller', 'answered')]),
    webhook('streaming.failed'),
    { caller: 'restoring' },
    ['caller in 300 restore'],
  ],
  [
    'streaming.failed of an older stream changes nothing',
    call([leg('caller', 'streaming')]),
    webhook('streaming.failed'),
    { caller: 'streaming' },
    [],
  ],
  ['stop closes the socket', call([leg('caller', 'streaming')]), stopped(), { caller: 'streaming' }, ['close 1000']],
  [
    'a socket that drops is restored after 300 ms',
    call([leg('caller', 'streaming')]),
    closed(),
    { caller: 'restoring' },
    ['! call.updated active lost', '> streamDown', 'caller in 300 restore'],
  ],
  [
    'a stream that was stopped gives call.hangup a second',
    call([leg('caller', 'streaming', { socket: 'stopped' })]),
    closed(),
    { caller: 'restoring' },
    ['! call.updated active lost', '> streamDown', 'caller in 1000 restore'],
  ],
  [
    'streaming.failed after stop tells the dialogue too',
    call([leg('caller', 'streaming', { socket: 'stopped' })]),
    webhook('streaming.failed'),
    { caller: 'restoring' },
    ['! call.updated active lost', '> streamDown', 'caller in 300 restore'],
  ],
  [
    'the first restore',
    call([leg('caller', 'restoring')]),
    timer('restore'),
    { caller: 'restoring' },
    ['close 1001', 'caller streamingStart 2', 'caller in 5000 media'],
  ],
  [
    'the second waits 1 s',
    call([leg('caller', 'restoring', { restores: 1, restoresTotal: 1 })]),
    timer('media'),
    { caller: 'restoring' },
    ['caller in 1000 restore'],
  ],
  [
    'the third waits 3 s',
    call([leg('caller', 'restoring', { restores: 2, restoresTotal: 2 })]),
    done('streamingStart', REFUSED),
    { caller: 'restoring' },
    ['caller in 3000 restore'],
  ],
  [
    'after the third Telnyx speaks',
    call([leg('caller', 'restoring', { restores: 3, restoresTotal: 3 })]),
    timer('restore'),
    { caller: 'speaking' },
    ['caller speak Sorry.', 'caller in 15000 speakEnd'],
  ],
  [
    'a stream that flaps is not restored for ever',
    call([leg('caller', 'restoring', { restoresTotal: 10 })]),
    timer('restore'),
    { caller: 'speaking' },
    ['caller speak Sorry.', 'caller in 15000 speakEnd'],
  ],
  [
    'the new stream is up',
    call([leg('caller', 'restoring', { socket: 'open', epoch: 2, restores: 1 })]),
    started(2),
    { caller: 'streaming' },
    ['caller in 15000 noMedia', '! call.updated active restored', '> streamUp'],
  ],
  [
    'a streaming_start to a call that is over ends it',
    call([leg('caller', 'restoring')]),
    done('streamingStart', GONE),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended caller_hangup', 'finished caller_hangup'],
  ],
  [
    'a streaming_start that worked needs nothing more',
    call([leg('caller', 'restoring')]),
    done('streamingStart', OK),
    { caller: 'restoring' },
    [],
  ],
  [
    'quiet for 10 of 15 s: look again',
    call([leg('caller', 'streaming')]),
    timer('noMedia', 'caller', 10_000),
    { caller: 'streaming' },
    ['caller in 5000 noMedia'],
  ],
  [
    'quiet for 15 s ends the call',
    call([leg('caller', 'streaming')]),
    timer('noMedia', 'caller', 15_000),
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a codec that cannot be played',
    call([leg('caller', 'answering', { socket: 'open' })]),
    { type: 'mediaUnsupported', leg: 'caller', epoch: 1, encoding: 'OPUS/48000' },
    { caller: 'speaking' },
    [
      ...['! call.answered', '! call.updated active', 'caller in 3600000 maxDuration', 'caller in 5000 start'],
      ...['caller speak Sorry.', 'caller in 15000 speakEnd'],
    ],
  ],
  [
    'another law than announced is told',
    call([leg('caller', 'streaming')]),
    { type: 'codecMismatch', leg: 'caller', announced: 'PCMU', heard: 'PCMA' },
    { caller: 'streaming' },
    ['! codec.mismatch'],
  ],
  ...(['mediaOpened', 'mediaStarted', 'mediaStopped', 'mediaClosed', 'mediaUnsupported'] as const).map((type): Row => {
    const input = {
      type,
      leg: 'caller',
      epoch: 1,
      streamId: 's',
      encoding: 'PCMU',
      sampleRate: 8000,
      code: 1000,
      why: '',
    } as Input;
    return [
      `${type} of an older stream changes nothing`,
      call([leg('caller', 'streaming', { epoch: 2 })]),
      input,
      { caller: 'streaming' },
      [],
    ];
  }),
];

const SPEAKING: readonly Row[] = [
  [
    'speak.ended hangs up',
    call([leg('caller', 'speaking')]),
    webhook('call.speak.ended'),
    { caller: 'ending' },
    ['caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'speak that takes too long hangs up',
    call([leg('caller', 'speaking')]),
    timer('speakEnd'),
    { caller: 'ending' },
    ['caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'speak that is refused hangs up',
    call([leg('caller', 'speaking')]),
    done('speak', REFUSED),
    { caller: 'ending' },
    ['caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a stream that comes too late does not bring the call back',
    call([leg('caller', 'speaking', { socket: 'open' })]),
    started(),
    { caller: 'speaking' },
    [],
  ],
  [
    'a socket that drops does not matter any more',
    call([leg('caller', 'speaking')]),
    closed(),
    { caller: 'speaking' },
    [],
  ],
  [
    'a drain does not talk over it',
    call([leg('caller', 'speaking')]),
    { type: 'drain', now: false },
    { caller: 'speaking' },
    [],
  ],
  [
    'speak.ended of something else changes nothing',
    call([leg('caller', 'streaming')]),
    webhook('call.speak.ended'),
    { caller: 'streaming' },
    [],
  ],
];

const ENDING: readonly Row[] = [
  [
    'a hangup that was accepted waits for call.hangup',
    call([leg('caller', 'ending')]),
    done('hangup', OK),
    { caller: 'ending' },
    ['caller in 10000 hangup'],
  ],
  [
    'a hangup that was refused is asked about, not at once',
    call([leg('caller', 'ending')]),
    done('hangup', REFUSED),
    { caller: 'ending' },
    ['caller in 5000 hangup'],
  ],
  [
    'a hangup whose outcome is unknown too',
    call([leg('caller', 'ending')]),
    done('hangup', UNKNOWN),
    { caller: 'ending' },
    ['caller in 5000 hangup'],
  ],
  [
    'a hangup of a call that is over ends it',
    call([leg('caller', 'ending')], { endReason: 'agent_hangup' }),
    done('hangup', GONE),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended agent_hangup', 'finished agent_hangup'],
  ],
  [
    'no call.hangup: Telnyx is asked',
    call([leg('caller', 'ending')]),
    timer('hangup'),
    { caller: 'ending' },
    ['caller ask'],
  ],
  [
    'still up: another hangup',
    call([leg('caller', 'ending')]),
    status(true),
    { caller: 'ending' },
    ['caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'Telnyx cannot be asked: later',
    call([leg('caller', 'ending')]),
    status(undefined),
    { caller: 'ending' },
    ['caller in 5000 status'],
  ],
  ['then it is asked again', call([leg('caller', 'ending')]), timer('status'), { caller: 'ending' }, ['caller ask']],
  [
    'Telnyx says it is over',
    call([leg('caller', 'ending')], { endReason: 'drain' }),
    status(false),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended drain', 'finished drain'],
  ],
  [
    'call.hangup ends it; the first reason stands',
    call([leg('caller', 'ending')], { endReason: 'api_hangup' }),
    webhook('call.hangup'),
    { caller: 'ended' },
    ['close 1000', '> close', '! call.ended api_hangup', 'finished api_hangup'],
  ],
  ...(['call.answered', 'call.bridged', 'streaming.failed', 'call.speak.ended'] as const).map((type): Row => [
    `${type} changes nothing any more`,
    call([leg('caller', 'ending')]),
    webhook(type),
    { caller: 'ending' },
    [],
  ]),
  ...[opened(), started(), closed()].map((input): Row => [
    `${input.type} changes nothing any more`,
    call([leg('caller', 'ending')]),
    input,
    { caller: 'ending' },
    [],
  ]),
];

const CONTROL: readonly Row[] = [
  [
    'hangup',
    call([leg('caller', 'streaming')]),
    { type: 'control', action: { type: 'hangup' }, by: 'api' },
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'hangup of a call that ends already',
    call([leg('caller', 'ending')]),
    { type: 'control', action: { type: 'hangup' }, by: 'api' },
    { caller: 'ending' },
    ['> close'],
  ],
  [
    'transfer',
    call([leg('caller', 'streaming')]),
    { type: 'control', action: { type: 'transfer', target: 'x', to: '+15105550200' }, by: 'api' },
    { caller: 'streaming' },
    ['> handOver'],
  ],
  [
    'transfer without a stream',
    call([leg('caller', 'restoring')]),
    { type: 'control', action: { type: 'transfer', target: 'x', to: '+15105550200' }, by: 'api' },
    { caller: 'restoring' },
    [],
  ],
  [
    'dtmf',
    call([leg('caller', 'streaming')]),
    { type: 'control', action: { type: 'dtmf', digits: '12' }, by: 'api' },
    { caller: 'streaming' },
    ['> sendKeys'],
  ],
  [
    'dtmf before the answer',
    call([leg('caller', 'answering')]),
    { type: 'control', action: { type: 'dtmf', digits: '12' }, by: 'api' },
    { caller: 'answering' },
    [],
  ],
  [
    'say',
    call([leg('caller', 'streaming')]),
    { type: 'control', action: { type: 'say', text: 'hi', interrupt: true }, by: 'api' },
    { caller: 'streaming' },
    ['> say'],
  ],
  [
    'a drain says goodbye',
    call([leg('caller', 'streaming')]),
    { type: 'drain', now: false },
    { caller: 'streaming' },
    ['> wrapUp', 'caller in 20000 wrapUp'],
  ],
  [
    'a drain of a ringing call',
    call([leg('caller', 'answering')]),
    { type: 'drain', now: false },
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a second signal',
    call([leg('caller', 'streaming')]),
    { type: 'drain', now: true },
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a goodbye that does not come to its end',
    call([leg('caller', 'streaming')], { endReason: 'drain' }),
    timer('wrapUp'),
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'too long a call says goodbye',
    call([leg('caller', 'streaming')]),
    timer('maxDuration'),
    { caller: 'streaming' },
    ['> wrapUp', 'caller in 20000 wrapUp'],
  ],
  [
    'a fault',
    call([leg('caller', 'streaming')]),
    { type: 'fault', message: 'x' },
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a fault that swallowed a hangup sends it again',
    call([leg('caller', 'ending')]),
    { type: 'fault', message: 'x' },
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'a stall is only noted',
    call([leg('caller', 'streaming')]),
    { type: 'stalled', ms: 400 },
    { caller: 'streaming' },
    [],
  ],
];

const signal = (s: Extract<Input, { type: 'signal' }>['signal']): Input => ({ type: 'signal', signal: s });
const SIGNALS: readonly Row[] = [
  [
    'hangup',
    call([leg('caller', 'streaming')]),
    signal({ type: 'hangup', reason: 'agent_hangup' }),
    { caller: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'transfer',
    call([leg('caller', 'streaming')]),
    signal({ type: 'transfer', target: 'sales', to: '+15105550200' }),
    { caller: 'transferring' },
    [
      '! call.updated transferring',
      '! transfer.started',
      'caller transfer +15105550200 30 3630',
      'caller in 40000 transfer',
    ],
  ],
  [
    'transfer of a call that ends',
    call([leg('caller', 'ending')]),
    signal({ type: 'transfer', target: 'sales', to: '+15105550200' }),
    { caller: 'ending' },
    [],
  ],
  [
    'transfer during a transfer',
    call([leg('caller', 'transferring')], TRANSFER),
    signal({ type: 'transfer', target: 'sales', to: '+15105550200' }),
    { caller: 'transferring' },
    [],
  ],
  [
    'dtmf',
    call([leg('caller', 'streaming')]),
    signal({ type: 'dtmf', digits: '1', toolCallId: 'c1' }),
    { caller: 'streaming' },
    ['caller sendDtmf 1', '! dtmf.sent 1'],
  ],
  [
    'speakForUs',
    call([leg('caller', 'streaming')]),
    signal({ type: 'speakForUs', text: 'Bye.' }),
    { caller: 'speaking' },
    ['caller speak Bye.', 'caller in 15000 speakEnd'],
  ],
  [
    'dtmf that was sent',
    call([leg('caller', 'streaming')]),
    done('sendDtmf', OK, 'caller', 'c1'),
    { caller: 'streaming' },
    ['> dtmfSent'],
  ],
  [
    'dtmf that was refused',
    call([leg('caller', 'streaming')]),
    done('sendDtmf', REFUSED, 'caller', 'c1'),
    { caller: 'streaming' },
    ['> dtmfSent'],
  ],
  [
    'dtmf of the API that was refused',
    call([leg('caller', 'streaming')]),
    done('sendDtmf', REFUSED),
    { caller: 'streaming' },
    [],
  ],
];

const both = (caller: LegPhase, target: LegPhase, more: Partial<CallState> = {}, of: Partial<Leg> = {}): CallState =>
  call([leg('caller', caller), leg('target1', target, { answered: false, epoch: 0, socket: 'none', ...of })], {
    ...TRANSFER,
    ...more,
  });
const BRIDGED = [
  '! transfer.ended answered',
  '! call.updated transferred',
  '> close',
  'caller streamingStop',
  'caller in 60000 status',
];
const BACK = ['! call.updated active', '> transferFailed', 'caller in 15000 noMedia'];

const TRANSFERS: readonly Row[] = [
  [
    'the target rings',
    call([leg('caller', 'transferring')], TRANSFER),
    webhook('call.initiated', 'target1', { direction: 'outgoing' }),
    { caller: 'transferring', target1: 'ringing' },
    [],
  ],
  [
    'a target nobody waits for is hung up',
    call([leg('caller', 'streaming')]),
    webhook('call.initiated', 'target1'),
    { caller: 'streaming', target1: 'ending' },
    ['target1 in 60000 hangup', 'target1 hangup'],
  ],
  [
    'a target of a call that ends is hung up',
    call([leg('caller', 'ending')], TRANSFER),
    webhook('call.initiated', 'target1'),
    { caller: 'ending', target1: 'ending' },
    ['target1 in 60000 hangup', 'target1 hangup'],
  ],
  [
    'the target answers',
    both('transferring', 'ringing'),
    webhook('call.answered', 'target1'),
    { caller: 'transferring', target1: 'answered' },
    ['target1 in 3000 bridge'],
  ],
  [
    'the target answers before we hear that it rings',
    call([leg('caller', 'transferring')], TRANSFER),
    webhook('call.answered', 'target1'),
    { caller: 'transferring', target1: 'answered' },
    ['target1 in 3000 bridge'],
  ],
  [
    'bridged, by the target',
    both('transferring', 'answered'),
    webhook('call.bridged', 'target1'),
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'bridged, by the caller',
    both('transferring', 'ringing'),
    webhook('call.bridged'),
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'bridged, by the clock',
    both('transferring', 'answered'),
    timer('bridge', 'target1'),
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'bridged before anything else of the target',
    call([leg('caller', 'transferring')], TRANSFER),
    webhook('call.bridged', 'target1'),
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'the second call.bridged',
    both('bridged', 'bridged'),
    webhook('call.bridged'),
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'call.initiated after the bridge',
    call([leg('caller', 'bridged')], { ...TRANSFER, status: 'transferred' }),
    webhook('call.initiated', 'target1'),
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'call.bridged without a transfer',
    call([leg('caller', 'streaming')]),
    webhook('call.bridged'),
    { caller: 'streaming' },
    [],
  ],
  [
    'the target is busy',
    both('transferring', 'ringing'),
    webhook('call.hangup', 'target1', { cause: 'user_busy' }),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended busy', ...BACK],
  ],
  [
    'the target does not answer',
    both('transferring', 'ringing'),
    webhook('call.hangup', 'target1', { cause: 'timeout' }),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended no_answer', ...BACK],
  ],
  [
    'the target rejects',
    both('transferring', 'ringing'),
    webhook('call.hangup', 'target1', { cause: 'call_rejected' }),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended rejected', ...BACK],
  ],
  [
    'the target does not exist',
    both('transferring', 'ringing'),
    webhook('call.hangup', 'target1', { cause: 'unallocated', sipCode: '404' }),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended not_found', ...BACK],
  ],
  [
    'its hangup is the first we hear of the target',
    call([leg('caller', 'transferring')], TRANSFER),
    webhook('call.hangup', 'target1', { cause: 'user_busy' }),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended busy', ...BACK],
  ],
  [
    'neither bridged nor failed in 40 s: Telnyx is asked before anybody is cut off',
    both('transferring', 'ringing'),
    timer('transfer'),
    { caller: 'transferring', target1: 'ringing' },
    ['target1 ask', 'caller in 5000 transfer'],
  ],
  [
    'nothing was heard of the target in 40 s: Telnyx is asked for it',
    call([leg('caller', 'transferring')], TRANSFER),
    timer('transfer'),
    { caller: 'transferring' },
    ['target1 find', 'caller in 5000 transfer'],
  ],
  [
    'a target that is still up so late was answered',
    both('transferring', 'ringing', { transfer: { target: 'sales', to: '+15105550200', asked: 1 } }),
    status(true, 'target1'),
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'a target that Telnyx still lists so late was answered',
    call([leg('caller', 'transferring')], { ...TRANSFER, transfer: { target: 'sales', to: '+15105550200', asked: 1 } }),
    {
      type: 'legFound',
      leg: 'target1',
      search: { known: true, leg: { callControlId: 'cc-1', callLegId: 'leg-1', callSessionId: 'session-1' } },
    },
    { caller: 'bridged', target1: 'bridged' },
    BRIDGED,
  ],
  [
    'Telnyx lists no such target',
    call([leg('caller', 'transferring')], { ...TRANSFER, transfer: { target: 'sales', to: '+15105550200', asked: 1 } }),
    { type: 'legFound', leg: 'target1', search: { known: true, leg: undefined } },
    { caller: 'streaming' },
    ['! transfer.ended no_answer', ...BACK],
  ],
  [
    'Telnyx could not be asked three times',
    both('transferring', 'ringing', { transfer: { target: 'sales', to: '+15105550200', asked: 3 } }),
    timer('transfer'),
    { caller: 'streaming', target1: 'ending' },
    ['! transfer.ended no_answer', 'target1 in 60000 hangup', 'target1 hangup', ...BACK],
  ],
  [
    'the transfer is refused',
    call([leg('caller', 'transferring')], TRANSFER),
    done('transfer', REFUSED),
    { caller: 'streaming' },
    ['! transfer.ended failed', ...BACK],
  ],
  [
    'the outcome of the transfer is lost, but the target rings',
    both('transferring', 'ringing'),
    done('transfer', UNKNOWN),
    { caller: 'transferring', target1: 'ringing' },
    [],
  ],
  [
    'the outcome of the transfer is lost, but the two talk',
    both('bridged', 'bridged'),
    done('transfer', UNKNOWN),
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'the transfer fails when the stream is down',
    call([leg('caller', 'transferring', { socket: 'none' })], TRANSFER),
    done('transfer', REFUSED),
    { caller: 'restoring' },
    [
      '! transfer.ended failed',
      '! call.updated active',
      '> transferFailed',
      '> streamDown',
      'close 1001',
      'caller streamingStart 2',
      'caller in 5000 media',
    ],
  ],
  [
    'the stream drops during a transfer',
    call([leg('caller', 'transferring')], TRANSFER),
    closed(),
    { caller: 'transferring' },
    [],
  ],
  [
    'streaming.failed during a transfer',
    call([leg('caller', 'transferring', { socket: 'none' })], TRANSFER),
    webhook('streaming.failed'),
    { caller: 'transferring' },
    [],
  ],
  [
    'streaming.failed of the target',
    both('transferring', 'answered', {}, { answered: true }),
    webhook('streaming.failed', 'target1'),
    { caller: 'transferring', target1: 'answered' },
    [],
  ],
  [
    'the end of an earlier target does not touch this transfer',
    call([leg('caller', 'transferring'), leg('target1', 'ending')], TRANSFER),
    webhook('call.hangup', 'target1'),
    { caller: 'transferring', target1: 'ended' },
    [],
  ],
  [
    'nor does what Telnyx says of it',
    call([leg('caller', 'transferring'), leg('target1', 'ending')], TRANSFER),
    status(false, 'target1'),
    { caller: 'transferring', target1: 'ended' },
    [],
  ],
  [
    'nor does its late bridge',
    call([leg('caller', 'transferring'), leg('target1', 'ending')], TRANSFER),
    webhook('call.bridged', 'target1'),
    { caller: 'transferring', target1: 'ending' },
    [],
  ],
  [
    'the caller leaves while the target rings',
    both('transferring', 'ringing'),
    webhook('call.hangup'),
    { caller: 'ended', target1: 'ending' },
    ['! transfer.ended caller_left', 'close 1000', '> close', 'target1 in 60000 hangup', 'target1 hangup'],
  ],
  [
    'the caller leaves the pair',
    both('bridged', 'bridged', { endReason: 'transferred' }),
    webhook('call.hangup'),
    { caller: 'ended', target1: 'bridged' },
    ['close 1000', '> close', 'target1 in 5000 pair'],
  ],
  [
    'the target leaves the pair',
    both('bridged', 'bridged', { endReason: 'transferred' }),
    webhook('call.hangup', 'target1'),
    { caller: 'bridged', target1: 'ended' },
    ['caller in 5000 pair'],
  ],
  [
    'the other one is hung up',
    both('bridged', 'ended', { endReason: 'transferred' }),
    timer('pair'),
    { caller: 'ending', target1: 'ended' },
    ['caller in 60000 hangup', 'caller hangup'],
  ],
  [
    'the pair is over',
    both('ended', 'bridged', { endReason: 'transferred' }),
    webhook('call.hangup', 'target1'),
    { caller: 'ended', target1: 'ended' },
    ['! call.ended transferred', 'finished transferred'],
  ],
  [
    'Telnyx is asked about a pair now and then',
    both('bridged', 'bridged'),
    timer('status'),
    { caller: 'bridged', target1: 'bridged' },
    ['caller ask'],
  ],
  [
    'a pair that is up is left alone',
    both('bridged', 'bridged'),
    status(true),
    { caller: 'bridged', target1: 'bridged' },
    ['caller in 60000 status'],
  ],
  [
    'a drain leaves a pair alone',
    both('bridged', 'bridged'),
    { type: 'drain', now: true },
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'no media is nothing to a pair',
    both('bridged', 'bridged'),
    timer('noMedia', 'caller', 60_000),
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'a stream that comes up in a pair stays silent',
    call([leg('caller', 'bridged', { socket: 'open' })], TRANSFER),
    started(),
    { caller: 'bridged' },
    [],
  ],
  [
    'a streaming_stop that failed closes the socket',
    both('bridged', 'bridged'),
    done('streamingStop', UNKNOWN),
    { caller: 'bridged', target1: 'bridged' },
    ['close 1000'],
  ],
  [
    'an API hangup ends both of a pair',
    both('bridged', 'bridged'),
    { type: 'control', action: { type: 'hangup' }, by: 'api' },
    { caller: 'ending', target1: 'ending' },
    ['> close', 'caller in 60000 hangup', 'caller hangup', 'target1 in 60000 hangup', 'target1 hangup'],
  ],
  [
    'a drain ends a transfer with a goodbye',
    both('transferring', 'ringing'),
    { type: 'drain', now: false },
    { caller: 'transferring', target1: 'ringing' },
    ['> wrapUp', 'caller in 20000 wrapUp'],
  ],
];

const RECOVERED: readonly Row[] = [
  [
    'what rang is answered',
    call([leg('caller', 'answering')]),
    { type: 'recovered' },
    { caller: 'answering' },
    ['caller answer 2', 'caller in 10000 answer'],
  ],
  [
    'what talked gets a new stream',
    call([leg('caller', 'answered')]),
    { type: 'recovered' },
    { caller: 'restoring' },
    ['caller in 3600000 maxDuration', 'close 1001', 'caller streamingStart 2', 'caller in 5000 media'],
  ],
  [
    'an answer that nobody was told of is told',
    call([leg('caller', 'answered')], { answeredAt: undefined, status: 'ringing' }),
    { type: 'recovered' },
    { caller: 'restoring' },
    [
      '! call.answered',
      '! call.updated active',
      'caller in 3600000 maxDuration',
      'close 1001',
      'caller streamingStart 2',
      'caller in 5000 media',
    ],
  ],
  [
    'a transfer goes on',
    both('transferring', 'ringing'),
    { type: 'recovered' },
    { caller: 'transferring', target1: 'ringing' },
    ['caller in 3600000 maxDuration', 'caller in 40000 transfer'],
  ],
  [
    'a target that had answered is taken for bridged soon',
    both('transferring', 'answered', {}, { answered: true }),
    { type: 'recovered' },
    { caller: 'transferring', target1: 'answered' },
    ['caller in 3600000 maxDuration', 'caller in 40000 transfer', 'target1 in 3000 bridge'],
  ],
  [
    'a pair is left alone',
    both('bridged', 'bridged'),
    { type: 'recovered' },
    { caller: 'bridged', target1: 'bridged' },
    [],
  ],
  [
    'what was ending waits for its status',
    call([leg('caller', 'ending')]),
    { type: 'recovered' },
    { caller: 'ending' },
    [],
  ],
  [
    'a target that is gone fails the transfer',
    both('transferring', 'ringing'),
    status(false, 'target1'),
    { caller: 'streaming', target1: 'ended' },
    ['! transfer.ended failed', ...BACK],
  ],
];

const GROUPS = {
  ringing: RINGING,
  stream: STREAM,
  speaking: SPEAKING,
  ending: ENDING,
  control: CONTROL,
  signals: SIGNALS,
  transfers: TRANSFERS,
  recovered: RECOVERED,
};

describe.each(Object.entries(GROUPS))('the call machine: %s', (_group, rows) => {
  it.each(rows.map((row) => [row[0], row] as const))('%s', (_name, row) => {
    check(row);
  });
});

describe('the call machine', () => {
  it.each([
    ['normal_clearing', 'caller_hangup'],
    ['time_limit', 'max_duration'],
  ])('takes %s of the far party for %s', (cause, reason) => {
    const { state } = stepCall(call([leg('caller', 'streaming')]), webhook('call.hangup', 'caller', { cause }), NOW);

    expect(state).toMatchObject({
      finished: true,
      status: 'ended',
      endReason: reason,
      hangupCause: cause,
      sipCode: '200',
    });
  });

  it('counts the duration from the answer', () => {
    const { effects } = stepCall(call([leg('caller', 'streaming')]), webhook('call.hangup'), NOW);
    const ended = effects.find((effect) => effect.type === 'event' && effect.event.type === 'call.ended');

    expect(ended).toMatchObject({ event: { data: { durationMs: 9000, cause: 'normal_clearing', sipCode: '200' } } });
  });

  it('does nothing at all once it is finished', () => {
    const state = call([leg('caller', 'ended')], { finished: true });
    const all = Object.values(GROUPS).flat();

    for (const [, , input] of all) expect(stepCall(state, input, NOW)).toEqual({ state, effects: [] });
  });

  it('ignores what names a leg it does not have', () => {
    const state = call([leg('caller', 'streaming')]);
    for (const input of [timer('transfer', 'target1'), status(false, 'target1'), done('hangup', GONE, 'target1')]) {
      expect(stepCall(state, input, NOW)).toEqual({ state, effects: [] });
    }
  });

  it('keeps the time limit of a transferred leg within what Telnyx takes', () => {
    for (const [maxDurationMs, secs] of [
      [5_000, 35],
      [3_600_000, 3630],
      [14_400_000, 14_400],
    ] as const) {
      const state = call([leg('caller', 'streaming')], { limits: { maxDurationMs, noMediaMs: 15_000 } });
      const { effects } = stepCall(state, signal({ type: 'transfer', target: 'x', to: '+15105550200' }), NOW);
      expect(effects.find((effect) => effect.type === 'command')).toMatchObject({ command: { timeLimitSecs: secs } });
    }
  });
});
