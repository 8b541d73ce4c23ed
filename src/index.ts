/** The public API. Everything else may change without notice. */
export { defineConfig } from './config.ts';
export type { AgentInput, ConfigInput } from './config.ts';
export { ERROR_CODES, LandlineError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export { readJournal } from './journal/reader.ts';
export type { Journal } from './journal/reader.ts';
