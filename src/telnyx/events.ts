/**
 * Telnyx webhooks as the rest of the gateway sees them: known events with only the fields we use, all lenient. Wire
 * names stop in `webhooks.ts`, which makes these. Source: developers.telnyx.com, voice API webhooks.
 */
export interface LegIds {
  /** Token to command the leg. Never logged whole. */
  readonly callControlId: string;
  readonly callLegId: string | undefined;
  readonly callSessionId: string | undefined;
  readonly connectionId: string | undefined;
  /** Decoded from base64; a hint only, undefined when absent or not decodable. */
  readonly clientState: string | undefined;
}

export interface WebhookBase extends LegIds {
  /** `data.id`: the deduplication key. */
  readonly id: string;
  /** ISO 8601 as sent. */
  readonly occurredAt: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export type TelnyxEvent = WebhookBase &
  (
    | {
        readonly type: 'call.initiated';
        readonly direction: 'incoming' | 'outgoing';
        /** In the order offered, e.g. ['PCMA', 'PCMU']; empty when not told. */
        readonly offeredCodecs: readonly string[];
        readonly callerIdName: string | undefined;
      }
    | { readonly type: 'call.answered' }
    | { readonly type: 'call.bridged' }
    | {
        readonly type: 'call.hangup';
        readonly cause: string;
        readonly source: string;
        readonly sipCode: string | undefined;
      }
    | { readonly type: 'streaming.started' }
    | { readonly type: 'streaming.stopped' }
    | { readonly type: 'streaming.failed'; readonly reason: string; readonly streamId: string | undefined }
    | { readonly type: 'call.dtmf.received'; readonly digit: string }
    | { readonly type: 'call.speak.started' }
    | { readonly type: 'call.speak.ended'; readonly status: string }
    | { readonly type: 'call.playback.ended'; readonly status: string }
    | {
        readonly type: 'call.machine.detection.ended' | 'call.machine.greeting.ended';
        readonly result: string;
        readonly premium: boolean;
      }
    | {
        readonly type: 'call.recording.saved';
        /** By format, good for 10 minutes. */
        readonly urls: Readonly<Record<string, string>>;
        /** Telnyx' own, or the event's id where it has none. */
        readonly recordingId: string;
        readonly channels: string | undefined;
        /** ISO 8601 as sent. */
        readonly startedAt: string | undefined;
        readonly endedAt: string | undefined;
      }
    | { readonly type: 'call.cost'; readonly totalCost: string | undefined }
    /** Everything else Telnyx sends for a call; `eventType` is its name. Counted, logged at debug, otherwise ignored. */
    | { readonly type: 'other'; readonly eventType: string }
  );
