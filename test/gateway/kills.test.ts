import { expect, it } from 'vitest';
import { inChildWorld } from './child.ts';
import { killDrill } from './kill-drill.ts';

/** `npm run soak` kills it 50 times, at other moments each time. */
const isSoak = process.env['LANDLINE_SOAK'] !== undefined;
const KILLS = isSoak ? 50 : 12;
const SEED = Number(process.env['LANDLINE_SEED'] ?? (isSoak ? Date.now() % 1_000_000 : 20261120));

it(
  `a busy gateway that is killed ${KILLS} times has one complete record of every call in the end (LANDLINE_SEED=${SEED})`,
  () =>
    inChildWorld({ agent: { summary: { minDurationSeconds: 0 } } }, async (world) => {
      const report = await killDrill(world, KILLS, SEED);

      expect(report.problems).toEqual([]);
      expect(report.kills).toBe(KILLS);
      expect(report.calls).toBeGreaterThan(KILLS / 2);
      expect(report.events).toBeGreaterThan(KILLS);
      expect(report.duringStart).toBeGreaterThan(0);
    }),
  isSoak ? 600_000 : 120_000,
);
