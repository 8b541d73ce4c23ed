import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { readWav } from '../../src/audio/wav.ts';
import type { TelnyxEmulatorOptions } from '../../src/emulator/telnyx/index.ts';
import { createBench, mediaFrame, ramp, until } from './telnyx-gateway.ts';
import type { Bench } from './telnyx-gateway.ts';

async function stillBench(options: Partial<TelnyxEmulatorOptions> = {}): Promise<Bench & { clock: VirtualClock }> {
  const clock = new VirtualClock();
  return { ...(await createBench({ clock, ...options })), clock };
}

const loudness = (samples: Int16Array): number => samples.reduce((sum, sample) => Math.max(sum, Math.abs(sample)), 0);

describe('a caller', () => {
  it('gives up after ringing long enough', async () => {
    const { ring, clock, gateway } = await stillBench();
    const call = ring({ ringMs: 3000 });
    clock.advance(3000);
    await until(() => gateway.of('call.hangup').length === 1);

    expect(call).toMatchObject({
      state: 'ended',
      hangupCause: 'originator_cancel',
      billedMs: 0,
      answeredAt: undefined,
    });
    expect(gateway.of('call.hangup')[0]!.payload).toMatchObject({ hangup_source: 'caller', sip_hangup_cause: '487' });
  });

  it('starts speaking at the answer and is let go at the end', async () => {
    const { ring, act, clock } = await stillBench();
    const call = ring();
    const said: string[] = [];
    void call.play(ramp(160)).then(() => said.push('short'));
    void call.play(ramp(80_000)).then(() => said.push('long'));
    clock.advance(1000);
    await act(call, 'answer');
    expect(said).toEqual([]);
    clock.advance(20);
    await until(() => said.length === 1);
    call.hangup();
    await until(() => said.length === 2);
    await call.play(ramp(160));
  });

  it('falls silent when hushed', async () => {
    const { streaming, clock } = await stillBench();
    const { call, socket } = await streaming();
    const said = call.play(ramp(1600));
    clock.advance(40);
    call.hush();
    await said;
    clock.advance(20);
    await until(() => socket.of('media').length === 3);

    expect(Buffer.from(socket.of('media')[2]!.media.payload, 'base64').every((byte) => byte === 0xff)).toBe(true);
  });

  it.each([
    ['both' as const, true, 2],
    ['socket' as const, true, 0],
    ['webhook' as const, false, 2],
  ])('presses keys, reported on %s', async (dtmf, onSocket, hooks) => {
    const { streaming, gateway } = await stillBench({ dtmf });
    const { call, socket } = await streaming();
    call.press('5#');
    call.hangup();
    await until(() => socket.closeCode !== undefined && gateway.of('call.hangup').length === 1);

    expect(socket.of('dtmf')).toMatchObject(
      onSocket
        ? [
            {
              sequence_number: '2',
              stream_id: call.streamIds[0],
              occurred_at: expect.any(String) as unknown,
              dtmf: { digit: '5' },
            },
            { sequence_number: '3', dtmf: { digit: '#' } },
          ]
        : [],
    );
    expect(
      gateway
        .of('call.dtmf.received')
        .map((hook) => hook.payload.digit)
        .join(''),
    ).toBe(hooks > 0 ? '5#' : '');
  });

  it('can be heard pressing keys, and refuses what is no key', async () => {
    const { streaming, clock } = await stillBench();
    const { call, socket } = await streaming();
    call.press('1', { audible: true });
    clock.advance(120);
    await until(() => socket.of('media').length === 6);

    const isLoud = socket
      .of('media')
      .map((frame) => !Buffer.from(frame.media.payload, 'base64').every((byte) => byte === 0xff));
    expect(isLoud).toEqual([true, true, true, true, true, false]);
    expect(() => call.press('x')).toThrow('keys are');
  });

  it('tells its events, once to each who listens', async () => {
    const { ring, act } = await createBench();
    const call = ring();
    const seen: string[] = [];
    call.on('answered', () => seen.push('answered'));
    const stop = call.on('ended', () => seen.push('never'));
    stop();
    call.on('ended', () => seen.push('ended'));
    await act(call, 'answer');
    call.hangup();

    expect(seen).toEqual(['answered', 'ended']);
  });
});

describe('waiting', () => {
  it('resolves for what happened already, for what happens, and for predicates', async () => {
    const { ring, act } = await createBench();
    const call = ring();
    const ended = call.waitFor('ended');
    const billed = call.waitFor(() => call.billedMs > 5);
    await act(call, 'answer');
    await call.waitFor('answered');
    await billed;
    call.hangup();
    await ended;
  });

  it('says what it waited for and how things stand', async () => {
    const { answered, emulator } = await createBench();
    const call = await answered();
    await emulator.waitFor(() => emulator.webhooks.at(-1)?.status === 200);

    await expect(call.waitFor('streamStarted', 15)).rejects.toThrow(
      "waited 15 ms for 'streamStarted' in the call +1415•••42 -> +1312•••78; state: answered; streams: 0; frames: 0; last webhooks: call.initiated 200, call.answered 200; last commands: answer 200",
    );
    await expect(emulator.waitFor(() => emulator.commands.length > 1, 15)).rejects.toThrow('commands.length > 1');
    await expect(call.waitFor(() => JSON.parse('{') === 1)).rejects.toThrow(SyntaxError);
  });

  it('ends with the emulator, which leaves no timer behind', async () => {
    const { streaming, emulator, clock } = await stillBench();
    const { call } = await streaming();
    const waiting = call.waitFor('ended');
    const failed = expect(waiting).rejects.toThrow("closed while waiting for 'ended'");
    await emulator.close();

    await failed;
    expect(clock.pending).toBe(0);
  });
});

describe('what Telnyx plays to the person', () => {
  it('speaks for as long as the text takes, one after the other', async () => {
    const { answered, act, clock, emulator } = await stillBench();
    const call = await answered();
    await act(call, 'speak', { payload: 'x'.repeat(30), voice: 'v' });
    await act(call, 'speak', { payload: 'x'.repeat(15), voice: 'v' });
    clock.advance(4000);

    expect(emulator.webhooks.length).toBeGreaterThan(0);
    await until(
      () => emulator.webhooks.filter((each) => each.type === 'call.speak.ended' && each.status === 200).length === 2,
    );
    const spoken = emulator.webhooks.filter((each) => each.type.startsWith('call.speak'));
    expect(spoken.map((each) => [each.type, each.event.payload['status']])).toEqual([
      ['call.speak.started', undefined],
      ['call.speak.ended', 'completed'],
      ['call.speak.started', undefined],
      ['call.speak.ended', 'completed'],
    ]);
    const heard = call.heard();
    expect(loudness(heard.subarray(0, 24_000))).toBeGreaterThan(1000);
    expect(loudness(heard.subarray(24_000))).toBe(0);
  });

  it('plays music until it is stopped, and says how it ended', async () => {
    const { answered, act, clock, gateway, emulator } = await stillBench();
    const call = await answered();
    await act(call, 'playback_start', { audio_url: 'https://x.example/hold.mp3', loop: 'infinity' });
    clock.advance(5000);
    await act(call, 'playback_stop');
    clock.advance(1000);
    await act(call, 'playback_start', { media_name: 'tune', loop: 2 });
    clock.advance(4000);
    await act(call, 'playback_start', { audio_url: 'https://x.example/hold.mp3' });
    clock.advance(500);
    call.hangup();
    await until(() => gateway.of('call.hangup').length === 1);

    const ended = emulator.webhooks.filter((each) => each.type === 'call.playback.ended');
    expect(ended.map((each) => each.event.payload)).toMatchObject([
      { media_url: 'https://x.example/hold.mp3', status: 'cancelled' },
      { media_name: 'tune', status: 'completed' },
      { status: 'call_hangup' },
    ]);
    const seconds = Array.from(
      { length: 10 },
      (_, second) => loudness(call.heard().subarray(second * 8000 + 1, second * 8000 + 8000)) > 0,
    );
    expect(seconds).toEqual([true, true, true, true, true, false, true, true, true, true]);
    expect(gateway.types().at(-1)).toBe('call.hangup');
  });

  it('mixes with what the gateway streams', async () => {
    const { streaming, act, clock } = await stillBench();
    const { call, socket } = await streaming();
    await act(call, 'playback_start', { audio_url: 'https://x.example/a.mp3' });
    clock.advance(20);
    const alone = call.heard();
    socket.send(mediaFrame(new Uint8Array(160).fill(0x80 + 0x40)));
    await until(() => call.frames.length === 1);
    clock.advance(20);

    expect(loudness(call.heardSince(160))).toBeGreaterThan(loudness(alone));
  });

  it('sends key tones with their pauses', async () => {
    const { answered, act, clock } = await stillBench();
    const call = await answered();
    await act(call, 'send_dtmf', { digits: '1w2', duration_millis: 100 });
    clock.advance(99);
    expect(call.digitsHeard).toBe('');
    clock.advance(1);
    expect(call.digitsHeard).toBe('1');
    clock.advance(700);
    expect(call.digitsHeard).toBe('12');
    expect(loudness(call.heard().subarray(0, 800))).toBeGreaterThan(5000);
    expect(loudness(call.heard().subarray(800, 5600))).toBe(0);
    expect(loudness(call.heard().subarray(5600, 6400))).toBeGreaterThan(5000);
  });

  it.each([
    ['valid at the terminating digit', '48#', {}, '48', 'valid'],
    ['valid at the maximum', '48', { maximum_digits: 2 }, '48', 'valid'],
    ['invalid when too short', '4#', { minimum_digits: 2 }, '4', 'invalid'],
    ['invalid for a forbidden key', '4A', {}, '4A', 'invalid'],
    ['valid when the pause is long and it is enough', '4', {}, '4', 'valid'],
    ['a timeout otherwise', '4', { minimum_digits: 2 }, '4', 'timeout'],
    ['a timeout without any key', '', {}, '', 'timeout'],
  ])('gathers: %s', async (_name, keys, options, digits, status) => {
    const { answered, act, clock, gateway } = await stillBench();
    const call = await answered();
    await act(call, 'gather', options);
    if (keys) call.press(keys);
    clock.advance(6000);
    await until(() => gateway.of('call.gather.ended').length === 1);

    expect(gateway.of('call.gather.ended')[0]!.payload).toMatchObject({ digits, status });
  });

  it('gathers on while keys keep coming, up to the limit of the whole', async () => {
    const { answered, act, clock, emulator } = await stillBench();
    const call = await answered();
    const ended = (): unknown =>
      emulator.webhooks.find((each) => each.type === 'call.gather.ended')?.event.payload['digits'];
    await act(call, 'gather', { timeout_millis: 9000, inter_digit_timeout_millis: 4000 });
    for (const digit of '123') {
      call.press(digit);
      clock.advance(3000);
      await until(() => emulator.webhooks.every((each) => each.status === 200));
      if (digit !== '3') expect(ended()).toBeUndefined();
    }

    await until(() => ended() === '123');
  });

  it('gathers behind a prompt, and stops when told to or when the call ends', async () => {
    const { answered, act, clock, emulator, gateway } = await stillBench();
    const call = await answered();
    await act(call, 'gather_using_speak', { payload: 'press', voice: 'v' });
    await act(call, 'gather_stop');
    await act(call, 'gather_using_audio', { audio_url: 'https://x.example/a.mp3' });
    clock.advance(100);
    call.hangup();
    await until(() => gateway.of('call.hangup').length === 1);

    const ended = emulator.webhooks.filter((each) => each.type === 'call.gather.ended');
    expect(ended.map((each) => each.event.payload['status'])).toEqual(['cancelled', 'call_hangup']);
  });

  it('saves recordings when they stop, and at the end of the call', async () => {
    const { answered, act, clock, emulator, gateway } = await stillBench();
    const call = await answered();
    const start = { format: 'wav', channels: 'dual' };
    expect(await act(call, 'record_stop')).toMatchObject({ status: 404 });
    await act(call, 'record_start', { ...start, max_length: 1 });
    clock.advance(1000);
    await act(call, 'record_start', start);
    expect(await act(call, 'record_pause')).toMatchObject({ status: 200 });
    expect(await act(call, 'record_resume')).toMatchObject({ status: 200 });
    await act(call, 'record_stop');
    await act(call, 'record_start', start);
    call.hangup();
    await until(() => gateway.of('call.recording.saved').length === 3);

    const payload = emulator.webhooks.at(-1)!.event.payload;
    expect(payload).toMatchObject({
      channels: 'dual',
      call_leg_id: call.ids.callLegId,
      recording_urls: { wav: expect.any(String) as unknown, mp3: null },
    });
    expect(payload).not.toHaveProperty('call_control_id');
  });

  it('records both sides, caller left and what is heard right, without what passed in a pause', async () => {
    const { answered, act, clock, emulator, gateway } = await stillBench({ recordingLinkMs: 5000 });
    const call = await answered();
    void call.play(new Int16Array(8000).fill(4000));
    await act(call, 'record_start', { format: 'wav', channels: 'dual' });
    clock.advance(200);
    await act(call, 'record_pause');
    clock.advance(200);
    await act(call, 'record_resume');
    clock.advance(100);
    await act(call, 'record_stop');
    await until(() => gateway.of('call.recording.saved').length === 1);

    const urls = emulator.webhooks.at(-1)?.event.payload['recording_urls'] as { wav: string };
    const { channels, sampleRate } = readWav(new Uint8Array(await (await fetch(urls.wav)).arrayBuffer()));
    expect([sampleRate, channels.length, channels[0]?.length]).toEqual([8000, 2, 2400]);
    expect(channels[0]?.every((sample) => Math.abs(sample - 4000) < 150)).toBe(true);
    expect(channels[1]?.every((sample) => sample === 0)).toBe(true);
    expect((await fetch(urls.wav.replace(/signature=./, 'signature=x'))).status).toBe(403);
    clock.advance(5000);
    expect((await fetch(urls.wav)).status).toBe(403);
  });
});
