import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { ProviderFailure } from './ports.ts';

/** Finds the main file of an installed package; throws when it is not installed. */
export type ResolvePackage = (name: string) => string;

/** As Node finds packages from this file. */
export const resolveInstalled: ResolvePackage = (name) => createRequire(import.meta.url).resolve(name);

/** Where an optional package's main file lies, or the failure that says how to install it. */
export function findPackage(
  name: string,
  resolve: ResolvePackage,
  purpose: string,
): { readonly url: URL } | { readonly failure: ProviderFailure } {
  try {
    return { url: pathToFileURL(resolve(name)) };
  } catch {
    return {
      failure: {
        kind: 'missing',
        message: `${purpose} needs the package ${name}, which is not installed: npm install ${name}`,
        retryable: false,
      },
    };
  }
}
