import type { TurnRecord } from '../agent/dialogue/inputs.ts';
import type { PublishedEvent } from '../call/ports.ts';
import type { Screen } from './screen.ts';

/** Writes the events of one call on the screen, as a conversation. Times run from the answer. */
export class Transcript {
  readonly #screen: Screen;
  /** Wall milliseconds: the call's own clock, and the answer. */
  #createdAt = 0;
  #answeredAt = 0;
  /** Turns that ended within one step of the call. */
  #justEnded: TurnRecord[] = [];
  #unheardWords = 0;
  #wasKey = false;
  #isOut = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  on(event: PublishedEvent): void {
    if (event.type === 'turn.ended') {
      // An interruption ends two turns at once, the caller's first: they are shown as they were spoken.
      if (this.#justEnded.length === 0) setImmediate(() => this.#showTurns());
      this.#justEnded.push(event.data);
      return;
    }
    if (event.type === 'speech.interrupted') {
      this.#unheardWords = event.data.unheardWords;
      return;
    }
    this.#showTurns();
    const wall = Date.parse(event.at);
    if (event.type === 'call.created') this.#createdAt = this.#answeredAt = wall;
    if (event.type === 'call.answered') this.#answeredAt = wall;
    const atMs = wall - this.#answeredAt;
    if (event.type === 'dtmf.received') this.#screen.said(atMs, 'caller', `[${event.data.digit}]`, 'key pressed');
    if (event.type === 'call.created') this.#isOut = event.data.direction === 'outbound';
    const happened = event.type === 'call.answered' && this.#isOut ? 'answered' : sentence(event);
    if (happened !== undefined) this.#screen.said(atMs, 'call', happened);
  }

  #showTurns(): void {
    for (const turn of this.#justEnded.sort((a, b) => a.startMs - b.startMs)) this.#showTurn(turn);
    this.#justEnded = [];
  }

  #showTurn({ role, text, startMs, interrupted, latency }: TurnRecord): void {
    const atMs = this.#createdAt + startMs - this.#answeredAt;
    if (role === 'caller') {
      this.#wasKey = text.startsWith('[pressed ');
      // A key press was shown when it happened.
      if (!this.#wasKey)
        this.#screen.said(atMs, 'caller', text === '[unclear]' ? '(not understood)' : text, 'recognised');
      return;
    }
    // After a key the agent waits for more keys; that is no speed of answering.
    const wait = this.#wasKey ? undefined : latency?.firstAudioMs;
    const notes = [
      ...(wait === undefined ? [] : [`after ${(wait / 1000).toFixed(2)} s`]),
      ...(interrupted ? [`interrupted, ${this.#unheardWords} words never heard`] : []),
    ];
    this.#screen.said(atMs, 'agent', text + (interrupted ? ' ✂' : ''), notes.join(', '));
  }
}

const ANSWERED_BY = {
  human: 'a person answered',
  machine: 'an answering machine answered',
  fax: 'a fax machine answered',
  unknown: 'a person or a machine answered',
} as const;

function sentence(event: PublishedEvent): string | undefined {
  switch (event.type) {
    case 'call.created':
      return `${event.data.from} calls ${event.data.to}`;
    case 'call.answered':
      return 'the gateway answers';
    case 'call.updated':
      if (event.data.answeredBy !== undefined) return ANSWERED_BY[event.data.answeredBy];
      return event.data.status === 'ringing' ? 'it rings' : undefined;
    case 'tool.called':
      return `tool: ${event.data.name} ${event.data.arguments}`;
    case 'transfer.started':
      return `transfer to ${event.data.target}`;
    case 'transfer.ended':
      return `transfer to ${event.data.target}: ${event.data.outcome}`;
    case 'provider.failed':
      return `${event.data.provider} failed: ${event.data.message}`;
    case 'call.ended':
      return `the call has ended: ${event.data.reason.replaceAll('_', ' ')}`;
    default:
      return undefined;
  }
}
