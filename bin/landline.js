#!/usr/bin/env node
// Plain JavaScript on purpose: an old Node must be able to read this file to say that it is too old.
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `landline needs Node 24 or newer, this is Node ${process.versions.node}: install it from https://nodejs.org, or use the npm scripts, which bring their own.`,
  );
  process.exit(2);
}
// A clone runs its TypeScript as it is; the published package carries only dist.
const source = new URL('../src/cli/main.ts', import.meta.url);
const entry = existsSync(source) ? source : new URL('../dist/src/cli/main.js', import.meta.url);
const { main } = await import(entry.href);
process.exit(await main(process.argv.slice(2)));
