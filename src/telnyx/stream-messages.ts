import { decodeBase64 } from './base64.ts';
import { decodeClientState } from './client-state.ts';
import { countOf, isObject, type JsonObject, objectOf, textOf } from './json-fields.ts';
import { scanMedia } from './media-scan.ts';

/** One text message of the media WebSocket, from Telnyx. Source: media streaming documentation and its samples. */
export type StreamMessage =
  | { readonly event: 'connected' }
  | {
      readonly event: 'start';
      readonly streamId: string;
      readonly callControlId: string;
      readonly callSessionId: string | undefined;
      readonly from: string | undefined;
      readonly to: string | undefined;
      readonly clientState: string | undefined;
      /** The format of the audio that comes; undefined when Telnyx did not say, which no gateway can play. */
      readonly format: StreamFormat | undefined;
    }
  | MediaMessage
  | { readonly event: 'dtmf'; readonly digit: string; readonly occurredAt: string | undefined }
  | { readonly event: 'mark'; readonly name: string }
  | { readonly event: 'error'; readonly code: number | undefined; readonly title: string; readonly detail: string }
  | { readonly event: 'stop'; readonly callControlId: string | undefined }
  /** An event nobody documented: counted, otherwise ignored. */
  | { readonly event: 'unknown'; readonly name: string }
  /** Not a message at all: counted and dropped. */
  | { readonly event: 'bad'; readonly reason: BadReason };

/** `media_format` as announced; `encoding` is the RTP name, e.g. `PCMU`. */
export interface StreamFormat {
  readonly encoding: string;
  readonly sampleRate: number | undefined;
  readonly channels: number | undefined;
}

export interface MediaMessage {
  readonly event: 'media';
  /** `inbound` is the caller; `outbound` includes our own speech and must not reach STT. */
  readonly track: 'inbound' | 'outbound' | 'unknown';
  /** Counts per track and orders the frames; Telnyx does not promise their order. */
  readonly chunk: number | undefined;
  /** Milliseconds since the start of the stream (unit not documented, observed). */
  readonly timestampMs: number | undefined;
  /** Codec bytes without RTP header. Valid until the next parse of any message: whoever keeps it copies it. */
  readonly payload: Uint8Array;
}

/** A closed set, so that it can label a metric. */
export type BadReason =
  'not_json' | 'not_an_object' | 'no_event' | 'bad_start' | 'bad_media' | 'bad_payload' | 'bad_dtmf' | 'bad_mark';

/**
 * The longest payload taken: 8 s of G.711. Telnyx sends 20 ms; the sockets' own limit is 64 KiB of text.
 */
const MAX_PAYLOAD_BYTES = 64 * 1024;
/** One buffer for every socket: parsing is synchronous, and the frame is used up before the next one is parsed. */
const scratch = new Uint8Array(MAX_PAYLOAD_BYTES);
/** The last view into `scratch`. Frames of one call are of one length, so it is nearly always the right one. */
let view = scratch.subarray(0, 160);

/**
 * Reads one message. Never throws. Nearly every message is a media frame of one exact shape, read without building a
 * string; whatever differs from it by a byte goes through `JSON.parse` with the same result.
 */
export function parseStreamMessage(data: Buffer): StreamMessage {
  return parseMediaScan(data) ?? parseStreamJson(data);
}

/** The fast way alone: undefined when the message is not of the exact known shape. */
export function parseMediaScan(data: Buffer): MediaMessage | undefined {
  const found = scanMedia(data);
  if (!found) return undefined;
  const payload = decodePayload(data, found.payloadStart, found.payloadEnd);
  // Not base64: the slow way says so, in its own words.
  if (!payload) return undefined;
  return { event: 'media', track: found.track, chunk: found.chunk, timestampMs: found.timestampMs, payload };
}

/** The slow way alone: any JSON, any order of keys. */
export function parseStreamJson(data: Buffer): StreamMessage {
  let message: unknown;
  try {
    message = JSON.parse(data.toString('utf8'));
  } catch {
    return bad('not_json');
  }
  if (!isObject(message)) return bad('not_an_object');
  switch (message['event']) {
    case 'media':
      return readMedia(message);
    case 'mark': {
      const name = textOf(objectOf(message['mark'])['name']);
      return name === undefined ? bad('bad_mark') : { event: 'mark', name };
    }
    case 'dtmf': {
      const digit = textOf(objectOf(message['dtmf'])['digit'])?.toUpperCase();
      if (digit === undefined || !/^[0-9A-D*#]$/.test(digit)) return bad('bad_dtmf');
      return { event: 'dtmf', digit, occurredAt: textOf(message['occurred_at']) };
    }
    case 'connected':
      return { event: 'connected' };
    case 'start':
      return readStart(message);
    case 'stop':
      return { event: 'stop', callControlId: textOf(objectOf(message['stop'])['call_control_id']) };
    case 'error': {
      const { code, title, detail } = objectOf(message['payload']);
      return { event: 'error', code: countOf(code), title: textOf(title) ?? '', detail: textOf(detail) ?? '' };
    }
    default: {
      const name = textOf(message['event']);
      return name === undefined ? bad('no_event') : { event: 'unknown', name: name.slice(0, 60) };
    }
  }
}

/** `stream_id` stands beside `start`, the call's id inside it. A start that names neither cannot be bound to a call. */
function readStart(message: JsonObject): StreamMessage {
  const start = objectOf(message['start']);
  const streamId = textOf(message['stream_id']);
  const callControlId = textOf(start['call_control_id']);
  if (streamId === undefined || callControlId === undefined) return bad('bad_start');
  return {
    event: 'start',
    streamId,
    callControlId,
    callSessionId: textOf(start['call_session_id']),
    from: textOf(start['from']),
    to: textOf(start['to']),
    clientState: decodeClientState(start['client_state']),
    format: readFormat(start['media_format']),
  };
}

function readFormat(value: unknown): StreamFormat | undefined {
  const format = objectOf(value);
  const encoding = textOf(format['encoding']);
  if (encoding === undefined) return undefined;
  return { encoding, sampleRate: countOf(format['sample_rate']), channels: countOf(format['channels']) };
}

function readMedia(message: JsonObject): StreamMessage {
  const media = message['media'];
  if (!isObject(media) || typeof media['payload'] !== 'string') return bad('bad_media');
  // UTF-8, not latin1: a letter beyond ASCII must not fold into one of the alphabet.
  const source = Buffer.from(media['payload'], 'utf8');
  const payload = decodePayload(source, 0, source.length);
  if (!payload) return bad('bad_payload');
  return {
    event: 'media',
    track: trackOf(media['track']),
    chunk: countOf(media['chunk']),
    timestampMs: countOf(media['timestamp']),
    payload,
  };
}

/** Commands say `inbound_track`, frames `inbound`; projects have met both in frames. */
function trackOf(track: unknown): MediaMessage['track'] {
  if (track === 'inbound' || track === 'inbound_track') return 'inbound';
  return track === 'outbound' || track === 'outbound_track' ? 'outbound' : 'unknown';
}

function decodePayload(source: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const length = decodeBase64(source, start, end, scratch);
  if (length < 0) return undefined;
  if (view.length !== length) view = scratch.subarray(0, length);
  return view;
}

function bad(reason: BadReason): StreamMessage {
  return { event: 'bad', reason };
}

/** Agent audio for Telnyx to play: raw codec bytes of 20 ms to 30 s. */
export function createMediaMessage(payload: Uint8Array): string {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  // Base64 needs no escaping, so the template is the JSON.
  return `{"event":"media","media":{"payload":"${bytes.toString('base64')}"}}`;
}

/** Comes back with the same name once the audio before it was played, or at once after a `clear`. */
export function createMarkMessage(name: string): string {
  return `{"event":"mark","mark":{"name":${JSON.stringify(name)}}}`;
}

/** Stops the audio that plays and empties Telnyx' queue; every pending mark comes back. */
export const CLEAR_MESSAGE = '{"event":"clear"}';
