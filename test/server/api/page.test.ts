import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pageOf } from '../../../src/server/api/page.ts';

const key = (item: string): string => item;

describe('a page of a list', () => {
  it('is followed by the others, each entry once and in order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 7 }),
        (items, limit) => {
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = pageOf(items, key, { limit, cursor });
            expect(page.items.length).toBeLessThanOrEqual(limit);
            seen.push(...page.items);
            cursor = page.nextCursor ?? undefined;
          } while (cursor !== undefined);
          expect(seen).toEqual([...items].sort((a, b) => (a < b ? -1 : 1)));
        },
      ),
    );
  });

  it('goes on behind an entry that is gone', () => {
    const first = pageOf(['a', 'b', 'c', 'd'], key, { limit: 2 });
    expect(first).toEqual({ items: ['a', 'b'], nextCursor: expect.any(String) as unknown });
    const cursor = first.nextCursor ?? '';
    expect(pageOf(['a', 'c', 'd'], key, { limit: 2, cursor })).toEqual({ items: ['c', 'd'], nextCursor: null });
    expect(pageOf([], key, { limit: 2 })).toEqual({ items: [], nextCursor: null });
  });

  it.each(['', '%', 'a b', '====', 'Y Q'])('refuses a cursor that is none: "%s"', (cursor) => {
    expect(() => pageOf(['a'], key, { limit: 2, cursor })).toThrow(
      expect.objectContaining({ code: 'request_invalid' }),
    );
  });
});
