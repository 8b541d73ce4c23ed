import type { DeepgramPath } from './connection.ts';
import { isRawEncoding, RAW_ENCODINGS, type WireFormat } from './wire-audio.ts';

/** Deepgram refuses unknown parameters on v2; on v1 it ignores them. */
const V2_LISTEN = new Set(
  (
    'model encoding sample_rate eot_threshold eager_eot_threshold eot_timeout_ms keyterm language_hint numerals redact ' +
    'profanity_filter tag mip_opt_out'
  ).split(' '),
);
const V2_SPEAK = new Set('model encoding sample_rate speed expressivity tag mip_opt_out'.split(' '));

const LINEAR_RATES = [8000, 16000, 24000, 32000, 44100, 48000];
const G711_RATES = [8000, 16000];

/** What is wrong with a connection's query, in words; undefined when nothing is. */
export function queryProblem(path: DeepgramPath, query: URLSearchParams): string | undefined {
  switch (path) {
    case '/v1/listen':
      return rawAudioProblem(query) ?? keywordsProblem(query);
    case '/v2/listen':
      return (
        unknownProblem(query, V2_LISTEN) ?? rawAudioProblem(query) ?? fluxProblem(query) ?? thresholdProblem(query)
      );
    case '/v1/speak':
      return speakV1Problem(query) ?? outputProblem(query);
    case '/v2/speak':
      return unknownProblem(query, V2_SPEAK) ?? speakV2Problem(query) ?? outputProblem(query);
  }
}

/** The raw format that the query states. Listen: undefined when none is stated. Speak: Deepgram's default is L16 at 24 kHz. */
export function statedFormat(query: URLSearchParams): WireFormat | undefined {
  const encoding = query.get('encoding');
  if (encoding === null || !isRawEncoding(encoding)) return undefined;
  const sampleRate = query.get('sample_rate') ?? (encoding === 'linear16' ? '24000' : '8000');
  return { encoding, sampleRate: Number(sampleRate) };
}

function unknownProblem(query: URLSearchParams, known: ReadonlySet<string>): string | undefined {
  const unknown = [...query.keys()].find((name) => !known.has(name));
  return unknown === undefined ? undefined : `unknown query parameter: ${unknown}`;
}

function rawAudioProblem(query: URLSearchParams): string | undefined {
  const encoding = query.get('encoding');
  if (encoding === null) return undefined;
  if (!isRawEncoding(encoding)) return `the emulator recognises ${RAW_ENCODINGS.join(', ')} only, not ${encoding}`;
  const rate = Number(query.get('sample_rate') ?? 'none');
  if (Number.isInteger(rate / 50) && rate >= 8000 && rate <= 48000) return undefined;
  return 'encoding requires sample_rate';
}

function keywordsProblem(query: URLSearchParams): string | undefined {
  const isNova3 = query.get('model')?.startsWith('nova-3') ?? false;
  return isNova3 && query.has('keywords') ? 'keywords is not supported by nova-3, use keyterm' : undefined;
}

function fluxProblem(query: URLSearchParams): string | undefined {
  const model = query.get('model');
  if (model !== 'flux-general-en' && model !== 'flux-general-multi') return `model ${model ?? ''} is not a Flux model`;
  if (query.has('language_hint') && model !== 'flux-general-multi') return 'language_hint requires flux-general-multi';
  return undefined;
}

/** Also used for `Configure`. */
export function thresholdProblem(query: URLSearchParams): string | undefined {
  const outside = (name: string, low: number, high: number): string | undefined => {
    const value = query.get(name);
    if (value === null || (Number(value) >= low && Number(value) <= high && value !== '')) return undefined;
    return `${name} must be between ${low} and ${high}`;
  };
  const order = Number(query.get('eager_eot_threshold') ?? 0) > Number(query.get('eot_threshold') ?? 0.7);
  return (
    outside('eot_threshold', 0.5, 0.9) ??
    outside('eager_eot_threshold', 0.3, 0.9) ??
    outside('eot_timeout_ms', 500, 10_000) ??
    (order ? 'eager_eot_threshold must not exceed eot_threshold' : undefined)
  );
}

function speakV1Problem(query: URLSearchParams): string | undefined {
  const container = query.get('container');
  if (container !== null && container !== 'none') return 'only container=none is supported on the WebSocket';
  const model = query.get('model') ?? 'aura-asteria-en';
  return model.startsWith('aura-') ? undefined : `model ${model} is not an Aura model`;
}

function speakV2Problem(query: URLSearchParams): string | undefined {
  const model = query.get('model') ?? '';
  if (!/^flux-[a-z]+-[a-z]{2}$/.test(model)) return `model ${model} is not a Flux TTS model`;
  if (query.has('speed')) return 'SPEED_NOT_SUPPORTED';
  const expressivity = query.get('expressivity');
  return expressivity === null || /^(-[12]|[012])$/.test(expressivity) ? undefined : 'EXPRESSIVITY_OUT_OF_RANGE';
}

function outputProblem(query: URLSearchParams): string | undefined {
  const encoding = query.get('encoding') ?? 'linear16';
  if (!isRawEncoding(encoding)) return `encoding ${encoding} is not supported on the WebSocket`;
  const rate = query.get('sample_rate');
  const rates = encoding === 'linear16' ? LINEAR_RATES : G711_RATES;
  if (rate === null || rates.includes(Number(rate))) return undefined;
  return `sample_rate for ${encoding} must be one of ${rates.join(', ')}`;
}
