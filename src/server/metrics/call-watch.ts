import type { DialogueInput } from '../../agent/dialogue/inputs.ts';
import type { AnyEffect, CallInput, PublicEvent } from '../../call/inputs.ts';
import { KnownTools } from '../../call/known-tools.ts';
import type { CallObserver, ObservedCommand } from '../../call/observer.ts';
import type { AgentProviders } from '../../call/ports.ts';
import type { AudioMetrics } from './audio.ts';
import type { CallMetrics } from './calls.ts';
import type { ConversationMetrics } from './conversation.ts';
import type { ProviderKind, ProviderMetrics } from './providers.ts';

/** The metrics that calls feed. */
export interface CallSubjects {
  readonly calls: CallMetrics;
  readonly conversation: ConversationMetrics;
  readonly providers: ProviderMetrics;
  readonly audio: AudioMetrics;
}

/** Feeds the metrics with what one call's journal sees. Remembers only what is under way. */
export class CallWatch implements CallObserver {
  readonly #to: CallSubjects;
  readonly #providers: AgentProviders;
  readonly #tools = new KnownTools();
  readonly #toolsAt = new Map<string, number>();
  readonly #commandsAt = new Map<number, number>();
  /** Who failed last; the event that tells of it follows within the same step. */
  readonly #vendors: Record<ProviderKind, string | undefined> = { stt: undefined, llm: undefined, tts: undefined };
  #held: 'voice' | 'no' = 'no';
  #latest: string | undefined;

  constructor(to: CallSubjects, providers: AgentProviders) {
    this.#to = to;
    this.#providers = providers;
  }

  input(input: CallInput | DialogueInput, t: number): void {
    this.#latest = input.type;
    switch (input.type) {
      case 'stt':
      case 'llm':
      case 'tts':
        this.#heardOf(input);
        return;
      case 'commandDone': {
        const { name, outcome, effect } = input;
        this.#to.calls.commandDone(name, outcome.ok ? 'ok' : outcome.kind, since(this.#commandsAt, effect, t));
        return;
      }
      case 'mediaClosed':
        // What goes on after this was not held by the caller's voice any more.
        this.#held = 'no';
        return;
      case 'stalled':
        this.#to.audio.stalled();
        return;
      case 'fault':
        this.#to.calls.fault();
        return;
      default:
    }
  }

  #heardOf({ type, event }: Extract<DialogueInput, { type: ProviderKind }>): void {
    this.#vendors[type] = 'failure' in event ? event.failure.vendor : undefined;
    if (event.type === 'llmDone' && event.usage) this.#to.providers.tokens(this.#providers.llm.name, event.usage);
  }

  effect(effect: AnyEffect): void {
    switch (effect.type) {
      case 'llmStart':
        this.#tools.offered(effect.tools);
        return;
      case 'playPause':
        this.#held = this.#latest === 'voice' || this.#latest === 'ttsFirstAudio' ? 'voice' : 'no';
        return;
      case 'playResume':
        if (this.#held === 'voice') this.#to.conversation.falseAlarm();
        this.#held = 'no';
        return;
      case 'playDrop':
        this.#held = 'no';
        return;
      default:
    }
  }

  command({ s }: ObservedCommand, t: number): void {
    this.#commandsAt.set(s, t);
  }

  event(event: PublicEvent, t: number): void {
    const { calls, conversation, providers, audio } = this.#to;
    calls.event(event);
    conversation.event(event);
    audio.event(event);
    switch (event.type) {
      case 'tool.called':
        this.#toolsAt.set(event.data.id, t);
        return;
      case 'tool.ended': {
        const { id, name, result } = event.data;
        calls.toolEnded(this.#tools.label(name), result, since(this.#toolsAt, id, t));
        return;
      }
      case 'provider.failed': {
        const { provider, kind } = event.data;
        providers.failed(provider, this.#vendors[provider] ?? this.#providers[provider].name, kind);
        return;
      }
      case 'provider.recovered':
        providers.recovered(event.data.provider);
        return;
      default:
    }
  }

  ended(): void {
    this.#toolsAt.clear();
    this.#commandsAt.clear();
  }
}

function since<K>(begun: Map<K, number>, key: K, t: number): number | undefined {
  const at = begun.get(key);
  begun.delete(key);
  return at === undefined ? undefined : t - at;
}
