import type { ToolSpec } from '../providers/ports.ts';

/** The tools a call's model was offered. A name that it made up may be anything, also what the caller said. */
export class KnownTools {
  readonly #names = new Set<string>();

  offered(tools: readonly ToolSpec[]): void {
    for (const { name } of tools) this.#names.add(name);
  }

  /** The name, or `unknown` for one that was never offered. */
  label(name: string): string {
    return this.#names.has(name) ? name : 'unknown';
  }
}
