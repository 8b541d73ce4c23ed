import type { AgentConfig } from '../agent/options.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { LlmProvider } from '../providers/ports.ts';
import { OutboxWorker, type OutboxOptions, type WorkHandler } from '../records/outbox.ts';
import { Summaries, type SummaryAgent } from '../records/summary.ts';
import type { FollowUps } from '../store/follow-ups.ts';
import type { Webhooks } from '../records/webhooks.ts';
import type { Store } from '../store/port.ts';
import type { EventBus } from './event-bus.ts';

/** An agent, as far as what follows its calls is concerned. */
export interface AfterCallAgent {
  readonly config: AgentConfig;
  readonly providers: { readonly llm: LlmProvider };
  /** Writes summaries; default: the agent's `llm`, whose breaker then also counts what summaries were refused. */
  readonly summaryLlm?: LlmProvider | undefined;
}

export interface AfterCallOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDir: string;
  readonly agents: ReadonlyMap<string, AfterCallAgent>;
  readonly events: EventBus;
  readonly followUps: FollowUps;
  /** Of the other kinds of work. */
  readonly handlers: Readonly<Record<string, WorkHandler>>;
  readonly observe: NonNullable<OutboxOptions['observe']>;
  /** What outgoing webhooks take out of the outbox themselves. */
  readonly webhooks: Pick<Webhooks, 'lanes' | 'orphan' | 'wake'>;
}

/** Agents whose calls are summed up: what the projector must be told. */
export function summaryAgents(agents: ReadonlyMap<string, Pick<AfterCallAgent, 'config'>>): string[] {
  return [...agents].filter(([, { config }]) => config.summary && config.transcripts).map(([name]) => name);
}

/** What is done once calls are over: the outbox and its handlers. */
export function createAfterCall(options: AfterCallOptions): {
  readonly worker: OutboxWorker;
  readonly summaries: Summaries;
} {
  const { store, clock, log, dataDir, agents, events, followUps, handlers, observe, webhooks } = options;
  const summaries = new Summaries({
    ...{ store, clock, log, dataDir, events, followUps },
    agents: new Map(
      [...agents].map(([name, { config, providers, summaryLlm }]): [string, SummaryAgent] => [
        name,
        { config, llm: summaryLlm ?? providers.llm },
      ]),
    ),
    workAdded: () => webhooks.wake(),
  });
  const worker: OutboxWorker = new OutboxWorker({
    ...{ store, clock, log, observe },
    lanes: { without: webhooks.lanes },
    handlers: { ...handlers, summary: summaries.handle, webhook: webhooks.orphan },
  });
  return { worker, summaries };
}
