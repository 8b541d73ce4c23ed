import type { PlayoutView } from '../agent/dialogue/state.ts';

/** Where playout puts what leaves: the media socket, and the track of what the caller heard. */
export interface PlayoutSink {
  /** One frame, or the padded tail of a turn. The buffer is only valid during the call. */
  frame(bytes: Uint8Array): void;
  mark(name: string): void;
  clear(): void;
  /** After a silence, audio is sent again from `t` on: a run, which is heard without a hole. */
  run(t: number): void;
  /** These bytes were heard by the caller. In the order of hearing: what a resume repeats comes again. */
  heard(bytes: Uint8Array, place: HeardPlace): void;
  /** The turn's last sample was played (`mark`), or must have been (`clock`). */
  played(turn: number, by: 'mark' | 'clock'): void;
}

/** Where in what was sent a heard piece of audio lies. */
export interface HeardPlace {
  readonly turn: number;
  /** Bytes of the turn before the piece. */
  readonly fromByte: number;
  /** Bytes of the present run before the piece. */
  readonly inRun: number;
  /** When the mark behind the piece came back; undefined when something else told that it was heard. */
  readonly markedAt: number | undefined;
}

export interface PlayoutOptions {
  readonly frameBytes: number;
  readonly bytesPerMs: number;
  /** What fills up the last frame of a turn. */
  readonly silence: (bytes: number) => Uint8Array;
  /** How far ahead of the caller's ear frames are sent. Covers event-loop stalls; more would make barge-in costly. */
  readonly leadMs?: number;
}

/** Audio without an end, by its bytes. */
export interface EndlessAudio {
  read(from: number, to: number): Uint8Array;
  /** The rest of it from `from` on when it is to stop: some hundred milliseconds that die away. */
  fadeOut(from: number): Uint8Array;
}

const LEAD_MS = 200;
const MARK_EVERY_MS = 400;
/** A final mark that is not back this long after the audio must have ended is taken as played. */
const MARK_GRACE_MS = 1000;
/** Speech queued per turn (design, section 4): what is beyond is not taken. */
const MAX_TURN_MS = 60_000;

/**
 * Paces one leg's agent audio onto the socket, on absolute deadlines in logical time, and knows at any moment what was
 * queued, sent, heard and cleared. No timers inside: somebody calls {@link advance} (the shared wheel, and the door before
 * every input). One turn at a time.
 */
export class Playout {
  readonly #sink: PlayoutSink;
  readonly #options: Required<PlayoutOptions>;
  #turn = 0;
  #audio = new Uint8Array(0);
  /** Plays instead of `#audio`. */
  #endless: EndlessAudio | undefined;
  #written = 0;
  #ended = false;
  /** Where the turn has audio up to while more is waited for on purpose. */
  #restsAt = Number.NaN;
  #state: 'idle' | 'playing' | 'paused' = 'idle';
  #sent = 0;
  #marked = 0;
  /** The run under way: audio sent without a gap. Byte `#runByte` plays from `#runAt`. */
  #runAt = 0;
  #runByte = 0;
  /** Last moment at which the heard position was known for sure. */
  #heardAt = 0;
  #heardByte = 0;
  #reported = 0;
  /** Marks that were queued at Telnyx when we cleared: they come back without having been heard. */
  readonly #stale = new Map<string, number>();
  readonly #pendingMarks = new Set<string>();
  #underruns = 0;
  /** When the turn's first frame left, and when the caller heard it, as its first mark tells. */
  #firstSentAt: number | undefined;
  #firstPlayedAt: number | undefined;

  constructor(sink: PlayoutSink, options: PlayoutOptions) {
    this.#sink = sink;
    this.#options = { leadMs: LEAD_MS, ...options };
  }

  /** Times the caller heard a hole inside a turn because its audio came too late. */
  get underruns(): number {
    return this.#underruns;
  }

  begin(turn: number): void {
    this.#turn = turn;
    this.#endless = undefined;
    this.#written = 0;
    this.#ended = false;
    this.#restsAt = Number.NaN;
    this.#state = 'playing';
    this.#sent = this.#marked = this.#runByte = this.#heardByte = this.#reported = 0;
    this.#runAt = this.#heardAt = Number.NaN;
    this.#firstSentAt = this.#firstPlayedAt = undefined;
  }

  /** Plays music until {@link fade}, {@link drop} or the next turn. It is turn 0, which is nobody's. */
  music(audio: EndlessAudio, t: number): void {
    this.drop(t);
    this.begin(0);
    this.#endless = audio;
    this.#written = Infinity;
    this.advance(t);
  }

  /** The music dies away. */
  fade(t: number): void {
    const music = this.#endless;
    if (!music) return;
    const rest = music.fadeOut(this.#atEar(t));
    this.drop(t);
    this.begin(0);
    this.write(rest);
    this.end();
    this.advance(t);
  }

  /** @returns how many bytes were taken; the rest is beyond the cap of a turn. */
  write(bytes: Uint8Array): number {
    const room = MAX_TURN_MS * this.#options.bytesPerMs - this.#written;
    const taken = Math.min(room, bytes.length);
    if (taken <= 0 || this.#ended || this.#state === 'idle') return 0;
    this.#reserve(this.#written + taken);
    this.#audio.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), this.#written);
    this.#written += taken;
    return taken;
  }

  /** No more audio for now: the silence until it comes is no hole. */
  rest(): void {
    this.#restsAt = this.#written;
  }

  /** No more audio in this turn. */
  end(): void {
    if (this.#ended || this.#state === 'idle') return;
    this.#ended = true;
    const tail = this.#written % this.#options.frameBytes;
    if (tail === 0) return;
    const pad = this.#options.silence(this.#options.frameBytes - tail);
    this.#reserve(this.#written + pad.length);
    this.#audio.set(pad, this.#written);
    this.#written += pad.length;
  }

  /** Silence at once; what was not heard is kept. */
  pause(t: number): void {
    if (this.#state !== 'playing') return;
    this.#settle(t);
    this.#clear();
    this.#state = 'paused';
  }

  /** Goes on from `fromByte` (cut to a frame border before it). */
  resume(t: number, fromByte: number): void {
    if (this.#state !== 'paused') return;
    this.#state = 'playing';
    const { frameBytes } = this.#options;
    this.#sent = Math.max(0, Math.min(this.#written, fromByte - (fromByte % frameBytes)));
    this.#marked = this.#reported = this.#heardByte = this.#sent;
    this.#runAt = this.#heardAt = Number.NaN;
    this.advance(t);
  }

  /** Silence at once; the rest of the turn is forgotten. */
  drop(t: number): void {
    if (this.#state === 'idle') return;
    this.#settle(t);
    if (this.#state === 'playing') this.#clear();
    this.#state = 'idle';
    this.#endless = undefined;
  }

  /** Sends every frame whose time has come, and ends the turn when its end must have been heard. */
  advance(t: number): void {
    if (this.#state !== 'playing') return;
    const { frameBytes, bytesPerMs, leadMs } = this.#options;
    while (this.#written - this.#sent >= frameBytes) {
      if (Number.isNaN(this.#runAt)) this.#startRun(t);
      else if (this.#playedOut(t)) {
        if (!this.#isResting()) this.#underruns++;
        this.#startRun(t);
      }
      const due = this.#runAt + (this.#sent - this.#runByte) / bytesPerMs - leadMs;
      if (due > t) break;
      this.#sink.frame(this.#read(this.#sent, this.#sent + frameBytes));
      this.#sent += frameBytes;
      if (this.#sent - this.#marked >= MARK_EVERY_MS * bytesPerMs) this.#mark();
    }
    if (!this.#ended || this.#sent < this.#written) return;
    if (this.#marked < this.#sent) this.#mark();
    if (t >= this.#overAt()) this.#finish(t, 'clock');
  }

  /** When {@link advance} next has something to do. */
  due(): number {
    if (this.#state !== 'playing') return Infinity;
    if (this.#written - this.#sent >= this.#options.frameBytes) {
      if (Number.isNaN(this.#runAt)) return -Infinity;
      return this.#runAt + (this.#sent - this.#runByte) / this.#options.bytesPerMs - this.#options.leadMs;
    }
    return this.#ended ? this.#overAt() : Infinity;
  }

  /** Telnyx echoed a mark: everything before it was played, unless a `clear` of ours sent it back. */
  markEchoed(name: string, t: number): void {
    const stale = this.#stale.get(name);
    if (stale !== undefined) {
      if (stale > 1) this.#stale.set(name, stale - 1);
      else this.#stale.delete(name);
      return;
    }
    if (!this.#pendingMarks.delete(name)) return;
    const [turn, byte] = readMark(name);
    if (turn !== this.#turn || this.#state !== 'playing' || byte < this.#heardByte) return;
    this.#heardByte = byte;
    this.#heardAt = t;
    // Only while nothing has come between does the mark's place tell when the first sample was heard.
    if (this.#runAt === this.#firstSentAt) {
      this.#firstPlayedAt ??= Math.max(this.#firstSentAt, t - byte / this.#options.bytesPerMs);
    }
    this.#report(byte, t);
    if (this.#ended && byte >= this.#written) this.#finish(t, 'mark');
  }

  /** Another socket takes over: the marks that were under way on the old one never come back. */
  forgetMarks(): void {
    this.#pendingMarks.clear();
    this.#stale.clear();
  }

  /** What is known of the current turn at `t`; pure. */
  view(t: number): PlayoutView {
    return {
      turn: this.#turn,
      writtenBytes: this.#written,
      sentBytes: this.#sent,
      heardBytes: this.#heard(t),
      firstSentAt: this.#firstSentAt,
      firstPlayedAt: this.#firstPlayedAt,
    };
  }

  #startRun(t: number): void {
    if (this.#sent > this.#reported) this.#report(this.#sent);
    this.#firstSentAt ??= t;
    this.#runAt = t;
    this.#runByte = this.#sent;
    this.#heardAt = t;
    this.#heardByte = Math.max(this.#heardByte, this.#sent);
    this.#sink.run(t);
  }

  /** True when Telnyx has played all we sent and is silent. */
  #playedOut(t: number): boolean {
    return this.#sent > this.#runByte && t > this.#endsAt();
  }

  /** Was all sent that there was to send when the turn was to rest? Less than a frame waits for what follows. */
  #isResting(): boolean {
    return this.#sent <= this.#restsAt && this.#restsAt - this.#sent < this.#options.frameBytes;
  }

  #endsAt(): number {
    return this.#runAt + (this.#sent - this.#runByte) / this.#options.bytesPerMs;
  }

  /** When an ended turn, all sent, is over without another mark: at once when there is nothing left to hear. */
  #overAt(): number {
    return this.#heardByte >= this.#sent ? -Infinity : this.#endsAt() + MARK_GRACE_MS;
  }

  #heard(t: number): number {
    if (this.#state !== 'playing' || Number.isNaN(this.#heardAt)) return this.#heardByte;
    const since = Math.max(0, t - this.#heardAt) * this.#options.bytesPerMs;
    return Math.min(this.#sent, Math.floor(this.#heardByte + since));
  }

  /** Freezes the heard position, as the last act before a `clear`. */
  #settle(t: number): void {
    this.#heardByte = this.#heard(t);
    this.#report(Math.max(this.#heardByte, this.#atEar(t)));
  }

  /**
   * What the caller hears until a `clear` of this moment arrives: our frames went the same way as the clear goes, so the
   * time there does not count. The marks' heard position is behind that by the way there and back.
   */
  #atEar(t: number): number {
    if (this.#state !== 'playing' || Number.isNaN(this.#runAt)) return 0;
    return Math.min(this.#sent, Math.floor(this.#runByte + (t - this.#runAt) * this.#options.bytesPerMs));
  }

  #report(byte: number, markedAt?: number): void {
    const fromByte = this.#reported;
    if (byte <= fromByte) return;
    const place = { turn: this.#turn, fromByte, inRun: fromByte - this.#runByte, markedAt };
    this.#sink.heard(this.#read(fromByte, byte), place);
    this.#reported = byte;
  }

  #clear(): void {
    if (this.#sent === 0) return;
    for (const name of this.#pendingMarks) this.#stale.set(name, (this.#stale.get(name) ?? 0) + 1);
    this.#pendingMarks.clear();
    this.#sink.clear();
  }

  #mark(): void {
    const name = `t${this.#turn}:${this.#sent}`;
    this.#marked = this.#sent;
    this.#pendingMarks.add(name);
    this.#sink.mark(name);
  }

  #finish(t: number, by: 'mark' | 'clock'): void {
    this.#heardByte = this.#sent;
    this.#heardAt = t;
    this.#report(this.#sent);
    this.#state = 'idle';
    this.#sink.played(this.#turn, by);
  }

  #read(from: number, to: number): Uint8Array {
    return this.#endless?.read(from, to) ?? this.#audio.subarray(from, to);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#audio.length) return;
    const bigger = new Uint8Array(Math.max(bytes, this.#audio.length * 2, 16_000));
    bigger.set(this.#audio.subarray(0, this.#written));
    this.#audio = bigger;
  }
}

/** `t3:6400` -> [3, 6400]; anything else -> [-1, -1]. */
function readMark(name: string): readonly [turn: number, byte: number] {
  const match = /^t(\d+):(\d+)$/.exec(name);
  return match ? [Number(match[1]), Number(match[2])] : [-1, -1];
}
