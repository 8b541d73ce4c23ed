import { randomBytes } from 'node:crypto';
import { FRAME_MS } from '../../audio/format.ts';
import type { AudioFormat } from '../../audio/format.ts';
import type { TimerHandle } from '../../core/clock.ts';
import { randomId } from '../../core/ids.ts';
import { Announcer } from './announcer.ts';
import { FRAME_SAMPLES, fromSamples, LINEAR_8K, SAMPLES_PER_MS, toSamples } from './codec.ts';
import type { MediaFaults } from './faults.ts';
import type { Gather } from './gather.ts';
import { MediaStream } from './media.ts';
import type { StreamHost, StreamRecords } from './media.ts';
import { Mouth } from './mouth.ts';
import { Recording } from './recordings.ts';
import type { SavedRecordings } from './recordings.ts';
import type { Scheduler } from './scheduler.ts';
import type { StreamRequest, TargetLegs } from './stream-request.ts';
import { Ear } from './timeline.ts';
import { keyTone } from './voice.ts';
import type { WebhookRoutes, Webhooks } from './webhooks.ts';

export interface LegIds {
  readonly callControlId: string;
  readonly callLegId: string;
  readonly callSessionId: string;
}

export type LegState = 'ringing' | 'answered' | 'ended';

/** `phone`: the person on this leg; `gateway`: a command; `partner`: the other leg went; `network`: a time ran out. */
export type EndedBy = 'phone' | 'gateway' | 'partner' | 'network';

export interface Hangup {
  readonly cause: string;
  /** Relative to the leg's own from and to, as Telnyx says it. */
  readonly source: 'caller' | 'callee' | 'unknown';
  readonly sip: string;
  readonly by: EndedBy;
}

export type LegEvent = Parameters<StreamHost['note']>[0] | 'answered' | 'bridged' | 'unbridged' | 'ended' | 'digit';

export interface LegOptions {
  readonly direction: 'incoming' | 'outgoing';
  readonly from: string;
  readonly to: string;
  readonly callSessionId: string | undefined;
  readonly format: AudioFormat;
  readonly clientState: string | null;
  readonly tags: readonly string[];
  readonly routes: WebhookRoutes;
  readonly backgroundDb: number | undefined;
  readonly keepsAudio: boolean;
  readonly transcode: boolean;
  readonly mediaFaults: MediaFaults | undefined;
}

export interface LegEnvironment {
  readonly scheduler: Scheduler;
  readonly webhooks: Webhooks;
  readonly connectionId: string;
  readonly userId: string;
  readonly strict: boolean;
  readonly underrunWindowMs: number;
  readonly mediaFaults: () => MediaFaults;
  readonly costsInWebhooks: () => boolean;
  readonly savedRecordings: SavedRecordings;
  /** Which reports a key press makes. */
  readonly dtmf: 'both' | 'socket' | 'webhook';
}

/** One party's connection: what Telnyx knows of it, and the ear and mouth of the person at its end. */
export class Leg implements StreamHost {
  readonly ids: LegIds;
  readonly direction: 'incoming' | 'outgoing';
  readonly from: string;
  readonly to: string;
  readonly format: AudioFormat;
  readonly tags: readonly string[];
  readonly keepsAudio: boolean;
  readonly startTime: string;
  readonly routes: WebhookRoutes;
  readonly ear: Ear;
  readonly mouth: Mouth;
  readonly announcer: Announcer;
  readonly records: StreamRecords = { frames: [], marks: [], clears: [], underruns: [] };
  readonly streams: MediaStream[] = [];
  /** Legs that ring on this one's behalf; they go when it goes. */
  readonly dialling: Set<Leg> = new Set();
  readonly recordings: Recording[] = [];
  clientState: string | null;
  state: LegState = 'ringing';
  partner: Leg | undefined;
  parkAfterUnbridge = false;
  gather: Gather | undefined;
  /** Keys whose tones the person heard. */
  digitsHeard = '';
  answeredAt: number | undefined;
  endedAt: number | undefined;
  endTime: string | undefined;
  hangup: Hangup | undefined;
  readonly #env: LegEnvironment;
  readonly #transcode: boolean;
  readonly #mediaFaults: MediaFaults | undefined;
  readonly #timers = new Set<TimerHandle>();
  readonly #listeners = new Set<(event: LegEvent) => void>();
  #tonesEnd = 0;

  constructor(options: LegOptions, env: LegEnvironment) {
    this.#env = env;
    this.ids = {
      callControlId: `v3:${randomBytes(39).toString('base64url')}`,
      callLegId: randomId(),
      callSessionId: options.callSessionId ?? randomId(),
    };
    this.direction = options.direction;
    this.from = options.from;
    this.to = options.to;
    this.format = options.format;
    this.tags = options.tags;
    this.keepsAudio = options.keepsAudio;
    this.clientState = options.clientState;
    this.routes = options.routes;
    this.#transcode = options.transcode;
    this.#mediaFaults = options.mediaFaults;
    this.startTime = env.webhooks.timestamp();
    this.ear = new Ear(options.keepsAudio);
    this.mouth = new Mouth(options.format, options.backgroundDb);
    this.announcer = new Announcer({
      track: `announcements ${this.ids.callControlId}`,
      sample: () => this.sample(),
      at: (sample, run) => this.#at(this.timeOf(sample), run),
    });
  }

  get isAnswered(): boolean {
    return this.state === 'answered';
  }

  /** The stream that is up or coming up. */
  get stream(): MediaStream | undefined {
    const last = this.streams.at(-1);
    return last?.isClosed ? undefined : last;
  }

  /** The clock of the call: 8 kHz samples since the answer; it stands still after the end. */
  sample(): number {
    if (this.answeredAt === undefined) return 0;
    return Math.floor(((this.endedAt ?? this.#env.scheduler.now()) - this.answeredAt) * SAMPLES_PER_MS + 1e-6);
  }

  timeOf(sample: number): number {
    return (this.answeredAt ?? this.#env.scheduler.now()) + sample / SAMPLES_PER_MS;
  }

  hearers(target: TargetLegs): readonly { readonly ear: Ear; readonly shift: number }[] {
    const self = { ear: this.ear, shift: 0 };
    if (target === 'self') return [self];
    const opposite = this.partner && { ear: this.partner.ear, shift: this.#shiftTo(this.partner) };
    if (target === 'both') return opposite ? [self, opposite] : [self];
    if (opposite) return [opposite];
    return this.#env.strict ? [] : [self];
  }

  webhook(type: string, payload: Readonly<Record<string, unknown>> = {}): void {
    const { callControlId, callLegId, callSessionId } = this.ids;
    this.#env.webhooks.emit(callSessionId, this.routes, type, {
      // The types of this one event have no call_control_id; who correlates by it is to notice.
      ...(type === 'call.recording.saved' ? {} : { call_control_id: callControlId }),
      call_leg_id: callLegId,
      call_session_id: callSessionId,
      connection_id: this.#env.connectionId,
      client_state: this.clientState,
      ...payload,
    });
  }

  note(event: LegEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** @returns how to stop listening. */
  listen(listener: (event: LegEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A timer that ends with the leg. */
  after(ms: number, run: () => void): TimerHandle {
    return this.#at(this.#env.scheduler.now() + ms, run);
  }

  answer(): void {
    this.state = 'answered';
    this.answeredAt = this.#env.scheduler.now();
    this.webhook('call.answered', {
      from: this.from,
      to: this.to,
      start_time: this.startTime,
      state: 'answered',
      codec: this.format.codec,
      sampling_rate: this.format.sampleRate,
      tags: this.tags,
      ...(this.stream ? { stream_url: this.stream.request.url, stream_track: this.stream.request.track } : {}),
    });
    this.note('answered');
    this.#tickAt(1);
    this.stream?.answered();
  }

  openStream(request: StreamRequest): void {
    const faults = { ...this.#env.mediaFaults(), ...this.#mediaFaults };
    const stream = new MediaStream(
      this,
      request,
      {
        scheduler: this.#env.scheduler,
        userId: this.#env.userId,
        strict: this.#env.strict,
        transcode: this.#transcode,
        underrunWindowMs: this.#env.underrunWindowMs,
        faults,
        timestamp: () => this.#env.webhooks.timestamp(),
      },
      this.records,
    );
    this.streams.push(stream);
  }

  /** Keys pressed by the person on this leg: reported as configured, collected by a gather. */
  press(digit: string): void {
    if (this.#env.dtmf !== 'webhook') this.stream?.dtmf(digit);
    if (this.#env.dtmf !== 'socket') this.webhook('call.dtmf.received', { from: this.from, to: this.to, digit });
    this.gather?.press(digit);
  }

  /** Tones to the person on this leg, with 100 ms between keys; `w` waits 0.5 s, `W` 1 s. */
  hearDigits(digits: string, durationMs: number): void {
    let at = Math.max(this.sample(), this.#tonesEnd);
    for (const digit of digits) {
      if (digit === 'w' || digit === 'W') {
        at += (digit === 'w' ? 500 : 1000) * SAMPLES_PER_MS;
        continue;
      }
      this.ear.track('keys').put(at, fromSamples(LINEAR_8K, keyTone(digit, durationMs)), LINEAR_8K);
      at += durationMs * SAMPLES_PER_MS;
      this.#at(this.timeOf(at), () => {
        this.digitsHeard += digit;
        this.note('digit');
      });
      at += 100 * SAMPLES_PER_MS;
    }
    this.#tonesEnd = at;
  }

  startRecording(channels: string, format: string): Recording {
    const recording = new Recording(channels, format, this.#env.webhooks.timestamp());
    this.recordings.push(recording);
    return recording;
  }

  /** Saves it; its webhook has the link. */
  stopRecording(recording: Recording): void {
    const at = this.recordings.indexOf(recording);
    if (at < 0) return;
    this.recordings.splice(at, 1);
    const url = this.#env.savedRecordings.save(recording);
    this.webhook('call.recording.saved', {
      channels: recording.channels,
      recording_id: recording.id,
      recording_started_at: recording.startedAt,
      recording_ended_at: this.#env.webhooks.timestamp(),
      recording_urls: { mp3: null, wav: null, [recording.format]: url },
      public_recording_urls: { mp3: null, wav: null },
    });
  }

  /** Ends the leg, closes what it owns and says so. Only the exchange calls this: other legs hang on it. */
  end(hangup: Hangup): void {
    this.announcer.stop('all', 'call_hangup');
    this.gather?.end('call_hangup');
    for (const stream of this.streams) stream.stop();
    const wasAnswered = this.state === 'answered';
    this.state = 'ended';
    this.endedAt = this.#env.scheduler.now();
    this.endTime = this.#env.webhooks.timestamp();
    this.hangup = hangup;
    for (const timer of this.#timers) timer.cancel();
    this.mouth.hush();
    this.webhook('call.hangup', {
      from: this.from,
      to: this.to,
      start_time: this.startTime,
      end_time: this.endTime,
      state: 'hangup',
      hangup_cause: hangup.cause,
      hangup_source: hangup.source,
      sip_hangup_cause: hangup.sip,
      telnyx_error: null,
      tags: this.tags,
      call_quality_stats: null,
    });
    for (const recording of [...this.recordings]) this.stopRecording(recording);
    if (wasAnswered && this.#env.costsInWebhooks()) this.#cost();
    this.note('ended');
  }

  /** Closes sockets without a word, for the end of the emulator. */
  destroy(): void {
    for (const stream of this.streams) stream.destroy();
    this.mouth.hush();
  }

  get billedMs(): number {
    if (this.answeredAt === undefined) return 0;
    return (this.endedAt ?? this.#env.scheduler.now()) - this.answeredAt;
  }

  /** One tick each 20 ms on absolute deadlines: the person speaks, whoever listens gets the frame. */
  #tickAt(count: number): void {
    const due = (this.answeredAt ?? 0) + count * FRAME_MS;
    this.#env.scheduler.at(due, () => {
      if (this.state !== 'answered') return;
      const said = this.mouth.frame();
      const end = count * FRAME_SAMPLES;
      this.stream?.tick(said, () => this.ear.render(end - FRAME_SAMPLES, FRAME_SAMPLES));
      if (this.recordings.length > 0) {
        const both = [toSamples(this.format, said), this.ear.render(end - FRAME_SAMPLES, FRAME_SAMPLES)] as const;
        for (const recording of this.recordings) recording.add(...both);
      }
      this.partner?.ear
        .track(`person ${this.ids.callControlId}`)
        .put(end + this.#shiftTo(this.partner), said, this.format);
      this.#tickAt(count + 1);
    });
  }

  /** What to add to a sample of this leg's clock to have it on the other's. */
  #shiftTo(other: Leg): number {
    return Math.round(((this.answeredAt ?? 0) - (other.answeredAt ?? 0)) * SAMPLES_PER_MS);
  }

  #at(due: number, run: () => void): TimerHandle {
    const timer = this.#env.scheduler.at(due, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return timer;
  }

  #cost(): void {
    const minutes = Math.ceil(this.billedMs / 60_000);
    const cost = (minutes * 0.0034).toFixed(4);
    this.webhook('call.cost', {
      occurred_at: this.#env.webhooks.timestamp(),
      status: 'success',
      total_cost: cost,
      billed_duration_secs: minutes * 60,
      billing_group_id: null,
      cost_parts: [
        { call_part: 'call-control', billed_duration_secs: minutes * 60, rate: '0.0034', cost, currency: 'USD' },
      ],
    });
  }
}
