import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { speakable } from '../../src/agent/speakable.ts';

describe('speakable text', () => {
  it.each([
    ['**Bold** and _slanted_', 'Bold and slanted'],
    ['# Title\n- point', ' Title\n- point'],
    ['`code` ~~gone~~ <b>html</b> a|b \\n', 'code gone bhtml/b ab n'],
    ['Great! 👍🏽 See you 👨‍👩‍👧 soon ❤️ 🇧🇪', 'Great!  See you  soon  '],
    ['It costs 5 € at 10:30, (really) 100 %.', 'It costs 5 € at 10:30, (really) 100 %.'],
    ['Où êtes-vous ? Größe; ¿qué?', 'Où êtes-vous ? Größe; ¿qué?'],
    ['', ''],
  ])('%j becomes %j', (text, spoken) => {
    expect(speakable(text)).toBe(spoken);
  });

  it('is the same wherever the stream of tokens is cut', () => {
    const unit = fc.constantFrom(
      'a',
      ' ',
      '*',
      '_',
      '#',
      '👍',
      '\u{1F3FD}',
      '\u200d',
      '❤',
      '\ufe0f',
      'é',
      '3',
      '🇧',
      '🇪',
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 30 }), fc.array(fc.nat(30), { maxLength: 6 }), (characters, cuts) => {
        const borders = [
          0,
          ...cuts.map((cut) => Math.min(cut, characters.length)).sort((a, b) => a - b),
          characters.length,
        ];
        const pieces = borders.slice(1).map((end, n) => characters.slice(borders[n], end).join(''));

        expect(pieces.map(speakable).join('')).toBe(speakable(characters.join('')));
      }),
    );
  });

  it('needs no second pass', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        expect(speakable(speakable(text))).toBe(speakable(text));
      }),
    );
  });
});
