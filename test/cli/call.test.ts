import { describe, expect, it } from 'vitest';
import { call, type CallOptions } from '../../src/cli/call.ts';
import { PHONE_BOOK } from '../../src/emulator/telnyx/phone-book.ts';
import { inWorld, until, type GatewayWorld } from '../gateway/world.ts';

const CALLEE = '+15105550200';

interface Ran {
  readonly exit: Promise<number>;
  readonly printed: () => string;
  readonly interrupt: () => void;
}

function run(world: GatewayWorld, options: Partial<CallOptions> = {}, to = CALLEE): Ran {
  let printed = '';
  let stop: (() => void) | undefined;
  const exit = call(
    to,
    { gateway: world.gateway.origin, metadata: [], ...options },
    {
      env: { NO_COLOR: '1' },
      out: { write: (text: string) => void (printed += text) },
      onInterrupt: (then) => {
        stop = then;
        return () => (stop = undefined);
      },
    },
  );
  return { exit, printed: () => printed, interrupt: () => stop?.() };
}

describe.concurrent('landline call', () => {
  it('shows the conversation and ends with 0 when people talked', () =>
    inWorld({ dials: true, agent: { greeting: 'Good day, {{name}}.' } }, async (world) => {
      const { exit, printed } = run(world, { metadata: ['name=Ada', 'note=a=b'] });
      await until(() => world.of('turn.ended').length === 1, 'the greeting');
      world.emulator.targets.phone(CALLEE)?.hangup();
      expect(await exit).toBe(0);
      const lines = printed()
        .split('\n')
        .map((line) => line.replace(/^ *[\d:.]* */, '').trim());
      for (const line of ['it rings', 'answered', 'the call has ended: caller hangup']) expect(lines).toContain(line);
      expect(printed()).toContain('Good day, Ada.');
      expect(world.of('call.created')[0]?.data.metadata).toEqual({ name: 'Ada', note: 'a=b' });
    }));

  it.each([
    ['busy', 4],
    ['reject', 5],
    ['machine', 6],
  ] as const)('ends with its own code: %s', (behaviour, code) =>
    inWorld({ dials: true }, async (world) => {
      world.emulator.targets.set(CALLEE, behaviour);
      const { exit, printed } = run(world, { machineDetection: 'true', json: true });
      expect(await exit).toBe(code);
      const events = printed()
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type);
      expect([events[0], events.at(-1)]).toEqual(['call.created', 'call.ended']);
    }),
  );

  it('leaves once it is answered with --wait, and the call goes on', () =>
    inWorld({ dials: true }, async (world) => {
      const { exit, printed } = run(world, { wait: true });
      expect(await exit).toBe(0);
      expect(printed()).toMatch(/^answered: call_/);
      expect(world.gateway.registry.sessions.size).toBe(1);
      world.emulator.targets.phone(CALLEE)?.hangup();
      await until(() => world.of('call.ended').length === 1, 'the end');
    }));

  it('says why with --wait when nobody took it', () =>
    inWorld({ dials: true }, async (world) => {
      world.emulator.targets.set(CALLEE, 'busy');
      const { exit, printed } = run(world, { wait: true });
      expect([await exit, printed()]).toEqual([4, expect.stringMatching(/^busy: The line was busy/)]);
    }));

  it('hangs up when the person interrupts it', () =>
    inWorld({ dials: true }, async (world) => {
      world.emulator.targets.set(CALLEE, 'noAnswer');
      const { exit, printed, interrupt } = run(world);
      await until(() => printed().includes('it rings'), 'the ringing');
      interrupt();
      expect(await exit).toBe(1);
      expect(world.of('call.ended')[0]?.data.reason).toBe('api_hangup');
    }));

  it.each<readonly [Partial<CallOptions>, string, RegExp]>([
    [{}, '911', /destination_not_allowed/],
    [{ metadata: ['x'] }, CALLEE, /--metadata must be key=value/],
    [{ ringTimeout: 'long' }, CALLEE, /--ring-timeout must be a number/],
    [{ gateway: 'nowhere' }, CALLEE, /--gateway must be an address/],
    [{ gateway: 'http://127.0.0.1:9' }, CALLEE, /no gateway answers/],
  ])('refuses %o to %s with what is wrong', (options, to, message) =>
    inWorld({ dials: true }, async (world) => {
      await expect(run(world, options, to).exit).rejects.toThrow(message);
      expect(world.events).toEqual([]);
    }),
  );

  it('finds somebody of every kind in the phone book of the emulator', () => {
    const kinds = Object.values(PHONE_BOOK).map((one) =>
      typeof one === 'string' ? one : one.machine ? 'machine' : 'person',
    );
    expect(new Set(kinds)).toEqual(new Set(['person', 'busy', 'noAnswer', 'reject', 'machine']));
  });
});
