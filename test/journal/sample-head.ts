import type { HeadRecord } from '../../src/journal/format.ts';

/** Without vitest: child processes use it too. */
export function head(callId: string): HeadRecord {
  return {
    k: 'head',
    format: 'landline-journal',
    version: 1,
    callId,
    seed: '5eed',
    createdAt: '2026-01-05T09:00:00.000Z',
    wallMs: 1767603600000,
    monoMs: 0,
    software: 'landline test',
  };
}
