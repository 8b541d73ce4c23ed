import type { AudioFormat } from '../../audio/format.ts';
import { formatOf } from './codec.ts';
import type { Body } from './validation.ts';
import { isBody, stringOf } from './validation.ts';

export type TargetLegs = 'self' | 'opposite' | 'both';

/** The stream a command asked for, with Telnyx' defaults where it said nothing. */
export interface StreamRequest {
  readonly url: string;
  readonly track: 'inbound_track' | 'outbound_track' | 'both_tracks';
  /** What we send to the gateway; `undefined` is the call's own codec. */
  readonly inbound: AudioFormat | undefined;
  /** What the gateway sends to us. */
  readonly outbound: AudioFormat;
  /** Telnyx' default is `mp3`: raw codec bytes are then dropped. */
  readonly mode: 'mp3' | 'rtp';
  readonly targetLegs: TargetLegs;
  readonly authToken: string | undefined;
  readonly customParameters: Readonly<Record<string, unknown>>;
}

/**
 * Reads the `stream_*` fields of a validated body.
 * @param command `answer` takes no token, sampling rate or custom parameters; only `streaming_start` takes parameters.
 */
export function streamRequest(
  body: Body,
  command: 'answer' | 'dial' | 'streaming_start',
  byteOrder: 'little' | 'big',
): StreamRequest | undefined {
  const url = stringOf(body['stream_url']);
  if (url === undefined) return undefined;
  const hasExtras = command !== 'answer';
  const rate = hasExtras ? body['stream_bidirectional_sampling_rate'] : undefined;
  const sampleRate = rate === 16000 || rate === 24000 ? rate : 8000;
  const codec = carried(body['stream_codec']);
  const track = body['stream_track'];
  const target = body['stream_bidirectional_target_legs'];
  return {
    url,
    track: track === 'outbound_track' || track === 'both_tracks' ? track : 'inbound_track',
    inbound: codec && formatOf(codec, sampleRate, byteOrder),
    outbound: formatOf(carried(body['stream_bidirectional_codec']) ?? 'PCMU', sampleRate, byteOrder),
    mode: body['stream_bidirectional_mode'] === 'rtp' ? 'rtp' : 'mp3',
    targetLegs: target === 'self' || target === 'both' ? target : 'opposite',
    authToken: hasExtras ? stringOf(body['stream_auth_token']) : undefined,
    customParameters: command === 'streaming_start' ? parameters(body['custom_parameters']) : {},
  };
}

function carried(value: unknown): 'PCMU' | 'PCMA' | 'L16' | undefined {
  return value === 'PCMU' || value === 'PCMA' || value === 'L16' ? value : undefined;
}

/** `[{name, value}]` in the command is an object in `start`. */
function parameters(value: unknown): Record<string, unknown> {
  if (!Array.isArray(value)) return {};
  return Object.fromEntries(value.filter(isBody).map((pair) => [String(pair['name']), pair['value']]));
}
