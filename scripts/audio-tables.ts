/**
 * Writes the integer tables of `src/audio/`: `node scripts/audio-tables.ts`. Audio that can influence a call is computed
 * from these tables alone, so that every machine hears the same sample; sines and Bessel functions stay in here.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Kernel points per 2 ms: 32 per sample at 24 kHz, 16 at 48 kHz. Between them the resampler interpolates. */
const KERNEL_POINTS = 1536;
const KERNEL_ONE = 1 << 16;
/** Half the pass band's sampling rate: zero crossings fall on the 8 kHz grid, and the last point is one of them. */
const KERNEL_CUTOFF_HZ = 4000;
const KERNEL_HALF_SECONDS = 0.002;
/** Stop band about -70 dB with a 1 kHz transition (flat to 3.48 kHz, gone at 4.52 kHz). */
const KAISER_BETA = 6.5;

const SINE_POINTS = 1024;
const SINE_ONE = 32767;

/** Right half of a Kaiser-windowed sinc, 1.0 = 65536, exact values before rounding. */
export function kernelValues(): number[] {
  return Array.from({ length: KERNEL_POINTS + 1 }, (_, point) => {
    const part = point / KERNEL_POINTS;
    const angle = 2 * Math.PI * KERNEL_CUTOFF_HZ * KERNEL_HALF_SECONDS * part;
    const sinc = point === 0 ? 1 : Math.sin(angle) / angle;
    return KERNEL_ONE * sinc * (bessel0(KAISER_BETA * Math.sqrt(1 - part * part)) / bessel0(KAISER_BETA));
  });
}

/** A quarter of a sine wave, both ends included, peak 32767, exact values before rounding. */
export function sineValues(): number[] {
  return Array.from(
    { length: SINE_POINTS + 1 },
    (_, point) => SINE_ONE * Math.sin((Math.PI / 2) * (point / SINE_POINTS)),
  );
}

/** The files as they must be committed. */
export function tableFiles(): { readonly path: string; readonly text: string }[] {
  return [
    {
      path: 'src/audio/kernel-table.ts',
      text: tableText(
        'KERNEL_TABLE',
        'Right half of the low-pass kernel of `resample.ts`: Kaiser-windowed sinc (beta 6.5, 4 kHz), 2 ms in 1536 steps, 1.0 = 65536.',
        kernelValues(),
      ),
    },
    {
      path: 'src/audio/sine-table.ts',
      text: tableText(
        'SINE_TABLE',
        'A quarter of a sine wave in 1024 steps, both ends included, peak 32767.',
        sineValues(),
      ),
    },
  ];
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function tableText(name: string, comment: string, values: readonly number[]): string {
  const lines: string[] = [];
  let line = ' ';
  for (const value of values) {
    const item = ` ${Math.round(value) + 0},`;
    if (line.length + item.length > 120) {
      lines.push(line);
      line = ' ';
    }
    line += item;
  }
  lines.push(line);
  return [
    '// Written by scripts/audio-tables.ts; do not edit.',
    '',
    `/** ${comment} */`,
    '// prettier-ignore',
    `export const ${name}: Int32Array = Int32Array.of(`,
    ...lines,
    ');',
    '',
  ].join('\n');
}

if (import.meta.main) {
  for (const { path, text } of tableFiles()) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
    process.stdout.write(`${path}\n`);
  }
}
