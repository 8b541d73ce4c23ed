import { createSocket } from 'node:dgram';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderVoice } from '../../src/emulator/voice.ts';
import { heardWords } from './ear.ts';
import { inChildWorld } from './child.ts';
import { CALLER, RECEPTION, until } from './world.ts';

/** Sockets of a process, by protocol, from its open files and the kernel's tables. */
interface OpenSockets {
  /** `udp`, `raw`, `packet` …: everything on the network that is not TCP. */
  readonly others: readonly string[];
  /** Local ports on which it listens. */
  readonly listens: readonly number[];
}

function socketsOf(pid: number): OpenSockets {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed between listing and looking.
    }
  }
  const rows = (table: string): string[][] => {
    const path = `/proc/${pid}/net/${table}`;
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row.some((field) => inodes.has(field)));
  };
  const others = ['udp', 'udp6', 'udplite', 'udplite6', 'raw', 'raw6', 'icmp', 'icmp6', 'packet'].flatMap((table) =>
    rows(table).map((row) => `${table} ${row.join(' ')}`),
  );
  const LISTEN = '0A';
  const listens = ['tcp', 'tcp6'].flatMap((table) =>
    rows(table)
      .filter((row) => row[3] === LISTEN)
      .map((row) => parseInt(row[1]?.split(':').at(-1) ?? '', 16)),
  );
  return { others, listens };
}

/** The tables are really read: a UDP socket of this process is seen, the gateway's TCP port is. */
async function expectSeen(pid: number): Promise<void> {
  const udp = createSocket('udp4');
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  expect(socketsOf(process.pid).others).toEqual([expect.stringMatching(/^udp /)]);
  udp.close();
  expect(socketsOf(pid).listens).toHaveLength(1);
}

describe('no SIP, no UDP, no Redis', () => {
  it('a whole call runs over one TCP port', async (context) => {
    if (process.platform !== 'linux') {
      await context.annotate(
        'sockets of a process are read from /proc, which only Linux has: this proof did not run',
        'notice',
      );
      return;
    }
    if (!existsSync('/proc/self/net/tcp'))
      throw new Error('this proof reads /proc/<pid>/net, which is not mounted here');
    await inChildWorld({}, async (world) => {
      const child = await world.start();
      await expectSeen(child.pid);
      const seen: OpenSockets[] = [];
      const watch = setInterval(() => seen.push(socketsOf(child.pid)), 50);
      try {
        const call = world.telnyx.placeCall({ from: CALLER, to: RECEPTION });
        await until(() => heardWords(call.heard(), 'Hello there.').length === 2, 'the greeting');
        await call.play(renderVoice('do you have a room', 8000).samples);
        await until(() => heardWords(call.heard(), 'Answer 1 for you.').length >= 4, 'the answer');
        call.hangup();
        await until(() => world.telnyx.liveCalls().length === 0, 'the end');
      } finally {
        clearInterval(watch);
      }
      child.process.kill('SIGTERM');
      expect(await child.exit).toEqual({ code: 0, signal: null });

      expect(seen.length).toBeGreaterThan(20);
      expect(seen.flatMap(({ others }) => others)).toEqual([]);
      expect(new Set(seen.flatMap(({ listens }) => listens))).toEqual(new Set([world.port]));
      expect(seen.every(({ listens }) => listens.length === 1)).toBe(true);
    });
  });
});
