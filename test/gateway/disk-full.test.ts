import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { listEnded, readJournal } from '../../src/journal/reader.ts';
import { inChildWorld } from './child.ts';
import { heardWords } from './ear.ts';
import { CALLER, RECEPTION, until } from './world.ts';

const SPEECH = Array.from({ length: 5 }, (_, n) => `word${n} follows word${n + 1}`).join(' ');
/** Changes how large a file of a running process may become: the one way to fill up a disk without being root. */
const PRLIMIT = '/usr/bin/prlimit';
const EXPECTED = /journal|database|disk|EFBIG|track/i;

interface Health {
  readonly status: string;
  readonly reasons: readonly string[];
}

it.runIf(existsSync(PRLIMIT))(
  'a disk that is full harms no call; readiness, metrics and log say so, and all of it is on file once there is room',
  () =>
    inChildWorld({ agent: { greeting: SPEECH }, expectErrors: EXPECTED }, async (world) => {
      const { telnyx } = world;
      const health = async (): Promise<Health> => (await world.json('/readyz')) as Health;
      const metrics = async (): Promise<string> => (await fetch(`${world.origin}/metrics`)).text();
      const calls = async (): Promise<{ status: string }[]> =>
        ((await world.json('/v1/calls')) as { calls?: { status: string }[] }).calls ?? [];
      const wait = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
        for (const end = performance.now() + 15_000; !(await holds());) {
          if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      const child = await world.start();
      const largest = (bytes: string): void =>
        void execFileSync(PRLIMIT, ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`]);

      const through = telnyx.placeCall({ from: CALLER, to: RECEPTION });
      await through.waitFor('frame');
      const from = through.sample;
      largest('100');
      const within = telnyx.placeCall({ from: CALLER, to: RECEPTION });
      await until(() => within.isStreaming, 'a call to be taken meanwhile');
      await within.waitFor('frame');
      within.hangup();
      await wait(async () => (await health()).reasons.some((why) => why.startsWith('journal: ')), 'readiness to tell');
      expect(await metrics()).toMatch(/^landline_journal_failed(?:\{.*\})? 1$/m);
      await until(() => through.marks.some((mark) => mark.name.startsWith('t1:')), 'the greeting to be heard');
      await until(
        () => heardWords(through.heard(), SPEECH).filter(({ complete }) => complete).length === 15,
        'every word of it',
      );
      expect(through.underruns.filter(({ sample }) => sample > from)).toEqual([]);
      through.hangup();
      await until(() => telnyx.liveCalls().length === 0, 'both calls to be over');

      largest('unlimited');

      await wait(async () => (await health()).reasons.length === 0, 'readiness to be clean');
      await wait(async () => {
        const rows = await calls();
        return rows.length === 2 && rows.every(({ status }) => status === 'ended');
      }, 'both records');
      expect(await metrics()).toMatch(/^landline_journal_failed(?:\{.*\})? 0$/m);
      const told = child.lines.flatMap((line) => /"msg":"(journal (?:cannot|is written)[^"]*)"/.exec(line)?.[1] ?? []);
      expect(told).toEqual(['journal cannot be written; calls go on in memory', 'journal is written again']);
      child.process.kill('SIGTERM');
      expect(await child.exit).toEqual({ code: 0, signal: null });
      for (const { path } of await listEnded(world.dataDir)) {
        const { ended, damaged, tornBytes, records } = await readJournal(path);
        expect([ended, damaged, tornBytes]).toEqual([true, [], 0]);
        const numbers = records.flatMap((record) => ('s' in record ? [record.s] : []));
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      }
    }),
  60_000,
);
