import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import type { RawData } from 'ws';
import { FRAME_MS } from '../../audio/format.ts';
import type { AudioFormat } from '../../audio/format.ts';
import { randomId } from '../../core/ids.ts';
import { fromSamples, transcode } from './codec.ts';
import type { MediaFaults } from './faults.ts';
import { readFrame } from './gateway-frames.ts';
import type { GatewayFrame } from './gateway-frames.ts';
import { MediaLine } from './media-line.ts';
import type { MarkRecord } from './playback.ts';
import type { Scheduler } from './scheduler.ts';
import { StreamPlayback } from './stream-playback.ts';
import type { ClearRecord, FrameProblem, Outcome, PlaybackHost, Underrun } from './stream-playback.ts';
import type { StreamRequest } from './stream-request.ts';

/** Telnyx pings its sockets; two missed answers are a dead gateway. Interval chosen, not documented. */
const PING_MS = 20_000;
const HANDSHAKE_MS = 5000;
/** After our close frame the gateway has so long to close, too. */
const CLOSE_MS = 2000;
/** More than 30 s of 16 kHz linear audio in base64, the largest frame that is legal. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const ERRORS: Readonly<Record<FrameProblem, { readonly code: number; readonly title: string }>> = {
  malformed: { code: 100003, title: 'malformed_frame' },
  invalidMedia: { code: 100004, title: 'invalid_media' },
  rateLimit: { code: 100005, title: 'rate_limit_reached' },
};

/** A message of the gateway on the media socket. */
export interface ReceivedFrame {
  readonly streamId: string;
  readonly kind: 'media' | 'mark' | 'clear' | 'unknown';
  /** Monotonic milliseconds of its arrival. */
  readonly t: number;
  /** The same on the call's clock, in 8 kHz samples since the answer. */
  readonly sample: number;
  /** Obeyed the protocol. */
  readonly isValid: boolean;
  /** Media that reached an ear. */
  readonly isHeard: boolean;
  /** Why it was invalid or without effect. */
  readonly note: string | undefined;
  /** Codec bytes of media; empty when the call does not keep its audio. */
  readonly payload: Uint8Array | undefined;
  /** The message as it came, except for valid media. */
  readonly text: string | undefined;
}

/** The leg, as its stream sees it. */
export interface StreamHost extends Pick<PlaybackHost, 'sample' | 'timeOf' | 'hearers'> {
  readonly ids: { readonly callControlId: string; readonly callSessionId: string };
  readonly from: string;
  readonly to: string;
  readonly tags: readonly string[];
  readonly clientState: string | null;
  readonly format: AudioFormat;
  readonly isAnswered: boolean;
  readonly keepsAudio: boolean;
  webhook(type: string, payload: Readonly<Record<string, unknown>>): void;
  note(event: 'streamStarted' | 'streamStopped' | 'streamFailed' | 'frame' | 'mark' | 'clear' | 'underrun'): void;
}

export interface StreamEnvironment {
  readonly scheduler: Scheduler;
  readonly userId: string;
  readonly strict: boolean;
  readonly transcode: boolean;
  readonly underrunWindowMs: number;
  readonly faults: MediaFaults;
  readonly timestamp: () => string;
}

/** What the stream heard from the gateway; the leg keeps it over all its streams. */
export interface StreamRecords {
  readonly frames: ReceivedFrame[];
  readonly marks: MarkRecord[];
  readonly clears: ClearRecord[];
  readonly underruns: Underrun[];
}

/**
 * One media stream: the WebSocket client Telnyx is, its frames to the gateway and its playback buffer.
 *
 * ```
 * connecting -> waiting (open, the leg still rings) -> live (start was sent) -> closed
 * ```
 */
export class MediaStream {
  readonly id: string = randomId();
  readonly request: StreamRequest;
  readonly #host: StreamHost;
  readonly #env: StreamEnvironment;
  readonly #records: StreamRecords;
  readonly #line: MediaLine;
  readonly #inbound: AudioFormat;
  readonly #playback: StreamPlayback;
  readonly #ws: WebSocket;
  #socket: IncomingMessage['socket'] | undefined;
  #state: 'connecting' | 'waiting' | 'live' | 'closed' = 'connecting';
  #frozen = false;
  #isAlive = true;
  #sequence = 0;
  #chunks = { inbound: 0, outbound: 0 };
  #startIn = 0;

  constructor(host: StreamHost, request: StreamRequest, env: StreamEnvironment, records: StreamRecords) {
    this.request = request;
    this.#host = host;
    this.#env = env;
    this.#records = records;
    this.#line = new MediaLine(env.faults, env.scheduler, (message) => this.#send(message));
    this.#inbound = (env.transcode ? request.inbound : undefined) ?? host.format;
    this.#playback = new StreamPlayback({
      ...records,
      ...env,
      request,
      track: `stream ${host.ids.callControlId}`,
      happens: (fraction) => this.#line.happens(fraction),
      sample: () => host.sample(),
      timeOf: (sample) => host.timeOf(sample),
      hearers: (target) => host.hearers(target),
      sendMark: (name) => this.#sendNumbered('mark', { mark: { name } }),
      note: (event) => host.note(event),
    });
    this.#ws = new WebSocket(request.url, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_MESSAGE_BYTES,
      headers: request.authToken === undefined ? {} : { 'x-telnyx-streaming-auth-token': request.authToken },
    });
    this.#ws.on('upgrade', (response) => (this.#socket = response.socket));
    this.#ws.on('open', () => this.#opened());
    this.#ws.on('message', (data, isBinary) => this.#received(data, isBinary));
    this.#ws.on('pong', () => (this.#isAlive = true));
    // An error is always followed by `close`, which tells what it meant.
    this.#ws.on('error', () => undefined);
    this.#ws.on('close', () => this.#closed());
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** The leg was answered: a socket that was waiting starts. */
  answered(): void {
    if (this.#state === 'waiting') this.#begin();
  }

  /** 20 ms of what the person said, in the leg's codec, and what they heard (made only when it is streamed). */
  tick(said: Uint8Array, heard: () => Int16Array): void {
    if (this.#state !== 'live') return;
    if (this.request.track !== 'outbound_track')
      this.#media('inbound', transcode(this.#host.format, this.#inbound, said));
    if (this.request.track !== 'inbound_track') this.#media('outbound', fromSamples(this.#inbound, heard()));
  }

  dtmf(digit: string): void {
    if (this.#state !== 'live') return;
    this.#sendNumbered('dtmf', { occurred_at: this.#env.timestamp(), dtmf: { digit } });
  }

  /** Telnyx ends the stream: `stop`, close without a status, `streaming.stopped`. A stream that never began just closes. */
  stop(): void {
    if (this.#state === 'closed') return;
    const { callControlId } = this.#host.ids;
    const wasLive = this.#state === 'live';
    if (wasLive) this.#sendNumbered('stop', { stop: { user_id: this.#env.userId, call_control_id: callControlId } });
    this.#end();
    if (wasLive) this.#stopped();
    if (this.#frozen) return;
    // Without a status the gateway sees 1005, as in live logs.
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.close();
    else this.#ws.terminate();
    this.#env.scheduler.after(CLOSE_MS, () => this.#ws.terminate());
  }

  /** Resets the TCP connection. */
  dropSocket(): void {
    this.#socket?.resetAndDestroy();
  }

  /** Half-open: nothing is read or sent any more, nothing is closed. */
  freezeSocket(): void {
    this.#frozen = true;
    this.#socket?.pause();
  }

  /** A slow reader: goes on sending, reads nothing until {@link resumeReading}. */
  stopReading(): void {
    this.#ws.pause();
  }

  resumeReading(): void {
    this.#ws.resume();
  }

  sendRaw(message: string | Buffer): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(message);
  }

  /** Bytes straight onto the TCP connection, past the WebSocket framing. */
  sendBytes(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  /** Leaves nothing behind; no frames, no webhooks. */
  destroy(): void {
    this.#end();
    this.#ws.terminate();
    this.#socket?.destroy();
  }

  #opened(): void {
    if (this.#state === 'closed') {
      this.#ws.terminate();
      return;
    }
    const { authToken } = this.request;
    const connected = authToken === undefined ? {} : { connected: { 'x-telnyx-streaming-auth-token': authToken } };
    this.#send(JSON.stringify({ event: 'connected', version: '1.0.0', ...connected }));
    this.#state = 'waiting';
    this.#ping();
    if (this.#host.isAnswered) this.#begin();
  }

  #begin(): void {
    const { faults, scheduler } = this.#env;
    this.#state = 'live';
    this.#host.webhook('streaming.started', { stream_url: this.request.url });
    this.#startIn = faults.noStart ? Infinity : (faults.startAfterFrames ?? 0);
    if (this.#startIn === 0) this.#start(this.id);
    const { secondStart, dropSocketAfterMs } = faults;
    if (secondStart) {
      scheduler.after(secondStart.afterMs, () => this.#start(secondStart.other ? randomId() : this.id));
    }
    if (dropSocketAfterMs !== undefined) scheduler.after(dropSocketAfterMs, () => this.dropSocket());
    this.#host.note('streamStarted');
  }

  #start(streamId: string): void {
    const { ids, from, to, tags, clientState } = this.#host;
    const { faults, userId } = this.#env;
    const message = {
      event: 'start',
      sequence_number: String(++this.#sequence),
      stream_id: streamId,
      start: {
        user_id: userId,
        call_control_id: faults.startForCall ?? ids.callControlId,
        call_session_id: ids.callSessionId,
        from,
        to,
        tags,
        client_state: clientState,
        custom_parameters: this.request.customParameters,
        media_format: {
          encoding: faults.announceCodec ?? this.#inbound.codec,
          sample_rate: this.#inbound.sampleRate,
          channels: 1,
        },
      },
    };
    this.#send(JSON.stringify(message));
  }

  #media(track: 'inbound' | 'outbound', bytes: Uint8Array): void {
    if (this.#startIn === Infinity) return;
    const chunk = ++this.#chunks[track];
    const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    // Written by hand: this line runs fifty times a second for every call.
    this.#line.media(
      `{"event":"media","sequence_number":"${++this.#sequence}","stream_id":"${this.id}","media":{"track":"${track}","chunk":"${chunk}","timestamp":"${chunk * FRAME_MS}","payload":"${payload}"}}`,
    );
    if (this.#startIn > 0 && --this.#startIn === 0) this.#start(this.id);
  }

  #received(data: RawData, isBinary: boolean): void {
    const text = bufferOf(data).toString();
    const frame: GatewayFrame = isBinary
      ? { kind: 'unknown', problem: 'malformed', note: 'binary message' }
      : readFrame(text);
    // Neither before `start` nor after `stop` is anything played or answered; Telnyx does not say more.
    const isOutside = this.#state !== 'live';
    const outside: Outcome = { isHeard: false, note: this.#state === 'closed' ? 'after stop' : 'before start' };
    const outcome = isOutside ? outside : this.#playback.obey(frame);
    if (outcome.problem) this.#complain(outcome.problem, outcome.note ?? '');
    const isMedia = frame.kind === 'media';
    this.#records.frames.push({
      streamId: this.id,
      kind: frame.kind,
      t: this.#env.scheduler.now(),
      sample: this.#host.sample(),
      isValid: !isOutside && !outcome.problem,
      isHeard: outcome.isHeard,
      note: outcome.note,
      payload: isMedia && this.#host.keepsAudio ? frame.payload : undefined,
      text: isMedia ? undefined : text,
    });
    this.#host.note('frame');
  }

  #complain(problem: FrameProblem, detail: string): void {
    this.#send(JSON.stringify({ event: 'error', stream_id: this.id, payload: { ...ERRORS[problem], detail } }));
  }

  #sendNumbered(event: string, fields: object): void {
    this.#send(JSON.stringify({ event, sequence_number: String(++this.#sequence), stream_id: this.id, ...fields }));
  }

  #send(message: string | Buffer): void {
    if (this.#state === 'closed' || this.#frozen || this.#ws.readyState !== WebSocket.OPEN) return;
    this.#ws.send(message);
  }

  #ping(): void {
    this.#env.scheduler.after(PING_MS, () => {
      if (this.#state === 'closed' || this.#frozen) return;
      if (!this.#isAlive) {
        this.#ws.terminate();
        return;
      }
      this.#isAlive = false;
      this.#ws.ping();
      this.#ping();
    });
  }

  /** The socket is gone. If it was not us, the call stays up and nobody dials again. */
  #closed(): void {
    const before = this.#state;
    if (before === 'closed') return;
    this.#end();
    if (before === 'live') this.#stopped();
    else {
      this.#host.webhook('streaming.failed', {
        failure_reason: 'connection_failed',
        stream_id: this.id,
        stream_params: { stream_url: this.request.url, track: this.request.track },
        stream_type: 'websocket',
      });
      this.#host.note('streamFailed');
    }
  }

  #stopped(): void {
    this.#host.webhook('streaming.stopped', { stream_url: this.request.url });
    this.#host.note('streamStopped');
  }

  /** What was queued is not played any more: its marks never come back. */
  #end(): void {
    this.#state = 'closed';
    this.#playback.end();
  }
}

function bufferOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}
