import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { LlmEvent, LlmProvider } from '../ports.ts';
import type { AgentScript } from '../script.ts';
import { answerScript, type ScriptAnswer } from './script-dialogue.ts';
import { scriptDocument } from './script-document.ts';

export interface ScriptedLlmOptions {
  readonly script: AgentScript;
  /** Speaks at the pace of a model. Without it the whole answer comes at once, inside `generate`. */
  readonly pace?: {
    readonly clock: Clock;
    /** To the first word, milliseconds. */
    readonly firstMs: number;
    /** Between words, milliseconds. */
    readonly wordMs: number;
  };
}

/** An agent without a model: rules from a script, the same answer to the same history, always. */
export function createScriptedLlm({ script, pace }: ScriptedLlmOptions): LlmProvider {
  return {
    name: `scripted ${script.source}`,
    warm: () => undefined,
    generate(request, emit) {
      const { say, call }: ScriptAnswer = request.document
        ? { say: scriptDocument(request) }
        : answerScript(script, request);
      // Words with the space behind them, so that the pieces put together are the text.
      const words: readonly LlmEvent[] = (say.match(/\S+\s*/g) ?? []).map((text) => ({ type: 'llmDelta', text }));
      const end: readonly LlmEvent[] = call
        ? [
            { type: 'llmToolCall', call },
            { type: 'llmDone', finish: 'tool_calls' },
          ]
        : [{ type: 'llmDone', finish: 'stop' }];

      let aborted = false;
      let timer: TimerHandle | undefined;
      const abort = (): void => {
        aborted = true;
        timer?.cancel();
      };
      if (!pace) {
        for (const event of [...words, ...end]) emit(event);
        return { abort };
      }
      const next = (at: number): void => {
        const word = words[at];
        for (const event of word ? [word] : end) if (!aborted) emit(event);
        if (word && !aborted) timer = pace.clock.after(at + 1 < words.length ? pace.wordMs : 0, () => next(at + 1));
      };
      timer = pace.clock.after(pace.firstMs, () => next(0));
      return { abort };
    },
  };
}
