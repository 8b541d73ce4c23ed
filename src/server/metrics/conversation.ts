import type { Counter, Histogram } from 'prom-client';
import type { TurnLatency } from '../../agent/dialogue/inputs.ts';
import type { PublicEvent } from '../../call/inputs.ts';
import type { Instruments } from './instruments.ts';

const STAGES: Readonly<Record<keyof TurnLatency, string>> = {
  endOfTurnMs: 'end_of_turn',
  firstTokenMs: 'first_token',
  firstAudioMs: 'first_tts_byte',
  firstFrameMs: 'first_frame_sent',
  firstPlayedMs: 'first_audio_played',
};

/** How the talk goes: who spoke, how long answers took, who was interrupted. */
export class ConversationMetrics {
  readonly #turns: Counter<'role'>;
  readonly #latency: Histogram<'stage'>;
  readonly #bargeIns: Counter;
  readonly #falseAlarms: Counter;

  constructor(on: Instruments) {
    this.#turns = on.counter('landline_turns_total', 'Turns ended, by who spoke.', ['role']);
    this.#latency = on.histogram(
      'landline_turn_latency_seconds',
      "End of the caller's speech to each stage of the answer.",
      [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10],
      ['stage'],
    );
    this.#bargeIns = on.counter('landline_barge_ins_total', 'Agent turns cut by the caller.');
    this.#falseAlarms = on.counter(
      'landline_barge_in_false_alarms_total',
      'Agent turns paused for a sound of the caller that was no turn, and resumed.',
    );
  }

  event(event: PublicEvent): void {
    if (event.type === 'speech.interrupted') this.#bargeIns.inc();
    if (event.type !== 'turn.ended') return;
    this.#turns.inc({ role: event.data.role });
    const { latency } = event.data;
    if (!latency) return;
    for (const [step, stage] of Object.entries(STAGES) as [keyof TurnLatency, string][]) {
      const ms = latency[step];
      if (ms !== undefined) this.#latency.observe({ stage }, ms / 1000);
    }
  }

  falseAlarm(): void {
    this.#falseAlarms.inc();
  }
}
