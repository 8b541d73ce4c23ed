import type { DialogueEffect, DialogueEvent, DialogueInput, RecordingStep } from '../agent/dialogue/inputs.ts';
import type { BriefingInput } from '../agent/briefing/state.ts';
import type { G711 } from '../audio/format.ts';
import type { CommandOutcome, LegSearch, LegStatus, MachineDetectionMode, TelnyxCommand } from '../telnyx/commands.ts';
import type { TelnyxEvent } from '../telnyx/events.ts';

/** Which party a leg belongs to: `caller` rang us, `callee` was dialled by us, `target1`, `target2` … were transferred to. */
export type LegName = 'caller' | 'callee' | `target${number}`;

/** Closed list of contract sections 5 and 7. */
export type EndReason =
  | 'caller_hangup'
  | 'agent_hangup'
  | 'api_hangup'
  | 'transferred'
  | 'no_answer'
  | 'busy'
  | 'rejected'
  | 'machine'
  | 'max_duration'
  | 'no_media'
  | 'silence'
  | 'provider_failure'
  | 'drain'
  | 'crash_recovered'
  | 'limit'
  | 'stream_failed'
  | 'codec_unsupported'
  | 'error';

/** What people and programs may do to a call, through the same door as everything else. */
export type ControlAction =
  | { readonly type: 'hangup'; readonly reason?: string }
  | {
      readonly type: 'transfer';
      readonly target: string;
      readonly to: string;
      readonly message?: string;
      readonly mode?: TransferMode;
      /** Attended: what the target is told, instead of what the model makes of the conversation. */
      readonly announce?: string;
    }
  /** A transfer under way is given up: the caller comes back to the agent. */
  | { readonly type: 'transferCancel' }
  /** The caller hears music, or silence, and nobody listens; until `resume`. */
  | { readonly type: 'hold'; readonly music: boolean }
  | { readonly type: 'resume' }
  | { readonly type: 'dtmf'; readonly digits: string }
  | { readonly type: 'say'; readonly text: string; readonly interrupt: boolean }
  | { readonly type: 'play'; readonly sound: string; readonly interruptible: boolean }
  | { readonly type: 'mute'; readonly on: boolean }
  | { readonly type: 'record'; readonly do: RecordingStep };

/** Who picked up, as Telnyx' detection says; `unknown`: it could not tell. */
export type AnsweredBy = 'human' | 'machine' | 'fax' | 'unknown';

/** `attended`: the agent talks to the target first, and the target decides. */
export type TransferMode = 'blind' | 'attended';

/** How a transfer ended: the target talks to the caller (`answered`), or why not. */
export type TransferOutcome =
  | 'answered'
  | 'busy'
  | 'no_answer'
  /** The target was asked, and said no. */
  | 'declined'
  /** The target's phone was not picked up on purpose. */
  | 'rejected'
  | 'voicemail'
  | 'not_found'
  /** Our own rules do not let it be dialled. */
  | 'not_allowed'
  | 'caller_left'
  /** Taken back by the API, or because the call ended. */
  | 'cancelled'
  | 'failed';

/** Everything that can happen to a call. One journal line each, in one order. */
export type CallInput =
  | { readonly type: 'webhook'; readonly leg: LegName; readonly event: TelnyxEvent }
  /** Telnyx opened the socket of stream `epoch`. */
  | { readonly type: 'mediaOpened'; readonly leg: LegName; readonly epoch: number }
  | {
      readonly type: 'mediaStarted';
      readonly leg: LegName;
      readonly epoch: number;
      readonly streamId: string;
      readonly encoding: string;
      readonly sampleRate: number;
    }
  | { readonly type: 'mediaStopped'; readonly leg: LegName; readonly epoch: number }
  | {
      readonly type: 'mediaClosed';
      readonly leg: LegName;
      readonly epoch: number;
      readonly code: number;
      readonly why: string;
    }
  /** The announced codec cannot be used. */
  | { readonly type: 'mediaUnsupported'; readonly leg: LegName; readonly epoch: number; readonly encoding: string }
  | { readonly type: 'codecMismatch'; readonly leg: LegName; readonly announced: G711; readonly heard: G711 }
  | {
      readonly type: 'commandDone';
      readonly leg: LegName;
      readonly effect: number;
      readonly name: TelnyxCommand['name'];
      readonly tag?: string;
      readonly outcome: CommandOutcome;
    }
  | { readonly type: 'legStatus'; readonly leg: LegName; readonly status: LegStatus }
  /** The first input of a call out: as it was asked for. */
  | {
      readonly type: 'dial';
      readonly leg: LegName;
      readonly from: string;
      readonly to: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly ringTimeoutMs: number;
      readonly maxDurationMs: number;
      readonly machineDetection?: MachineDetectionMode | undefined;
      readonly digits?: string | undefined;
    }
  /** The queue of dials has come to this leg, or will not any more: `refused` says why. */
  | { readonly type: 'dialTurn'; readonly leg: LegName; readonly waitedMs: number; readonly refused?: DialTurnRefusal }
  /** Telnyx was asked for a leg whose dial has no known outcome. */
  | { readonly type: 'legFound'; readonly leg: LegName; readonly search: LegSearch }
  /** `quietMs`: how long the leg's audio has been missing, for `noMedia`. */
  | { readonly type: 'timer'; readonly leg: LegName; readonly name: CallTimer; readonly quietMs?: number }
  | { readonly type: 'control'; readonly action: ControlAction; readonly by: string }
  /** The gateway closes: say goodbye and end; `now` leaves out the goodbye. */
  | { readonly type: 'drain'; readonly now: boolean }
  /** The process was late by this much. Noted; playout has caught up by itself. */
  | { readonly type: 'stalled'; readonly ms: number }
  /** First input after a restart: the call goes on from what the journal says. */
  | { readonly type: 'recovered' }
  /** Something in this call threw, or its inbox overflowed. */
  | { readonly type: 'fault'; readonly message: string };

/** `timeout`: waited too long. `draining`: the gateway takes no new calls any more. */
export type DialTurnRefusal = 'timeout' | 'draining';

export type CallTimer =
  | 'ring' // dialled, and neither answered nor given up in time
  | 'lost' // the dial's outcome is unknown: ask Telnyx for the leg
  | 'keys' // the keys after the answer were heard
  | 'greeting' // an answering machine's greeting must be over
  | 'answer' // answer was accepted, call.answered is missing
  | 'start' // socket without `start`
  | 'media' // answered, or streaming_start sent, and no stream came up
  | 'noMedia'
  | 'restore' // pause before the next streaming_start
  | 'speakEnd'
  | 'hangup' // hangup was accepted, call.hangup is missing
  | 'status' // ask Telnyx again
  | 'maxDuration'
  | 'wrapUp' // the goodbye did not end the call in time
  | 'transfer' // neither bridged nor failed in time
  | 'bridge' // target answered, call.bridged is missing
  | 'hold' // nobody took the call off hold
  | 'pair'; // one of a bridged pair ended, the other is still up

/** A Telnyx command as the machine asks for it; the session adds ids, URL and client state. */
export type CallCommand =
  /** `epoch` undefined: picked up without a stream. */
  | { readonly name: 'answer'; readonly epoch?: number }
  /** `epoch` undefined: without a stream. `linkTo`: joins that leg's session. */
  | {
      readonly name: 'dial';
      readonly to: string;
      readonly from: string;
      readonly timeoutSecs: number;
      readonly timeLimitSecs: number;
      readonly epoch?: number | undefined;
      readonly linkTo?: LegName | undefined;
      readonly machineDetection?: MachineDetectionMode | undefined;
      readonly sendDigits?: string | undefined;
    }
  | { readonly name: 'streamingStart'; readonly epoch: number }
  | { readonly name: 'reject'; readonly cause: 'CALL_REJECTED' | 'USER_BUSY' }
  | { readonly name: 'hangup' }
  | { readonly name: 'transfer'; readonly to: string; readonly timeoutSecs: number; readonly timeLimitSecs: number }
  | { readonly name: 'streamingStop' }
  /** Puts two legs together that are up. */
  | { readonly name: 'bridge'; readonly with: LegName }
  | { readonly name: 'speak'; readonly text: string }
  | { readonly name: 'sendDtmf'; readonly digits: string }
  /** Telnyx records the leg: a stereo WAV, ours on the right. */
  | { readonly name: 'recordStart' }
  | { readonly name: 'recordStop' | 'recordPause' | 'recordResume' };

/** Everything a call does. One journal line each; intents are on file before they are carried out. */
export type CallEffect =
  | { readonly type: 'command'; readonly leg: LegName; readonly command: CallCommand; readonly tag?: string }
  | { readonly type: 'askStatus'; readonly leg: LegName }
  /** Waits for a turn to dial; nobody is dialled within `afterMs`, which is what Telnyx asked for. */
  | { readonly type: 'awaitTurn'; readonly leg: LegName; readonly afterMs: number }
  /** Looks at Telnyx for a leg whose dial has no known outcome. */
  | { readonly type: 'findLeg'; readonly leg: LegName }
  | { readonly type: 'closeMedia'; readonly leg: LegName; readonly code: number; readonly why: string }
  | { readonly type: 'setTimer'; readonly leg: LegName; readonly name: CallTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly leg: LegName; readonly name: CallTimer }
  | { readonly type: 'event'; readonly event: CallEvent }
  /** Our own audio tracks start, stop, pause or go on. */
  | { readonly type: 'record'; readonly do: RecordingStep; readonly isSensitive: boolean }
  /** The talk with an attended transfer's target begins, while its phone rings. */
  | { readonly type: 'consult'; readonly leg: LegName; readonly target: string; readonly announce?: string }
  /** To that talk, within the same step. */
  | { readonly type: 'brief'; readonly leg: LegName; readonly input: BriefingInput }
  /** The talk is over and its audio closed. */
  | { readonly type: 'consultEnd'; readonly leg: LegName }
  /** To the dialogue machine, within the same step. */
  | { readonly type: 'dialogue'; readonly input: DialogueInput }
  /** The dialogue of this call ended; its providers are closed. All legs are down. Last effect of a call. */
  | { readonly type: 'finished'; readonly reason: EndReason };

/** Effects of both machines, as the session runs them. */
export type AnyEffect = CallEffect | Exclude<DialogueEffect, { type: 'signal' }>;

export type CallStatus = 'dialing' | 'ringing' | 'active' | 'transferring' | 'transferred' | 'ended';

/** `by` whom the recording is made. A pause is a `stopped` with a reason that tells that it goes on. */
export type RecordingEvent =
  | {
      readonly type: 'recording.started';
      readonly data: { readonly by: 'gateway' | 'telnyx'; readonly reason: 'started' | 'resumed' };
    }
  | {
      readonly type: 'recording.stopped';
      readonly data: {
        readonly by: 'gateway' | 'telnyx';
        /** `failed`: Telnyx refused to record. */
        readonly reason: 'stopped' | 'paused' | 'sensitive' | 'ended' | 'failed';
      };
    };

export type CallEvent =
  | {
      readonly type: 'call.created';
      readonly data: {
        readonly direction: 'inbound' | 'outbound';
        readonly from: string;
        readonly to: string;
        readonly agent: string;
        /** Of calls out that were given some. */
        readonly metadata?: Readonly<Record<string, string>>;
      };
    }
  | { readonly type: 'call.answered'; readonly data: Readonly<Record<string, never>> }
  | {
      readonly type: 'call.updated';
      readonly data: {
        readonly status: CallStatus;
        readonly stream?: 'up' | 'lost' | 'restored';
        /** The caller was put on hold, or is back. */
        readonly hold?: boolean;
        readonly muted?: boolean;
        readonly answeredBy?: AnsweredBy;
      };
    }
  | { readonly type: 'transfer.started'; readonly data: { readonly target: string; readonly mode?: TransferMode } }
  /** What the target of an attended transfer was told before it decided. The caller did not hear it. */
  | {
      readonly type: 'transfer.briefed';
      readonly data: {
        readonly target: string;
        readonly text: string;
        readonly startMs: number;
        readonly endMs: number;
      };
    }
  | {
      readonly type: 'transfer.ended';
      readonly data: { readonly target: string; readonly outcome: TransferOutcome; readonly mode?: TransferMode };
    }
  | { readonly type: 'dtmf.sent'; readonly data: { readonly digits: string } }
  | RecordingEvent
  | { readonly type: 'codec.mismatch'; readonly data: { readonly announced: string; readonly heard: string } }
  | {
      readonly type: 'call.ended';
      readonly data: {
        readonly reason: EndReason;
        readonly durationMs: number;
        readonly cause?: string;
        readonly sipCode?: string;
        /** What `reason` does not say, in plain words. */
        readonly detail?: string;
      };
    };

/** What was made of the conversation after it; the one kind of event that may follow `call.ended`. */
export interface CallSummarized {
  readonly type: 'call.summarized';
  readonly data: CallSummary;
}

/** `createdAt` is ISO 8601; `model` names vendor and model. */
export type CallSummary =
  | {
      readonly status: 'ready';
      readonly text: string;
      /** As the agent's `summary.schema` asks; absent without one. */
      readonly data?: unknown;
      readonly model: string;
      readonly createdAt: string;
      /** What all attempts that led to it took, as far as the vendor says. */
      readonly usage?: { readonly promptTokens: number; readonly completionTokens: number };
    }
  | { readonly status: 'failed'; readonly reason: string; readonly model: string; readonly createdAt: string };

/** Every event type `/v1/events` can show. */
export type PublicEvent = CallEvent | DialogueEvent | CallSummarized;
