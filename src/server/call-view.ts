import type { CallFacts, ToolTurn } from '../call/facts.ts';
import { foldFacts } from '../call/facts.ts';
import type { EndReason, CallStatus } from '../call/inputs.ts';
import type { TurnRecord } from '../agent/dialogue/inputs.ts';
import { isoTime } from '../core/clock.ts';
import type { Session } from '../call/session.ts';
import type { Journal } from '../journal/reader.ts';

/** A call as `/v1` shows it (contract section 5). Times are ISO 8601. */
export interface CallView {
  readonly id: string;
  readonly direction: 'inbound' | 'outbound';
  readonly status: CallStatus;
  readonly from: string;
  readonly to: string;
  readonly agent: string;
  readonly metadata: Readonly<Record<string, never>>;
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
}

/** The call as its journal tells it; the same for live and ended ones. */
export function callView(journal: Journal, facts: CallFacts = foldFacts(journal.records)): CallView {
  const { head } = journal;
  const wall = (t: number | undefined): string | null => (t === undefined ? null : isoTime(head.wallMs + t));
  const leg = facts.legs['caller'] ?? facts.legs['callee'];
  return {
    id: head.callId,
    direction: facts.direction,
    status: facts.status,
    from: facts.from,
    to: facts.to,
    agent: facts.agent,
    metadata: {},
    createdAt: head.createdAt,
    answeredAt: wall(facts.answeredAt),
    endedAt: wall(facts.endedAt),
    endReason: facts.endReason ?? null,
    durationMs: facts.durationMs ?? null,
    telnyx: {
      callControlId: leg?.callControlId ?? '',
      callLegId: leg?.callLegId ?? null,
      callSessionId: leg?.callSessionId ?? null,
    },
  };
}

/** A live call whose journal cannot be read at the moment. Its answer's wall time stands only there. */
export function liveView({ callId, createdAt, state, talkingLeg: leg }: Session): CallView {
  const { direction, status, from, to, agent, endReason } = state;
  return {
    id: callId,
    direction,
    status,
    from,
    to,
    agent,
    metadata: {},
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
  };
}

/** One line of `GET /v1/calls/{id}/transcript`. */
export interface TranscriptTurn {
  readonly role: 'caller' | 'agent' | 'tool';
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly interrupted?: boolean;
}

export function transcriptOf(facts: CallFacts): TranscriptTurn[] {
  return facts.turns.map(turnView);
}

function turnView(turn: TurnRecord | ToolTurn): TranscriptTurn {
  const { role, text, startMs, endMs } = turn;
  return { role, text, startMs, endMs, ...('interrupted' in turn && turn.interrupted ? { interrupted: true } : {}) };
}
