import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInToolSpecs, readBuiltInCall, type BuiltInToolName } from '../../src/tools/built-in.ts';

const ALL: readonly BuiltInToolName[] = ['transfer_call', 'hang_up', 'send_dtmf'];
const TARGETS = ['sales', 'desk', 'constructor'];

function read(
  name: string,
  args: string,
  names = ALL,
  targets: readonly string[] = TARGETS,
): ReturnType<typeof readBuiltInCall> {
  return readBuiltInCall({ id: 'c', name, arguments: args }, names, targets);
}

describe('what the model is told', () => {
  it('names the targets and never their numbers', () => {
    const specs = builtInToolSpecs(ALL, ['sales', 'desk']);

    expect(specs.map((spec) => spec.name)).toEqual(ALL);
    expect(specs[0]?.parameters).toMatchObject({
      properties: { target: { enum: ['sales', 'desk'] } },
      required: ['target'],
    });
  });

  it('leaves out a transfer without targets and tools that are not allowed', () => {
    expect(builtInToolSpecs(ALL, []).map((spec) => spec.name)).toEqual(['hang_up', 'send_dtmf']);
    expect(builtInToolSpecs([], TARGETS)).toEqual([]);
  });
});

describe('what the model asks for', () => {
  it.each<[string, string, object]>([
    ['hang_up', '{}', { type: 'hangUp' }],
    ['hang_up', '', { type: 'hangUp' }],
    ['hang_up', '{"reason":"bye"}', { type: 'hangUp' }],
    ['transfer_call', '{"target":"sales"}', { type: 'transfer', target: 'sales' }],
    ['transfer_call', '{"target":"sales","to":"+882123"}', { type: 'transfer', target: 'sales' }],
    ['transfer_call', '{"target":"constructor"}', { type: 'transfer', target: 'constructor' }],
    ['send_dtmf', '{"digits":"12w#"}', { type: 'dtmf', digits: '12w#' }],
  ])('%s %s is done', (name, args, action) => {
    expect(read(name, args)).toEqual(action);
  });

  it.each([
    ['transfer_call', '{"target":"+15105550200"}'],
    ['transfer_call', '{"target":"Sales"}'],
    ['transfer_call', '{"target":"sales "}'],
    ['transfer_call', '{"target":["sales"]}'],
    ['transfer_call', '{"target":"toString"}'],
    ['transfer_call', '{"__proto__":{"target":"sales"}}'],
    ['transfer_call', '["sales"]'],
    ['transfer_call', '"sales"'],
    ['transfer_call', 'null'],
    ['transfer_call', '{"target":'],
    ['transfer_call', ''],
    ['send_dtmf', '{"digits":""}'],
    ['send_dtmf', '{"digits":"12 3"}'],
    ['send_dtmf', '{"digits":"1\\n"}'],
    ['send_dtmf', `{"digits":"${'1'.repeat(65)}"}`],
    ['send_dtmf', '{"digits":12}'],
    ['dial', '{"to":"+15105550200"}'],
    ['constructor', '{}'],
  ])('%s %s is given back with a reason', (name, args) => {
    const action = read(name, args);

    expect(action.type === 'invalid' && action.reason.length).toBeGreaterThan(10);
  });

  it('is refused when the operator does not allow the tool', () => {
    expect(read('transfer_call', '{"target":"sales"}', ['hang_up'])).toMatchObject({ type: 'invalid' });
    expect(read('transfer_call', '{"target":"sales"}', ALL, [])).toMatchObject({ type: 'invalid' });
  });

  it('reaches nothing but the names of the operator, in 20,000 strings of arguments', () => {
    const nasty = fc.constantFrom(
      ...[
        '+882123456789',
        '+1-900-555-0100',
        '0011',
        '911',
        '112',
        'sip:x@evil',
        'nine hundred',
        '＋１５１０',
        'tel:+1',
        'sales;desk',
      ],
      ...[
        'sales\u0000',
        'sales\u200b',
        'ѕales',
        'SALES',
        ' sales',
        'desk/../sales',
        '{"target":"sales"}',
        'sales',
        'desk',
      ],
    );
    const value = fc.oneof(
      nasty,
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(null, 1, true),
      fc.array(nasty, { maxLength: 2 }),
    );
    const args = fc.oneof(
      fc
        .record({ target: value, to: value, number: value }, { requiredKeys: [] })
        .map((object) => JSON.stringify(object)),
      fc.tuple(nasty, fc.nat(30)).map(([target, cut]) => JSON.stringify({ target }).slice(0, cut)),
      fc.json({ maxDepth: 3 }),
      fc.string({ unit: 'binary', maxLength: 60 }),
      nasty,
    );
    fc.assert(
      fc.property(
        args,
        fc.constantFrom('transfer_call', 'transfer_call', 'send_dtmf', 'hang_up', 'other'),
        (text, name) => {
          const action = read(name, text);
          if (action.type === 'transfer') expect(TARGETS).toContain(action.target);
          if (action.type === 'dtmf') expect(action.digits).toMatch(/^[0-9A-D*#wW]{1,64}$/);
          if (action.type === 'transfer') expect(name).toBe('transfer_call');
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
