import { bytesPerMs, FRAME_MS, frameBytes } from '../../audio/format.ts';
import { FRAME_SAMPLES, SAMPLES_PER_MS, samplesIn, silentFrame } from './codec.ts';
import type { MediaFaults } from './faults.ts';
import type { GatewayFrame } from './gateway-frames.ts';
import { PlaybackBuffer } from './playback.ts';
import type { MarkRecord } from './playback.ts';
import type { Scheduler } from './scheduler.ts';
import type { StreamRequest, TargetLegs } from './stream-request.ts';
import type { Ear } from './timeline.ts';

const MAX_FRAME_MS = 30_000;

/** Why a frame of the gateway is answered with an `error` frame. */
export type FrameProblem = 'malformed' | 'invalidMedia' | 'rateLimit';

export interface ClearRecord {
  /** Monotonic milliseconds. */
  readonly t: number;
  /** The same on the call's clock, in 8 kHz samples since the answer. */
  readonly sample: number;
  /** 8 kHz samples that were queued and will never be heard. */
  readonly droppedSamples: number;
  /** Names of the marks that came back because of it. */
  readonly marks: readonly string[];
}

export interface Underrun {
  /** Where the silence began, in samples of the call's clock. */
  readonly sample: number;
  readonly gapSamples: number;
}

export interface PlaybackHost {
  /** Name of its timeline in every ear. */
  readonly track: string;
  readonly scheduler: Scheduler;
  readonly request: StreamRequest;
  readonly strict: boolean;
  readonly underrunWindowMs: number;
  readonly faults: MediaFaults;
  readonly marks: MarkRecord[];
  readonly clears: ClearRecord[];
  readonly underruns: Underrun[];
  /** Draws from the seed of the media faults. */
  happens(fraction: number | undefined): boolean;
  /** Now, in samples of the leg's clock. */
  sample(): number;
  /** Monotonic milliseconds of a sample of the leg's clock. */
  timeOf(sample: number): number;
  /** Whose ears `target` reaches right now, and how far their clocks are ahead. */
  hearers(target: TargetLegs): readonly { readonly ear: Ear; readonly shift: number }[];
  sendMark(name: string): void;
  note(event: 'mark' | 'clear' | 'underrun'): void;
}

export interface Outcome {
  /** Media that reached an ear. */
  readonly isHeard: boolean;
  /** Why it was wrong or without effect. */
  readonly note?: string;
  readonly problem?: FrameProblem;
}

/** The gateway's half of a stream: what it sends is played into ears, marks come back, `clear` stops. */
export class StreamPlayback {
  readonly #host: PlaybackHost;
  readonly #buffer = new PlaybackBuffer();
  #lastMp3At = -Infinity;
  #isOver = false;

  constructor(host: PlaybackHost) {
    this.#host = host;
  }

  obey(frame: GatewayFrame): Outcome {
    switch (frame.kind) {
      case 'unknown':
        return { isHeard: false, note: frame.note, problem: frame.problem };
      case 'mark':
        this.#mark(frame.name);
        return { isHeard: false };
      case 'clear':
        this.#clear();
        return { isHeard: false };
      case 'media':
        return this.#play(frame.payload);
    }
  }

  /** The stream is over: what was queued is not played any more, its marks never come back. */
  end(): void {
    this.#isOver = true;
    this.#silence(this.#host.sample());
  }

  #play(payload: Uint8Array): Outcome {
    const { request, scheduler, strict, track } = this.#host;
    const format = request.outbound;
    if (request.mode === 'mp3') {
      const isFast = scheduler.now() - this.#lastMp3At < 1000;
      this.#lastMp3At = scheduler.now();
      const note = 'stream_bidirectional_mode is mp3: codec bytes are dropped';
      return { isHeard: false, note, ...(isFast && { problem: 'rateLimit' }) };
    }
    const refuse = (note: string): Outcome => ({ isHeard: false, note, problem: 'invalidMedia' });
    const ms = payload.length / bytesPerMs(format);
    if (samplesIn(format, payload.length) * (frameBytes(format) / FRAME_SAMPLES) !== payload.length) {
      return refuse('ends within a sample');
    }
    if (ms > MAX_FRAME_MS) return refuse(`${ms} ms is more than 30 s`);
    if (ms < FRAME_MS && strict) return refuse(`${ms} ms is less than 20 ms`);
    let bytes = payload;
    if (ms < FRAME_MS) {
      bytes = silentFrame(format);
      bytes.set(payload);
    }
    const hearers = this.#host.hearers(request.targetLegs);
    if (hearers.length === 0)
      return { isHeard: false, note: `target_legs ${request.targetLegs}: there is no such leg` };
    const { start, gap } = this.#buffer.append(this.#host.sample(), samplesIn(format, bytes.length));
    for (const { ear, shift } of hearers) ear.track(track).put(start + shift, bytes, format);
    if (gap !== undefined && gap > 0 && gap <= this.#host.underrunWindowMs * SAMPLES_PER_MS) {
      this.#host.underruns.push({ sample: start - gap, gapSamples: gap });
      this.#host.note('underrun');
    }
    return { isHeard: true };
  }

  #mark(name: string): void {
    const { scheduler } = this.#host;
    const record = this.#buffer.mark(this.#host.sample(), scheduler.now(), name);
    this.#host.marks.push(record);
    this.#host.note('mark');
    if (record.why) {
      this.#echo([record]);
      return;
    }
    scheduler.at(this.#host.timeOf(record.position), () => {
      if (!this.#isOver) this.#echo(this.#buffer.played(Math.max(record.position, this.#host.sample())));
    });
  }

  #clear(): void {
    const sample = this.#host.sample();
    // What was played by now was heard, even if its timer is a moment late.
    this.#echo(this.#buffer.played(sample));
    const { marks, dropped } = this.#silence(sample);
    for (const mark of marks) mark.why = 'cleared';
    this.#host.clears.push({
      t: this.#host.scheduler.now(),
      sample,
      droppedSamples: dropped,
      marks: marks.map((mark) => mark.name),
    });
    this.#echo(marks);
    this.#host.note('clear');
  }

  #silence(sample: number): { marks: MarkRecord[]; dropped: number } {
    const { track } = this.#host;
    for (const { ear, shift } of this.#host.hearers('both')) ear.track(track).cut(sample + shift);
    return this.#buffer.clear(sample);
  }

  #echo(marks: readonly MarkRecord[]): void {
    const { faults, scheduler } = this.#host;
    for (const mark of marks) {
      if (this.#host.happens(faults.loseMarks)) continue;
      const copies = this.#host.happens(faults.duplicateMarks) ? 2 : 1;
      const echo = (): void => {
        if (this.#isOver) return;
        mark.echoedAt = scheduler.now();
        for (let copy = 0; copy < copies; copy++) this.#host.sendMark(mark.name);
        this.#host.note('mark');
      };
      if (faults.lateMarksMs === undefined) echo();
      else scheduler.after(faults.lateMarksMs, echo);
    }
  }
}
