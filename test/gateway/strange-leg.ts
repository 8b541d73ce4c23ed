import { randomUUID } from 'node:crypto';
import { CALLER, RECEPTION, type GatewayWorld } from './world.ts';

/** Payload of an inbound leg that the emulator does not know: the test itself is its Telnyx. */
export function strangeLeg(name: string = randomUUID()): Record<string, unknown> {
  return {
    call_control_id: `v3:${name}-${'x'.repeat(20)}`,
    call_leg_id: `leg-${name}`,
    call_session_id: `session-${name}`,
    connection_id: '1',
    client_state: null,
    from: CALLER,
    to: RECEPTION,
    direction: 'incoming',
    state: 'parked',
    offered_codecs: 'PCMU',
  };
}

/** What `call.hangup` adds to a leg. */
export const HANGUP = { hangup_cause: 'normal_clearing', hangup_source: 'caller', sip_hangup_cause: '200' };

/** Telnyx says yes to everything and does nothing. */
export function obedient({ emulator }: GatewayWorld): void {
  emulator.faults.api.fail('*', { status: 200, body: { data: { result: 'ok' } } });
}
