import type { ChatMessage, LlmEvent, SttEvent, ToolSpec, TtsEvent } from '../../providers/ports.ts';

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
  | { readonly type: 'dtmfSent'; readonly toolCallId: string; readonly ok: boolean; readonly message?: string }
  /** Somebody outside has text to say (control API, operator). */
  | { readonly type: 'say'; readonly text: string; readonly interrupt: boolean }
  /** Somebody outside decides about the recording; a start waits for the consent to be heard. */
  | { readonly type: 'record'; readonly do: RecordingStep }
  /** Sensitive digits are being collected, or no longer: nothing may be recorded meanwhile. */
  | { readonly type: 'sensitive'; readonly on: boolean }
  /** Telnyx does not record the call, though it was asked to. */
  | { readonly type: 'recordingFailed' }
  /** Somebody outside hands the caller over: say `message` if there is one, then signal `transfer`. */
  | { readonly type: 'handOver'; readonly target: string; readonly to: string; readonly message?: string }
  /** The call must end soon: say the line, then signal `hangup` with `reason`. */
  | { readonly type: 'wrapUp'; readonly reason: WrapUpReason }
  /** No more talking: the call is over, or bridged to a person. */
  | { readonly type: 'close' };

export type WrapUpReason = 'max_duration' | 'drain' | 'silence' | 'provider_failure';

export type DialogueTimer = 'endpoint' | 'resume' | 'keepPaused' | 'idle' | 'digits' | 'sttRetry' | 'sttMute';

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
    }
  | { readonly type: 'llmAbort'; readonly generation: number }
  | { readonly type: 'ttsOpen'; readonly session: number }
  | { readonly type: 'ttsBegin'; readonly session: number; readonly utterance: number; readonly turn: number }
  | { readonly type: 'ttsText'; readonly text: string }
  | { readonly type: 'ttsEnd' }
  | { readonly type: 'ttsCancel'; readonly heardMs: number }
  | { readonly type: 'ttsClose'; readonly session: number }
  | { readonly type: 'playBegin'; readonly turn: number }
  /** The beep that says that recording begins, after what the turn has so far. */
  | { readonly type: 'playBeep'; readonly turn: number }
  /** No more audio of this turn will come. */
  | { readonly type: 'playEnd'; readonly turn: number }
  /** `clear` now; what was not heard is kept. */
  | { readonly type: 'playPause' }
  | { readonly type: 'playResume'; readonly fromByte: number }
  /** `clear` if anything is under way, and forget the rest. */
  | { readonly type: 'playDrop' }
  | { readonly type: 'setTimer'; readonly name: DialogueTimer; readonly ms: number }
  | { readonly type: 'cancelTimer'; readonly name: DialogueTimer }
  | { readonly type: 'event'; readonly event: DialogueEvent }
  | { readonly type: 'signal'; readonly signal: DialogueSignal };

/** What the dialogue tells the call machine, within the same step. */
export type DialogueSignal =
  | { readonly type: 'hangup'; readonly reason: 'agent_hangup' | WrapUpReason }
  | { readonly type: 'transfer'; readonly target: string; readonly to: string }
  | { readonly type: 'dtmf'; readonly digits: string; readonly toolCallId: string }
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
