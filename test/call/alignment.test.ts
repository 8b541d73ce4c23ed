import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readWav } from '../../src/audio/wav.ts';
import { trackPath } from '../../src/journal/layout.ts';
import { readRecording, renderRecording } from '../../src/records/recording.ts';
import { clicking, FarSide, isClick, type Weather } from './far-side.ts';

const SECOND = 8000;
const ALLOWED = 20 * 8;

/** A sequence that looks random and is the same every time. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function inFolder<T>(records: readonly Uint8Array[], read: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-'));
  try {
    const path = trackPath(dataDir, 'call_1');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.concat(records));
    return await read(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Where clicks begin in a channel. */
function clicksIn(samples: Int16Array): number[] {
  const found: number[] = [];
  for (let n = 0; n < samples.length; n++) {
    if (Math.abs(samples[n] ?? 0) < 10_000) continue;
    found.push(n);
    n += 800;
  }
  return found;
}

/** Where clicks begin in what the phone played, on its own clock. */
function clicksHeard(far: FarSide): number[] {
  return far.heard.flatMap(({ at, bytes }) =>
    bytes.flatMap((byte, n) => (isClick(byte) && !isClick(bytes[n - 1] ?? 0) ? [at + n] : [])),
  );
}

describe('an hour of a call, clicks in both directions', () => {
  const hour = 3600;
  it.each<[string, Weather]>([
    ['loss, jitter and reorder', { drift: 0, delayMs: 30, jitterMs: 20, frameJitterMs: 45, loss: 0.01 }],
    ['the same, a far side 100 ppm fast', { drift: 100e-6, delayMs: 30, jitterMs: 20, frameJitterMs: 45, loss: 0.01 }],
    ['the same, a far side 100 ppm slow', { drift: -100e-6, delayMs: 30, jitterMs: 20, frameJitterMs: 45, loss: 0.01 }],
  ])(
    'stay where the phone had them, within 20 ms: %s',
    async (_name, weather) => {
      // The person clicks every 30 s, the agent 10 s later, in a turn of 12 s whose audio comes in pieces.
      const callerClicks = Array.from({ length: hour / 30 }, (_, n) => (n * 30 + 5) * SECOND + 77 * n);
      const far = new FarSide(weather, callerClicks, sequence(7));
      for (let turn = 1; turn <= hour / 30; turn++) {
        far.run(((turn - 1) * 30 + 9) * 1000);
        const { playout } = far.media;
        playout.begin(turn);
        const audio = clicking(12_000, [1000, 6000 + turn, 11_500]);
        for (let at = 0; at < audio.length; at += 9000) {
          playout.write(audio.subarray(at, at + 9000));
          far.run(far.t + 7);
        }
        playout.end();
      }
      far.run(hour * 1000);
      far.media.recorder.finish(far.t);

      const { caller, agent } = await inFolder(far.records, async (dataDir) => {
        const [left, right] = readWav(await renderRecording(dataDir, 'call_1')).channels;
        return { caller: left ?? new Int16Array(), agent: right ?? new Int16Array() };
      });

      const said = clicksIn(caller);
      const truth = clicksHeard(far);
      const heard = clicksIn(agent);
      expect(heard.length).toBe(truth.length);
      expect(truth.length).toBe((hour / 30) * 3);
      // A click may fall into a lost frame; what is there lies on the sample.
      expect(said.length).toBeGreaterThan(callerClicks.length * 0.9);
      const off = (at: number, among: readonly number[]): number => Math.min(...among.map((one) => Math.abs(one - at)));
      const callerOff = Math.max(...said.map((at) => off(at, callerClicks)));
      const agentOff = Math.max(...truth.map((at, n) => Math.abs((heard[n] ?? 0) - at)));
      expect({ callerOff, agentOff: agentOff <= ALLOWED || agentOff }).toEqual({ callerOff: 0, agentOff: true });
    },
    60_000,
  );
});

describe('an agent that is interrupted', () => {
  it.each([130, 395, 400, 1010, 2222, 3999])('is cut where the phone heard it end: after %d ms', async (cutMs) => {
    for (const jitterMs of [0, 15]) {
      const far = new FarSide(
        { drift: 0, delayMs: 40, jitterMs, frameJitterMs: 45, loss: 0 },
        [4000, 12_000, 20_000, 28_000],
        sequence(cutMs),
      );
      const { playout } = far.media;
      // A turn before, as the greeting is: the way there and back is known.
      far.run(1000);
      playout.begin(1);
      playout.write(clicking(2000, []).fill(0x20));
      playout.end();
      far.run(5000);
      playout.begin(2);
      playout.write(clicking(8000, []).fill(0x21));
      playout.advance(far.t);
      far.run(5000 + cutMs);
      playout.drop(far.t);
      far.run(12_000);
      far.media.recorder.finish(far.t);

      const truth = far.heard.at(-1);
      const { agent, caller } = await inFolder(far.records, (dataDir) => readRecording(dataDir, 'call_1'));
      // A recording begins with the first frame that came: which one that was does not matter here.
      const zero = ((clicksIn(caller)[0] ?? 0) % 8000) - 4000;
      const from = agent.findIndex((sample, n) => n > 4000 * 8 && sample !== 0);
      const to = agent.findLastIndex((sample) => sample !== 0) + 1;
      expect(Math.abs(from - zero - (truth?.at ?? 0))).toBeLessThanOrEqual(ALLOWED);
      expect(Math.abs(to - zero - ((truth?.at ?? 0) + (truth?.bytes.length ?? 0)))).toBeLessThanOrEqual(ALLOWED);
      // Not one hole in what was heard.
      expect(agent.subarray(from, to).includes(0)).toBe(false);
    }
  });
});
