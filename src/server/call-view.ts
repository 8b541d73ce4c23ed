import type { CallStatus, EndReason } from '../call/inputs.ts';
import type { Session } from '../call/session.ts';
import { isoTime } from '../core/clock.ts';
import type { CallRow, LegRow, TurnRow } from '../store/port.ts';
import { hangupText } from '../telnyx/hangup-causes.ts';

/** A call as `/v1` shows it (contract section 5). Times are ISO 8601. */
export interface CallView {
  readonly id: string;
  readonly direction: 'inbound' | 'outbound';
  readonly status: CallStatus;
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly endReason: EndReason | null;
  readonly durationMs: number | null;
  readonly telnyx: {
    readonly callControlId: string;
    readonly callLegId: string | null;
    readonly callSessionId: string | null;
  };
  /** What Telnyx said about the end of the far party's leg; null while it is up, or when Telnyx said nothing. */
  readonly hangup: HangupView | null;
  /** Seconds, tokens and characters that were used; null until the call has ended. */
  readonly usage: Readonly<Record<string, unknown>> | null;
  /** Present once it was made. */
  readonly summary?: Readonly<Record<string, unknown>>;
  /** Of one call; lists leave them out. */
  readonly legs?: readonly LegView[];
}

export interface HangupView {
  readonly cause: string | null;
  readonly sipCode: string | null;
  /** In plain words. */
  readonly text: string;
}

export interface LegView {
  /** `caller`, `callee`, `target1` … */
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly createdAt: string;
  readonly answeredAt: string | null;
  readonly endedAt: string | null;
  readonly hangup: HangupView | null;
  readonly telnyx: {
    readonly callControlId: string;
    readonly callLegId: string | null;
    readonly callSessionId: string | null;
  };
}

/** The call as it is kept; the same for live and ended ones, from the store or from the journal. */
export function callView(row: CallRow, legs?: readonly LegRow[]): CallView {
  const { callControlId, callLegId, callSessionId } = row;
  return {
    id: row.id,
    direction: row.direction,
    status: row.status as CallStatus,
    from: row.from,
    to: row.to,
    agent: row.agent,
    metadata: row.metadata,
    createdAt: isoTime(row.createdAt),
    answeredAt: wall(row.answeredAt),
    endedAt: wall(row.endedAt),
    endReason: row.endReason as EndReason | null,
    durationMs: row.durationMs,
    telnyx: { callControlId, callLegId, callSessionId },
    hangup: hangupView(row.hangupCause, row.sipCode, row.hangupText),
    usage: row.usage,
    ...(row.summary === null ? {} : { summary: row.summary }),
    ...(legs === undefined ? {} : { legs: legs.map(legView) }),
  };
}

/** A live call whose journal cannot be read at the moment. Its answer's wall time stands only there. */
export function liveView({ callId, createdAt, state, talkingLeg: leg }: Session): CallView {
  const { direction, status, from, to, agent, endReason, metadata = {} } = state;
  return {
    id: callId,
    direction,
    status,
    from,
    to,
    agent,
    metadata,
    createdAt,
    answeredAt: null,
    endedAt: null,
    endReason: endReason ?? null,
    durationMs: null,
    telnyx: {
      callControlId: leg?.callControlId ?? '',
      callLegId: leg?.callLegId ?? null,
      callSessionId: leg?.callSessionId ?? null,
    },
    hangup: null,
    usage: null,
  };
}

/** One line of `GET /v1/calls/{id}/transcript`. */
export interface TranscriptTurn {
  readonly role: 'caller' | 'agent' | 'tool';
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly interrupted?: boolean;
  /** Milliseconds from the end of the caller's speech to each step of the answer, where it happened. */
  readonly latency?: Readonly<Record<string, number>>;
}

export function transcriptOf(turns: readonly TurnRow[]): TranscriptTurn[] {
  return turns.map(({ role, text, startMs, endMs, interrupted, latency }) => ({
    role,
    text,
    startMs,
    endMs,
    ...(interrupted ? { interrupted } : {}),
    ...(latency === null ? {} : { latency }),
  }));
}

function legView(leg: LegRow): LegView {
  const { name, from, to, callControlId, callLegId, callSessionId } = leg;
  return {
    name,
    from,
    to,
    createdAt: isoTime(leg.createdAt),
    answeredAt: wall(leg.answeredAt),
    endedAt: wall(leg.endedAt),
    hangup: hangupView(leg.hangupCause, leg.sipCode),
    telnyx: { callControlId, callLegId, callSessionId },
  };
}

function hangupView(
  cause: string | null,
  sipCode: string | null,
  text: string | null = hangupText(cause, sipCode),
): HangupView | null {
  return text === null ? null : { cause, sipCode, text };
}

function wall(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
