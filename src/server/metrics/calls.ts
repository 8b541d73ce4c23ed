import type { Counter, Histogram } from 'prom-client';
import { ENDING_WORDS } from '../../call/ending-words.ts';
import type { PublicEvent } from '../../call/inputs.ts';
import { toolOutcome } from '../../call/tool-outcome.ts';
import type { Instruments } from './instruments.ts';
import type { MetricsSources } from './sources.ts';

/** How calls come, stand and end, and what is done in them. */
export class CallMetrics {
  readonly #begun: Counter<'direction' | 'agent'>;
  readonly #ended: Counter<'reason'>;
  readonly #duration: Histogram;
  readonly #transfers: Counter<'outcome'>;
  readonly #keys: Counter<'direction'>;
  readonly #tools: Counter<'tool' | 'outcome'>;
  readonly #toolSeconds: Histogram<'tool'>;
  readonly #commands: Counter<'command' | 'outcome'>;
  readonly #commandSeconds: Histogram<'command'>;
  readonly #faults: Counter;

  constructor(on: Instruments, sources: MetricsSources) {
    on.gauge('landline_calls_active', 'Calls that are up.', (report) => report([...sources.sessions()].length));
    on.gauge(
      'landline_calls',
      'Calls that are up, by status and direction.',
      (report) => {
        const counts = countBy(sources.sessions(), ({ state }) => `${state.status} ${state.direction}`);
        for (const [key, count] of counts) {
          const [status = '', direction = ''] = key.split(' ');
          report(count, { status, direction });
        }
      },
      ['status', 'direction'],
    );
    on.gauge(
      'landline_legs',
      'Legs of calls that are up, by phase.',
      (report) => {
        const legs = [...sources.sessions()].flatMap(({ state }) => Object.values(state.legs));
        for (const [phase, count] of countBy(legs, (leg) => leg.phase)) report(count, { phase });
      },
      ['phase'],
    );
    on.gauge('landline_calls_limit', 'maxConcurrentCalls.', (report) => report(sources.maxConcurrentCalls));
    this.#begun = on.counter('landline_calls_total', 'Calls taken or placed.', ['direction', 'agent']);
    const reasons = Object.keys(ENDING_WORDS).map((reason) => ({ reason }));
    this.#ended = on.counter('landline_calls_ended_total', 'Calls ended, by reason.', ['reason'], reasons);
    this.#duration = on.histogram(
      'landline_call_duration_seconds',
      'Answer to end, of calls that were answered.',
      [5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14_400],
    );
    this.#transfers = on.counter('landline_transfers_total', 'Transfers ended, by outcome.', ['outcome']);
    this.#keys = on.counter('landline_dtmf_total', 'Keys heard, and entries of keys sent.', ['direction']);
    this.#tools = on.counter('landline_tool_calls_total', 'Tool calls of the model.', ['tool', 'outcome']);
    const seconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];
    this.#toolSeconds = on.histogram('landline_tool_seconds', 'Tool call to its result.', seconds, ['tool']);
    this.#commands = on.counter('landline_telnyx_commands_total', 'Telnyx commands done.', ['command', 'outcome']);
    this.#commandSeconds = on.histogram(
      'landline_telnyx_command_seconds',
      'Telnyx command to its outcome, re-sends included.',
      [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
      ['command'],
    );
    this.#faults = on.counter('landline_call_faults_total', 'Calls ended because something in the gateway threw.');
  }

  event(event: PublicEvent): void {
    switch (event.type) {
      case 'call.created':
        this.#begun.inc({ direction: event.data.direction, agent: event.data.agent });
        return;
      case 'call.ended':
        this.#ended.inc({ reason: event.data.reason });
        if (event.data.durationMs > 0) this.#duration.observe(event.data.durationMs / 1000);
        return;
      case 'transfer.ended':
        this.#transfers.inc({ outcome: event.data.outcome });
        return;
      case 'dtmf.received':
        this.#keys.inc({ direction: 'received' });
        return;
      case 'dtmf.sent':
        this.#keys.inc({ direction: 'sent' });
        return;
      default:
    }
  }

  /** @param tool a name that the model was offered. @param ms undefined: it began in an earlier process. */
  toolEnded(tool: string, result: string, ms: number | undefined): void {
    this.#tools.inc({ tool, outcome: toolOutcome(result) });
    if (ms !== undefined) this.#toolSeconds.observe({ tool }, ms / 1000);
  }

  commandDone(command: string, outcome: 'ok' | 'gone' | 'refused' | 'unknown', ms: number | undefined): void {
    this.#commands.inc({ command, outcome });
    if (ms !== undefined) this.#commandSeconds.observe({ command }, ms / 1000);
  }

  fault(): void {
    this.#faults.inc();
  }
}

function countBy<T>(things: Iterable<T>, key: (thing: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const thing of things) counts.set(key(thing), (counts.get(key(thing)) ?? 0) + 1);
  return counts;
}
