import type { G711 } from '../audio/format.ts';

/** What we can tell Telnyx to do with a leg. Wire names are made in `client.ts`. Source: Telnyx Call Control v2. */
export type TelnyxCommand =
  /** `stream` undefined: picked up without audio, which comes by `streamingStart` or not at all. */
  | { readonly name: 'answer'; readonly stream: StreamRequest | undefined; readonly clientState: string }
  | { readonly name: 'reject'; readonly cause: 'CALL_REJECTED' | 'USER_BUSY' }
  | { readonly name: 'hangup' }
  | {
      readonly name: 'transfer';
      /** E.164 or `sip:` URI. */
      readonly to: string;
      readonly from?: string;
      readonly timeoutSecs: number;
      readonly timeLimitSecs: number;
      readonly targetLegClientState: string;
    }
  | { readonly name: 'streamingStart'; readonly stream: StreamRequest; readonly clientState: string }
  | { readonly name: 'streamingStop' }
  | { readonly name: 'speak'; readonly payload: string; readonly voice: string; readonly language: string }
  | { readonly name: 'sendDtmf'; readonly digits: string }
  /** Both sides of the leg, a channel each, as WAV; the file is told by `call.recording.saved`. */
  | { readonly name: 'recordStart'; readonly clientState: string }
  /** All recordings of the leg. */
  | { readonly name: 'recordStop' | 'recordPause' | 'recordResume' };

export interface StreamRequest {
  /** `wss://…/media/<token>`. */
  readonly url: string;
  readonly codec: G711 | 'L16';
  /** Only with L16 and only in `streamingStart`; 8000 for G.711. */
  readonly sampleRate: 8000 | 16000;
}

/** How a command ended. Outcomes are values, not exceptions: every one of them is an input of the call. */
export type CommandOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /**
       * `gone`: the call is over (90018, 90015 after the end, 404); success for a hangup.
       * `refused`: Telnyx said no for good. `unknown`: no definitive answer within all attempts.
       */
      readonly kind: 'gone' | 'refused' | 'unknown';
      readonly status?: number;
      /** Telnyx error code, e.g. `90018`. */
      readonly code?: string;
      readonly message: string;
    };

export type LegStatus =
  | { readonly known: true; readonly isAlive: boolean }
  /** Telnyx could not be asked (network, 5xx, 401): nothing is known. */
  | { readonly known: false; readonly message: string };

export interface ActiveCall {
  readonly callControlId: string;
  readonly callLegId: string | undefined;
  readonly callSessionId: string | undefined;
}

/** The one port to Telnyx' API. Methods never reject. */
export interface TelnyxApi {
  /**
   * Sends one command with all its re-sends (contract section 7) and calls `done` exactly once, with the first
   * definitive answer or `unknown`.
   */
  send(callControlId: string, commandId: string, command: TelnyxCommand, done: (outcome: CommandOutcome) => void): void;
  /** `GET /calls/{id}`. 404 means known and not alive. */
  status(callControlId: string): Promise<LegStatus>;
  /** `GET /connections/{id}/active_calls`, all pages; `undefined` when it could not be asked. */
  activeCalls(connectionId: string): Promise<readonly ActiveCall[] | undefined>;
}
