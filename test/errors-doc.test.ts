import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/core/errors.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [/^`([a-z_]+)`$/m.exec(section)?.[1] ?? section.split('\n', 1)[0], section]),
);

describe('docs/errors.md', () => {
  it('explains every error code, and no other, in the order of the list', () => {
    expect([...sections.keys()]).toEqual([...ERROR_CODES]);
    expect(page.match(/^## /gm)).toHaveLength(ERROR_CODES.length);
  });

  it.each(ERROR_CODES)('says of %s what happened and what to do', (code) => {
    expect(sections.get(code)).toMatch(/^\*\*What happened\.\*\* \S.*\n\n\*\*What to do\.\*\* \S/m);
  });
});

it('error codes are in alphabetical order', () => {
  expect([...ERROR_CODES]).toEqual([...ERROR_CODES].sort());
});
