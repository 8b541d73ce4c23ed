import { describe, expect, it } from 'vitest';
import type { PublicEvent } from '../../src/call/inputs.ts';
import { Screen } from '../../src/cli/screen.ts';
import { Transcript } from '../../src/cli/transcript.ts';

/** A terminal, or a pipe, in memory. */
function output(options: { isTTY?: boolean; columns?: number } = {}): {
  text: string;
  write: (text: string) => void;
  isTTY?: boolean;
  columns?: number;
} {
  return {
    ...options,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

const START = Date.parse('2026-01-05T09:00:00.000Z');

/** What a screen shows of these events, `ms` after the call came in. */
async function shown(events: readonly (readonly [ms: number, event: PublicEvent])[]): Promise<string[]> {
  const out = output();
  const transcript = new Transcript(new Screen(out, {}));
  for (const [ms, event] of events) {
    transcript.on({ ...event, id: '1', callId: 'call_1', at: new Date(START + ms).toISOString() });
  }
  await new Promise((resolve) => setImmediate(resolve));
  return out.text.trimEnd().split('\n');
}

const created: PublicEvent = {
  type: 'call.created',
  data: { direction: 'inbound', from: '+14155550142', to: '+13125550178', agent: 'hotel' },
};
const answered: PublicEvent = { type: 'call.answered', data: {} };
const ended = (
  turn: number,
  role: 'caller' | 'agent',
  text: string,
  startMs: number,
  more: object = {},
): PublicEvent => ({
  type: 'turn.ended',
  data: { turn, role, text, startMs, endMs: startMs + 500, ...more },
});

describe('a conversation on the screen', () => {
  it('counts from the answer', async () => {
    expect(
      await shown([
        [0, created],
        [200, answered],
        [2000, ended(1, 'agent', 'Hello.', 1500)],
      ]),
    ).toEqual([
      '0:00.0            +14155550142 calls +13125550178',
      '0:00.0            the gateway answers',
      '0:01.3   agent    Hello.',
    ]);
  });

  it('shows an interrupted turn before the words that interrupted it, whichever is told first', async () => {
    const lines = await shown([
      [0, created],
      [3000, ended(2, 'caller', 'location', 2500)],
      [3000, { type: 'speech.interrupted', data: { turn: 1, heard: 'We are', unheardWords: 7 } }],
      [3000, ended(1, 'agent', 'We are', 1000, { interrupted: true, latency: { firstAudioMs: 640 } })],
    ]);

    expect(lines.slice(1)).toEqual([
      '0:01.0   agent    We are ✂  after 0.64 s, interrupted, 7 words never heard',
      '0:02.5   caller   location  recognised',
    ]);
  });

  it('shows a key once, and no time to answer it', async () => {
    const lines = await shown([
      [0, created],
      [3000, { type: 'dtmf.received', data: { digit: '1' } }],
      [4000, ended(2, 'caller', '[pressed 1]', 3000)],
      [6000, ended(3, 'agent', 'Done.', 4000, { latency: { firstAudioMs: 30 } })],
    ]);

    expect(lines.slice(1)).toEqual(['0:03.0   caller   [1]  key pressed', '0:04.0   agent    Done.']);
  });

  it('shows turns before what came after them', async () => {
    const lines = await shown([
      [0, created],
      [6000, ended(1, 'agent', 'One moment.', 4000)],
      [6000, { type: 'transfer.started', data: { target: 'desk' } }],
      [6500, { type: 'transfer.ended', data: { target: 'desk', outcome: 'answered' } }],
      [9000, { type: 'call.ended', data: { reason: 'transferred', durationMs: 9000 } }],
    ]);

    expect(lines.slice(1)).toEqual([
      '0:04.0   agent    One moment.',
      '0:06.0            transfer to desk',
      '0:06.5            transfer to desk: answered',
      '0:09.0            the call has ended: transferred',
    ]);
  });
});

describe('the screen', () => {
  const ESCAPE = '\u001b';

  it.each([
    ['a pipe', {}, {}, false],
    ['a terminal', { isTTY: true }, {}, true],
    ['a terminal with NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
  ])('is coloured or not: %s', (_name, options, env, isColoured) => {
    const out = output(options);

    new Screen(out, env).said(0, 'agent', 'Hello.', 'after 1 s');

    expect(out.text.includes(ESCAPE)).toBe(isColoured);
  });

  it('breaks long lines below their beginning', () => {
    const out = output({ columns: 60 });

    new Screen(out, {}).said(61_500, 'agent', 'word '.repeat(12).trim(), 'note');

    expect(out.text.split('\n')).toEqual([
      '1:01.5   agent    word word word word word word word word',
      '                  word word word word  note',
      '',
    ]);
  });

  it('overwrites its status line, and shows none on a pipe', () => {
    const [tty, pipe] = [output({ isTTY: true, columns: 60 }), output()];
    for (const out of [tty, pipe]) {
      const screen = new Screen(out, { NO_COLOR: '1' });
      screen.status(1000, `agent    ${'speaking '.repeat(20)}`);
      screen.line('next');
    }

    const [before = '', after = ''] = tty.text.split('\r\u001b[2K').slice(1);
    expect(before.length).toBeLessThan(60);
    expect(before).toMatch(/^0:01\.0 {3}agent {4}speaking/);
    expect(after).toBe('next\n');
    expect(pipe.text).toBe('next\n');
  });
});
