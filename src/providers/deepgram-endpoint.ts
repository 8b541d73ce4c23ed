import type { AudioFormat } from '../audio/format.ts';
import type { Clock } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** What every Deepgram adapter needs to reach the vendor. */
export interface DeepgramEndpoint {
  readonly apiKey: string;
  /** An http(s) origin, for WebSockets too. Default: Deepgram's own. */
  readonly baseUrl?: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Deepgram's name of a format; its `linear16` is little-endian. */
export function encodingOf(format: AudioFormat): 'mulaw' | 'alaw' | 'linear16' {
  if (format.codec === 'L16') return 'linear16';
  return format.codec === 'PCMU' ? 'mulaw' : 'alaw';
}

/** @throws LandlineError `config_invalid` when the address cannot be used. */
export function checkEndpoint(endpoint: DeepgramEndpoint): void {
  const { baseUrl } = endpoint;
  if (baseUrl === undefined) return;
  if (URL.canParse(baseUrl) && /^https?:$/.test(new URL(baseUrl).protocol)) return;
  throw new LandlineError('config_invalid', `Deepgram's base URL must be an http(s) origin, got "${baseUrl}"`);
}
