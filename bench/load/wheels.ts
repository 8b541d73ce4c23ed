import { Wheel } from '../../src/call/wheel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { quantiles, type Quantiles } from './quantiles.ts';

const FRAME_MS = 20;

/** Our wheel with `members` that have nothing to do but be on time. */
export async function ourWheel(members: number, ms: number): Promise<Quantiles> {
  const late: number[] = [];
  const wheel = new Wheel(systemClock);
  const from = systemClock.mono();
  for (let n = 0; n < members; n++) {
    const member = {
      due: from + FRAME_MS + (FRAME_MS * n) / members,
      advance: (): void => {
        for (const now = systemClock.mono(); member.due <= now; member.due += FRAME_MS) late.push(now - member.due);
      },
    };
    wheel.add(member);
  }
  await new Promise((resolve) => setTimeout(resolve, ms));
  wheel.stop();
  return quantiles(late);
}

/** What a timer of 1 ms can do at best: the same members in a loop, and nothing around them. */
export async function bareWheel(members: number, ms: number): Promise<Quantiles> {
  const late: number[] = [];
  const from = performance.now();
  const due = Float64Array.from({ length: members }, (_, n) => from + FRAME_MS + (FRAME_MS * n) / members);
  let running = true;
  const tick = (): void => {
    if (!running) return;
    const now = performance.now();
    for (let n = 0; n < members; n++) {
      for (; (due[n] as number) <= now; due[n] = (due[n] as number) + FRAME_MS) late.push(now - (due[n] as number));
    }
    setTimeout(tick, 1);
  };
  tick();
  await new Promise((resolve) => setTimeout(resolve, ms));
  running = false;
  return quantiles(late);
}
