import type { BriefingAnswer } from '../briefing/state.ts';
import type { ChatMessage, DocumentRequest, LlmEvent, SttEvent, ToolSpec, TtsEvent } from '../../providers/ports.ts';
import type { CollectOutcome, CollectRequest } from '../../tools/collect-digits.ts';
import type { ToolOutcome } from '../../tools/tool.ts';

/** What reaches the dialogue machine. Provider events carry the number of what was opened, so late ones are known. */
export type DialogueInput =
  /** The leg's audio is up (first time: greet; after a loss: go on). */
  | { readonly type: 'streamUp'; readonly bytesPerMs: number }
  /** The leg's audio is gone for now; what is being said waits. */
  | { readonly type: 'streamDown' }
  /** `started` after 60 ms of voice, `sustained` after 300 ms of it, `stopped` after the VAD's hangover. */
  | {
      readonly type: 'voice';
      readonly change: 'started' | 'sustained' | 'stopped';
      /** Voice in this stretch of speech so far. */
      readonly voicedMs: number;
      /** Since the last voiced frame: the hangover when `stopped`. */
      readonly silenceMs: number;
    }
  /** Stream `stream` was opened; `endsTurns` as in the port. */
  | { readonly type: 'sttReady'; readonly stream: number; readonly endsTurns: boolean }
  | { readonly type: 'stt'; readonly stream: number; readonly event: SttEvent }
  | { readonly type: 'llm'; readonly generation: number; readonly event: LlmEvent }
  /** `ttsAudio` stays outside: its bytes go straight to playout; only its first piece of an utterance is told. */
  | { readonly type: 'tts'; readonly session: number; readonly event: Exclude<TtsEvent, { type: 'ttsAudio' }> }
  | { readonly type: 'ttsFirstAudio'; readonly utterance: number }
  /** The last sample of turn `turn` was played (`mark`), or must have been by now (`clock`). */
  | { readonly type: 'played'; readonly turn: number; readonly by: 'mark' | 'clock' }
  | { readonly type: 'digit'; readonly digit: string }
  | { readonly type: 'timer'; readonly name: DialogueTimer }
  /** A transfer that this side asked for failed; the caller is still ours. */
  | { readonly type: 'transferFailed'; readonly target: string; readonly outcome: string }
  /** A tool came back. Late ones, which the model was told of as timed out, change nothing. */
  | { readonly type: 'toolDone'; readonly id: string; readonly outcome: ToolOutcome }
  | { readonly type: 'dtmfSent'; readonly toolCallId: string; readonly ok: boolean; readonly message?: string }
  /** Somebody outside has text to say (control API, operator). */
  | { readonly type: 'say'; readonly text: string; readonly interrupt: boolean }
  /** Somebody outside has keys to press; the agent is silent while they play. */
  | { readonly type: 'sendKeys'; readonly digits: string }
  /** A sound of the config, by its name; it waits until nothing else is being said. */
  | { readonly type: 'play'; readonly sound: string; readonly interruptible: boolean }
  /** The agent says nothing of its own, or may again. */
  | { readonly type: 'mute'; readonly on: boolean }
  /** Code asks for digits; `collected` with the same number answers, once. */
  | { readonly type: 'collect'; readonly request: string; readonly wanted: CollectRequest }
  /** Code does not wait for them any more. */
  | { readonly type: 'collectStop'; readonly request: string }
  /** Somebody outside decides about the recording; a start waits for the consent to be heard. */
  | { readonly type: 'record'; readonly do: RecordingStep }
  /** Sensitive digits are being collected, or no longer: nothing may be recorded meanwhile. */
  | { readonly type: 'sensitive'; readonly on: boolean }
  /** Telnyx does not record the call, though it was asked to. */
  | { readonly type: 'recordingFailed' }
  /** Somebody outside hands the caller over: say `message` if there is one, then signal `transfer`. */
  | ({
      readonly type: 'handOver';
      readonly target: string;
      readonly to: string;
      readonly message?: string;
    } & TransferTerms)
  /** The target of an attended transfer takes the call: the music ends, the two are put together. */
  | { readonly type: 'connecting' }
  /** Somebody outside puts the caller on hold, and takes them off it. */
  | { readonly type: 'hold'; readonly music: boolean }
  | { readonly type: 'unhold' }
  /** An answering machine took the call: be silent, then leave the message and end. */
  | { readonly type: 'voicemail'; readonly do: 'wait' | 'say' }
  /** The call must end soon: say the line, then signal `hangup` with `reason`. */
  | { readonly type: 'wrapUp'; readonly reason: WrapUpReason }
  /** No more talking: the call is over, or bridged to a person. */
  | { readonly type: 'close' };

/** How a call is put through. */
export interface TransferTerms {
  /** `attended`: the target is asked first. */
  readonly mode?: 'blind' | 'attended';
  /** Attended: what the target is told, instead of what the model makes of the conversation. */
  readonly announce?: string;
}

export type WrapUpReason = 'max_duration' | 'drain' | 'silence' | 'provider_failure';

export type DialogueTimer =
  /** Who was called has not said hello. */
  | 'hello'
  /** The caller is silent: their utterance is over, for recognisers that do not end turns. */
  | 'endpoint'
  /** They stay silent: their turn is over too. */
  | 'turnEnd'
  | 'resume'
  | 'keepPaused'
  | 'idle'
  | 'digits'
  /** The caller was asked for digits and is waited for. */
  | 'collect'
  /** The last keys of an entry may still be reported. */
  | 'entryTail'
  /** Keys of ours are playing. */
  | 'keys'
  | 'sttRetry'
  | 'sttMute'
  /** The earliest deadline of the running tools. */
  | 'tool'
  /** The caller has waited for a tool in silence. */
  | 'filler';

/** What the dialogue asks for. Carried out by the session; every outcome comes back as an input. */
export type DialogueEffect =
  | { readonly type: 'sttOpen'; readonly stream: number }
  | { readonly type: 'sttBegin'; readonly stream: number; readonly utterance: number }
  | { readonly type: 'sttFinish'; readonly stream: number; readonly utterance: number }
  | { readonly type: 'sttClose'; readonly stream: number }
  | { readonly type: 'llmWarm' }
  | {
      readonly type: 'llmStart';
      readonly generation: number;
      readonly messages: readonly ChatMessage[];
      readonly tools: readonly ToolSpec[];
      /** A text about the conversation instead of a turn of it. */
      readonly document?: DocumentRequest;
    }
  | { readonly type: 'llmAbort'; readonly generation: number }
  /** Runs a tool of the operator's, once this is on file. Its outcome comes back as `toolDone`. */
  | { readonly type: 'toolStart'; readonly id: string; readonly name: string; readonly arguments: string }
  /** Nobody waits for it any more: its signal is aborted. */
  | { readonly type: 'toolStop'; readonly id: string }
  | { readonly type: 'ttsOpen'; readonly session: number }
  | { readonly type: 'ttsBegin'; readonly session: number; readonly utterance: number; readonly turn: number }
  | { readonly type: 'ttsText'; readonly text: string }
  | { readonly type: 'ttsEnd' }
  | { readonly type: 'ttsCancel'; readonly heardMs: number }
  | { readonly type: 'ttsClose'; readonly session: number }
  | { readonly type: 'playBegin'; readonly turn: number }
  /** The beep that says that recording begins, after what the turn has so far. */
  | { readonly type: 'playBeep'; readonly turn: number }
  /** The sound is all the audio of the turn. */
  | { readonly type: 'playSound'; readonly turn: number; readonly sound: string }
  /** No audio of this turn will come for now: the silence behind what there is has its reason. */
  | { readonly type: 'playRest'; readonly turn: number }
  /** No more audio of this turn will come. */
  | { readonly type: 'playEnd'; readonly turn: number }
  /** `clear` now; what was not heard is kept. */
  | { readonly type: 'playPause' }
  | { readonly type: 'playResume'; readonly fromByte: number }
  /** `clear` if anything is under way, and forget the rest. */
  | { readonly type: 'playDrop' }
  | { readonly type: 'musicStart' | 'musicStop' }
  /** To the code that asked. Where it is sensitive its digits are written down nowhere. */
  | {
      readonly type: 'collected';
      readonly request: string;
      readonly isSensitive: boolean;
      readonly outcome: CollectOutcome;
    }
  | { readonly type: 'setTimer'; readonly name: DialogueTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly name: DialogueTimer }
  | { readonly type: 'event'; readonly event: DialogueEvent }
  | { readonly type: 'signal'; readonly signal: DialogueSignal };

/** What the dialogue tells the call machine, within the same step. */
export type DialogueSignal =
  | { readonly type: 'hangup'; readonly reason: 'agent_hangup' | 'machine' | WrapUpReason }
  | ({ readonly type: 'transfer'; readonly target: string; readonly to: string } & TransferTerms)
  /** The target of an attended transfer has decided. */
  | { readonly type: 'briefed'; readonly answer: BriefingAnswer }
  /** `toolCallId`: of the tool call, else a number of the dialogue's own. */
  | { readonly type: 'dtmf'; readonly digits: string; readonly toolCallId: string }
  | { readonly type: 'muted'; readonly on: boolean }
  /** The recording starts, stops, pauses or goes on; `by` whom it is made. */
  | {
      readonly type: 'record';
      readonly do: RecordingStep;
      readonly by: 'gateway' | 'telnyx';
      readonly why?: 'sensitive';
    }
  /** No voice of ours is left: let Telnyx speak `text`, then end with `provider_failure`. */
  | { readonly type: 'speakForUs'; readonly text: string };

export type RecordingStep = 'start' | 'stop' | 'pause' | 'resume';

/** What people and programs are told (event types of contract section 7). */
export type DialogueEvent =
  | { readonly type: 'turn.started'; readonly data: { readonly turn: number; readonly role: 'caller' | 'agent' } }
  | { readonly type: 'transcript.partial'; readonly data: { readonly text: string } }
  | { readonly type: 'turn.ended'; readonly data: TurnRecord }
  | {
      readonly type: 'speech.interrupted';
      readonly data: { readonly turn: number; readonly heard: string; readonly unheardWords: number };
    }
  | { readonly type: 'dtmf.received'; readonly data: { readonly digit: string } }
  | {
      readonly type: 'tool.called';
      readonly data: { readonly id: string; readonly name: string; readonly arguments: string };
    }
  | {
      readonly type: 'tool.ended';
      readonly data: { readonly id: string; readonly name: string; readonly result: string };
    }
  | {
      readonly type: 'provider.failed';
      readonly data: { readonly provider: 'stt' | 'llm' | 'tts'; readonly kind: string; readonly message: string };
    }
  | { readonly type: 'provider.recovered'; readonly data: { readonly provider: 'stt' | 'llm' | 'tts' } };

/** One finished contribution, as transcripts and records show it. Times are the call's logical milliseconds. */
export interface TurnRecord {
  readonly turn: number;
  readonly role: 'caller' | 'agent';
  /** For the agent: only what the caller heard. */
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly interrupted?: boolean;
  /** Milliseconds from the end of the caller's speech to each step of the answer, where it happened. */
  readonly latency?: TurnLatency;
}

export interface TurnLatency {
  readonly endOfTurnMs?: number;
  readonly firstTokenMs?: number;
  readonly firstAudioMs?: number;
  /** The first frame of the answer left. */
  readonly firstFrameMs?: number;
  /** The caller heard it, as the first mark told: missing when none came back. */
  readonly firstPlayedMs?: number;
}
