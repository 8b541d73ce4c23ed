import type { AgentConfig } from '../agent/options.ts';
import { foldFacts } from '../call/facts.ts';
import type { CallSummary } from '../call/inputs.ts';
import type { PublishedEvent } from '../call/ports.ts';
import { isoTime, type Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { findJournal, readJournal } from '../journal/reader.ts';
import type { LlmProvider } from '../providers/ports.ts';
import { NEWS_MS, webhookWork, type FollowUps } from '../store/follow-ups.ts';
import type { CallRow, EventRow, Store, Work } from '../store/port.ts';
import type { Attempt, WorkHandler } from './outbox.ts';
import { askForSummary, FormNotKept } from './summary-answer.ts';
import type { HeardTurn } from './summary-prompt.ts';

/** What summaries need to know of an agent. */
export interface SummaryAgent {
  readonly config: Pick<AgentConfig, 'summary' | 'transcripts' | 'language'>;
  /** The model that writes them: a breaker of its own, so that a refused summary takes no call's model away. */
  readonly llm: LlmProvider;
}

export interface SummariesOptions {
  readonly store: Pick<Store, 'call' | 'turns' | 'events' | 'addSummary' | 'addWork'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDir: string;
  readonly agents: ReadonlyMap<string, SummaryAgent>;
  /** Gives events their ids and tells them. */
  readonly events: { nextId(): string; publish(event: PublishedEvent): void };
  /** Who else is told of `call.summarized`. */
  readonly followUps: FollowUps;
  /** There is new work in the outbox. */
  readonly workAdded: () => void;
}

/** An answer that does not keep its form is asked for so many times (each with one repair), hours apart at the end. */
const FORM_ATTEMPTS = 6;

/** Does a call with this agent, of this length, get a summary? Calls in which the caller said nothing get none either. */
function wantsSummary(config: SummaryAgent['config'] | undefined, durationMs: number | null): boolean {
  if (!config?.summary || !config.transcripts) return false;
  return durationMs !== null && durationMs >= config.summary.minDurationSeconds * 1000;
}

function hasCaller(turns: readonly HeardTurn[]): boolean {
  return turns.some(({ role }) => role === 'caller');
}

/** Summaries of ended calls, as the outbox asks for them by work of the kind `summary` (store/follow-ups.ts). */
export class Summaries {
  readonly #options: SummariesOptions;
  /** Told, and not yet in the store: a retry stores the same, it does not ask and tell again. */
  readonly #told = new Map<string, { readonly summary: CallSummary; readonly event: EventRow }>();

  constructor(options: SummariesOptions) {
    this.#options = options;
  }

  readonly handle: WorkHandler = async (work, attempt) => {
    const { store } = this.#options;
    const callId = work.callId ?? '';
    const call = await store.call(callId);
    if (!call) {
      // Erased meanwhile.
      this.#told.delete(callId);
      return;
    }
    if (call.summary === null) {
      const made = this.#told.get(callId) ?? (await this.#make(call, work, attempt));
      if (!made) return;
      await store.addSummary(callId, { ...made.summary }, made.event);
      this.#told.delete(callId);
      // Erased while it was made: the store has taken nothing, and nobody else gets it.
      if ((await store.call(callId))?.summary) await this.#addWork(made.event);
      return;
    }
    // A process was killed between the summary and what follows from it; the keys keep that from being done twice.
    const [event] = await store.events({ callId, types: ['call.summarized'], limit: 1 });
    if (event) await this.#addWork(event);
  };

  /** Is the summary of this ended call still to come? For who waits for it; false while nobody can tell any more. */
  async expects(callId: string): Promise<boolean> {
    const { store, agents, clock } = this.#options;
    const call = await store.call(callId);
    // The store is a moment behind the call.
    if (!call || call.endedAt === null)
      return [...agents.values()].some(({ config }) => wantsSummary(config, Infinity));
    if (call.summary !== null || clock.wall() - call.endedAt > NEWS_MS) return false;
    if (!wantsSummary(agents.get(call.agent)?.config, call.durationMs)) return false;
    return hasCaller(await this.#turns(callId));
  }

  async #addWork(event: EventRow): Promise<void> {
    const { store, followUps, workAdded, clock } = this.#options;
    const work = webhookWork(followUps, [event], clock.wall());
    if (work.length === 0) return;
    await store.addWork(work);
    workAdded();
  }

  async #make(
    call: CallRow,
    work: Work,
    attempt: Attempt,
  ): Promise<{ summary: CallSummary; event: EventRow } | undefined> {
    const { agents, log } = this.#options;
    const agent = agents.get(call.agent);
    if (!wantsSummary(agent?.config, call.durationMs) || !agent?.config.summary) {
      log.info({ callId: call.id, agent: call.agent }, 'no summary: its agent is gone or makes none any more');
      return undefined;
    }
    const turns = await this.#turns(call.id);
    // A greeting that nobody answered is no conversation.
    if (!hasCaller(turns)) return undefined;
    const about = { model: agent.llm.name, createdAt: isoTime(this.#options.clock.wall()) };
    try {
      const answer = await askForSummary(agent.llm, agent.config.summary, agent.config.language, turns, attempt.signal);
      // A model takes its time; a call that was erased meanwhile is not told of any more.
      if (!(await this.#options.store.call(call.id))) return undefined;
      return this.#tell(call.id, { status: 'ready', ...answer, ...about });
    } catch (thrown) {
      if (!this.#isFinal(thrown, work, attempt)) throw thrown;
      log.warn({ callId: call.id, error: messageOf(thrown) }, 'a call stays without a summary');
      return this.#tell(call.id, { status: 'failed', reason: messageOf(thrown), ...about });
    }
  }

  #isFinal(thrown: unknown, work: Work, { isLast, signal }: Attempt): boolean {
    if (signal.aborted) return false;
    if (isLast || (thrown instanceof LandlineError && !thrown.retryable)) return true;
    return thrown instanceof FormNotKept && work.attempts + 1 >= FORM_ATTEMPTS;
  }

  /** Id and telling in one moment, as everywhere: readers of the stream need ids that only grow. */
  #tell(callId: string, summary: CallSummary): { summary: CallSummary; event: EventRow } {
    const { events, clock } = this.#options;
    const id = events.nextId();
    const at = clock.wall();
    events.publish({ type: 'call.summarized', id, callId, at: isoTime(at), data: summary });
    const made = { summary, event: { id, callId, type: 'call.summarized', at, data: { ...summary } } };
    this.#told.set(callId, made);
    return made;
  }

  /** As heard, in order: from the journal, or from the store when the journal's time is over. */
  async #turns(callId: string): Promise<readonly HeardTurn[]> {
    const { dataDir, store } = this.#options;
    const path = await findJournal(dataDir, callId);
    const turns = path === undefined ? await store.turns(callId) : foldFacts((await readJournal(path)).records).turns;
    return turns.filter(({ text }) => text !== '');
  }
}
