import { fixedLines } from '../agent/lines.ts';
import type { MachineDetectionMode } from '../telnyx/commands.ts';
import type { CallInput } from './inputs.ts';
import type { ReadyAgent } from './registry.ts';
import type { CallState, DialState } from './state.ts';

/** A call out with everything decided: allowed, with a caller id and an agent. */
export interface OutboundCall {
  readonly callId: string;
  /** In the one form of `dial-target.ts`. */
  readonly to: string;
  readonly from: string;
  readonly agent: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ringTimeoutMs: number;
  readonly maxDurationMs: number;
  readonly machineDetection?: MachineDetectionMode | undefined;
  readonly digits?: string | undefined;
}

export type DialInput = Extract<CallInput, { type: 'dial' }>;

/** The first input of the call: its journal says all that was asked for. */
export function dialInput(call: OutboundCall): DialInput {
  const { callId: _, agent: __, ...rest } = call;
  return { type: 'dial', leg: 'callee', ...rest };
}

/** How a call out begins. */
export function outboundState(call: OutboundCall, agent: ReadyAgent, codec: 'g711' | 'L16'): CallState {
  const { config, limits } = agent;
  return {
    direction: 'outbound',
    from: call.from,
    to: call.to,
    agent: call.agent,
    status: 'dialing',
    limits: { ...limits, maxDurationMs: call.maxDurationMs },
    failureLine: fixedLines(config.language).failure,
    // What the far side offers is known only when it answers; Telnyx turns one law into the other.
    declared: codec === 'L16' ? 'L16' : 'PCMU',
    overflow: false,
    // Nobody who was called is put through to where callers go that we cannot serve.
    fallback: undefined,
    legs: {},
    transfer: undefined,
    dial: dialState(call, config.voicemail !== undefined),
    metadata: call.metadata,
    answeredAt: undefined,
    endReason: undefined,
    hangupCause: undefined,
    sipCode: undefined,
    finished: false,
  };
}

/** @param call as it was asked for; after a restart, as the journal tells. */
export function dialState(
  call: Pick<OutboundCall, 'ringTimeoutMs' | 'machineDetection' | 'digits'>,
  hasVoicemail: boolean,
): DialState {
  const { ringTimeoutMs, machineDetection, digits } = call;
  return {
    ringTimeoutMs,
    machineDetection,
    digits,
    hasVoicemail,
    turnedAway: 0,
    askedInVain: 0,
    keys: digits === undefined ? 'done' : 'due',
    message: 'none',
  };
}
