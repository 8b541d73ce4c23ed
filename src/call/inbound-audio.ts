import { createCodecCheck, type CodecCheck } from '../audio/codec-check.ts';
import { createDecoder, type Decoder } from '../audio/codec.ts';
import { createConcealer, type Concealer } from '../audio/conceal.ts';
import type { AudioFormat, G711 } from '../audio/format.ts';
import { createFramer, type Framer } from '../audio/frames.ts';
import { decodeG711Into } from '../audio/g711.ts';
import { createReorder, type Reorder, type ReorderCounters } from '../audio/reorder.ts';
import { createResampler, type Resampler } from '../audio/resample.ts';
import { createEnergyVad, type Vad } from '../audio/vad.ts';

/** Who hears the caller. Everything is called synchronously, in order; buffers are only valid during the call. */
export interface InboundSink {
  /** Original bytes, lost frames concealed: for STT and the record. */
  audio(bytes: Uint8Array): void;
  voice(change: 'started' | 'sustained' | 'stopped', voicedMs: number, silenceMs: number): void;
  /** The bytes are not in the announced law; from here on they are read in the other one. */
  mismatch(announced: G711, heard: G711): void;
}

/** Voice without a break for this long is a possible barge-in (design, section 5.1). */
const SUSTAINED_MS = 300;
const VAD_SAMPLES = 160;

/**
 * The way in, read top to bottom: reorder -> (original bytes: STT, record) and (decode -> 20 ms at 8 kHz -> VAD).
 */
export class InboundAudio {
  readonly #sink: InboundSink;
  readonly #reorder: Reorder = createReorder();
  #format: AudioFormat;
  #decoder: Decoder;
  #concealer: Concealer;
  #check: CodecCheck | undefined;
  readonly #resampler: Resampler | undefined;
  readonly #vad: Vad = createEnergyVad();
  readonly #framer: Framer = createFramer(VAD_SAMPLES * 2);
  readonly #onFrame = (frame: Uint8Array): void => this.#listen(frame);
  readonly #samples = new Int16Array(VAD_SAMPLES);
  /** The framer holds the beginning of a frame. */
  #inPieces = false;
  #due = Infinity;
  #sustained = false;

  constructor(format: AudioFormat, sink: InboundSink) {
    this.#format = format;
    this.#sink = sink;
    this.#decoder = createDecoder(format);
    this.#concealer = createConcealer(format);
    this.#check = format.codec === 'L16' ? undefined : createCodecCheck(format.codec);
    this.#resampler = format.sampleRate === 8000 ? undefined : createResampler(format.sampleRate, 8000);
  }

  get format(): AudioFormat {
    return this.#format;
  }

  get counters(): Readonly<ReorderCounters> {
    return this.#reorder.counters;
  }

  write(chunk: number | undefined, payload: Uint8Array, t: number): void {
    this.#reorder.push(chunk, payload, t, this);
    this.#due = this.#reorder.due();
  }

  /** When a held gap must be given up. */
  due(): number {
    return this.#due;
  }

  advance(t: number): void {
    this.#reorder.flush(t, this);
    this.#due = this.#reorder.due();
  }

  /** Reorder's sink: the next frame in order. */
  frame(payload: Uint8Array): void {
    this.#concealer.good(payload);
    this.#verify(payload);
    this.#pass(payload);
  }

  /** Reorder's sink: frames that never came. */
  lost(count: number): void {
    for (let i = 0; i < count; i++) this.#pass(this.#concealer.lost());
  }

  #pass(payload: Uint8Array): void {
    this.#sink.audio(payload);
    const { codec } = this.#format;
    if (codec !== 'L16' && payload.length === VAD_SAMPLES && !this.#inPieces) {
      // Nearly every frame is exactly what the detector takes: nothing is allocated for it.
      decodeG711Into(codec, payload, this.#samples);
      this.#detect(this.#samples);
      return;
    }
    const samples = this.#decoder.decode(payload);
    const at8k = this.#resampler ? this.#resampler.process(samples) : samples;
    this.#framer.push(new Uint8Array(at8k.buffer, at8k.byteOffset, at8k.byteLength), this.#onFrame);
    this.#inPieces = this.#framer.pending > 0;
  }

  #listen(frame: Uint8Array): void {
    this.#detect(new Int16Array(frame.buffer, frame.byteOffset, VAD_SAMPLES));
  }

  #detect(samples: Int16Array): void {
    const result = this.#vad.process(samples);
    if (result.change === 'started') {
      this.#sustained = false;
      this.#sink.voice('started', result.voicedMs, result.silenceMs);
    }
    if (result.speech && !this.#sustained && result.voicedMs >= SUSTAINED_MS) {
      this.#sustained = true;
      this.#sink.voice('sustained', result.voicedMs, result.silenceMs);
    }
    if (result.change === 'stopped') this.#sink.voice('stopped', result.voicedMs, result.silenceMs);
  }

  #verify(payload: Uint8Array): void {
    const announced = this.#format.codec;
    if (!this.#check || announced === 'L16') return;
    const verdict = this.#check.push(payload);
    if (verdict === undefined) return;
    this.#check = undefined;
    if (verdict === 'ok') return;
    const heard = announced === 'PCMU' ? 'PCMA' : 'PCMU';
    this.#format = { codec: heard, sampleRate: 8000 };
    this.#decoder = createDecoder(this.#format);
    this.#concealer = createConcealer(this.#format);
    this.#sink.mismatch(announced, heard);
  }
}
