import { randomUUID } from 'node:crypto';
import { serveParent, usage } from './child.ts';
import { Phone } from './phone.ts';
import { LoadTelnyx, type Leg } from './telnyx.ts';

/*
 * The load: callers with their media sockets, against an echo server or (through a small Telnyx) against the gateway.
 */
const FRAME_MS = 20;

interface Call {
  readonly leg: Leg;
  phone: Phone | undefined;
  readonly connected: Promise<void>;
  readonly streamStarted: () => void;
  answered: boolean;
  ended: boolean;
}

export interface Traffic {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  /** Of the frames that 50 a second are: below 1 the load itself fell behind. */
  readonly pace: number;
  readonly cpuMs: number;
}

const calls = new Map<string, Call>();
let phones: Phone[] = [];
let speaking = false;

const telnyx = new LoadTelnyx({
  answered: (id, streamUrl) => {
    const call = calls.get(id);
    // The same command comes again when its 200 was slow.
    if (!call || call.answered) return;
    call.answered = true;
    void connect(call, streamUrl);
  },
  hungUp: (id) => {
    const call = calls.get(id);
    if (call) void hangUp(call);
  },
});
const listening = telnyx.listen();

async function connect(call: Call, streamUrl: string): Promise<void> {
  await telnyx.webhook('call.answered', call.leg);
  if (call.ended) return;
  const start = JSON.stringify({
    event: 'start',
    sequence_number: '1',
    stream_id: randomUUID(),
    start: {
      call_control_id: call.leg.callControlId,
      call_session_id: call.leg.callSessionId,
      media_format: { encoding: 'PCMU', sample_rate: 8000, channels: 1 },
    },
  });
  call.phone = new Phone(streamUrl, call.streamStarted, start);
  phones.push(call.phone);
  await telnyx.webhook('streaming.started', call.leg);
}

function placeCall(): Call {
  const id = randomUUID();
  const leg: Leg = { callControlId: `v3:${id}`, callLegId: id, callSessionId: randomUUID() };
  let streamStarted = (): void => undefined;
  const connected = new Promise<void>((resolve) => (streamStarted = resolve));
  const call: Call = { leg, phone: undefined, connected, streamStarted, answered: false, ended: false };
  calls.set(encodeURIComponent(leg.callControlId), call);
  calls.set(leg.callControlId, call);
  void telnyx.webhook('call.initiated', leg, { direction: 'incoming', state: 'parked', offered_codecs: 'PCMU,PCMA' });
  return call;
}

async function hangUp(call: Call): Promise<void> {
  if (call.ended) return;
  call.ended = true;
  calls.delete(call.leg.callControlId);
  calls.delete(encodeURIComponent(call.leg.callControlId));
  const { phone } = call;
  phones = phones.filter((other) => other !== phone);
  phone?.close();
  await telnyx.webhook('call.hangup', call.leg, {
    hangup_cause: 'normal_clearing',
    hangup_source: 'caller',
    sip_hangup_cause: '200',
  });
}

const live = (): Call[] => [...new Set(calls.values())];
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every phone sends on its own deadlines, spread evenly over the 20 ms of a frame. */
const nextAt = new WeakMap<Phone, number>();
function speak(): void {
  if (!speaking) return;
  const now = performance.now();
  for (const [i, phone] of phones.entries()) {
    let due = nextAt.get(phone) ?? now + (FRAME_MS * i) / phones.length;
    for (; due <= now; due += FRAME_MS) phone.frame();
    nextAt.set(phone, due);
  }
  setTimeout(speak, 1);
}

function startSpeaking(): void {
  if (speaking) return;
  speaking = true;
  speak();
}

const handlers = {
  telnyx: async () => ({ telnyxUrl: await listening, apiKey: telnyx.apiKey, publicKey: telnyx.publicKey }),
  webhooksTo: (url: string) => void (telnyx.webhookUrl = url),
  /** So many sockets to an echo server. */
  dial: async ({ url, count }: { url: string; count: number }) => {
    await Promise.all(
      Array.from({ length: count }, () => new Promise<void>((opened) => phones.push(new Phone(url, opened)))),
    );
    startSpeaking();
  },
  /** So many calls to the gateway; resolves when all streams are up. */
  call: async (count: number) => {
    for (let placed = 0; placed < count; placed += 25) {
      await Promise.all(Array.from({ length: Math.min(25, count - placed) }, () => placeCall().connected));
      startSpeaking();
    }
  },
  /** Lets the traffic run and tells what passed meanwhile. */
  measure: async (ms: number): Promise<Traffic> => {
    const sum = (of: (phone: Phone) => number): number => phones.reduce((total, phone) => total + of(phone), 0);
    const read = (): Omit<Traffic, 'pace'> => ({
      sent: sum((phone) => phone.sent),
      received: sum((phone) => phone.received),
      lost: sum((phone) => phone.check.lost),
      doubled: sum((phone) => phone.check.doubled),
      cpuMs: usage().cpuMs,
    });
    const before = read();
    const from = performance.now();
    await wait(ms);
    const after = read();
    const nominal = (phones.length * (performance.now() - from)) / FRAME_MS;
    return {
      sent: after.sent - before.sent,
      received: after.received - before.received,
      lost: after.lost - before.lost,
      doubled: after.doubled - before.doubled,
      pace: (after.sent - before.sent) / nominal,
      cpuMs: after.cpuMs - before.cpuMs,
    };
  },
  /** Everybody hangs up; resolves when Telnyx has told the gateway. */
  end: async () => {
    await Promise.all(live().map(hangUp));
    for (const phone of phones) phone.close();
    phones = [];
    speaking = false;
  },
  /** Each caller talks over the agent and then ends a turn, again and again, each `cycleMs`. */
  converse: async ({ ms, cycleMs }: { ms: number; cycleMs: number }) => {
    for (const { times } of phones) times.answers.length = times.clears.length = times.firstFrames.length = 0;
    const until = performance.now() + ms;
    await Promise.all(
      phones.map(async (phone, i) => {
        await wait((cycleMs * i) / phones.length);
        while (performance.now() < until) {
          phone.endTurn();
          await wait(cycleMs * 0.7);
          phone.interrupt();
          await wait(cycleMs * 0.3);
        }
      }),
    );
    const all = (name: 'answers' | 'clears' | 'firstFrames'): number[] => phones.flatMap((phone) => phone.times[name]);
    return { answers: all('answers'), clears: all('clears'), firstFrames: all('firstFrames') };
  },
  /** `count` calls that each talk for `talkMs`, one begun every `everyMs`; the replies to their webhooks in ms. */
  churn: async ({ count, everyMs, talkMs }: { count: number; everyMs: number; talkMs: number }) => {
    telnyx.replies.length = 0;
    const refusedBefore = telnyx.refused;
    const running: Promise<void>[] = [];
    const from = performance.now();
    startSpeaking();
    for (let n = 0; n < count; n++) {
      const call = placeCall();
      running.push(
        call.connected.then(async () => {
          await wait(talkMs);
          await hangUp(call);
        }),
      );
      await wait(Math.max(0, from + (n + 1) * everyMs - performance.now()));
    }
    await Promise.all(running);
    return {
      replies: [...telnyx.replies],
      refused: telnyx.refused - refusedBefore,
      seconds: (performance.now() - from) / 1000,
    };
  },
  live: (): number => live().length,
};
export type PhonesProcess = typeof handlers;

serveParent(handlers);
