/** Sounds for tests: seeded, so that every run hears the same ones. */

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** White Gaussian noise of an RMS sample value, at 8 kHz. */
export function noise(ms: number, rms: number, seed = 1): Int16Array {
  const next = random(seed);
  return Int16Array.from({ length: ms * 8 }, () => {
    const gauss = Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
    return clip(gauss * rms);
  });
}

/** Mains hum with its harmonics, at 8 kHz. */
export function hum(ms: number, peak: number, hz = 50): Int16Array {
  return Int16Array.from({ length: ms * 8 }, (_, n) => {
    const angle = (2 * Math.PI * hz * n) / 8000;
    return clip(peak * (0.7 * Math.sin(angle) + 0.2 * Math.sin(2 * angle) + 0.1 * Math.sin(3 * angle)));
  });
}

/**
 * Speech-like sound at 8 kHz: syllables of a gliding glottal pulse train through three formants, with noisy consonants
 * between them, at an RMS sample value over its loud parts. Starts and ends with a syllable.
 */
export function speech(ms: number, rms: number, seed = 1): Int16Array {
  const next = random(seed);
  const total = ms * 8;
  const out = new Float64Array(total);
  const pitch = 90 + 140 * next();
  let at = 0;
  while (at < total) {
    const vowel = Math.round(8 * (90 + 130 * next()));
    const consonant = Math.round(8 * (20 + 60 * next()));
    // Half of the consonants are closures: silence, as before a "t".
    const breath = next() < 0.5 ? 0.02 : 0;
    const length = Math.min(vowel, total - at);
    const source = new Float64Array(length);
    let phase = 0;
    for (let n = 0; n < length; n++) {
      phase += (pitch * (1.15 - (0.3 * n) / length)) / 8000;
      if (phase >= 1) {
        phase -= 1;
        source[n] = 1;
      }
      source[n]! += 0.01 * (next() - 0.5);
    }
    const formants = [300 + 450 * next(), 900 + 1100 * next(), 2300 + 700 * next()];
    const voice = formants.map((hz, i) => resonate(source, hz, 80 + 40 * i));
    for (let n = 0; n < length; n++) {
      const envelope = Math.min(1, n / 160, (length - n) / 320) * (0.7 + 0.3 * Math.sin((Math.PI * n) / length));
      out[at + n] = envelope * voice.reduce((sum, v, i) => sum + v[n]! / (1 + i), 0);
    }
    at += length;
    for (let n = 0; n < consonant && at < total - 8 * 100; n++, at++) out[at] = breath * (next() - 0.5);
  }
  let power = 0;
  for (const v of out) power += v * v;
  const scale = rms / Math.sqrt(power / total);
  return Int16Array.from(out, (v) => clip(v * scale));
}

/** `ms` of digital silence at 8 kHz. */
export function quiet(ms: number): Int16Array {
  return new Int16Array(ms * 8);
}

export function join(...parts: readonly Int16Array[]): Int16Array {
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The sum of two sounds, as long as the first. */
export function over(a: Int16Array, b: Int16Array): Int16Array {
  return a.map((v, n) => clip(v + (b[n] ?? 0)));
}

/** Amplified with hard clipping at `ceiling`. */
export function loud(samples: Int16Array, gain: number, ceiling = 32767): Int16Array {
  return samples.map((v) => Math.max(-ceiling, Math.min(ceiling, Math.round(v * gain))));
}

/** Cuts at the given places (any numbers, taken modulo what is left). */
export function cut<T extends Int16Array | Uint8Array>(whole: T, sizes: readonly number[]): T[] {
  const pieces: T[] = [];
  let at = 0;
  for (let i = 0; at < whole.length; i++) {
    const size = sizes.length === 0 ? whole.length : sizes[i % sizes.length]!;
    pieces.push(whole.subarray(at, at + size) as T);
    at += size;
    if (i > 10 * whole.length) throw new Error('sizes never cover the whole');
  }
  return pieces;
}

function resonate(source: Float64Array, hz: number, bandwidth: number): Float64Array {
  const r = Math.exp((-Math.PI * bandwidth) / 8000);
  const a1 = 2 * r * Math.cos((2 * Math.PI * hz) / 8000);
  const out = new Float64Array(source.length);
  for (let n = 0; n < source.length; n++) {
    out[n] = (1 - r) * source[n]! + a1 * (out[n - 1] ?? 0) - r * r * (out[n - 2] ?? 0);
  }
  return out;
}

function clip(value: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(value)));
}
