import { bytesPerMs, frameBytes, PCMU_8K, type AudioFormat } from '../audio/format.ts';
import { silence } from '../audio/codec.ts';
import type { ReorderCounters } from '../audio/reorder.ts';
import type { Log } from '../core/log.ts';
import {
  CLEAR_MESSAGE,
  createMarkMessage,
  createMediaMessage,
  parseStreamMessage,
  type StreamMessage,
} from '../telnyx/stream-messages.ts';
import { InboundAudio, type InboundSink } from './inbound-audio.ts';
import type { CallInput, LegName } from './inputs.ts';
import { Playout } from './playout.ts';
import type { WireOrder } from './wire-order.ts';
import type { Recorder } from './recorder.ts';

/** A media WebSocket as the call sees it; the server wraps `ws`, tests give memory. */
export interface MediaSocket {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes not yet taken by the kernel. */
  readonly bufferedAmount: number;
}

/** What a leg's audio tells its session. */
export interface MediaLegSink extends InboundSink {
  input(input: CallInput): void;
  digit(digit: string): void;
  played(turn: number, by: 'mark' | 'clock'): void;
  markEchoed(name: string): void;
}

/** Over this the far end has stopped reading; what we add would be heard minutes late or never. */
const MAX_BUFFERED = 256 * 1024;
/** Garbage messages that a socket may send before it is taken for hostile. */
const MAX_BAD = 50;

/** Counters of one leg's media, for the report, metrics and log. */
export interface MediaCounters {
  framesIn: number;
  framesOut: number;
  bad: number;
  ignored: number;
  /** Frames that never came and were concealed. */
  lost: number;
  duplicate: number;
  /** Frames that came after they had been given up. */
  late: number;
  reordered: number;
  /** Sockets closed because the far end did not read. */
  unread: number;
}

const NOTHING_COUNTED: MediaCounters = {
  ...{ framesIn: 0, framesOut: 0, bad: 0, ignored: 0 },
  ...{ lost: 0, duplicate: 0, late: 0, reordered: 0, unread: 0 },
};

/**
 * One leg's audio, both ways: the sockets of its streams one after the other, the way in, playout on the way out, and the
 * record of both.
 */
export class MediaLeg {
  readonly leg: LegName;
  readonly playout: Playout;
  readonly recorder: Recorder;
  readonly #counters: MediaCounters = { ...NOTHING_COUNTED };
  /** Time of the last inbound audio. */
  lastFrameAt = 0;
  readonly #sink: MediaLegSink;
  readonly #log: Log;
  readonly #outbound: AudioFormat;
  /** Only where the wire carries L16. */
  readonly #order: WireOrder | undefined;
  #inbound: InboundAudio | undefined;
  #socket: MediaSocket | undefined;
  #epoch = 0;
  #streamId: string | undefined;
  /** Unreadable messages of the present socket. */
  #badHere = 0;

  constructor(
    leg: LegName,
    outbound: AudioFormat,
    sink: MediaLegSink,
    recorder: Recorder,
    order: WireOrder | undefined,
    log: Log,
  ) {
    this.leg = leg;
    this.#sink = sink;
    this.#log = log;
    this.#outbound = outbound;
    this.#order = order;
    this.recorder = recorder;
    this.playout = new Playout(
      {
        frame: (bytes) => this.#send(createMediaMessage(order ? order.write(bytes) : bytes)),
        mark: (name) => this.#send(createMarkMessage(name)),
        clear: () => this.#send(CLEAR_MESSAGE),
        run: (t) => recorder.agentRun(t),
        heard: (bytes, { inRun, markedAt }) => recorder.agent(bytes, inRun, markedAt),
        played: (turn, by) => sink.played(turn, by),
      },
      {
        frameBytes: frameBytes(outbound),
        bytesPerMs: bytesPerMs(outbound),
        silence: (bytes) => silence(outbound, Math.ceil(bytes / bytesPerMs(outbound))).subarray(0, bytes),
      },
    );
  }

  /** What was counted so far, over all streams of the leg. */
  get counters(): Readonly<MediaCounters> {
    const sum = { ...this.#counters };
    for (const [name, count] of Object.entries(this.#inbound?.counters ?? {}) as [keyof ReorderCounters, number][])
      sum[name] += count;
    return sum;
  }

  /** Is a socket attached? */
  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Format of the caller's audio; what we asked for until Telnyx has announced it. */
  get inboundFormat(): AudioFormat {
    return this.#inbound?.format ?? this.#outbound;
  }

  /** A new socket takes over; what an older one still says is ignored. */
  attach(epoch: number, socket: MediaSocket): void {
    this.#epoch = epoch;
    this.#socket = socket;
    this.#streamId = undefined;
    this.#badHere = 0;
    this.playout.forgetMarks();
  }

  /** Closes the socket of the present stream, if there is one. From now on nothing is sent to it or heard from it. */
  close(code: number, reason: string): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(code, reason);
  }

  detach(epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#socket = undefined;
    this.#inbound?.advance(Infinity);
    this.recorder.flush();
  }

  due(): number {
    return Math.min(this.playout.due(), this.#inbound?.due() ?? Infinity);
  }

  /** Does what is due by `t`: frames out, and frames in that were waited for too long. */
  advance(t: number): void {
    this.#inbound?.advance(t);
    this.playout.advance(t);
  }

  /** One message of the socket of stream `epoch`, at `t`. Never throws on a peer's garbage. */
  message(epoch: number, data: Buffer, t: number, callControlId: string): void {
    if (epoch !== this.#epoch || !this.#socket) return;
    const message = parseStreamMessage(data);
    switch (message.event) {
      case 'media':
        if (message.track === 'outbound' || this.#streamId === undefined || !this.#inbound) {
          this.#counters.ignored++;
          return;
        }
        this.#counters.framesIn++;
        this.lastFrameAt = t;
        this.#inbound.write(message.chunk, this.#inboundBytes(message.payload), t);
        return;
      case 'start':
        this.lastFrameAt = t;
        this.#start(epoch, message, callControlId);
        return;
      case 'mark':
        this.#sink.markEchoed(message.name);
        return;
      case 'dtmf':
        if (this.#streamId !== undefined) this.#sink.digit(message.digit);
        return;
      case 'stop':
        this.#sink.input({ type: 'mediaStopped', leg: this.leg, epoch });
        return;
      case 'error':
        this.#log.warn({ telnyxCode: message.code, title: message.title }, 'media stream error frame');
        return;
      case 'bad':
        this.#bad(message.reason);
        return;
      case 'connected':
      case 'unknown':
        return;
    }
  }

  #start(epoch: number, message: Extract<StreamMessage, { event: 'start' }>, callControlId: string): void {
    // The token is the leg's; a leg that we dial may be heard before Telnyx has told its id.
    if (callControlId !== '' && message.callControlId !== callControlId) {
      this.#log.warn({}, 'media stream named another call; closed');
      this.close(1008, 'start names another call');
      return;
    }
    if (this.#streamId !== undefined) {
      if (message.streamId !== this.#streamId) this.close(1008, 'second start');
      return;
    }
    this.#streamId = message.streamId;
    const format = readFormat(message);
    if (!format) {
      const encoding = message.format
        ? `${message.format.encoding}/${message.format.sampleRate ?? '?'}`
        : 'no media_format';
      this.#sink.input({ type: 'mediaUnsupported', leg: this.leg, epoch, encoding });
      return;
    }
    Object.assign(this.#counters, this.counters);
    this.#inbound = new InboundAudio(format, this.#sink);
    this.recorder.newStream();
    this.recorder.format('caller', format);
    this.recorder.format('agent', this.#outbound);
    const { streamId } = message;
    this.#sink.input({
      type: 'mediaStarted',
      leg: this.leg,
      epoch,
      streamId,
      encoding: format.codec,
      sampleRate: format.sampleRate,
    });
  }

  /** Caller audio as the rooms behind know it. */
  #inboundBytes(payload: Uint8Array): Uint8Array {
    return this.#order && this.#inbound?.format.codec === 'L16' ? this.#order.read(payload) : payload;
  }

  #bad(reason: string): void {
    this.#counters.bad++;
    this.#log.debug({ reason, bad: this.#counters.bad }, 'media message dropped');
    if (++this.#badHere < MAX_BAD) return;
    this.#log.warn({ bad: MAX_BAD }, 'media socket sends garbage; closed');
    this.close(1007, 'too many unreadable messages');
  }

  #send(text: string): void {
    const socket = this.#socket;
    if (!socket) return;
    if (socket.bufferedAmount > MAX_BUFFERED) {
      this.#log.warn({ bufferedAmount: socket.bufferedAmount }, 'media socket does not read; closed');
      this.#counters.unread++;
      this.close(1013, 'not reading');
      return;
    }
    this.#counters.framesOut++;
    socket.send(text);
  }
}

/** What we can play, from what Telnyx announced. */
function readFormat(message: Extract<StreamMessage, { event: 'start' }>): AudioFormat | undefined {
  const { format } = message;
  if (!format || (format.channels !== undefined && format.channels !== 1)) return undefined;
  const encoding = format.encoding.toUpperCase();
  const rate = format.sampleRate ?? 8000;
  if (encoding === 'PCMU' && rate === 8000) return PCMU_8K;
  if (encoding === 'PCMA' && rate === 8000) return { codec: 'PCMA', sampleRate: 8000 };
  if (encoding === 'L16' && (rate === 8000 || rate === 16000))
    return { codec: 'L16', sampleRate: rate, byteOrder: 'little' };
  return undefined;
}
