import { randomInt } from 'node:crypto';
import type WebSocket from 'ws';
import { messageOf } from '../../core/errors.ts';
import type { EmulatedCall, TelnyxEmulator } from '../../emulator/telnyx/index.ts';
import { readPhoneCommand, type PhoneCommand, type PhoneEvent } from './messages.ts';

export interface SampleCaller {
  readonly name: string;
  /** What is said in it. */
  readonly transcript: string;
  /** 8 kHz. */
  readonly samples: Int16Array;
}

const PIECE_MS = 20;
const PIECE_SAMPLES = 160;
/** A browser's pieces come unevenly: speech begins when so much is there. */
const HELD_PIECES = 3;
/** What is said later than this would be heard late for the rest of the call. */
const MAX_QUEUED_SAMPLES = 8000;
const MAX_MESSAGE_BYTES = 16_000;
/** A socket that does not read is given up. */
const MAX_BUFFERED = 1024 * 1024;

/** One phone on a WebSocket: places a call in the emulator and carries sound, keys and events. */
export class PhoneLine {
  readonly #socket: WebSocket;
  readonly #emulator: TelnyxEmulator;
  readonly #samples: readonly SampleCaller[];
  #call: EmulatedCall | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The first sample not sent yet. */
  #next = 0;
  #held: Int16Array[] = [];
  #queued = 0;
  #isPlaying = false;

  constructor(socket: WebSocket, emulator: TelnyxEmulator, samples: readonly SampleCaller[]) {
    this.#socket = socket;
    this.#emulator = emulator;
    this.#samples = samples;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#speak(data as Buffer);
      else this.#command((data as Buffer).toString('utf8'));
    });
    socket.on('close', () => this.#call?.hangup());
    socket.on('error', () => socket.terminate());
  }

  #command(text: string): void {
    const command = readPhoneCommand(text);
    if (typeof command === 'string') this.#tell({ type: 'refused', reason: command });
    else this.#obey(command);
  }

  #obey(command: PhoneCommand): void {
    switch (command.type) {
      case 'call':
        this.#place(command.to);
        return;
      case 'press':
        if (this.#call?.state === 'answered') this.#call.press(command.digits);
        else this.#tell({ type: 'refused', reason: 'there is no call to press keys in' });
        return;
      case 'play':
        this.#play(command.sample);
        return;
      case 'hangup':
        this.#call?.hangup();
    }
  }

  #place(to: string): void {
    if (this.#call) {
      this.#tell({ type: 'refused', reason: 'this phone is in a call' });
      return;
    }
    const from = `+1415555${String(randomInt(10_000)).padStart(4, '0')}`;
    let call: EmulatedCall;
    try {
      call = this.#emulator.placeCall({ from, to });
    } catch (thrown) {
      this.#tell({ type: 'refused', reason: messageOf(thrown) });
      return;
    }
    this.#call = call;
    this.#next = 0;
    this.#tell({ type: 'calling', from, to });
    call.on('answered', () => {
      this.#tell({ type: 'answered' });
      this.#timer = setInterval(() => this.#listen(call), PIECE_MS);
    });
    call.on('bridged', () => this.#tell({ type: 'bridged' }));
    call.on('digit', () => this.#tell({ type: 'digits', digits: call.digitsHeard }));
    call.on('ended', () => this.#ended(call));
  }

  #ended(call: EmulatedCall): void {
    clearInterval(this.#timer);
    this.#listen(call);
    this.#call = undefined;
    this.#held = [];
    this.#tell({ type: 'ended', by: call.endedBy ?? 'network', cause: call.hangupCause ?? 'unknown' });
  }

  #play(name: string): void {
    const call = this.#call;
    const sample = this.#samples.find((each) => each.name === name);
    if (call?.state !== 'answered' || !sample || this.#isPlaying) {
      const reason = sample ? 'a sample needs a call in which none is playing' : `there is no sample "${name}"`;
      this.#tell({ type: 'refused', reason });
      return;
    }
    this.#isPlaying = true;
    void call.play(sample.samples).then(() => {
      this.#isPlaying = false;
      this.#tell({ type: 'played', sample: name });
    });
  }

  /** A piece from the microphone. */
  #speak(bytes: Buffer): void {
    const call = this.#call;
    if (call?.state !== 'answered' || this.#isPlaying) return;
    if (bytes.length === 0 || bytes.length % 2 !== 0 || bytes.length > MAX_MESSAGE_BYTES) return;
    const samples = new Int16Array(bytes.length / 2);
    for (let at = 0; at < samples.length; at++) samples[at] = bytes.readInt16LE(at * 2);
    if (this.#queued === 0 && this.#held.length < HELD_PIECES) this.#held.push(samples);
    else this.#say(call, samples);
    if (this.#held.length < HELD_PIECES) return;
    for (const held of this.#held) this.#say(call, held);
    this.#held = [];
  }

  #say(call: EmulatedCall, samples: Int16Array): void {
    if (this.#queued + samples.length > MAX_QUEUED_SAMPLES) return;
    this.#queued += samples.length;
    void call.play(samples).then(() => (this.#queued -= samples.length));
  }

  /** Sends what was heard since the last time, in whole pieces. */
  #listen(call: EmulatedCall): void {
    const pieces = Math.floor((call.sample - this.#next) / PIECE_SAMPLES);
    if (pieces === 0) return;
    const heard = call.heardSince(this.#next);
    for (let piece = 0; piece < pieces; piece++) {
      const bytes = Buffer.alloc(2 * PIECE_SAMPLES);
      for (let at = 0; at < PIECE_SAMPLES; at++) bytes.writeInt16LE(heard[piece * PIECE_SAMPLES + at] ?? 0, at * 2);
      this.#socket.send(bytes);
    }
    this.#next += pieces * PIECE_SAMPLES;
    if (this.#socket.bufferedAmount > MAX_BUFFERED) this.#socket.terminate();
  }

  #tell(event: PhoneEvent): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(event));
  }
}
