/*
 * The one shape in which Telnyx sends audio, 50 times a second per call:
 *
 *   {"event":"media","sequence_number":"2","stream_id":"b7d4…","media":{"track":"inbound","chunk":"1",
 *    "timestamp":"20","payload":"//////////8="}}
 *
 * Compared byte by byte. No other spelling is attempted: other order, spaces, escapes, numbers instead of strings or a
 * byte beyond ASCII end the scan, and JSON.parse decides.
 */
const OPEN = Buffer.from('{"event":"media","sequence_number":"');
const STREAM_ID = Buffer.from('","stream_id":"');
const TRACK = Buffer.from('","media":{"track":"');
const CHUNK = Buffer.from('","chunk":"');
const TIMESTAMP = Buffer.from('","timestamp":"');
const PAYLOAD = Buffer.from('","payload":"');
const CLOSE = Buffer.from('"}}');
const INBOUND = Buffer.from('inbound');
const OUTBOUND = Buffer.from('outbound');

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** So many digits stay exact in a double. */
const MAX_DIGITS = 15;

export interface ScannedMedia {
  readonly track: 'inbound' | 'outbound';
  readonly chunk: number;
  readonly timestampMs: number;
  /** Where the base64 text is; not yet validated. */
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Finds the parts of a media frame of the exact known shape; undefined for anything else. */
export function scanMedia(data: Buffer): ScannedMedia | undefined {
  const payloadEnd = data.length - CLOSE.length;
  if (!matches(data, 0, OPEN) || !matches(data, payloadEnd, CLOSE)) return undefined;

  let at = digitsEnd(data, OPEN.length);
  if (at < 0 || !matches(data, at, STREAM_ID)) return undefined;
  at = plainEnd(data, at + STREAM_ID.length);
  if (at < 0 || !matches(data, at, TRACK)) return undefined;
  at += TRACK.length;

  const track = matches(data, at, INBOUND) ? 'inbound' : matches(data, at, OUTBOUND) ? 'outbound' : undefined;
  if (!track) return undefined;
  at += track.length;

  if (!matches(data, at, CHUNK)) return undefined;
  const chunkStart = at + CHUNK.length;
  at = digitsEnd(data, chunkStart);
  if (at < 0 || !matches(data, at, TIMESTAMP)) return undefined;
  const chunk = numberIn(data, chunkStart, at);

  const timestampStart = at + TIMESTAMP.length;
  at = digitsEnd(data, timestampStart);
  if (at < 0 || !matches(data, at, PAYLOAD)) return undefined;
  const timestampMs = numberIn(data, timestampStart, at);

  const payloadStart = at + PAYLOAD.length;
  if (payloadStart > payloadEnd) return undefined;
  return { track, chunk, timestampMs, payloadStart, payloadEnd };
}

function matches(data: Buffer, at: number, literal: Buffer): boolean {
  if (at < 0 || at + literal.length > data.length) return false;
  for (let i = 0; i < literal.length; i++) if (data[at + i] !== literal[i]) return false;
  return true;
}

/** End of a run of 1 to 15 decimal digits, or -1. */
function digitsEnd(data: Buffer, start: number): number {
  let at = start;
  for (let byte = data[at] ?? 0; byte >= 0x30 && byte <= 0x39; byte = data[at] ?? 0) at++;
  return at === start || at - start > MAX_DIGITS ? -1 : at;
}

/** End of a JSON text (its closing quote) that is printable ASCII without escapes, or -1. */
function plainEnd(data: Buffer, start: number): number {
  for (let at = start; at < data.length; at++) {
    const byte = data[at] ?? 0;
    if (byte === QUOTE) return at;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

function numberIn(data: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + ((data[at] ?? 0) - 0x30);
  return value;
}
