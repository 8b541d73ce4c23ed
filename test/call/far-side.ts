import { encodeG711, silenceByte } from '../../src/audio/g711.ts';
import { PCMU_8K } from '../../src/audio/format.ts';
import { MediaLeg } from '../../src/call/media-leg.ts';
import { Recorder } from '../../src/call/recorder.ts';
import { silentLog } from '../../src/core/log.ts';

/** What the network does to one direction, milliseconds. */
export interface Weather {
  /** Its crystal against ours: 100e-6 is 100 ppm fast. */
  readonly drift: number;
  readonly delayMs: number;
  /** Of what the connection carries in order: our frames, marks, clears. */
  readonly jitterMs: number;
  /** Of the caller's frames, which overtake each other. */
  readonly frameJitterMs: number;
  /** Share of caller frames that never come. */
  readonly loss: number;
}

const FRAME = 160;
const LOUD = encodeG711('PCMU', Int16Array.of(20_000))[0] ?? 0;
const SILENT = silenceByte('PCMU');

/**
 * Telnyx and a phone far away, with a crystal of their own, on the audio path of a real call: media leg, playout, recorder.
 * A click is a burst of 5 ms. All times of ours are milliseconds; the phone's are its own samples.
 */
export class FarSide {
  readonly media: MediaLeg;
  readonly records: Uint8Array[] = [];
  /** What the phone played, by its own samples: where each stretch of agent audio began and how long it was. */
  readonly heard: { at: number; bytes: number[] }[] = [];
  t = 0;
  readonly #weather: Weather;
  readonly #random: () => number;
  /** Messages under way: to the phone (they keep their order), and from it. */
  readonly #down: { at: number; text: string }[] = [];
  readonly #up: { at: number; text: string }[] = [];
  #queue: { bytes: number[]; marks: string[] }[] = [];
  #sample = 0;
  #chunk = 0;
  readonly #callerClicks: number[];

  /** @param callerClicks samples of the phone's clock at which its person clicks. */
  constructor(weather: Weather, callerClicks: readonly number[], random: () => number) {
    this.#weather = weather;
    this.#random = random;
    this.#callerClicks = [...callerClicks];
    const recorder = new Recorder(0, (record) => void this.records.push(record));
    this.media = new MediaLeg(
      'caller',
      PCMU_8K,
      {
        input: () => undefined,
        digit: () => undefined,
        played: () => undefined,
        markEchoed: (name) => this.media.playout.markEchoed(name, this.t),
        audio: (bytes) => recorder.caller(bytes, this.t),
        voice: () => undefined,
        mismatch: () => undefined,
      },
      recorder,
      undefined,
      silentLog,
    );
    this.media.attach(1, {
      bufferedAmount: 0,
      send: (text) => {
        const last = this.#down.at(-1)?.at ?? 0;
        // One connection keeps its order, whatever each message suffers.
        this.#down.push({ at: Math.max(last, this.t + weather.delayMs + this.#jitter()), text });
      },
      close: () => undefined,
    });
    this.#tell({
      event: 'start',
      stream_id: 's',
      start: { call_control_id: 'cc', media_format: { encoding: 'PCMU', sample_rate: 8000, channels: 1 } },
    });
    recorder.start(0);
  }

  /** Runs until our clock says `until`. */
  run(until: number): void {
    const perMs = 8 * (1 + this.#weather.drift);
    for (; this.t < until; this.t++) {
      while ((this.#down[0]?.at ?? Infinity) <= this.t) this.#arrive(this.#down.shift()?.text ?? '');
      this.#live(Math.floor(this.t * perMs));
      for (let n = this.#up.length - 1; n >= 0; n--) {
        const message = this.#up[n];
        if (!message || message.at > this.t) continue;
        this.#up.splice(n, 1);
        this.media.message(1, Buffer.from(message.text), this.t, 'cc');
      }
      this.media.advance(this.t);
    }
  }

  #jitter(ms = this.#weather.jitterMs): number {
    return this.#random() * ms;
  }

  #tell(message: object): void {
    this.media.message(1, Buffer.from(JSON.stringify(message)), this.t, 'cc');
  }

  #arrive(text: string): void {
    const message = JSON.parse(text) as { event: string; media?: { payload: string }; mark?: { name: string } };
    if (message.event === 'media')
      this.#queue.push({ bytes: [...Buffer.from(message.media?.payload ?? '', 'base64')], marks: [] });
    else if (message.event === 'mark') {
      const last = this.#queue.at(-1);
      if (last) last.marks.push(message.mark?.name ?? '');
      else this.#echo(message.mark?.name ?? '');
    } else {
      for (const { marks } of this.#queue) for (const name of marks) this.#echo(name);
      this.#queue = [];
    }
  }

  #echo(name: string): void {
    this.#up.push({
      at: this.t + this.#weather.delayMs + this.#jitter(),
      text: JSON.stringify({ event: 'mark', stream_id: 's', mark: { name } }),
    });
  }

  /** The phone plays and speaks up to its own sample `until`. */
  #live(until: number): void {
    for (; this.#sample < until; this.#sample++) {
      const playing = this.#queue[0];
      const byte = playing?.bytes.shift();
      if (byte !== undefined) {
        const run = this.heard.at(-1);
        if (run && run.at + run.bytes.length === this.#sample) run.bytes.push(byte);
        else this.heard.push({ at: this.#sample, bytes: [byte] });
      }
      if (playing?.bytes.length === 0) {
        this.#queue.shift();
        for (const name of playing.marks) this.#echo(name);
      }
      if ((this.#sample + 1) % FRAME === 0) this.#speak(this.#sample + 1 - FRAME);
    }
  }

  #speak(from: number): void {
    const chunk = String(++this.#chunk);
    while ((this.#callerClicks[0] ?? Infinity) + 40 < from) this.#callerClicks.shift();
    if (this.#random() < this.#weather.loss) return;
    const frame = Buffer.alloc(FRAME, SILENT);
    const click = this.#callerClicks[0] ?? Infinity;
    if (click < from + FRAME) frame.fill(LOUD, Math.max(0, click - from), Math.min(FRAME, click - from + 40));
    this.#up.push({
      at: this.t + this.#weather.delayMs + this.#jitter(this.#weather.frameJitterMs),
      text: `{"event":"media","stream_id":"s","media":{"track":"inbound","chunk":"${chunk}","timestamp":"0","payload":"${frame.toString('base64')}"}}`,
    });
  }
}

/** Agent audio of `ms` with a click at each of `clicks`, milliseconds from its beginning. */
export function clicking(ms: number, clicks: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ms * 8).fill(SILENT);
  for (const at of clicks) bytes.fill(LOUD, at * 8, at * 8 + 40);
  return bytes;
}

export function isClick(byte: number): boolean {
  return byte === LOUD;
}
