import WebSocket from 'ws';
import { encodeG711 } from '../../src/audio/g711.ts';
import {
  DEED,
  DEEDS,
  FRAME_BYTES,
  FrameCheck,
  GIVEN_AT,
  INDEX,
  machineMicros,
  readStamp,
  STAMP_BYTES,
  STAMP_CHARS,
  writeStamp,
} from './stamp.ts';

export interface PhoneTimes {
  /** End of turn sent -> first frame of the answer received, milliseconds. */
  readonly answers: number[];
  /** Words sent -> `clear` received. */
  readonly clears: number[];
  /** The voice gave its first byte away -> that frame received. */
  readonly firstFrames: number[];
}

/** Frames of noise, used in turn. */
const VARIANTS = 50;
const TAILS = noiseTails();

/**
 * The media socket of one caller, as Telnyx drives it: 50 stamped frames a second in, everything that comes back checked,
 * marks echoed at once.
 */
export class Phone {
  readonly check = new FrameCheck();
  readonly times: PhoneTimes = { answers: [], clears: [], firstFrames: [] };
  sent = 0;
  received = 0;
  readonly #socket: WebSocket;
  readonly #stamp = Buffer.alloc(STAMP_BYTES, 0xff);
  #deed: number = DEEDS.none;
  #wordsAt: number | undefined;
  #turnEndedAt: number | undefined;

  /** @param start the `start` message; a plain echo server needs none. */
  constructor(url: string, opened: () => void, start?: string) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on('open', () => {
      if (start !== undefined) {
        this.#socket.send('{"event":"connected","version":"1.0.0"}');
        this.#socket.send(start);
      }
      opened();
    });
    this.#socket.on('message', (data) => this.#message(data as Buffer));
    this.#socket.on('error', (error) => {
      throw error;
    });
  }

  /** 20 ms of the caller. */
  frame(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const n = this.sent++;
    writeStamp(this.#stamp, INDEX.at, INDEX.nibbles, n % 0x10000);
    writeStamp(this.#stamp, DEED.at, DEED.nibbles, this.#deed);
    const now = machineMicros();
    if (this.#deed === DEEDS.words) this.#wordsAt = now;
    else if (this.#deed === DEEDS.endOfTurn) this.#turnEndedAt = now;
    this.#deed = DEEDS.none;
    const payload = this.#stamp.toString('base64') + (TAILS[n % VARIANTS] ?? '');
    this.#socket.send(
      `{"event":"media","sequence_number":"${n + 2}","stream_id":"b7d4f7de-3ac4-4b8a-9d35-0f3b1f2f6a11","media":` +
        `{"track":"inbound","chunk":"${n + 1}","timestamp":"${n * 20}","payload":"${payload}"}}`,
    );
  }

  /** The next frame interrupts the agent. */
  interrupt(): void {
    this.#deed = DEEDS.words;
  }

  /** The next frame ends the caller's turn. */
  endTurn(): void {
    this.#deed = DEEDS.endOfTurn;
  }

  close(): void {
    this.#socket.close();
  }

  #message(data: Buffer): void {
    if (data[MEDIA_AT] === MEDIA_BYTE) {
      this.#media(data);
      return;
    }
    const message = JSON.parse(data.toString('utf8')) as { event: string; mark?: { name: string } };
    if (message.event === 'mark') this.#socket.send(JSON.stringify({ event: 'mark', mark: message.mark }));
    else if (message.event === 'clear' && this.#wordsAt !== undefined) {
      this.times.clears.push((machineMicros() - this.#wordsAt) / 1000);
      this.#wordsAt = undefined;
    }
  }

  #media(data: Buffer): void {
    this.received++;
    const at = data.indexOf(PAYLOAD) + PAYLOAD.length;
    const stamp = Buffer.from(data.toString('latin1', at, at + STAMP_CHARS), 'base64');
    const index = readStamp(stamp, INDEX.at, INDEX.nibbles);
    this.check.see(index);
    if (index !== 0 || this.#turnEndedAt === undefined) return;
    const now = machineMicros();
    this.times.answers.push((now - this.#turnEndedAt) / 1000);
    this.times.firstFrames.push((now - readStamp(stamp, GIVEN_AT.at, GIVEN_AT.nibbles)) / 1000);
    this.#turnEndedAt = undefined;
  }
}

const PAYLOAD = '"payload":"';
/** In `{"event":"media"` and `{"event":"mark"` the third letter of the event tells them apart. */
const MEDIA_AT = '{"event":"me'.length - 1;
const MEDIA_BYTE = 'e'.charCodeAt(0);

/** Line noise at -41 dBFS, different in every frame: no voice to a detector, and the codec can be told from it. */
function noiseTails(): string[] {
  let state = 1;
  return Array.from({ length: VARIANTS }, () => {
    const samples = Int16Array.from({ length: FRAME_BYTES - STAMP_BYTES }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return (state >> 16) / 64;
    });
    return Buffer.from(encodeG711('PCMU', samples)).toString('base64');
  });
}
