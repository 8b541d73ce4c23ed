import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** The package's own version; found from the sources and from the built files alike. */
export const VERSION: string = readVersion();
/** Name and version, e.g. `landline 0.1.0`. */
export const SOFTWARE: string = `landline ${VERSION}`;

function readVersion(): string {
  const path = findPackageJSON('..', import.meta.url);
  if (path === undefined) return 'unknown';
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return version;
}
