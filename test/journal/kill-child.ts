/**
 * A process made to be killed: `node kill-child.ts <dataDir> <seed>` keeps journals of three calls, prints every
 * acknowledged record as a line `<callId> <s>`, and goes on until SIGKILL.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import { createIds } from '../../src/core/ids.ts';
import { silentLog } from '../../src/core/log.ts';
import { encodeTrackRecord } from '../../src/journal/tracks.ts';
import { createJournalWriter } from '../../src/journal/writer.ts';
import { head } from './sample-head.ts';

const [dataDir = '', seed = ''] = process.argv.slice(2);
const ids = createIds(seed);
const writer = createJournalWriter({ dataDir, clock: systemClock, log: silentLog });
const calls = ['c1', 'c2', 'c3'].map((callId) => ({ callId, s: 0, at: 0 }));
for (const { callId } of calls) writer.open(callId, head(callId));

function work(): void {
  for (const call of calls) {
    for (let n = Math.floor(ids.fraction('burst') * 4); n > 0; n -= 1) {
      const s = ++call.s;
      const text = 'é'.repeat(Math.floor(ids.fraction('size') * 300));
      const record = { k: 'in', s, t: s, d: { type: 'x', text } } as const;
      // The line leaves this process before anything else happens: what the parent reads was acknowledged.
      if (ids.fraction('intent') < 0.5) writer.append(call.callId, record, () => writeSync(1, `${call.callId} ${s}\n`));
      else writer.append(call.callId, record);
    }
    writer.track(
      call.callId,
      encodeTrackRecord({ kind: 'caller', at: call.at, bytes: Buffer.alloc(160, call.at / 160) }),
    );
    call.at += 160;
  }
  setTimeout(work, ids.fraction('pause') * 3);
}
work();
