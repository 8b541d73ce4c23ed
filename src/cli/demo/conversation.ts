import type { TurnRecord } from '../../agent/dialogue/inputs.ts';
import type { PublishedEvent } from '../../call/ports.ts';
import type { EmulatedCall } from '../../emulator/telnyx/index.ts';
import type { Gateway } from '../../server/gateway.ts';
import type { CallerTurn } from './call-plan.ts';
import type { Screen } from './screen.ts';

export interface ConversationOptions {
  readonly gateway: Gateway;
  readonly call: EmulatedCall;
  readonly screen: Screen;
}

const STATUS_MS = 100;

/** Shows the one call of a gateway on the screen while it goes on, and remembers what only a live call can tell. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #startedMs = new Map<number, number>();
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #callerMs = 0;
  #unheardWords = 0;
  #partial = '';
  #callId: string | undefined;
  #underruns = 0;
  #hasEnded = false;
  /** Turns that ended within one step of the call. */
  #justEnded: TurnRecord[] = [];
  #wasKey = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#unsubscribe = options.gateway.events.subscribe((event) => this.#on(event));
    this.#timer = setInterval(() => this.#showNow(), STATUS_MS);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get callId(): string | undefined {
    return this.#callId;
  }

  /** What the gateway itself counted. */
  get underruns(): number {
    return this.#underruns;
  }

  /** The caller begins to do something. */
  did({ act }: CallerTurn): void {
    this.#callerMs = this.#nowMs;
    this.#partial = act.type === 'say' ? '…' : '';
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
  }

  get #nowMs(): number {
    return this.#options.call.sample / 8;
  }

  get #session(): ReturnType<Gateway['registry']['sessions']['get']> {
    return this.#options.gateway.registry.sessions.get(this.#callId ?? '');
  }

  #on(event: PublishedEvent): void {
    const { screen } = this.#options;
    switch (event.type) {
      case 'call.created':
        this.#callId = event.callId;
        screen.said(0, 'call', `${event.data.from} calls ${event.data.to}`);
        return;
      case 'call.answered':
        screen.said(this.#nowMs, 'call', 'the gateway answers');
        return;
      case 'turn.started':
        this.#startedMs.set(event.data.turn, event.data.role === 'agent' ? this.#nowMs : this.#callerMs);
        return;
      case 'transcript.partial':
        this.#partial = event.data.text;
        return;
      case 'speech.interrupted':
        this.#unheardWords = event.data.unheardWords;
        return;
      case 'turn.ended':
        // An interruption ends two turns at once, the caller's first: they are shown as they were spoken.
        if (this.#justEnded.length === 0) setImmediate(() => this.#showTurns());
        this.#justEnded.push(event.data);
        return;
      case 'dtmf.received':
        screen.said(this.#nowMs, 'caller', `[${event.data.digit}]`, 'key pressed');
        return;
      case 'tool.called':
        screen.said(this.#nowMs, 'call', `tool: ${event.data.name} ${event.data.arguments}`);
        return;
      case 'transfer.started':
        screen.said(this.#nowMs, 'call', `transfer to ${event.data.target}`);
        return;
      case 'transfer.ended':
        screen.said(this.#nowMs, 'call', `transfer to ${event.data.target}: ${event.data.outcome}`);
        return;
      case 'provider.failed':
        screen.said(this.#nowMs, 'call', `${event.data.provider} failed: ${event.data.message}`);
        return;
      case 'call.ended':
        screen.said(this.#nowMs, 'call', `the call has ended: ${event.data.reason.replaceAll('_', ' ')}`);
        this.#hasEnded = true;
        return;
      default:
    }
  }

  #showTurns(): void {
    for (const turn of this.#justEnded.sort((a, b) => a.startMs - b.startMs)) this.#showTurn(turn);
    this.#justEnded = [];
  }

  #showTurn(turn: TurnRecord): void {
    const { screen } = this.#options;
    const atMs = this.#startedMs.get(turn.turn) ?? this.#nowMs;
    if (turn.role === 'caller') {
      this.#partial = '';
      this.#wasKey = turn.text.startsWith('[pressed ');
      // A key press was shown when it happened.
      if (this.#wasKey) return;
      const text = turn.text === '[unclear]' ? '(not understood)' : turn.text;
      screen.said(atMs, 'caller', text, 'recognised');
      return;
    }
    // After a key the agent waits for more keys; that is no speed of answering.
    const wait = this.#wasKey ? undefined : turn.latency?.firstAudioMs;
    const notes = [
      ...(wait === undefined ? [] : [`after ${(wait / 1000).toFixed(2)} s`]),
      ...(turn.interrupted ? [`interrupted, ${this.#unheardWords} words never heard`] : []),
    ];
    screen.said(atMs, 'agent', turn.text + (turn.interrupted ? ' ✂' : ''), notes.join(', '));
  }

  /** The last line of a terminal: what is being said. */
  #showNow(): void {
    const session = this.#session;
    if (session) this.#underruns = session.media.playout.underruns;
    const { screen } = this.#options;
    if (!screen.isLive || !session) return;
    const speech = session.dialogue.speech;
    const text = speech?.segments.map((segment) => segment.text).join('') ?? '';
    if (this.#partial !== '') screen.status(this.#nowMs, `caller   ${this.#partial}`);
    else screen.status(this.#nowMs, speech?.firstAudioAt === undefined ? '' : `agent    ${text}`);
  }
}
