import { describe, expect, it } from 'vitest';
import { agentOptions } from '../../src/agent/options.ts';

describe('the consent of an agent', () => {
  it.each<[unknown, unknown]>([
    [undefined, undefined],
    [' We record. ', { line: 'We record.', beep: false }],
    [{ beep: true }, { beep: true }],
    [
      { line: 'We record.', beep: true },
      { line: 'We record.', beep: true },
    ],
  ])('%j is taken', (given, consent) => {
    expect(agentOptions.parse({ consent: given }).consent).toEqual(consent);
  });

  it.each([[''], [{}], [{ beep: false }], [true], ['x'.repeat(2001)]])(
    '%j is refused with what to write',
    (consent) => {
      const { error } = agentOptions.safeParse({ consent });
      expect(error?.issues[0]?.path).toEqual(['consent']);
      expect(error?.issues[0]?.message).toMatch(/must be a line of 1 to 2000 characters, \{"beep": true\}/);
    },
  );

  it.each([[true], [false], ['telnyx']])('recording may be %j', (recording) => {
    expect(agentOptions.parse({ recording }).recording).toBe(recording);
  });

  it('recording is nothing else', () => {
    expect(agentOptions.safeParse({ recording: 'us' }).error?.issues[0]?.message).toBe(
      'must be true, false or "telnyx"',
    );
  });
});
