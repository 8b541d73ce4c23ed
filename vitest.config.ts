import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Calls at their real pace: they sleep most of the time, and hear it when somebody else takes the processor. */
const REAL_TIME = ['test/gateway/**/*.test.ts', 'test/cli/demo.test.ts', 'test/cli/phone.test.ts'];

const limits = { pool: 'forks', testTimeout: 30_000, hookTimeout: 60_000, maxWorkers: 2 } as const;

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          ...limits,
          name: 'work',
          include: ['test/**/*.test.ts'],
          exclude: REAL_TIME,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...limits, name: 'calls', include: REAL_TIME, sequence: { groupOrder: 1 } } },
    ],
  },
});
export default config;
