import type { DialogueInput } from '../../agent/dialogue/inputs.ts';
import type { AnyEffect, CallInput, EndReason, PublicEvent } from '../../call/inputs.ts';
import { KnownTools } from '../../call/known-tools.ts';
import type { CallObserver, ObservedCommand } from '../../call/observer.ts';
import type { AgentProviders } from '../../call/ports.ts';
import { toolOutcome } from '../../call/tool-outcome.ts';
import { maskTarget } from '../../core/log.ts';
import type { Attributes, OpenSpan } from './span.ts';
import { TraceBook, type TraceBookOptions } from './trace-book.ts';

/** Ends that are nobody's wish. */
const BROKEN: ReadonlySet<EndReason> = new Set<EndReason>([
  ...(['provider_failure', 'stream_failed', 'codec_unsupported', 'no_media', 'crash_recovered', 'error'] as const),
]);

export interface CallTraceOptions extends TraceBookOptions {
  readonly providers: Pick<AgentProviders, 'stt' | 'llm' | 'tts'>;
}

/**
 * One call as a trace:
 *
 *   call -> stt stream, turn (caller), turn (agent) -> llm generation, tts utterance, tool
 *        -> telnyx <command>, transfer
 *
 * No text, key or whole number gets into it.
 */
export class CallTrace implements CallObserver {
  readonly #book: TraceBook;
  readonly #options: CallTraceOptions;
  readonly #tools = new KnownTools();
  readonly #calls = new Map<string, OpenSpan>();
  readonly #commands = new Map<number, OpenSpan>();
  #root: OpenSpan | undefined;
  #ear: { readonly stream: number; readonly span: OpenSpan } | undefined;
  #thought: { readonly generation: number; readonly span: OpenSpan; begun: boolean } | undefined;
  #utterance: { readonly number: number; readonly span: OpenSpan } | undefined;
  /** The agent's turn, from the first work on it; `told` once its first audio came. */
  #agent: { readonly span: OpenSpan; told: boolean } | undefined;
  #transfer: OpenSpan | undefined;
  #broken: string | undefined;

  constructor(options: CallTraceOptions) {
    this.#options = options;
    this.#book = new TraceBook(options);
  }

  input(input: CallInput | DialogueInput, t: number): void {
    this.#begin(t);
    switch (input.type) {
      case 'stt':
        if (input.event.type === 'sttFailed' && input.stream === this.#ear?.stream)
          this.#closeEar(t, input.event.failure.kind);
        return;
      case 'llm':
        this.#onLlm(input, t);
        return;
      case 'tts':
        this.#onTts(input.event, t);
        return;
      case 'ttsFirstAudio':
        if (this.#utterance?.number === input.utterance) mark(this.#utterance.span, 'first_audio', t);
        return;
      case 'commandDone': {
        const span = this.#commands.get(input.effect);
        this.#commands.delete(input.effect);
        const outcome = input.outcome.ok ? 'ok' : input.outcome.kind;
        // A leg that is gone already is what a hangup is for.
        const isFine = outcome === 'ok' || (outcome === 'gone' && input.name === 'hangup');
        this.#book.close(span, t, { 'landline.outcome': outcome }, isFine ? undefined : outcome);
        return;
      }
      case 'recovered':
        mark(this.#root, 'recovered', t);
        return;
      case 'fault':
        this.#broken = 'fault';
        return;
      default:
    }
  }

  effect(effect: AnyEffect, t: number): void {
    const { stt, llm, tts } = this.#options.providers;
    switch (effect.type) {
      case 'sttOpen':
        this.#closeEar(t);
        this.#ear = { stream: effect.stream, span: this.#ask('stt stream', t, { 'landline.vendor': stt.name }) };
        return;
      case 'sttClose':
        if (this.#ear?.stream === effect.stream) this.#closeEar(t);
        return;
      case 'llmStart': {
        this.#tools.offered(effect.tools);
        this.#closeThought(t, { 'landline.outcome': 'replaced' });
        const parent = this.#agentTurn(t);
        const attributes = { 'landline.vendor': llm.name, 'landline.generation': effect.generation };
        const span = this.#ask('llm generation', t, attributes, parent.spanId);
        this.#thought = { generation: effect.generation, span, begun: false };
        return;
      }
      case 'llmAbort':
        if (this.#thought?.generation !== effect.generation) return;
        this.#closeThought(t, { 'landline.outcome': 'aborted' });
        this.#discardAgent(t);
        return;
      case 'ttsBegin': {
        const parent = this.#agentTurn(t);
        this.#closeUtterance(t, { 'landline.outcome': 'replaced' });
        const span = this.#ask('tts utterance', t, { 'landline.vendor': tts.name }, parent.spanId);
        this.#utterance = { number: effect.utterance, span };
        return;
      }
      case 'ttsCancel':
        this.#closeUtterance(t, { 'landline.outcome': 'cancelled' });
        return;
      case 'playDrop':
        this.#discardAgent(t);
        return;
      default:
    }
  }

  command({ s, leg, name }: ObservedCommand, t: number): void {
    this.#begin(t);
    this.#commands.set(s, this.#ask(`telnyx ${name}`, t, { 'landline.leg': leg }));
  }

  event(event: PublicEvent, t: number): void {
    const root = this.#begin(t);
    switch (event.type) {
      case 'call.created': {
        const { direction, from, to, agent } = event.data;
        root.attributes = {
          ...root.attributes,
          'landline.call.direction': direction,
          'landline.agent': agent,
          'landline.call.from': maskTarget(from),
          'landline.call.to': maskTarget(to),
        };
        return;
      }
      case 'call.answered':
        mark(root, 'answered', t);
        return;
      case 'call.updated':
        if (event.data.stream !== undefined) mark(root, `stream_${event.data.stream}`, t);
        return;
      case 'turn.started':
        if (event.data.role === 'agent') this.#tellAgent(t);
        return;
      case 'turn.ended':
        this.#turnEnded(event, t);
        return;
      case 'tool.called': {
        const attributes = { 'landline.tool': this.#tools.label(event.data.name) };
        const parentId = this.#agent?.span.spanId;
        this.#calls.set(event.data.id, this.#book.open('tool', t, attributes, { parentId }));
        return;
      }
      case 'tool.ended': {
        const outcome = toolOutcome(event.data.result);
        const span = this.#calls.get(event.data.id);
        this.#calls.delete(event.data.id);
        this.#book.close(span, t, { 'landline.outcome': outcome }, isFailure(outcome) ? outcome : undefined);
        return;
      }
      case 'transfer.started':
        this.#book.close(this.#transfer, t);
        this.#transfer = this.#book.open('transfer', t, { 'landline.target': maskTarget(event.data.target) });
        return;
      case 'transfer.ended': {
        const { outcome } = event.data;
        this.#book.close(
          this.#transfer,
          t,
          { 'landline.outcome': outcome },
          outcome === 'answered' ? undefined : outcome,
        );
        this.#transfer = undefined;
        return;
      }
      case 'call.ended': {
        const { reason, durationMs, cause, sipCode } = event.data;
        root.attributes = {
          ...root.attributes,
          'landline.call.end_reason': reason,
          'landline.call.duration_ms': durationMs,
          ...(cause === undefined ? {} : { 'landline.call.hangup_cause': cause }),
          ...(sipCode === undefined ? {} : { 'landline.call.sip_code': sipCode }),
        };
        if (BROKEN.has(reason)) this.#broken ??= reason;
        return;
      }
      default:
    }
  }

  ended(t: number): void {
    const root = this.#begin(t);
    this.#closeThought(t, {});
    this.#discardAgent(t);
    this.#book.close(root, t, {}, this.#broken);
    this.#book.closeAll(t);
  }

  #begin(t: number): OpenSpan {
    this.#book.seen(t);
    this.#root ??= this.#book.open(
      'call',
      t,
      { 'landline.call.id': this.#options.callId },
      { isRoot: true, kind: 'server' },
    );
    return this.#root;
  }

  /** A span of something asked of somebody outside. */
  #ask(name: string, t: number, attributes: Attributes, parentId?: string): OpenSpan {
    this.#begin(t);
    return this.#book.open(name, t, attributes, { parentId, kind: 'client' });
  }

  #agentTurn(t: number): OpenSpan {
    this.#begin(t);
    this.#agent ??= { span: this.#book.open('turn', t, { 'landline.turn.role': 'agent' }), told: false };
    return this.#agent.span;
  }

  #tellAgent(t: number): void {
    mark(this.#agentTurn(t), 'first_audio', t);
    if (this.#agent) this.#agent.told = true;
  }

  /** Work on a turn that nobody heard anything of. */
  #discardAgent(t: number): void {
    if (!this.#agent || this.#agent.told) return;
    this.#book.close(this.#agent.span, t, { 'landline.outcome': 'discarded' });
    this.#agent = undefined;
  }

  #turnEnded({ data }: Extract<PublicEvent, { type: 'turn.ended' }>, t: number): void {
    const attributes: Record<string, string | number | boolean> = { 'landline.turn.number': data.turn };
    if (data.interrupted === true) attributes['landline.turn.interrupted'] = true;
    for (const [step, ms] of Object.entries(data.latency ?? {})) {
      attributes[`landline.latency.${step.replace(/Ms$/, '').replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}_ms`] =
        ms as number;
    }
    if (data.role === 'caller') {
      const span = this.#book.open('turn', data.startMs, { 'landline.turn.role': 'caller' });
      this.#book.close(span, data.endMs, attributes);
      return;
    }
    this.#closeUtterance(t, {});
    this.#book.close(this.#agent?.span, t, attributes);
    this.#agent = undefined;
  }

  #onLlm({ generation, event }: Extract<DialogueInput, { type: 'llm' }>, t: number): void {
    const thought = this.#thought;
    if (thought?.generation !== generation) return;
    if (event.type === 'llmFailed') {
      this.#closeThought(t, {}, event.failure.kind);
      return;
    }
    if (!thought.begun && event.type !== 'llmDone') {
      thought.begun = true;
      mark(thought.span, 'first_token', t);
    }
    if (event.type !== 'llmDone') return;
    this.#closeThought(t, {
      'landline.outcome': event.finish,
      ...(event.usage
        ? {
            'gen_ai.usage.input_tokens': event.usage.promptTokens,
            'gen_ai.usage.output_tokens': event.usage.completionTokens,
          }
        : {}),
    });
  }

  #onTts(event: Extract<DialogueInput, { type: 'tts' }>['event'], t: number): void {
    if (event.type === 'ttsDone' && event.utterance === this.#utterance?.number) this.#closeUtterance(t, {});
    if (event.type !== 'ttsFailed') return;
    if (event.utterance === undefined || event.utterance === this.#utterance?.number)
      this.#closeUtterance(t, {}, event.failure.kind);
  }

  #closeEar(t: number, error?: string): void {
    this.#book.close(this.#ear?.span, t, {}, error);
    this.#ear = undefined;
  }

  #closeThought(t: number, more: Attributes, error?: string): void {
    this.#book.close(this.#thought?.span, t, more, error);
    this.#thought = undefined;
  }

  #closeUtterance(t: number, more: Attributes, error?: string): void {
    this.#book.close(this.#utterance?.span, t, more, error);
    this.#utterance = undefined;
  }
}

function mark(span: OpenSpan | undefined, name: string, t: number): void {
  span?.events.push({ name, t });
}

function isFailure(outcome: ReturnType<typeof toolOutcome>): boolean {
  return outcome === 'error' || outcome === 'failed';
}
