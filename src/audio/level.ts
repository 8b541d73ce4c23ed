/**
 * Levels. `dBFS` here is relative to a sample value of 32768, as sox and ffmpeg report it: a full-scale sine has an RMS of
 * -3 dBFS. Decibels are for reports and tests; decisions are made on {@link meanSquare}, which is whole numbers.
 */

/** Mean of the squared samples, rounded down; 0 for no samples. At most 2^30. */
export function meanSquare(samples: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] as number) * (samples[i] as number);
  return samples.length === 0 ? 0 : Math.floor(sum / samples.length);
}

/** Largest absolute sample value, 0 to 32768. */
export function peak(samples: Int16Array): number {
  let most = 0;
  for (let i = 0; i < samples.length; i++) {
    const size = Math.abs(samples[i] as number);
    if (size > most) most = size;
  }
  return most;
}

/** A sample amplitude in dBFS; -Infinity for 0. */
export function dbfs(amplitude: number): number {
  return 20 * Math.log10(amplitude / 32768);
}

/** RMS level in dBFS; -Infinity for digital silence or no samples. */
export function rmsDbfs(samples: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += (samples[i] as number) * (samples[i] as number);
  return dbfs(Math.sqrt(sum / Math.max(1, samples.length)));
}

/** Peak level in dBFS; -Infinity for digital silence or no samples. */
export function peakDbfs(samples: Int16Array): number {
  return dbfs(peak(samples));
}
