import type { Registry } from 'prom-client';
import type { MediaLeg } from '../call/media-leg.ts';
import type { CallObserver } from '../call/observer.ts';
import type { AgentProviders } from '../call/ports.ts';
import { ApiMetrics } from './metrics/api.ts';
import { AudioMetrics } from './metrics/audio.ts';
import { CallWatch, type CallSubjects } from './metrics/call-watch.ts';
import { CallMetrics } from './metrics/calls.ts';
import { ConversationMetrics } from './metrics/conversation.ts';
import { EndpointMetrics } from './metrics/endpoints.ts';
import { GateMetrics } from './metrics/gates.ts';
import { Instruments } from './metrics/instruments.ts';
import { MachineMetrics } from './metrics/machine.ts';
import { OutboundMetrics } from './metrics/outbound.ts';
import { OutboxMetrics } from './metrics/outbox.ts';
import { PrivacyMetrics } from './metrics/privacy.ts';
import { ProviderMetrics } from './metrics/providers.ts';
import { RecordingMetrics } from './metrics/recordings.ts';
import type { MetricsSources } from './metrics/sources.ts';
import { WebhookMetrics } from './metrics/webhooks.ts';

/**
 * Prometheus metrics of one gateway; docs/metrics.md explains each. What happens in calls is read off what their journals
 * see, everything else off the gateway's state: one source of truth. No label ever holds an id, a number or a text.
 */
export class Metrics {
  readonly registry: Registry;
  readonly #subjects: CallSubjects;
  readonly #webhooks: WebhookMetrics;
  readonly #machine: MachineMetrics;
  readonly api: ApiMetrics;
  /** Who is not let in, and who is not called. */
  readonly gates: GateMetrics;
  readonly recordings: RecordingMetrics;
  readonly privacy: PrivacyMetrics;
  readonly outbox: OutboxMetrics;
  readonly outbound: OutboundMetrics;
  /** Outgoing webhooks. */
  readonly endpoints: EndpointMetrics;

  constructor(sources: MetricsSources) {
    const on = new Instruments();
    this.registry = on.registry;
    this.#subjects = {
      calls: new CallMetrics(on, sources),
      conversation: new ConversationMetrics(on),
      providers: new ProviderMetrics(on, sources),
      audio: new AudioMetrics(on, sources),
    };
    this.#webhooks = new WebhookMetrics(on);
    this.api = new ApiMetrics(on);
    this.gates = new GateMetrics(on);
    this.recordings = new RecordingMetrics(on);
    this.privacy = new PrivacyMetrics(on);
    this.outbox = new OutboxMetrics(on);
    this.outbound = new OutboundMetrics(on);
    this.endpoints = new EndpointMetrics(on);
    this.#machine = new MachineMetrics(on, sources);
  }

  /** Counts what one call does. */
  observer(providers: AgentProviders): CallObserver {
    return new CallWatch(this.#subjects, providers);
  }

  /** A call is over and about to be forgotten. */
  callOver(media: MediaLeg): void {
    this.#subjects.audio.over(media);
  }

  webhook(verdict: string): void {
    this.#webhooks.verdict(verdict);
  }

  /** @param ms from the request to its answer. */
  webhookReplied(ms: number): void {
    this.#webhooks.replied(ms);
  }

  mediaRefused(): void {
    this.#subjects.audio.upgradeRefused();
  }

  journalBehind(): void {
    this.#machine.journalBehind();
  }
}
