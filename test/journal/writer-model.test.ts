import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../src/journal/format.ts';
import { endedPath, livePath, trackPath } from '../../src/journal/layout.ts';
import { END, head, input } from './samples.ts';
import { content, lines, settled, setup } from './writer-setup.ts';

describe('under any mixture of load, failing disks and dying threads', () => {
  const calls = ['c1', 'c2', 'c3'] as const;
  const action = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        call: fc.nat(2),
        intent: fc.boolean(),
        size: fc.nat(40),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('track' as const), call: fc.nat(2), size: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), call: fc.nat(2) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(100, 250, 1000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('fail' as const),
        how: fc.constantFrom('ENOSPC', 'EROFS'),
        room: fc.nat(200),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('heal' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('die' as const), done: fc.nat(3) }) },
  );

  it('every file holds exactly what was appended, once and in order, and nothing is acknowledged before it is there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 80 }), async (actions) => {
        const { dataDir, clock, thread, writer } = setup({ auto: false });
        const expected = new Map(calls.map((id) => [id as string, { text: lines(head(id)), audio: '', open: true }]));
        const asked: string[] = [];
        const acked: string[] = [];
        const journalOf = (id: string): string =>
          content(livePath(dataDir, id)) + content(endedPath(dataDir, '2026-01-05', id));
        for (const id of calls) writer.open(id, head(id));
        let s = 0;

        for (const now of actions) {
          const id = 'call' in now ? (calls[now.call] ?? 'c1') : 'c1';
          const call = expected.get(id)!;
          switch (now.do) {
            case 'append': {
              if (!call.open) break;
              const record = input(++s, { type: 'x', text: 'é'.repeat(now.size) });
              call.text += encodeRecord(record);
              const upToHere = call.text;
              const key = `${id}:${s}`;
              if (now.intent) asked.push(key);
              writer.append(
                id,
                record,
                now.intent ? () => acked.push(journalOf(id).startsWith(upToHere) ? key : `${key} early`) : undefined,
              );
              break;
            }
            case 'track': {
              if (!call.open) break;
              const bytes = `${++s}.`.padEnd(now.size, '-');
              call.audio += bytes;
              writer.track(id, Buffer.from(bytes));
              break;
            }
            case 'close':
              if (!call.open) break;
              call.open = false;
              call.text += lines(END);
              asked.push(`${id}:closed`);
              writer.close(id, END, () => acked.push(`${id}:closed`));
              break;
            case 'step':
              thread.step();
              break;
            case 'tick':
              await Promise.resolve();
              break;
            case 'advance':
              clock.advance(now.ms);
              break;
            case 'fail':
              thread.fs.failure = now.how;
              thread.fs.room = now.room;
              break;
            case 'heal':
              thread.fs.failure = undefined;
              break;
            case 'die':
              thread.die(now.done);
              break;
          }
        }
        thread.fs.failure = undefined;
        thread.auto = true;
        const flushed = { now: false };
        void writer.flush().then(() => (flushed.now = true));
        for (let round = 0; round < 50 && !flushed.now; round += 1) {
          while (thread.busy) thread.step();
          await settled(thread);
          clock.advance(1000);
        }

        expect(flushed.now).toBe(true);
        for (const [id, call] of expected) {
          expect(content(call.open ? livePath(dataDir, id) : endedPath(dataDir, '2026-01-05', id))).toBe(call.text);
          expect(existsSync(livePath(dataDir, id))).toBe(call.open);
          expect(content(trackPath(dataDir, id))).toBe(call.audio);
        }
        const of = (keys: readonly string[], id: string): string[] => keys.filter((key) => key.startsWith(`${id}:`));
        for (const id of calls) expect(of(acked, id)).toEqual(of(asked, id));
        await writer.stop();
      }),
      { numRuns: 300 },
    );
  });
});
