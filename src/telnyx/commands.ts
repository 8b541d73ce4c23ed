import type { G711 } from '../audio/format.ts';

/** What we can tell Telnyx to do with a leg. Wire names are made in `client.ts`. Source: Telnyx Call Control v2. */
export type TelnyxCommand =
  /** `stream` undefined: picked up without audio, which comes by `streamingStart` or not at all. */
  | { readonly name: 'answer'; readonly stream: StreamRequest | undefined; readonly clientState: string }
  /** A leg of our own: `POST /calls` on the application of the options. What it is called comes with the outcome. */
  | {
      readonly name: 'dial';
      /** E.164 or `sip:` URI. */
      readonly to: string;
      /** Shown to the callee; E.164. */
      readonly from: string;
      /** It rings so long, 5 to 600. */
      readonly timeoutSecs: number;
      /** It lives so long after the answer, 30 to 14400. */
      readonly timeLimitSecs: number;
      /** Undefined: no audio comes to us. Its socket opens while it rings. */
      readonly stream: StreamRequest | undefined;
      readonly clientState: string;
      /** `call_control_id` of the leg whose session this one joins. */
      readonly linkTo?: string | undefined;
      readonly machineDetection?: MachineDetectionMode | undefined;
      /** Sent by Telnyx itself when it is answered; `w` waits 0.5 s, `W` 1 s. */
      readonly sendDigits?: string | undefined;
    }
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
  /** Puts this leg and the one named together; when one hangs up, the other does. */
  | { readonly name: 'bridge'; readonly callControlId: string }
  | { readonly name: 'speak'; readonly payload: string; readonly voice: string; readonly language: string }
  | { readonly name: 'sendDtmf'; readonly digits: string }
  /** Both sides of the leg, a channel each, as WAV; the file is told by `call.recording.saved`. */
  | { readonly name: 'recordStart'; readonly clientState: string }
  /** All recordings of the leg. */
  | { readonly name: 'recordStop' | 'recordPause' | 'recordResume' };

/** `answering_machine_detection`, as far as we use it. */
export type MachineDetectionMode = 'detect' | 'greeting_end' | 'premium';

export interface StreamRequest {
  /** `wss://…/media/<token>`. */
  readonly url: string;
  readonly codec: G711 | 'L16';
  /** Only with L16, and only in `streamingStart` and `dial`; 8000 for G.711. */
  readonly sampleRate: 8000 | 16000;
}

/** How a command ended. Outcomes are values, not exceptions: every one of them is an input of the call. */
export type CommandOutcome =
  /** `leg`: what a `dial` has made, when Telnyx' answer says so. */
  | { readonly ok: true; readonly leg?: ActiveCall }
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
      /** With status 429: Telnyx wants to be left alone so long. */
      readonly retryAfterMs?: number;
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
  /** Decoded; undefined when there is none. */
  readonly clientState?: string | undefined;
}

/** Is a leg up that carries this client state? */
export type LegSearch =
  { readonly known: true; readonly leg: ActiveCall | undefined } | { readonly known: false; readonly message: string };

/** The one port to Telnyx' API. Methods never reject. */
export interface TelnyxApi {
  /**
   * Sends one command with all its re-sends (contract section 7) and calls `done` exactly once, with the first
   * definitive answer or `unknown`. A `dial` has no leg yet: its `callControlId` is ''.
   */
  send(callControlId: string, commandId: string, command: TelnyxCommand, done: (outcome: CommandOutcome) => void): void;
  /** `GET /calls/{id}`. 404 means known and not alive. */
  status(callControlId: string): Promise<LegStatus>;
  /** `GET /connections/{id}/active_calls`, all pages; `undefined` when it could not be asked. */
  activeCalls(connectionId: string): Promise<readonly ActiveCall[] | undefined>;
  /** Looks among the active calls of the application that dials for the leg that was dialled with this client state. */
  findLeg(clientState: string): Promise<LegSearch>;
}
