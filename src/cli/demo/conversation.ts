import { tokensOf } from '../../agent/dialogue/wording.ts';
import { writtenOf } from '../../agent/spoken-token.ts';
import type { PublishedEvent } from '../../call/ports.ts';
import type { EmulatedCall } from '../../emulator/telnyx/index.ts';
import type { Gateway } from '../../server/gateway.ts';
import type { Screen } from '../screen.ts';
import { Transcript } from '../transcript.ts';
import type { CallerTurn } from './call-plan.ts';

export interface ConversationOptions {
  readonly gateway: Gateway;
  readonly call: EmulatedCall;
  readonly screen: Screen;
}

const STATUS_MS = 100;

/** Shows the one call of a gateway on the screen while it goes on, and remembers what only a live call can tell. */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #transcript: Transcript;
  readonly #unsubscribe: () => void;
  readonly #timer: NodeJS.Timeout;
  #partial = '';
  #callId: string | undefined;
  #underruns = 0;
  #hasEnded = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#transcript = new Transcript(options.screen);
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
    this.#partial = act.type === 'say' ? '…' : '';
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unsubscribe();
  }

  #on(event: PublishedEvent): void {
    if (event.type === 'call.created') this.#callId = event.callId;
    if (event.type === 'transcript.partial') this.#partial = event.data.text;
    if (event.type === 'turn.ended' && event.data.role === 'caller') this.#partial = '';
    if (event.type === 'call.ended') this.#hasEnded = true;
    this.#transcript.on(event);
  }

  /** The last line of a terminal: what is being said. */
  #showNow(): void {
    const { screen, gateway, call } = this.#options;
    const session = gateway.registry.sessions.get(this.#callId ?? '');
    if (!session) return;
    this.#underruns = session.media.playout.underruns;
    const { speech } = session.dialogue;
    const isHeard = speech?.firstAudioAt !== undefined;
    const said = isHeard ? `agent    ${writtenOf(tokensOf(speech))}` : '';
    screen.status(call.sample / 8, this.#partial === '' ? said : `caller   ${this.#partial}`);
  }
}
