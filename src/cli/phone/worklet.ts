/**
 * Runs in the browser's audio thread. The microphone comes out of it as pieces of 160 samples at 8 kHz (`Int16Array`
 * messages), and such pieces go in to be heard. Browsers do not resample a microphone to 8 kHz everywhere, so it is done
 * here: a windowed sinc between any two rates.
 */
export const PHONE_WORKLET = `
const TELEPHONE = 8000;
const PIECE = 160;
const ZEROS = 12;
const STEPS = 128;

// A stream at one rate to a stream at another; state is kept across pieces.
function converter(from, to) {
  const narrow = Math.min(1, to / from);
  const half = Math.ceil(ZEROS / narrow);
  const cutoff = narrow * 0.95;
  const kernel = new Float32Array(half * STEPS + 2);
  for (let i = 0; i < half * STEPS; i++) {
    const x = i / STEPS;
    const sinc = i === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
    kernel[i] = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / half));
  }
  let held = new Float32Array(half);
  let place = half;
  return (samples) => {
    const input = new Float32Array(held.length + samples.length);
    input.set(held);
    input.set(samples, held.length);
    const out = [];
    for (; place + half < input.length; place += from / to) {
      const middle = Math.floor(place);
      let sum = 0;
      for (let k = middle - half + 1; k <= middle + half; k++) {
        const at = Math.abs(k - place) * STEPS;
        const step = Math.floor(at);
        if (step < half * STEPS) sum += input[k] * (kernel[step] + (kernel[step + 1] - kernel[step]) * (at - step));
      }
      out.push(sum);
    }
    const keep = Math.max(0, Math.floor(place) - half);
    held = input.slice(keep);
    place -= keep;
    return out;
  };
}

class PhoneLine extends AudioWorkletProcessor {
  constructor() {
    super();
    this.toTelephone = converter(sampleRate, TELEPHONE);
    this.toSpeaker = converter(TELEPHONE, sampleRate);
    this.said = [];
    this.heard = [];
    this.isPlaying = false;
    this.port.onmessage = ({ data }) => {
      const piece = Float32Array.from(new Int16Array(data), (sample) => sample / 32768);
      for (const sample of this.toSpeaker(piece)) this.heard.push(sample);
      // Sound that waits is sound that comes late.
      if (this.heard.length > sampleRate / 2) this.heard.splice(0, this.heard.length - sampleRate / 4);
    };
  }

  process([[microphone]], [[speaker]]) {
    if (microphone) {
      for (const sample of this.toTelephone(microphone)) {
        this.said.push(Math.max(-32768, Math.min(32767, Math.round(sample * 32767))));
      }
      while (this.said.length >= PIECE) {
        const piece = Int16Array.from(this.said.splice(0, PIECE));
        this.port.postMessage(piece.buffer, [piece.buffer]);
      }
    }
    // A little in hand before it begins, so that unevenness of the line is not heard.
    if (this.heard.length > sampleRate * 0.06) this.isPlaying = true;
    if (this.heard.length < speaker.length) this.isPlaying = false;
    if (this.isPlaying) speaker.set(this.heard.splice(0, speaker.length));
    return true;
  }
}

registerProcessor('phone-line', PhoneLine);
`;
