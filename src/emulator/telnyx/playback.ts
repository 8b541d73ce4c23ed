/** A mark we were sent, and what became of it. Positions are samples of the leg's clock. */
export interface MarkRecord {
  readonly name: string;
  /** Monotonic milliseconds of its arrival. */
  readonly receivedAt: number;
  /** End of the media before it. */
  readonly position: number;
  /** Unset while the mark waits; it never comes back when the stream ended first. */
  echoedAt: number | undefined;
  /** `idle`: nothing was queued or playing when it came. */
  why: 'played' | 'idle' | 'cleared' | undefined;
}

/**
 * The playback buffer Telnyx keeps for a bidirectional stream, as arithmetic on samples: what arrives is appended and
 * played in real time, a mark comes back when the media before it was played, `clear` stops at once and returns all
 * marks. Pure; the stream that owns it has the timers.
 */
export class PlaybackBuffer {
  /** Sample at which everything that was queued will have been played. */
  #end = 0;
  /** Audio was played and neither cleared nor followed by anything yet. */
  #speaking = false;
  #marks: MarkRecord[] = [];

  /** Marks that wait, first to come back first. */
  get waiting(): readonly MarkRecord[] {
    return this.#marks;
  }

  /**
   * Appends `length` samples that arrive at sample `now`.
   * @returns where they start, and the silence since the audio before them when the buffer ran dry (`undefined` after a
   * clear and for the first audio).
   */
  append(now: number, length: number): { start: number; gap: number | undefined } {
    const start = Math.max(now, this.#end);
    const gap = this.#speaking ? start - this.#end : undefined;
    this.#end = start + length;
    this.#speaking = true;
    return { start, gap };
  }

  /** Takes a mark at sample `now`. It is to be echoed at once when its `why` is set. */
  mark(now: number, receivedAt: number, name: string): MarkRecord {
    const isIdle = this.#end <= now && this.#marks.length === 0;
    const record: MarkRecord = {
      name,
      receivedAt,
      position: Math.max(now, this.#end),
      echoedAt: undefined,
      why: isIdle ? 'idle' : undefined,
    };
    if (!isIdle) this.#marks.push(record);
    return record;
  }

  /** Marks whose media was played by sample `now`, in order. */
  played(now: number): MarkRecord[] {
    const count = this.#marks.findIndex((mark) => mark.position > now);
    const done = this.#marks.splice(0, count < 0 ? this.#marks.length : count);
    for (const mark of done) mark.why = 'played';
    return done;
  }

  /** Stops at sample `now`: nothing queued is played any more. The marks that waited are for the caller to return. */
  clear(now: number): { marks: MarkRecord[]; dropped: number } {
    const marks = this.#marks;
    this.#marks = [];
    const dropped = Math.max(0, this.#end - now);
    this.#end = Math.min(this.#end, now);
    this.#speaking = false;
    return { marks, dropped };
  }
}
