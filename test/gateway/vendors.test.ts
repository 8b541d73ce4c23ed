import { afterEach, describe, expect, it } from 'vitest';
import { encodeG711 } from '../../src/audio/g711.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { createDeepgramEmulator, type DeepgramEmulator } from '../../src/emulator/deepgram/emulator.ts';
import { createOpenAiEmulator, type OpenAiEmulator } from '../../src/emulator/openai/openai-emulator.ts';
import { findWords, renderVoice } from '../../src/emulator/voice.ts';
import { createOpenAiLlm } from '../../src/providers/llm/openai.ts';
import { createDeepgramStt } from '../../src/providers/stt/deepgram.ts';
import { createDeepgramTts } from '../../src/providers/tts/deepgram.ts';
import { gatewayWorld, until, type GatewayWorld } from './world.ts';

const CALL = { from: '+14155550142', to: '+13125550178' };
const GREETING = 'Hello there.';
const TURNS = [
  ['do you have a room', 'Yes, one double room.'],
  ['how much is it', 'Ninety euros.'],
  ['thank you', 'You are welcome.'],
] as const;

interface Vendors {
  readonly deepgram: DeepgramEmulator;
  readonly openai: OpenAiEmulator;
  readonly world: GatewayWorld;
}

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

/** A gateway whose providers are the real adapters and SDKs, against the vendors' emulators. */
async function vendors(stt: string, tts: string): Promise<Vendors> {
  const deepgram = await createDeepgramEmulator();
  const replies = new Map<string, string>(TURNS);
  const openai = await createOpenAiEmulator({
    chat: (request) => {
      const users = request.messages.filter((message) => message.role === 'user');
      return { text: replies.get(String(users.at(-1)?.content)) ?? 'Pardon?' };
    },
  });
  const shared = { clock: systemClock, log: silentLog };
  const access = { apiKey: 'key', baseUrl: deepgram.baseUrl, ...shared };
  const world = await gatewayWorld({
    agent: { greeting: GREETING },
    providers: {
      stt: createDeepgramStt({ ...access, model: stt, ...(stt.startsWith('flux') ? { eagerEotThreshold: 0.4 } : {}) }),
      llm: createOpenAiLlm({ apiKey: 'key', baseUrl: openai.baseUrl, model: 'test-model', ...shared }),
      tts: createDeepgramTts({ ...access, model: tts }),
    },
  });
  close = async () => {
    await world.close();
    await openai.close();
    await deepgram.close();
  };
  return { deepgram, openai, world };
}

describe.each([
  ['flux-general-en', 'flux-haley-en', 'PCMU'],
  ['flux-general-en', 'aura-2-thalia-en', 'PCMA'],
  ['nova-3', 'aura-2-thalia-en', 'PCMU'],
] as const)('three turns with %s and %s in %s', (stt, tts, codec) => {
  it('every caller byte reaches STT once and in order, every reply reaches the caller in full', async () => {
    const { deepgram, openai, world } = await vendors(stt, tts);
    const { emulator, events } = world;
    deepgram.hear(TURNS.map(([said]) => said));
    const call = emulator.placeCall({ ...CALL, codec, offeredCodecs: [codec] });
    const agentTurns = (): number => events.filter((e) => e.type === 'turn.ended' && e.data.role === 'agent').length;
    await until(() => agentTurns() === 1, 'the greeting');
    for (const [index, [said]] of TURNS.entries()) {
      await call.play(renderVoice(said, 8000).samples);
      await until(() => agentTurns() === index + 2, `the answer to "${said}"`, 15_000);
    }
    const heardWords = findWords(
      call.heard(),
      8000,
      [GREETING, ...TURNS.map(([, reply]) => reply)].join(' '),
    ).words.map((w) => w.text);
    const underruns = [...call.underruns];
    call.hangup();
    await until(() => events.at(-1)?.type === 'call.ended', 'the end');

    expect(heardWords).toEqual([GREETING, ...TURNS.map(([, reply]) => reply)].join(' ').split(' '));
    expect(underruns).toEqual([]);
    const listen = deepgram.connections.filter((connection) => connection.path.endsWith('listen'));
    expect(listen).toHaveLength(1);
    // What STT got is one unbroken stretch of what the caller's phone said: nothing lost, doubled or out of order.
    const got = Buffer.from(listen[0]?.audio ?? []);
    for (const [said] of TURNS) {
      const sent = Buffer.from(encodeG711(codec, renderVoice(said, 8000).samples));
      expect(count(got, sent.subarray(1600, 8000))).toBe(1);
    }
    const turns = events.flatMap((e) => (e.type === 'turn.ended' ? [[e.data.role, e.data.text]] : []));
    expect(turns).toEqual([
      ['agent', GREETING],
      ...TURNS.flatMap(([said, reply]) => [
        ['caller', said],
        ['agent', reply],
      ]),
    ]);
    const chats = openai.requests.filter((request) => request.path.endsWith('/chat/completions'));
    const last = (chats.at(-1)?.body as { messages: { role: string; content: string }[] }).messages;
    expect(last.slice(1).map((message) => message.content)).toEqual([
      GREETING,
      ...TURNS.slice(0, 2).flatMap(([said, reply]) => [said, reply]),
      TURNS[2][0],
    ]);
    expect(emulator.liveCalls()).toEqual([]);
  });
});

/** How often `part` stands in `whole`. */
function count(whole: Buffer, part: Buffer): number {
  let found = 0;
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, at + 1)) found++;
  return found;
}
