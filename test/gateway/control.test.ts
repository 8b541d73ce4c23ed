import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeG711, encodeG711 } from '../../src/audio/g711.ts';
import { writeWav } from '../../src/audio/wav.ts';
import { loadSounds, type Sounds } from '../../src/call/sounds.ts';
import type { EmulatedCall } from '../../src/emulator/telnyx/index.ts';
import { inWorld, until, type GatewayWorld } from './world.ts';

/** A chirp: it is like itself at one place only. */
function chirp(ms: number): Int16Array {
  const samples = new Int16Array(ms * 8);
  for (let i = 0, phase = 0; i < samples.length; i++) {
    phase += (2 * Math.PI * (300 + (1500 * i) / samples.length)) / 8000;
    samples[i] = Math.round(8000 * Math.sin(phase));
  }
  return samples;
}

function soundsOf(samples: Int16Array): Sounds {
  const dir = mkdtempSync(join(tmpdir(), 'landline-sounds-'));
  try {
    writeFileSync(join(dir, 'chirp.wav'), writeWav({ sampleRate: 8000, channels: [samples] }));
    return loadSounds({ chirp: 'chirp.wav' }, dir, (name, what) => {
      throw new Error(`${name} ${what}`);
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** How alike they are (1: the same), wherever a busy machine has put silence between two frames. */
function likeness(a: Int16Array, b: Int16Array): number {
  const [left, right] = [a.filter((one) => one !== 0), b.filter((one) => one !== 0)];
  const product = (x: Int16Array, y: Int16Array): number => x.reduce((sum, one, i) => sum + one * (y[i] ?? 0), 0);
  return product(left, right) / Math.sqrt(product(left, left) * product(right, right) || 1);
}

function act(
  world: GatewayWorld,
  call: EmulatedCall,
  action: string,
  body?: object,
): ReturnType<GatewayWorld['request']> {
  return world.request(`/v1/calls/${world.idOf(call)}/${action}`, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
}

const hangUp = async (world: GatewayWorld, call: EmulatedCall): Promise<void> => {
  call.hangup();
  await until(() => world.of('call.ended', call).length === 1, 'the end');
};

describe.concurrent('a sound of the config', () => {
  it('is heard by the caller as it is, and the conversation goes on', () =>
    inWorld({ gateway: { sounds: soundsOf(chirp(600)) } }, async (world) => {
      const call = await world.talk();
      const from = call.sample;
      expect((await act(world, call, 'play', { file: 'chirp' })).status).toBe(200);
      await until(() => world.of('turn.ended', call).length === 2, 'the sound to be heard');
      const played = decodeG711('PCMU', encodeG711('PCMU', chirp(600)));
      expect(likeness(played, call.heardSince(from))).toBeGreaterThan(0.99);
      expect(world.of('turn.ended', call)[1]?.data.text).toBe('[played chirp]');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'and now?' });
      await until(() => world.of('turn.ended', call).length === 4, 'the answer');
      await hangUp(world, call);
    }));

  it('is one of its names, and nothing else', () =>
    inWorld({ gateway: { sounds: soundsOf(chirp(100)) } }, async (world) => {
      const call = await world.talk();
      for (const file of ['gong', '../chirp.wav', '/etc/passwd', 'https://example.com/a.wav']) {
        const { status, json } = await act(world, call, 'play', { file });
        expect([status, (json as { code: string }).code], file).toEqual([404, 'sound_not_found']);
      }
      const wrong = await act(world, call, 'play', { file: 'chirp', url: 'https://example.com' });
      expect(wrong.status).toBe(400);
      await hangUp(world, call);
    }));
});

describe.concurrent('muting the agent', () => {
  it('leaves the caller with nobody but who speaks in its place', () =>
    inWorld({ gateway: { apiKeys: [] } }, async (world) => {
      const call = await world.talk();
      expect((await act(world, call, 'mute')).status).toBe(200);
      const asked = world.test.lastMessages().length;
      world.test.recognise({ type: 'sttEndOfTurn', text: 'is anybody there?' });
      await until(() => world.of('turn.ended', call).length === 2, 'the question');
      expect((await act(world, call, 'say', { text: 'I am.' })).status).toBe(200);
      await until(() => world.of('turn.ended', call).length === 3, 'the line');
      expect(world.test.lastMessages().length).toBe(asked);
      expect((await act(world, call, 'unmute')).status).toBe(200);
      const told = world.of('call.updated', call).flatMap(({ data }) => ('muted' in data ? [data.muted] : []));
      expect(told).toEqual([true, false]);
      await hangUp(world, call);
    }));

  it.each(['mute', 'unmute', 'play', 'say', 'dtmf'])('%s is refused once the call has ended', (action) =>
    inWorld({ gateway: { sounds: soundsOf(chirp(100)) } }, async (world) => {
      const call = await world.talk();
      const id = world.idOf(call);
      await hangUp(world, call);
      await until(() => !world.gateway.registry.sessions.has(id), 'the call to be gone');
      const body = { play: { file: 'chirp' }, say: { text: 'x' }, dtmf: { digits: '1' } }[action];
      const { status, json } = await act(world, call, action, body);
      expect([status, (json as { code: string }).code]).toEqual([409, 'call_not_active']);
    }),
  );
});

describe.concurrent('digits that are collected', () => {
  it.each(['both', 'socket', 'webhook'] as const)('are complete when keys are reported by %s', (dtmf) =>
    inWorld({ emulator: { dtmf }, agent: { tools: ['collect_digits'], sensitiveDigits: false } }, async (world) => {
      const call = await world.talk();
      world.test.call('collect_digits', { prompt: 'Your code?', digits: 3, terminator: '' }, '', 'Thank you.');
      world.test.recognise({ type: 'sttEndOfTurn', text: 'let me in' });
      await until(() => world.of('turn.ended', call).length === 3, 'the prompt to be heard');
      call.press('555');
      await until(() => world.of('tool.ended', call).length === 1, 'the entry');
      expect(JSON.parse(world.of('tool.ended', call)[0]?.data.result ?? '')).toEqual({
        status: 'collected',
        digits: '555',
      });
      await until(() => world.of('turn.ended', call).length === 4, 'the answer');
      await hangUp(world, call);
    }),
  );
});
