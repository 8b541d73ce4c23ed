/** Unity for {@link applyGain}: gains are whole numbers of 1/4096, so that every machine hears the same sample. */
export const GAIN_ONE = 4096;

/** Brings a sum back into 16 bits: too loud is clipped, never wrapped. */
export function saturate(value: number): number {
  return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}

/**
 * Adds `add` onto `into`, from sample `at` on; what reaches beyond the end of `into` is not mixed. Works in place.
 * @returns the number of samples mixed.
 */
export function mixInto(into: Int16Array, add: Int16Array, at = 0): number {
  const count = Math.max(0, Math.min(add.length, into.length - at));
  for (let i = 0; i < count; i++) into[at + i] = saturate((into[at + i] as number) + (add[i] as number));
  return count;
}

/**
 * Scales in place by `gain`/4096, rounding to the nearest sample and clipping.
 * @param gain whole number; 4096 leaves the audio as it is, 2048 halves it (-6 dB), 0 mutes.
 */
export function applyGain(samples: Int16Array, gain: number): void {
  for (let i = 0; i < samples.length; i++) {
    samples[i] = saturate(Math.round(((samples[i] as number) * gain) / GAIN_ONE));
  }
}
