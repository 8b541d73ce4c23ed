import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { readConfig } from '../../src/config-problems.ts';
import { languageProblem } from '../../src/providers/languages.ts';
import { openAiShutdown } from '../../src/providers/openai-shutdowns.ts';
import {
  chainOf,
  isOpenAi,
  llmBlock,
  sttBlock,
  ttsBlock,
  vendorAccess,
  type SttBlock,
  type TtsBlock,
  type VendorBlock,
} from '../../src/providers/options.ts';

const SCHEMAS: Readonly<Record<'stt' | 'llm' | 'tts', z.ZodType>> = { stt: sttBlock, llm: llmBlock, tts: ttsBlock };

function problemsOf(kind: keyof typeof SCHEMAS, block: unknown): string[] {
  const problems: string[] = [];
  readConfig(SCHEMAS[kind], block, [kind], (where, what) => problems.push(`${where} ${what}`));
  return problems;
}

describe('a provider block', () => {
  const REMOTE = { model: 'm', baseUrl: 'http://127.0.0.1:9/v1', apiKeyEnv: 'MY_KEY' };
  it.each([
    ['stt', { provider: 'deepgram', model: 'nova-3', endpointingMs: 10 }],
    [
      'stt',
      {
        provider: 'deepgram',
        ...REMOTE,
        model: 'flux-general-en',
        eotThreshold: 0.9,
        eagerEotThreshold: 0.9,
        eotTimeoutMs: 500,
      },
    ],
    ['stt', { provider: 'openai', ...REMOTE, deadlineMs: 500 }],
    ['stt', { provider: 'embedded' }],
    ['stt', { provider: 'embedded', workers: 1 }],
    ['stt', { provider: 'sherpa', model: './models/en', endOfTurnMs: 200 }],
    [
      'llm',
      {
        provider: 'openai',
        ...REMOTE,
        firstTokenMs: 60_000,
        interTokenMs: 100,
        maxTokens: 1,
        temperature: 0,
        reasoningEffort: 'none',
        extraBody: { top_k: 3 },
      },
    ],
    ['llm', { provider: 'scripted', script: 'a.yaml' }],
    ['tts', { provider: 'deepgram', model: 'aura-2-thalia-en' }],
    [
      'tts',
      {
        provider: 'openai',
        ...REMOTE,
        voice: 'nova',
        sampleRate: 22_050,
        firstByteMs: 100,
        idleMs: 100,
        extraBody: { speed: 1 },
      },
    ],
    ['tts', { provider: 'embedded', voice: 'rms', workers: 64 }],
    ['tts', { provider: 'command', command: 'flite', args: ['-t', '{text}'], sampleRate: 16_000, timeoutMs: 100 }],
  ] as const)('is read as it is written: %s %j', (kind, block) => {
    const withFallback = { ...block, fallback: block };

    expect(problemsOf(kind, withFallback)).toEqual([]);
    expect(SCHEMAS[kind].parse(withFallback)).toEqual(withFallback);
  });

  it.each([
    ['stt', undefined, ['stt is missing']],
    ['stt', 'deepgram', ['stt must be an object, got "deepgram"']],
    ['stt', {}, ['stt.provider is missing: must be one of "deepgram", "openai", "embedded", "sherpa"']],
    [
      'llm',
      { provider: 'opanai' },
      ['llm.provider must be one of "openai", "scripted", got "opanai"; did you mean "openai"?'],
    ],
    [
      'tts',
      { provider: 'elevenlabs' },
      ['tts.provider must be one of "deepgram", "openai", "embedded", "command", got "elevenlabs"'],
    ],
    ['llm', { provider: 'openai' }, ['llm.model is missing']],
    ['llm', { provider: 'openai', model: '' }, ['llm.model must not be empty']],
    [
      'llm',
      { provider: 'openai', model: 'm', baseUrl: 'localhost:1234' },
      ['llm.baseUrl must be an http(s) address without user or password'],
    ],
    [
      'llm',
      { provider: 'openai', model: 'm', baseUrl: 'http://u:p@h/v1' },
      ['llm.baseUrl must be an http(s) address without user or password'],
    ],
    [
      'llm',
      { provider: 'openai', model: 'm', apiKeyEnv: 'sk-proj-0123456789' },
      ['llm.apiKeyEnv must be the name of an environment variable, like "OPENAI_API_KEY"'],
    ],
    ['llm', { provider: 'openai', model: 'm', temperature: 3 }, ['llm.temperature must be at most 2, got 3']],
    ['llm', { provider: 'openai', model: 'm', maxTokens: 1.5 }, ['llm.maxTokens must be a whole number, got 1.5']],
    [
      'llm',
      { provider: 'openai', model: 'm', temprature: 1 },
      ['llm.temprature is not a known key; did you mean "temperature"?'],
    ],
    [
      'stt',
      { provider: 'embedded', model: 'x', baseUrl: 'http://h' },
      [
        'stt.model is not a known key; known are provider, workers, fallback',
        'stt.baseUrl is not a known key; known are provider, workers, fallback',
      ],
    ],
    [
      'stt',
      { provider: 'deepgram', model: 'flux-general-en', endpointingMs: 300, eagerEotThreshold: 0.8 },
      [
        'stt.endpointingMs is not known to Flux models; use eotTimeoutMs',
        'stt.eagerEotThreshold must not be above eotThreshold (0.7)',
      ],
    ],
    [
      'stt',
      { provider: 'deepgram', model: 'nova-3', eotThreshold: 0.8 },
      ['stt.eotThreshold is only known to Flux models; use endpointingMs'],
    ],
    [
      'tts',
      { provider: 'command', command: 'say', sampleRate: 8001 },
      ['tts.sampleRate must be one of 8000, 16000, 22050, 24000, 44100, 48000, got 8001'],
    ],
    [
      'tts',
      { provider: 'embedded', voice: 'sltt' },
      ['tts.voice must be one of "slt", "rms", "awb", "kal", got "sltt"; did you mean "slt"?'],
    ],
    [
      'tts',
      {
        provider: 'openai',
        model: 'm',
        fallback: { provider: 'embedded', fallback: { provider: 'deepgram', modell: 'm' } },
      },
      [
        'tts.fallback.fallback.model is missing',
        'tts.fallback.fallback.modell is not a known key; did you mean "model"?',
      ],
    ],
  ] as const)('is refused with a reason: %s %j', (kind, block, problems) => {
    expect(problemsOf(kind, block)).toEqual(problems);
  });

  it('and its fallbacks are one list in order', () => {
    const last: SttBlock = { provider: 'embedded' };
    const middle: SttBlock = { provider: 'openai', model: 'm', fallback: last };
    const first: SttBlock = { provider: 'deepgram', model: 'nova-3', fallback: middle };

    expect(chainOf(first)).toEqual([first, middle, last]);
  });
});

describe('the way to a vendor', () => {
  const deepgram: VendorBlock = { provider: 'deepgram', model: 'nova-3' };
  const openai: VendorBlock = { provider: 'openai', model: 'm' };
  const env = {
    DEEPGRAM_API_KEY: ' dg ',
    OPENAI_API_KEY: 'oa',
    MINE: 'my',
    OPENAI_BASE_URL: 'http://h/v1',
    EMPTY: ' ',
  };

  it.each([
    [
      'the vendor’s own variables',
      deepgram,
      env,
      { apiKey: 'dg', apiKeyEnv: 'DEEPGRAM_API_KEY', baseUrl: undefined, needsKey: true },
    ],
    [
      'the address of the environment',
      openai,
      env,
      { apiKey: 'oa', apiKeyEnv: 'OPENAI_API_KEY', baseUrl: 'http://h/v1', needsKey: false },
    ],
    [
      'the block before the environment',
      { ...openai, baseUrl: 'http://other/v1', apiKeyEnv: 'MINE' },
      env,
      { apiKey: 'my', apiKeyEnv: 'MINE', baseUrl: 'http://other/v1', needsKey: true },
    ],
    ['nothing at all', openai, {}, { apiKey: '', apiKeyEnv: 'OPENAI_API_KEY', baseUrl: undefined, needsKey: true }],
    [
      'a blank variable as none',
      { ...deepgram, apiKeyEnv: 'EMPTY' },
      env,
      { apiKey: '', apiKeyEnv: 'EMPTY', baseUrl: undefined, needsKey: true },
    ],
  ] as const)('takes %s', (_, block, variables, expected) => {
    expect(vendorAccess(block, variables)).toEqual(expected);
  });

  it.each([
    [undefined, true],
    ['https://api.openai.com/v1', true],
    ['https://eu.api.openai.com/v1', true],
    ['https://notopenai.com/v1', false],
    ['http://127.0.0.1:11434/v1', false],
    ['nonsense', false],
  ])('%s is OpenAI itself: %s', (baseUrl, expected) => {
    expect(isOpenAi(baseUrl)).toBe(expected);
  });
});

describe('a language', () => {
  const stt = (model: string): SttBlock => ({ provider: 'deepgram', model });
  const tts = (model: string): TtsBlock => ({ provider: 'deepgram', model });
  it.each([
    ['stt', stt('flux-general-en'), 'en-GB', undefined],
    [
      'stt',
      stt('flux-general-en'),
      'fr',
      '"flux-general-en" does not know the language "fr"; use deepgram with "flux-general-multi"',
    ],
    [
      'stt',
      stt('flux-general-en'),
      'pl',
      '"flux-general-en" does not know the language "pl"; use deepgram with "nova-3"',
    ],
    ['stt', stt('flux-general-multi'), 'nl-BE', undefined],
    [
      'stt',
      stt('flux-general-multi'),
      'sv',
      '"flux-general-multi" does not know the language "sv"; use deepgram with "nova-3"',
    ],
    ['stt', stt('nova-3'), 'sv', undefined],
    [
      'stt',
      { provider: 'embedded' },
      'de-AT',
      'embedded knows English only, not "de-AT"; use deepgram with "flux-general-multi"',
    ],
    ['stt', { provider: 'openai', model: 'm' }, 'sv', undefined],
    ['stt', { provider: 'sherpa', model: 'm' }, 'sv', undefined],
    ['tts', tts('aura-2-thalia-en'), 'en-US', undefined],
    [
      'tts',
      tts('aura-2-thalia-en'),
      'nl',
      '"aura-2-thalia-en" does not know the language "nl"; use deepgram with "aura-2-beatrix-nl"',
    ],
    [
      'tts',
      tts('flux-haley-en'),
      'de',
      '"flux-haley-en" does not know the language "de"; use deepgram with "aura-2-viktoria-de"',
    ],
    [
      'tts',
      tts('aura-2-beatrix-nl'),
      'sv-SE',
      '"aura-2-beatrix-nl" does not know the language "sv-SE"; use openai, whose voices speak the language of the text',
    ],
    [
      'tts',
      tts('aura-asteria-en'),
      'es',
      '"aura-asteria-en" does not know the language "es"; use deepgram with "aura-2-celeste-es"',
    ],
    [
      'tts',
      { provider: 'embedded' },
      'it',
      'embedded knows English only, not "it"; use deepgram with "aura-2-livia-it"',
    ],
    ['tts', { provider: 'command', command: 'c', sampleRate: 8000 }, 'it', undefined],
    ['llm', { provider: 'openai', model: 'm' }, 'it', undefined],
  ] as const)('%s %j with %s: %s', (kind, block, language, problem) => {
    expect(languageProblem(kind, block, language)).toBe(problem);
  });

  it('is only answered with models that know it', () => {
    for (const language of ['en', 'es', 'fr', 'de', 'hi', 'ru', 'pt', 'ja', 'it', 'nl', 'sv']) {
      for (const kind of ['stt', 'tts'] as const) {
        const impossible = tts(kind === 'stt' ? 'flux-general-xx' : 'aura-2-x-xx');
        const model = /use deepgram with "(.*)"/.exec(languageProblem(kind, impossible, language) ?? '')?.[1];
        if (model !== undefined) expect(languageProblem(kind, stt(model), language)).toBeUndefined();
        else expect([kind, ['hi', 'ru', 'pt', 'sv'].includes(language)]).toEqual(['tts', true]);
      }
    }
  });
});

describe('the day a model is switched off', () => {
  it.each([
    ['gpt-5-mini', '2026-12-11'],
    ['gpt-4o', '2027-01-14'],
    ['gpt-4o-2024-08-06', '2027-01-14'],
    ['whisper-1', '2027-02-26'],
    ['gpt-6-luna', undefined],
    ['gpt-4o-something', undefined],
  ])('of %s is %s', (model, day) => {
    expect(openAiShutdown(model)).toBe(day);
  });
});
