import { LandlineError } from '../../core/errors.ts';
import { checkEndpoint, type DeepgramEndpoint } from '../deepgram-endpoint.ts';
import type { SttProvider } from '../ports.ts';
import { openListenV1 } from './deepgram-listen-v1.ts';
import { openListenV2 } from './deepgram-listen-v2.ts';

export interface DeepgramSttOptions extends DeepgramEndpoint {
  /** `flux-…` is listen v2, everything else (e.g. `nova-3`) listen v1. */
  readonly model: string;
  /** Listen v1: silence that ends a turn, milliseconds, 10 to 5000. Default 300. */
  readonly endpointingMs?: number;
  /** Flux: confidence that ends a turn, 0.5 to 0.9. Default: Deepgram's (0.7). */
  readonly eotThreshold?: number;
  /** Flux: confidence for an early guess, 0.3 to 0.9, at most `eotThreshold`. Default: no early guesses. */
  readonly eagerEotThreshold?: number;
  /** Flux: silence that ends a turn whatever the confidence, milliseconds, 500 to 10000. Default: Deepgram's (5000). */
  readonly eotTimeoutMs?: number;
}

const DEFAULT_ENDPOINTING_MS = 300;
const DEFAULT_EOT_THRESHOLD = 0.7;

/**
 * Speech to text by Deepgram, which also decides where turns end. The leg's own bytes go out as they are.
 * @throws LandlineError `config_invalid` naming every option that Deepgram would refuse.
 */
export function createDeepgramStt(options: DeepgramSttOptions): SttProvider {
  checkEndpoint(options);
  checkOptions(options);
  return {
    name: `deepgram ${options.model}`,
    open: (stt, emit) =>
      options.model.startsWith('flux-')
        ? openListenV2(options, stt, emit)
        : openListenV1({ ...options, endpointingMs: options.endpointingMs ?? DEFAULT_ENDPOINTING_MS }, stt, emit),
  };
}

function checkOptions(options: DeepgramSttOptions): void {
  const { endpointingMs, eotThreshold, eagerEotThreshold, eotTimeoutMs } = options;
  const problems: string[] = [];
  const within = (name: string, value: number | undefined, low: number, high: number): void => {
    // Written so that NaN is refused, too.
    if (value !== undefined && !(value >= low && value <= high)) {
      problems.push(`${name} must be from ${low} to ${high}, got ${value}`);
    }
  };
  within('endpointingMs', endpointingMs, 10, 5_000);
  within('eotThreshold', eotThreshold, 0.5, 0.9);
  within('eagerEotThreshold', eagerEotThreshold, 0.3, 0.9);
  within('eotTimeoutMs', eotTimeoutMs, 500, 10_000);
  if (eagerEotThreshold !== undefined && eagerEotThreshold > (eotThreshold ?? DEFAULT_EOT_THRESHOLD)) {
    problems.push(`eagerEotThreshold must not be above eotThreshold (${eotThreshold ?? DEFAULT_EOT_THRESHOLD})`);
  }
  if (problems.length > 0)
    throw new LandlineError('config_invalid', `Deepgram ${options.model}: ${problems.join('; ')}`);
}
