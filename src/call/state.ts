import type { G711 } from '../audio/format.ts';
import type { CallEffect, CallStatus, EndReason, LegName } from './inputs.ts';

/**
 * Where a leg is. Audio can only flow in `streaming` (and, silent, in `transferring`).
 *
 *   ringing -> answering -> answered -> streaming <-> restoring -> speaking -> ending -> ended
 *                                         |  ^ transfer failed
 *                                         v  |
 *                                      transferring -> bridged -> ended
 */
export type LegPhase =
  | 'ringing'
  | 'answering'
  | 'answered'
  | 'streaming'
  | 'restoring'
  | 'speaking'
  | 'transferring'
  | 'bridged'
  | 'ending'
  | 'ended';

export interface Leg {
  readonly name: LegName;
  readonly phase: LegPhase;
  readonly callControlId: string;
  readonly callLegId: string | undefined;
  readonly callSessionId: string | undefined;
  readonly answered: boolean;
  /** The stream asked for last; 0 before the first. Sockets of older epochs are ignored. */
  readonly epoch: number;
  readonly socket: 'none' | 'open' | 'started' | 'stopped';
  /** streaming_start commands since the stream was last up. */
  readonly restores: number;
  /** streaming_start commands of the whole leg: a stream that flaps is not restored for ever. */
  readonly restoresTotal: number;
}

export interface CallLimits {
  readonly maxDurationMs: number;
  readonly noMediaMs: number;
}

export interface CallState {
  readonly direction: 'inbound' | 'outbound';
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly status: CallStatus;
  readonly limits: CallLimits;
  /** What the machine says by Telnyx `speak` when our own audio cannot be restored. */
  readonly failureLine: string;
  /** Codec asked of Telnyx in both directions. */
  readonly declared: G711 | 'L16';
  /** By {@link LegName}, in the order they came to be. */
  readonly legs: Readonly<Record<string, Leg>>;
  /** Taken only to be passed on to `fallback`: the gateway is full. */
  readonly overflow: boolean;
  /** Where the call goes when we cannot serve it; undefined when there is no such place, or it was tried. */
  readonly fallback: { readonly target: string; readonly to: string } | undefined;
  readonly transfer: { readonly target: string; readonly to: string } | undefined;
  /** Destinations that people with an API key have asked for: gate B of docs/destinations.md. */
  readonly ordered?: readonly string[];
  readonly answeredAt: number | undefined;
  /** Decided once; the first decision stands. */
  readonly endReason: EndReason | undefined;
  readonly hangupCause: string | undefined;
  readonly sipCode: string | undefined;
  readonly finished: boolean;
}

/** The mutable middle of one step. Never leaves it. */
export interface CallDraft {
  s: { -readonly [K in keyof CallState]: CallState[K] };
  readonly fx: CallEffect[];
  readonly t: number;
}

/** Our own number in this call. */
export function hereOf(s: Pick<CallState, 'direction' | 'from' | 'to'>): string {
  return s.direction === 'inbound' ? s.to : s.from;
}

/** The leg whose audio is ours: the far party of the conversation. */
export function talkingLeg(s: CallState): Leg | undefined {
  return s.legs['caller'] ?? s.legs['callee'];
}

export function isTarget(name: LegName): boolean {
  return name !== 'caller' && name !== 'callee';
}

/** The leg of the latest transfer, whatever became of it. */
export function currentTarget(s: CallState): Leg | undefined {
  return Object.values(s.legs).findLast((leg) => isTarget(leg.name));
}

export function updateLeg(d: CallDraft, name: LegName, change: Partial<Leg>): Leg | undefined {
  const leg = d.s.legs[name];
  if (!leg) return undefined;
  const next = { ...leg, ...change };
  d.s.legs = { ...d.s.legs, [name]: next };
  return next;
}

export function isOver(leg: Leg): boolean {
  return leg.phase === 'ending' || leg.phase === 'ended';
}

/** The first of PCMU and PCMA that the far side offers; PCMU when it does not say (contract section 4). */
export function declaredCodec(offered: readonly string[]): CallState['declared'] {
  for (const codec of offered) {
    const name = codec.toUpperCase();
    if (name === 'PCMU' || name === 'PCMA') return name;
  }
  return 'PCMU';
}
