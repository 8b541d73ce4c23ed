import { describe, expect, it } from 'vitest';
import { CommandLane } from '../../src/call/command-lane.ts';
import type { LegName } from '../../src/call/inputs.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import type { TelnyxCommand } from '../../src/telnyx/commands.ts';
import { FakeTelnyx, OK } from './harness.ts';

const SPEAK: TelnyxCommand = { name: 'speak', payload: 'x', voice: 'female', language: 'en-US' };
const DIGITS: TelnyxCommand = { name: 'sendDtmf', digits: '1' };
const HANGUP: TelnyxCommand = { name: 'hangup' };

function laneOf(): {
  telnyx: FakeTelnyx;
  over: Set<LegName>;
  done: string[];
  send: (command: TelnyxCommand, leg?: LegName) => void;
  answer: (at: number) => void;
} {
  const telnyx = new FakeTelnyx(new VirtualClock());
  telnyx.answers = () => undefined;
  const over = new Set<LegName>();
  const lane = new CommandLane(telnyx, (leg) => over.has(leg));
  const done: string[] = [];
  return {
    telnyx,
    over,
    done,
    send: (command, leg = 'caller') =>
      lane.send({
        leg,
        callControlId: `cc-${leg}`,
        commandId: `id-${telnyx.sent.length}`,
        command,
        done: () => done.push(`${leg} ${command.name}`),
      }),
    answer: (at) => telnyx.sent[at]?.done(OK),
  };
}

describe('the command lane', () => {
  it('has one command in flight and keeps the order', () => {
    const { telnyx, send, answer, done } = laneOf();
    send(SPEAK);
    send(DIGITS);
    send(SPEAK);
    expect(telnyx.names()).toEqual(['speak']);
    answer(0);
    expect(telnyx.names()).toEqual(['speak', 'sendDtmf']);
    answer(1);
    answer(2);

    expect(telnyx.names()).toEqual(['speak', 'sendDtmf', 'speak']);
    expect(done).toEqual(['caller speak', 'caller sendDtmf', 'caller speak']);
  });

  it('lets a hangup overtake what is in flight and empties what waits for that leg', () => {
    const { telnyx, send, answer, done } = laneOf();
    send(SPEAK);
    send(DIGITS);
    send(SPEAK, 'target1');
    send(HANGUP);
    expect(telnyx.names()).toEqual(['speak', 'hangup']);
    answer(1);
    answer(0);

    expect(telnyx.sent.map(({ callControlId, command }) => `${callControlId} ${command.name}`)).toEqual([
      'cc-caller speak',
      'cc-caller hangup',
      'cc-target1 speak',
    ]);
    expect(done).toEqual(['caller hangup', 'caller speak']);
  });

  it('says nothing more to a leg that ended while its command waited', () => {
    const { telnyx, send, answer, over } = laneOf();
    send(SPEAK);
    send(DIGITS);
    send(DIGITS, 'target1');
    over.add('caller');
    answer(0);

    expect(telnyx.sent.map(({ callControlId }) => callControlId)).toEqual(['cc-caller', 'cc-target1']);
  });

  it('sends two hangups of two legs side by side', () => {
    const { telnyx, send } = laneOf();
    send(HANGUP);
    send(HANGUP, 'target1');

    expect(telnyx.names()).toEqual(['hangup', 'hangup']);
  });

  it('goes on when an outcome leads to the next command', () => {
    const { telnyx, send, answer } = laneOf();
    send(SPEAK);
    answer(0);
    send(DIGITS);

    expect(telnyx.names()).toEqual(['speak', 'sendDtmf']);
  });
});
