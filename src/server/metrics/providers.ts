import type { Counter } from 'prom-client';
import type { LlmUsage } from '../../providers/ports.ts';
import type { Instruments } from './instruments.ts';
import type { MetricsSources } from './sources.ts';

const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

export type ProviderKind = 'stt' | 'llm' | 'tts';

/** How the vendors of speech and language do. */
export class ProviderMetrics {
  readonly #failures: Counter<'provider' | 'vendor' | 'kind'>;
  readonly #recoveries: Counter<'provider'>;
  readonly #tokens: Counter<'vendor' | 'kind'>;

  constructor(on: Instruments, sources: MetricsSources) {
    this.#failures = on.counter('landline_provider_failures_total', 'Provider failures that calls met.', [
      'provider',
      'vendor',
      'kind',
    ]);
    this.#recoveries = on.counter('landline_provider_recoveries_total', 'Calls whose provider works again.', [
      'provider',
    ]);
    this.#tokens = on.counter('landline_llm_tokens_total', 'Tokens the language model counted.', ['vendor', 'kind']);
    on.gauge(
      'landline_provider_breaker_state',
      '1 for the state that a provider with stand-ins is in.',
      (report) => {
        for (const { agent, provider, vendor, state } of sources.breakers()) {
          for (const each of BREAKER_STATES) report(each === state ? 1 : 0, { agent, provider, vendor, state: each });
        }
      },
      ['agent', 'provider', 'vendor', 'state'],
    );
  }

  failed(provider: ProviderKind, vendor: string, kind: string): void {
    this.#failures.inc({ provider, vendor, kind });
  }

  recovered(provider: ProviderKind): void {
    this.#recoveries.inc({ provider });
  }

  tokens(vendor: string, { promptTokens, completionTokens }: LlmUsage): void {
    this.#tokens.inc({ vendor, kind: 'prompt' }, promptTokens);
    this.#tokens.inc({ vendor, kind: 'completion' }, completionTokens);
  }
}
