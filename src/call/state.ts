import type { G711 } from '../audio/format.ts';
import type { MachineDetectionMode } from '../telnyx/commands.ts';
import type { AnsweredBy, CallEffect, CallStatus, EndReason, LegName } from './inputs.ts';

/**
 * Where a leg is. Audio can only flow in `streaming` (and, silent, in `transferring`).
 *
 *   queued -> dialing -> ringing -.
 *           ringing -> answering -> answered -> streaming <-> restoring -> speaking -> ending -> ended
 *                                         |  ^ transfer failed
 *                                         v  |
 *                                      transferring -> bridged -> ended
 */
export type LegPhase =
  /** Ours: waits for its turn; nothing was sent. */
  | 'queued'
  /** Ours: the dial is out, and what became of it is not known. */
  | 'dialing'
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
  /** '' until a leg that we dial is known at Telnyx. */
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
  /** Of a target that we dial: the agent talks to it, or will when it answers. */
  readonly isBriefed?: boolean;
  /** Of a target that we dial: times that Telnyx was asked in vain for a leg whose dial has no known outcome. */
  readonly askedInVain?: number;
}

export interface CallLimits {
  readonly maxDurationMs: number;
  readonly noMediaMs: number;
}

/** What a call out was asked to be, and how far it has come. */
export interface DialState extends DialPlan {
  /** Times that Telnyx turned the dial away for the moment (429). */
  readonly turnedAway: number;
  /** Times that Telnyx was asked in vain for a leg whose dial has no known outcome. */
  readonly askedInVain: number;
  readonly answeredBy?: AnsweredBy | undefined;
  /** What becomes of `digits`; the conversation begins when they are `done`. */
  readonly keys: 'due' | 'sending' | 'done';
  /** Its process was killed while it was dialled. */
  readonly isRecovered?: boolean;
  /** The message for an answering machine. */
  readonly message: 'none' | 'waiting' | 'speaking';
}

/** As it was asked for. */
export interface DialPlan {
  readonly ringTimeoutMs: number;
  readonly machineDetection?: MachineDetectionMode | undefined;
  /** Keys that are pressed once it is answered, `w` and `W` as pauses. */
  readonly digits?: string | undefined;
  /** The agent has a message for answering machines. */
  readonly hasVoicemail: boolean;
}

export interface Transfer {
  readonly target: string;
  readonly to: string;
  /** Undefined: blind, Telnyx does it all. */
  readonly attended?: Attended | undefined;
  /** Blind, and Telnyx has said nothing about the target: how often it was asked. */
  readonly asked?: number | undefined;
  /** The two talk, and people were told so: that was its outcome, however they end. */
  readonly isThrough?: boolean;
}

/** How far an attended transfer has come. `bridging`: the target takes the call, and Telnyx was told to connect them. */
export interface Attended {
  readonly leg: LegName;
  readonly step: 'dialing' | 'briefing' | 'bridging';
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
  readonly transfer: Transfer | undefined;
  /** The caller is on hold. */
  readonly hold?: boolean | undefined;
  /** Of a call out. */
  readonly dial?: DialState | undefined;
  /** The API user's own, for records, prompt and tools. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Why the call ended, where `endReason` does not say enough. */
  readonly endDetail?: string | undefined;
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

/** A target that we have dialled ourselves, with audio of its own. */
export function isConsulted(leg: Leg): boolean {
  return isTarget(leg.name) && leg.epoch > 0;
}

/** The leg of the transfer under way, or of the latest one, whatever became of it. */
export function currentTarget(s: CallState): Leg | undefined {
  if (s.transfer?.attended) return s.legs[s.transfer.attended.leg];
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
