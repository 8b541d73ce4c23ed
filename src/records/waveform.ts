/** The envelope of a signal: what a picture of it needs. */
export interface Waveform {
  /** Smallest and largest sample of each stretch. */
  readonly min: Int16Array;
  readonly max: Int16Array;
}

/** Cuts `samples` into `count` stretches of equal length and keeps the extremes of each, so that no click is lost. */
export function waveformOf(samples: Int16Array, count: number): Waveform {
  const min = new Int16Array(count);
  const max = new Int16Array(count);
  for (let stretch = 0; stretch < count; stretch++) {
    const from = Math.floor((samples.length * stretch) / count);
    const to = Math.max(from + 1, Math.floor((samples.length * (stretch + 1)) / count));
    let least = 0;
    let most = 0;
    for (let at = from; at < to; at++) {
      const sample = samples[at] ?? 0;
      if (sample < least) least = sample;
      if (sample > most) most = sample;
    }
    min[stretch] = least;
    max[stretch] = most;
  }
  return { min, max };
}

/**
 * SVG path data of the envelope: one unit per stretch in x; in y 0 is the top, `2 * half` the bottom.
 * @param peak sample value that reaches top and bottom.
 */
export function waveformPath({ min, max }: Waveform, half: number, peak: number): string {
  const y = (sample: number): string => (half - (sample / Math.max(1, peak)) * half).toFixed(1);
  // Silence is a hairline, not nothing.
  const upper = Array.from(max, (sample, x) => `L${x} ${y(Math.max(sample, peak / 100))}`);
  const lower = Array.from(min, (sample, x) => `L${x} ${y(Math.min(sample, -peak / 100))}`).reverse();
  return `M0 ${half}${upper.join('')}${lower.join('')}Z`;
}
