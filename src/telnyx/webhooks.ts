import { createHash } from 'node:crypto';
import { messageOf } from '../core/errors.ts';
import { decodeClientState } from './client-state.ts';
import type { TelnyxEvent, WebhookBase } from './events.ts';
import { isObject, type JsonObject, objectOf, textOf } from './json-fields.ts';

export type ParsedWebhook =
  | {
      readonly ok: true;
      readonly event: TelnyxEvent;
      /** `meta.attempt`: 1 on the first delivery; 1 when not told. */
      readonly attempt: number;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Reads one Call Control v2 webhook, `{data: {event_type, id, occurred_at, payload}, meta}`. Lenient: every field may be
 * missing or `null`, unknown ones are ignored, unknown events are `other`. Never throws.
 *
 * - `callControlId` is `''` when Telnyx did not send it (`call.recording.saved` has none in its types): look the call
 *   up by `callLegId`, then `callSessionId`. A `call.initiated` without it is `other`, since nobody can command it.
 * - `call.dtmf.received` without a valid digit is `other`.
 * - An event without `id` gets one from its exact bytes, so that a replay of it is still recognised.
 * - Of duplicate keys in the JSON the last one counts.
 */
export function parseWebhook(rawBody: Buffer | string): ParsedWebhook {
  let body: unknown;
  try {
    // A byte order mark or a NUL is not JSON and refused here; deep nesting parses and is never walked.
    body = JSON.parse(typeof rawBody === 'string' ? rawBody : rawBody.toString('utf8'));
  } catch (error) {
    return { ok: false, reason: `the body is not JSON (${messageOf(error).slice(0, 100)})` };
  }
  if (!isObject(body)) return { ok: false, reason: 'the body is not a JSON object' };

  const data = envelopeOf(body);
  if (typeof data === 'string') return { ok: false, reason: data };
  const eventType = textOf(data['event_type']);
  if (eventType === undefined) return { ok: false, reason: 'data.event_type is missing' };
  const payload = data['payload'] ?? {};
  if (!isObject(payload)) return { ok: false, reason: 'data.payload is not an object' };

  const attempt = objectOf(body['meta'])['attempt'];
  const id = textOf(data['id']) ?? `sha256:${createHash('sha256').update(rawBody).digest('hex')}`;
  return {
    ok: true,
    event: readEvent(eventType, baseOf(id, data, payload), payload),
    attempt: typeof attempt === 'number' && Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
  };
}

/**
 * The object that carries `event_type`, or why there is none. `conference.floor.changed` comes flat, without `data`
 * (SDK types); API v1 bodies are flat too, with names like `call_initiated`.
 */
function envelopeOf(body: JsonObject): JsonObject | string {
  if (isObject(body['data'])) return body['data'];
  const flatType = textOf(body['event_type']);
  if (body['data'] !== undefined || flatType === undefined) return 'data is missing or not an object';
  if (flatType.includes('.')) return body;
  return (
    `this is a webhook of API version 1 (${flatType.slice(0, 60)}); set "webhook API version" of the Call Control ` +
    'application to 2 (webhook_api_version "2"; "1" is the default of an application made by the API)'
  );
}

function baseOf(id: string, data: JsonObject, payload: JsonObject): WebhookBase {
  return {
    id,
    occurredAt: textOf(data['occurred_at']) ?? textOf(payload['occurred_at']),
    callControlId: textOf(payload['call_control_id']) ?? '',
    callLegId: textOf(payload['call_leg_id']),
    callSessionId: textOf(payload['call_session_id']),
    connectionId: textOf(payload['connection_id']),
    clientState: decodeClientState(payload['client_state']),
    from: textOf(payload['from']),
    to: textOf(payload['to']),
  };
}

function readEvent(wireType: string, base: WebhookBase, payload: JsonObject): TelnyxEvent {
  const other: TelnyxEvent = { ...base, type: 'other', eventType: wireType };
  // Seen in the field: `streaming_started` inside `data`.
  const type = wireType.includes('.') ? wireType : wireType.replaceAll('_', '.');
  switch (type) {
    case 'call.initiated': {
      if (base.callControlId === '') return other;
      return {
        ...base,
        type,
        direction: directionOf(payload),
        offeredCodecs: codecsOf(payload['offered_codecs']),
        callerIdName: textOf(payload['caller_id_name']),
      };
    }
    case 'call.answered':
    case 'call.bridged':
    case 'streaming.started':
    case 'streaming.stopped':
    case 'call.speak.started':
      return { ...base, type };
    case 'call.hangup': {
      const sip = textOf(payload['sip_hangup_cause']);
      return {
        ...base,
        type,
        cause: textOf(payload['hangup_cause']) ?? 'unspecified',
        source: textOf(payload['hangup_source']) ?? 'unknown',
        sipCode: sip === 'unspecified' ? undefined : sip,
      };
    }
    case 'streaming.failed':
      return {
        ...base,
        type,
        reason: textOf(payload['failure_reason']) ?? 'unknown',
        streamId: textOf(payload['stream_id']),
      };
    case 'call.dtmf.received': {
      const digit = textOf(payload['digit'])?.toUpperCase();
      return digit !== undefined && /^[0-9A-D*#]$/.test(digit) ? { ...base, type, digit } : other;
    }
    case 'call.speak.ended':
    case 'call.playback.ended':
      return { ...base, type, status: textOf(payload['status']) ?? 'unknown' };
    case 'call.machine.detection.ended':
    case 'call.machine.premium.detection.ended':
      return { ...base, type: 'call.machine.detection.ended', ...detectionOf(type, payload) };
    case 'call.machine.greeting.ended':
    case 'call.machine.premium.greeting.ended':
      return { ...base, type: 'call.machine.greeting.ended', ...detectionOf(type, payload) };
    case 'call.recording.saved':
      return {
        ...base,
        type,
        urls: recordingUrls(payload),
        recordingId: textOf(payload['recording_id']) ?? base.id,
        channels: textOf(payload['channels']),
        startedAt: textOf(payload['recording_started_at']),
        endedAt: textOf(payload['recording_ended_at']),
      };
    case 'call.cost':
      return { ...base, type, totalCost: costOf(payload['total_cost']) };
    default:
      return other;
  }
}

/**
 * Only an incoming leg may be answered, so a guess must not say `incoming`: without a direction only the state `parked`
 * (an inbound leg that waits for a command; legs we dial say `bridging`) makes it one.
 */
function directionOf(payload: JsonObject): 'incoming' | 'outgoing' {
  const direction = textOf(payload['direction']);
  if (direction === undefined) return payload['state'] === 'parked' ? 'incoming' : 'outgoing';
  return direction === 'incoming' ? 'incoming' : 'outgoing';
}

/** `"PCMU,G729"`, in the order offered. */
function codecsOf(offered: unknown): readonly string[] {
  if (typeof offered !== 'string') return [];
  return offered
    .split(',')
    .map((name) => name.trim().toUpperCase())
    .filter((name) => name !== '');
}

function detectionOf(type: string, payload: JsonObject): { result: string; premium: boolean } {
  return { result: textOf(payload['result']) ?? 'not_sure', premium: type.includes('premium') };
}

/** The private links (valid for 10 minutes); a public one only where there is no private one of that format. */
function recordingUrls(payload: JsonObject): Readonly<Record<string, string>> {
  const saved = objectOf(payload['recording_urls']);
  const published = objectOf(payload['public_recording_urls']);
  const urls: Record<string, string> = {};
  for (const format of ['mp3', 'wav']) {
    const url = textOf(saved[format]) ?? textOf(published[format]);
    if (url !== undefined) urls[format] = url;
  }
  return urls;
}

/** Money comes as a string; a number would be one, too. */
function costOf(total: unknown): string | undefined {
  return typeof total === 'number' ? String(total) : textOf(total);
}
