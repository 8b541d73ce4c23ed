import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../src/telnyx/base64.ts';
import { decodeClientState, encodeClientState } from '../../src/telnyx/client-state.ts';

function decode(text: string, room = 1000): Buffer | undefined {
  const source = Buffer.from(`{"${text}"}`, 'utf8');
  const target = Buffer.alloc(room);
  const length = decodeBase64(source, 2, source.length - 2, target);
  return length < 0 ? undefined : target.subarray(0, length);
}

describe('strict base64', () => {
  it('decodes what was encoded, wherever it stands', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decode(Buffer.from(bytes).toString('base64'))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('accepts exactly the texts of the grammar', () => {
    const letter = fc.constantFrom('A', 'B', 'a', 'b', '0', '+', '/', '=', '=', '-', '_', ' ', '\n', '\\', 'é', '\0');
    const grammar = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 12 }), (text) => {
        expect(decode(text) !== undefined).toBe(grammar.test(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses every single byte outside the alphabet, in every place', () => {
    for (let byte = 0; byte < 256; byte++) {
      const allowed = /[A-Za-z0-9+/]/.test(String.fromCharCode(byte)) && byte < 128;
      for (const text of ['AAAA', 'AAAAAAA=', 'AAAAAA==']) {
        for (let at = 0; at < 6 && text[at] !== '=' && at < text.length; at++) {
          const source = Buffer.from(text);
          source[at] = byte;
          // A "=" as the last letter is padding, not an intruder.
          if (byte === 0x3d && at === text.indexOf('=') - 1) continue;
          if (byte === 0x3d && text === 'AAAA' && at === 3) continue;
          expect(decodeBase64(source, 0, source.length, Buffer.alloc(9)) >= 0).toBe(allowed);
        }
      }
    }
  });

  it('refuses what does not fit', () => {
    expect(decode('AAAA', 3)).toEqual(Buffer.alloc(3));
    expect(decode('AAAA', 2)).toBe(undefined);
    expect(decode('AAA=', 2)).toEqual(Buffer.alloc(2));
  });
});

describe('client state', () => {
  it('comes back as it was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        expect(decodeClientState(encodeClientState(text))).toBe(text);
      }),
    );
  });
});
