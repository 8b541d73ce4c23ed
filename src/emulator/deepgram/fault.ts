/** When a fault strikes; without either, as soon as the connection is open, before the first message. */
export interface FaultTime {
  /** Bytes of audio in the path's direction: received by listen, sent by speak. */
  readonly afterBytes?: number;
  /** Milliseconds since the connection opened. */
  readonly afterMs?: number;
}

/** What goes wrong with one connection. */
export type DeepgramFault =
  /** The upgrade, or the request, is answered with this status. */
  | { readonly kind: 'refuse'; readonly status: number; readonly error?: string }
  /** The upgrade is never answered. */
  | { readonly kind: 'hang' }
  /** The TCP connection is gone, without a close frame (1006). */
  | ({ readonly kind: 'drop' } & FaultTime)
  /** A close frame; without `code` an empty one (1005). */
  | ({ readonly kind: 'close'; readonly code?: number; readonly reason?: string } & FaultTime)
  /** Says nothing more, but takes everything and answers pings. */
  | ({ readonly kind: 'mute' } & FaultTime)
  /** Reads nothing more, so pings are not answered either. */
  | ({ readonly kind: 'freeze' } & FaultTime)
  /** Sends these frames out of turn: text as it is, bytes as binary. */
  | ({ readonly kind: 'junk'; readonly frames: readonly (string | Uint8Array)[] } & FaultTime)
  /** Speaks at this multiple of real time, e.g. 0.8. */
  | { readonly kind: 'slow'; readonly speed: number };
