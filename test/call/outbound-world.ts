import type { OutboundCall } from '../../src/call/outbound-call.ts';
import type { Session } from '../../src/call/session.ts';
import { legState } from '../../src/call/telnyx-command.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { createWorld, type FakePhone, type SentCommand, type World, type WorldOptions } from './harness.ts';

export const CALLEE = '+14155550142';
export const OURS = '+13125550178';
export const IDS = { callControlId: 'cc-callee', callLegId: 'leg-callee', callSessionId: 'session-out' } as const;

/** A world whose Telnyx names every leg that it is told to dial. */
export function outboundWorld(config: Record<string, unknown> = {}, options: WorldOptions = {}): World {
  const world = createWorld(config, options);
  world.telnyx.answers = (command) => (command.name === 'dial' ? { ok: true, leg: IDS } : { ok: true });
  return world;
}

/** Places a call out; its dial leaves at once when nobody else is in line. */
export function place(world: World, change: Partial<OutboundCall> = {}): Session {
  const session = world.registry.dial({
    callId: `call_${world.seeds.size + 1}`,
    to: CALLEE,
    from: OURS,
    agent: 'reception',
    metadata: {},
    ringTimeoutMs: 30_000,
    maxDurationMs: 600_000,
    ...change,
  });
  world.session();
  return session;
}

/** A webhook of the dialled leg. */
export function tell(world: World, type: TelnyxEvent['type'], more: Partial<TelnyxEvent> = {}): string {
  const [callId = ''] = [...world.seeds.keys()].slice(-1);
  return world.webhook(type, {
    ...IDS,
    clientState: legState(callId, 'callee'),
    from: OURS,
    to: CALLEE,
    ...(type === 'call.initiated' ? { direction: 'outgoing' } : {}),
    ...more,
  });
}

/** They pick up, and the audio is there. */
export function pickUp(world: World): FakePhone {
  tell(world, 'call.initiated');
  tell(world, 'call.answered');
  return world.connect();
}

/** How Telnyx says that nobody took it. */
export function unreached(world: World, cause: string, sipCode: string): void {
  tell(world, 'call.hangup', { cause, source: 'callee', sipCode });
}

export function dials(world: World): readonly SentCommand[] {
  return world.telnyx.sent.filter(({ command }) => command.name === 'dial');
}

export function ended(world: World): Readonly<Record<string, unknown>> | undefined {
  return world.events.find((event) => event.type === 'call.ended')?.data;
}

export function says(world: World): readonly string[] {
  return world.tts.texts;
}
