import { expect } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { renderVoice } from '../../src/emulator/voice.ts';
import { CALLER, LONG_SPEECH, NEIGHBOUR, until, type GatewayWorld } from './world.ts';

const SPEECH = encodeG711('PCMU', renderVoice(LONG_SPEECH, 8000).samples);
/** A process that was stopped for longer than the playout lead makes a gap that nobody's fault caused. */
const STALL_MS = 120;

export interface Neighbour {
  readonly call: EmulatedCall;
  /** Ends the call. Throws when anything of it was lost, doubled or torn. */
  isUntouched(): Promise<void>;
}

/** A second call that must not notice what happens to the first: both of its sides speak without a pause. */
export async function startNeighbour(world: GatewayWorld): Promise<Neighbour> {
  const ear = world.neighbour.ears.length;
  const call = world.emulator.placeCall({ from: CALLER, to: NEIGHBOUR });
  await until(() => loud(call.heard()) >= 0, 'the neighbour to hear the agent');
  void call.play(SPEECH);
  const stalls = watchStalls();
  return {
    call,
    isUntouched: async () => {
      const heard = call.heard();
      const asked = Buffer.concat(world.neighbour.ears[ear]?.heard ?? []);
      const sent = Buffer.concat(call.frames.flatMap((frame) => (frame.payload ? [Buffer.from(frame.payload)] : [])));
      const isStillHeard = world.neighbour.ears[ear]?.isOpen;
      const worst = stalls();
      call.hangup();
      await until(() => call.state === 'ended', 'the end of the neighbour');

      expect(isStillHeard, 'the recognition stream of the neighbour is its first one').toBe(true);
      expect(breakIn(asked, Buffer.from(SPEECH), 0xff), 'first byte of the neighbour that STT missed').toBe(-1);
      expect(breakIn(sent, Buffer.from(SPEECH), 0xff), 'first byte sent to the neighbour out of place').toBe(-1);
      if (worst > STALL_MS) return;
      expect(breakIn(heard, decodeG711('PCMU', SPEECH), 0), 'first sample the neighbour heard out of place').toBe(-1);
      expect(call.underruns, 'gaps in what the neighbour heard').toEqual([]);
    },
  };
}

/** Where `heard` differs from the beginning of `said`, both from their first sound on; -1 when nowhere. */
function breakIn(heard: ArrayLike<number>, said: ArrayLike<number>, silence: number): number {
  const from = loud(heard, silence);
  const start = loud(said, silence);
  if (from < 0) return 0;
  let end = heard.length;
  // The last frames may still be on their way to the ear.
  while (end > from && heard[end - 1] === silence) end--;
  for (let at = 0; from + at < end && start + at < said.length; at++) {
    if (heard[from + at] !== said[start + at]) return at;
  }
  return -1;
}

function loud(samples: ArrayLike<number>, silence = 0): number {
  for (let at = 0; at < samples.length; at++) if (samples[at] !== silence) return at;
  return -1;
}

/** @returns a function that ends the watch and says how long this process was stopped at most. */
function watchStalls(): () => number {
  let last = performance.now();
  let worst = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 10);
    last = now;
  }, 10);
  return () => {
    clearInterval(timer);
    return Math.max(worst, performance.now() - last - 10);
  };
}
