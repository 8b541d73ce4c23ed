import { quantiles, type Quantiles } from './load/quantiles.ts';

const FRAME_MS = 20;
/** Over this the machine is too busy for milliseconds to mean anything. */
export const MAX_NOISE_MS = 8;

/** How late a bare loop on absolute deadlines of 20 ms is: what the machine does to anybody. */
export async function probeNoise(ms = 5000): Promise<Quantiles> {
  const late: number[] = [];
  const from = performance.now();
  for (let due = from + FRAME_MS; due < from + ms; due += FRAME_MS) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    late.push(performance.now() - due);
  }
  return quantiles(late);
}
