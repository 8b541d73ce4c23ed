import { maskTarget, type Log, type LogFields } from '../core/log.ts';
import { percentile } from '../core/percentile.ts';
import { ENDING_WORDS } from './ending-words.ts';
import type { PublicEvent } from './inputs.ts';
import { KnownTools } from './known-tools.ts';
import { toolOutcome } from './tool-outcome.ts';

/**
 * One call's events as log lines, one each, and the account of the whole call at its end. What people said, pressed or
 * asked for never gets here; numbers are masked.
 */
export class EventLog {
  /** Filled by whoever sees what the model is offered. */
  readonly tools: KnownTools = new KnownTools();
  readonly #log: Log;
  /** Milliseconds from the end of the caller's speech to the answer at their ear, where known, else on the wire. */
  readonly #waits: number[] = [];
  readonly #turns = { caller: 0, agent: 0 };
  #interruptions = 0;
  #toolCalls = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  tell(event: PublicEvent): void {
    if (event.type === 'transcript.partial') return;
    const [message, fields] = this.#line(event);
    if (event.type === 'provider.failed' || event.type === 'codec.mismatch') this.#log.warn(fields, message);
    else this.#log.info(fields, message);
  }

  #line(event: Exclude<PublicEvent, { type: 'transcript.partial' }>): readonly [message: string, fields: LogFields] {
    switch (event.type) {
      case 'call.created': {
        const { direction, from, to, agent } = event.data;
        return ['call created', { direction, from: maskTarget(from), to: maskTarget(to), agent }];
      }
      case 'call.answered':
        return ['call answered', {}];
      case 'call.updated':
        return ['call updated', { ...event.data }];
      case 'turn.started':
        return ['turn started', { turn: event.data.turn, role: event.data.role }];
      case 'turn.ended': {
        const { turn, role, startMs, endMs, interrupted, latency } = event.data;
        this.#turns[role]++;
        const wait = latency?.firstPlayedMs ?? latency?.firstFrameMs ?? latency?.firstAudioMs;
        if (wait !== undefined) this.#waits.push(wait);
        const durationMs = Math.round(endMs - startMs);
        return ['turn ended', { turn, role, durationMs, ...(interrupted ? { interrupted } : {}), ...latency }];
      }
      case 'speech.interrupted':
        this.#interruptions++;
        return ['agent interrupted', { turn: event.data.turn, unheardWords: event.data.unheardWords }];
      case 'dtmf.received':
        return ['key received', {}];
      case 'dtmf.sent':
        return ['keys sent', {}];
      case 'tool.called':
        this.#toolCalls++;
        return ['tool called', { tool: this.tools.label(event.data.name) }];
      case 'tool.ended':
        return ['tool ended', { tool: this.tools.label(event.data.name), outcome: toolOutcome(event.data.result) }];
      case 'transfer.started':
        return ['transfer started', { target: maskTarget(event.data.target) }];
      case 'transfer.briefed':
        return ['transfer target briefed', { target: maskTarget(event.data.target) }];
      case 'transfer.ended':
        return ['transfer ended', { target: maskTarget(event.data.target), outcome: event.data.outcome }];
      case 'recording.started':
        return ['recording started', {}];
      case 'recording.stopped':
        return ['recording stopped', {}];
      case 'codec.mismatch':
        return ['codec mismatch', { ...event.data }];
      case 'provider.failed':
        return ['provider failed', { ...event.data }];
      case 'provider.recovered':
        return ['provider recovered', { ...event.data }];
      case 'call.ended': {
        const { reason, durationMs, cause, sipCode } = event.data;
        const waits = this.#waits.sort((a, b) => a - b);
        return [
          'call ended',
          {
            reason,
            because: ENDING_WORDS[reason],
            durationMs,
            ...(cause === undefined ? {} : { cause }),
            ...(sipCode === undefined ? {} : { sipCode }),
            callerTurns: this.#turns.caller,
            agentTurns: this.#turns.agent,
            interruptions: this.#interruptions,
            toolCalls: this.#toolCalls,
            ...(waits.length === 0 ? {} : { waitP50Ms: percentile(waits, 0.5), waitP95Ms: percentile(waits, 0.95) }),
          },
        ];
      }
      default:
        // An event without a line of its own is said by its name alone: its data may hold anything.
        return ['call event', { event: (event as PublicEvent).type }];
    }
  }
}
