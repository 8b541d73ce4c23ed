import { describe, expect, it } from 'vitest';
import { hangupText } from '../../src/telnyx/hangup-causes.ts';

describe('why a leg ended', () => {
  it.each([
    ['normal_clearing', '200', 'One side hung up.'],
    ['user_busy', '486', 'The line was busy (SIP 486: busy).'],
    ['call_rejected', '603', 'The call was rejected (SIP 603: declined).'],
    [
      'originator_cancel',
      '487',
      'The caller gave up before anybody answered (SIP 487: cancelled before it was answered).',
    ],
    ['timeout', 'unspecified', 'It rang and nobody answered in time.'],
    ['time_limit', undefined, 'The longest allowed duration was reached.'],
    ['not_found', '404', 'The number or address does not exist (SIP 404: no such number).'],
    [
      'unspecified',
      '503',
      'The network ended the call without a reason (SIP 503: the network is overloaded or out of service).',
    ],
    [
      undefined,
      '480',
      'The network ended the call without a reason (SIP 480: the person called cannot be reached at the moment).',
    ],
    ['some_new_cause', '499', 'Some new cause (SIP 499).'],
    ['unspecified', 'unspecified', null],
    [null, null, null],
    ['', '', null],
  ])('%s with SIP code %s', (cause, code, text) => {
    expect(hangupText(cause, code)).toBe(text);
  });
});
