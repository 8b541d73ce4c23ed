import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseTarget } from '../../src/call/dial-target.ts';

describe('normaliseTarget', () => {
  it.each([
    ['+15105550200', '+15105550200'],
    ['+1 (510) 555-0200', '+15105550200'],
    ['+1.510.555.0200', '+15105550200'],
    ['tel:+1-510-555-0200', '+15105550200'],
    ['TEL:+32475123456', '+32475123456'],
    ['sip:desk@example.com', 'sip:desk@example.com'],
    ['SIP:Desk.Two_3@PBX.Example.COM', 'sip:Desk.Two_3@pbx.example.com'],
    ['sips:desk@example.com:5061', 'sips:desk@example.com:5061'],
    ['sip:desk@example.com:05060', 'sip:desk@example.com:5060'],
    ['sip:desk@example.com;transport=TLS', 'sip:desk@example.com;transport=tls'],
    ['sip:desk@192.0.2.7', 'sip:desk@192.0.2.7'],
    ['sip:+1-510-555-0200@example.com', 'sip:+15105550200@example.com'],
    ['sip:2001@pbx.example.com', 'sip:2001@pbx.example.com'],
  ])('%s is %s', (given, target) => {
    expect(normaliseTarget(given)).toMatchObject({ ok: true, target });
  });

  it('tells the number inside a SIP target, and its host', () => {
    expect(normaliseTarget('sip:+15105550200@PBX.example.com')).toEqual({
      ok: true,
      target: 'sip:+15105550200@pbx.example.com',
      number: '+15105550200',
      host: 'pbx.example.com',
    });
  });

  it.each([
    // Emergency, in every dress.
    ...[
      '911',
      '112',
      '999',
      '000',
      '9911',
      '1911',
      '9112',
      '+911',
      '+112',
      '+1911',
      '+32112',
      '+44999',
      '1-1-2',
      '(911)',
    ],
    ...[
      'tel:112',
      'tel:911',
      'tel:+1911',
      'tel:9-9-9',
      'sip:911@example.com',
      'sip:112@pbx.example',
      'sip:+1911@x.example',
    ],
    ...['sip:9-1-1@x.example', 'sips:999@x.example', 'SIP:9911@x.example'],
  ])('%s is an emergency number', (given) => {
    expect(normaliseTarget(given)).toMatchObject({ ok: false, rule: 'emergency' });
  });

  it.each([
    // Satellite and networks without a country.
    ['+8821612345678', 'satellite'],
    ['+881631234567', 'satellite'],
    ['+883510012345', 'satellite'],
    ['+870773111632', 'satellite'],
    ['sip:+8821612345678@x.example', 'satellite'],
    ['tel:+882-16-12345678', 'satellite'],
    // Numbers that earn money for the called.
    ['+19005551234', 'premium'],
    ['+12129761234', 'premium'],
    ['+979123456789', 'premium'],
    ['+3290012345', 'premium'],
    ['+80812345678', 'premium'],
    ['+447012345678', 'premium'],
    ['sip:+19005551234@x.example', 'premium'],
    // Short.
    ['12345', 'short_code'],
    ['tel:24680', 'short_code'],
    ['+12345', 'short_code'],
    // No number in use.
    ['+15550000000', 'invalid_number'],
    ['+999123456789', 'invalid_number'],
    ['+320475123456', 'invalid_number'],
    ['+32 (0)475 12 34 56', 'invalid_number'],
    ['+1234567890123456789', 'invalid_number'],
    // Not in a form that says where it goes.
    ['5105550200', 'malformed'],
    ['0015105550200', 'malformed'],
    ['01115105550200', 'malformed'],
    ['+', 'malformed'],
    ['', 'malformed'],
    ['++15105550200', 'malformed'],
    ['(+15105550200', 'malformed'],
    ['+1510+5550200', 'malformed'],
    [' +15105550200', 'malformed'],
    ['+15105550200 ', 'malformed'],
    ['+15105550200\n', 'malformed'],
    ['+1510\u00a05550200', 'malformed'],
    ['+1510\u200b5550200', 'malformed'],
    ['\u202e+15105550200', 'malformed'],
    ['＋15105550200', 'malformed'],
    ['+１５１０５５５０２００', 'malformed'],
    ['+1510555020٠', 'malformed'],
    ['+1800FLOWERS', 'malformed'],
    ['nine hundred', 'malformed'],
    ['+15105550200x12', 'malformed'],
    ['+15105550200;ext=12', 'malformed'],
    ['+15105550200,,12', 'malformed'],
    ['*67+15105550200', 'malformed'],
    ['tel:+15105550200;ext=12', 'malformed'],
    ['tel:5550200;phone-context=+1510', 'malformed'],
    ['tel:+1 510 555 0200', 'malformed'],
    ['tel://+15105550200', 'malformed'],
    ['tel:', 'malformed'],
    ['sip:', 'malformed'],
    ['sip:@example.com', 'malformed'],
    ['sip:example.com', 'malformed'],
    ['sip:desk@localhost', 'malformed'],
    ['sip:desk@example.com.', 'malformed'],
    ['sip:desk@-bad.example', 'malformed'],
    ['sip:desk@exam ple.com', 'malformed'],
    ['sip:desk@0x7f.0.0.1', 'malformed'],
    ['sip:desk@127.1', 'malformed'],
    ['sip:desk@192.0.2.256', 'malformed'],
    ['sip:desk@2130706433.0x7f', 'malformed'],
    ['sip:desk@[2001:db8::1]', 'malformed'],
    ['sip:desk:secret@example.com', 'malformed'],
    ['sip:desk@example.com:0', 'malformed'],
    ['sip:desk@example.com:65536', 'malformed'],
    ['sip:desk@a.example@b.example', 'malformed'],
    ['sip:desk@example.com?Replaces=1', 'malformed'],
    ['sip:desk@example.com;user=phone', 'malformed'],
    ['sip:desk@example.com;maddr=10.0.0.1', 'malformed'],
    ['sip:desk@example.com;transport=tls;lr', 'malformed'],
    ['sip:desk%40evil.example@example.com', 'malformed'],
    ['sip:%2B8821612345678@example.com', 'malformed'],
    ['sip:desk@example.com\r\nRoute: <sip:evil.example>', 'malformed'],
    ['sip:008821612345678@example.com', 'malformed'],
    ['sip:8821612345678@example.com', 'malformed'],
    ['sip:+8821612345678;ext=1@example.com', 'malformed'],
    ['sip:*67@example.com', 'malformed'],
    ['sip:118118@example.com', 'malformed'],
    ['sip:+desk@example.com', 'malformed'],
    ['<sip:desk@example.com>', 'malformed'],
    ['"x" <sip:desk@example.com>', 'malformed'],
    ['https://example.com', 'malformed'],
    [`sip:${'a'.repeat(300)}@example.com`, 'malformed'],
  ])('%j is refused: %s', (given, rule) => {
    const target = normaliseTarget(given);

    expect(target).toMatchObject({ ok: false, rule });
    expect(target.ok ? '' : target.why).toMatch(/^(must|is|has) \S/);
  });

  it('gives back what it gave, in ASCII, and never another number than was written', () => {
    const digits = fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 6, maxLength: 10 });
    const noise = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('', '-', '.', '(', ')') },
      {
        weight: 1,
        arbitrary: fc.string({ unit: fc.constantFrom(...Array.from(' \u00a0\u200b１٣x;,?%@:+*#')), maxLength: 2 }),
      },
    );
    const written = fc
      .tuple(
        fc.constantFrom('', 'tel:', 'sip:', 'sips:', 'TEL:'),
        fc.constantFrom('+', '+1510', '+3247', '+4420', '00', ''),
        noise,
        digits,
        noise,
      )
      .map(([scheme, plus, before, number, after]) => {
        const user = `${scheme}${plus}${before}${number}${after}`;
        return scheme.startsWith('sip') ? `${user}@pbx.example.com` : user;
      });
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          written,
          fc.webUrl(),
          fc.string({ unit: 'grapheme' }),
          fc.emailAddress().map((mail) => `sip:${mail}`),
        ),
        (given) => {
          const first = normaliseTarget(given);
          if (!first.ok) return;
          accepted++;
          expect(first.target).toMatch(/^(\+[1-9][0-9]{6,14}|sips?:[\x21-\x7e]+)$/);
          expect(normaliseTarget(first.target)).toEqual(first);
          const asciiDigits = (text: string): string => text.replace(/\D/g, '');
          if (first.host === undefined) expect(asciiDigits(first.target)).toBe(asciiDigits(given));
        },
      ),
      { numRuns: 5000 },
    );
    expect(accepted).toBeGreaterThan(40);
  });
});
