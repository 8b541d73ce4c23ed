import WebSocket from 'ws';
import { peak } from '../../audio/level.ts';
import { LandlineError } from '../../core/errors.ts';
import { readPhoneEvent, type PhoneCommand, type PhoneEvent } from './messages.ts';

const PIECE_SAMPLES = 160;
const SAMPLES_PER_MS = 8;
/** About -40 dBFS: speech is above, the noise of a line below. */
const SOUND_PEAK = 330;
/** Sent ahead, so that a late message leaves no hole. */
const LEAD_PIECES = 10;

/** A phone in another process: calls on `/phone/socket`, speaks samples in real time and keeps what it hears. */
export class RemotePhone {
  readonly #socket: WebSocket;
  readonly #heard: Int16Array[] = [];
  #saying: Int16Array = new Int16Array(0);
  #said = 0;
  /** Samples heard at the end of the last piece with sound in it. */
  #soundAt = 0;
  #samples = 0;
  #end: Extract<PhoneEvent, { type: 'ended' | 'refused' }> | undefined;
  #isAnswered = false;
  #from = '';
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#hear(data as Buffer);
      else this.#happened(readPhoneEvent((data as Buffer).toString('utf8')));
      this.#wake();
    });
    socket.on('close', () => {
      this.#end ??= { type: 'ended', by: 'network', cause: 'the gateway has closed the line' };
      this.#wake();
    });
    socket.on('error', () => socket.terminate());
  }

  /**
   * @param url `ws://…/phone/socket`.
   * @throws LandlineError `not_found` when nothing answers there as a phone does.
   */
  static async connect(url: string): Promise<RemotePhone> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const phone = new RemotePhone(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', (cause) => {
        reject(new LandlineError('not_found', `no phone line at ${url}: ${cause.message}`, { cause }));
      });
    });
    return phone;
  }

  /** The number it calls from; empty before `calling`. */
  get from(): string {
    return this.#from;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** How the call ended, or why it never began. */
  get end(): Extract<PhoneEvent, { type: 'ended' | 'refused' }> | undefined {
    return this.#end;
  }

  /** Heard so far, milliseconds: the phone's clock. */
  get nowMs(): number {
    return this.#samples / SAMPLES_PER_MS;
  }

  /** When sound was last heard, on the same clock; 0 before. */
  get soundMs(): number {
    return this.#soundAt / SAMPLES_PER_MS;
  }

  get isSpeaking(): boolean {
    return this.#said < this.#saying.length;
  }

  /** Everything heard, 8 kHz. */
  heard(): Int16Array {
    const all = new Int16Array(this.#samples);
    let at = 0;
    for (const piece of this.#heard) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  send(command: PhoneCommand): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }

  /** Says `samples` from now on, at the pace of the line. */
  speak(samples: Int16Array): void {
    this.#saying = samples;
    this.#said = 0;
    for (let piece = 0; piece < LEAD_PIECES; piece++) this.#sayOne();
  }

  /** Resolves when `holds`, or the call is over: asked at everything that comes. */
  async until(holds: () => boolean): Promise<void> {
    while (this.#end === undefined && !holds()) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#socket.close();
  }

  #hear(bytes: Buffer): void {
    const samples = new Int16Array(bytes.length >> 1);
    for (let at = 0; at < samples.length; at++) samples[at] = bytes.readInt16LE(at * 2);
    this.#heard.push(samples);
    this.#samples += samples.length;
    if (peak(samples) >= SOUND_PEAK) this.#soundAt = this.#samples;
    // The line's own clock is the pace: a piece out for each piece in.
    this.#sayOne();
  }

  #sayOne(): void {
    if (!this.isSpeaking || this.#socket.readyState !== WebSocket.OPEN) return;
    const bytes = Buffer.alloc(2 * PIECE_SAMPLES);
    for (let at = 0; at < PIECE_SAMPLES; at++) bytes.writeInt16LE(this.#saying[this.#said + at] ?? 0, at * 2);
    this.#socket.send(bytes);
    this.#said += PIECE_SAMPLES;
  }

  #happened(event: PhoneEvent | undefined): void {
    if (event?.type === 'calling') this.#from = event.from;
    if (event?.type === 'answered') this.#isAnswered = true;
    if (event?.type === 'ended' || event?.type === 'refused') this.#end ??= event;
  }
}
