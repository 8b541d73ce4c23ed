import { describe, expect, it } from 'vitest';
import { decodeG711 } from '../../src/audio/g711.ts';
import { VirtualClock } from '../../src/core/clock.ts';
import type { TargetBehaviour, TelnyxEmulatorOptions } from '../../src/emulator/telnyx/index.ts';
import { createBench, mediaFrame, ramp, until } from './telnyx-gateway.ts';
import type { Bench } from './telnyx-gateway.ts';

const B = '+15105550200';

async function stillBench(
  behaviour?: TargetBehaviour,
  options: Partial<TelnyxEmulatorOptions> = {},
): Promise<Bench & { clock: VirtualClock }> {
  const clock = new VirtualClock();
  const bench = await createBench({ clock, ...options });
  if (behaviour) bench.emulator.targets.set(B, behaviour);
  return { ...bench, clock };
}

const heardRamp = (count: number, from = 0): number[] => [...decodeG711('PCMU', ramp(count, from))];

describe('blind transfer', () => {
  it('dials B in the same session, answers, and bridges B and then A', async () => {
    const { answered, act, emulator, gateway, clock } = await stillBench();
    const a = await answered();
    await act(a, 'transfer', { to: B, client_state: 'QQ==', target_leg_client_state: 'Qg==' });
    const b = emulator.targets.phone(B)!;
    expect(b).toMatchObject({ direction: 'outgoing', state: 'ringing', from: '+13125550178', to: B });
    clock.advance(200);
    await until(() => gateway.of('call.bridged').length === 2);

    const after = gateway.hooks
      .slice(2)
      .map((hook) => [
        hook.type,
        hook.payload.call_control_id === b.ids.callControlId ? 'B' : 'A',
        hook.payload.client_state,
      ]);
    expect(after).toEqual([
      ['call.initiated', 'B', 'Qg=='],
      ['call.answered', 'B', 'Qg=='],
      ['call.bridged', 'B', 'Qg=='],
      ['call.bridged', 'A', 'QQ=='],
    ]);
    expect(gateway.of('call.initiated')[1]!.payload).toMatchObject({ direction: 'outgoing', state: 'bridging' });
    expect(b.ids.callSessionId).toBe(a.ids.callSessionId);
    expect(b.ids.callControlId).not.toBe(a.ids.callControlId);
    expect([a.isBridged, b.isBridged]).toEqual([true, true]);
  });

  it.each<[TargetBehaviour, string, string, string, number]>([
    ['busy', 'user_busy', 'callee', '486', 100],
    ['reject', 'call_rejected', 'callee', '603', 100],
    ['notFound', 'not_found', 'callee', '404', 100],
    ['noAnswer', 'timeout', 'caller', '487', 5000],
  ])('leaves A as it is when B is %s', async (behaviour, cause, source, sip, ms) => {
    const { answered, act, emulator, gateway, clock } = await stillBench(behaviour);
    const a = await answered();
    await act(a, 'transfer', { to: B, timeout_secs: 5 });
    clock.advance(ms);
    await until(() => gateway.of('call.hangup').length === 1);

    expect(gateway.of('call.hangup')[0]!.payload).toMatchObject({
      call_control_id: emulator.targets.phone(B)!.ids.callControlId,
      hangup_cause: cause,
      hangup_source: source,
      sip_hangup_cause: sip,
    });
    expect(a).toMatchObject({ state: 'answered', isBridged: false });
    expect(await act(a, 'speak', { payload: 'sorry', voice: 'v' })).toMatchObject({ status: 200 });
    expect(gateway.of('call.bridged')).toEqual([]);
  });

  it('cancels B when the caller leaves while it rings', async () => {
    const { answered, act, emulator, gateway } = await stillBench('noAnswer');
    const a = await answered();
    await act(a, 'transfer', { to: B });
    a.hangup();
    await until(() => gateway.of('call.hangup').length === 2);

    expect(gateway.of('call.hangup').map((hook) => [hook.payload.to, hook.payload.hangup_cause])).toEqual([
      ['+13125550178', 'normal_clearing'],
      [B, 'originator_cancel'],
    ]);
    expect(emulator.targets.phone(B)).toMatchObject({ endedBy: 'partner', billedMs: 0 });
    expect(emulator.liveCalls()).toEqual([]);
  });

  it.each(['A', 'B'])('hangs the other up when %s leaves the bridge', async (who) => {
    const { answered, act, emulator, gateway, clock } = await stillBench();
    const a = await answered();
    await act(a, 'transfer', { to: B });
    clock.advance(1000);
    const b = emulator.targets.phone(B)!;
    (who === 'A' ? a : b).hangup();
    await until(() => gateway.of('call.hangup').length === 2);

    const [first, second] = who === 'A' ? [a, b] : [b, a];
    expect(first).toMatchObject({ endedBy: 'phone', hangupCause: 'normal_clearing' });
    expect(second).toMatchObject({ endedBy: 'partner', hangupCause: 'normal_clearing' });
    expect([a.billedMs, b.billedMs]).toEqual([1000, 800]);
  });

  it('parks A when asked to, and A takes commands again', async () => {
    const { answered, act, emulator, clock } = await stillBench({ answerAfterMs: 0, thenHangupAfterMs: 3000 });
    const a = await answered();
    await act(a, 'transfer', { to: B, park_after_unbridge: 'self' });
    clock.advance(3000);

    expect(emulator.targets.phone(B)).toMatchObject({ state: 'ended', endedBy: 'phone' });
    expect(a).toMatchObject({ state: 'answered', isBridged: false });
    expect(await act(a, 'hangup')).toMatchObject({ status: 200 });
  });

  it('ends B after time_limit_secs, and A with it', async () => {
    const { answered, act, emulator, clock } = await stillBench();
    const a = await answered();
    await act(a, 'transfer', { to: B, time_limit_secs: 30 });
    clock.advance(30_199);
    expect(a.state).toBe('answered');
    clock.advance(1);

    expect(emulator.targets.phone(B)).toMatchObject({
      hangupCause: 'time_limit',
      endedBy: 'network',
      billedMs: 30_000,
    });
    expect(a.state).toBe('ended');
  });

  it('lets A and B hear each other exactly, and streams go on', async () => {
    const { streaming, act, emulator, clock } = await stillBench();
    const { call: a, socket } = await streaming();
    await act(a, 'transfer', { to: B });
    clock.advance(205);
    const b = emulator.targets.phone(B)!;
    void a.play(ramp(320));
    void b.play(ramp(320, 50));
    clock.advance(100);
    await until(() => socket.of('media').length === 15);

    // Both said it in their tick at 220 ms: sample 160 of B's clock, 1760 of A's.
    const silence = (count: number): number[] => Array<number>(count).fill(0);
    expect([...b.heard()]).toEqual([...silence(160), ...heardRamp(320), ...silence(360)]);
    expect([...a.heard()]).toEqual([...silence(1760), ...heardRamp(320, 50), ...silence(360)]);
    const streamed = Buffer.concat(socket.of('media').map((frame) => Buffer.from(frame.media.payload, 'base64')));
    expect([...streamed.filter((byte) => byte !== 0xff)]).toEqual([...ramp(320)]);
  });

  it('reaches an extension', async () => {
    const { answered, act, emulator, clock } = await stillBench();
    const a = await answered();
    await act(a, 'transfer', { to: `${B},1w2` });
    clock.advance(200);
    const b = emulator.targets.phone(B)!;
    clock.advance(2000);

    expect(b.digitsHeard).toBe('12');
  });
});

describe('dial', () => {
  const dial = (bench: Bench, body: object = {}): ReturnType<Bench['api']> =>
    bench.api('POST', '/calls', { connection_id: bench.emulator.connectionId, to: B, from: '+13125550178', ...body });

  it('answers with ids and is_alive false, then tells what happens', async () => {
    const bench = await stillBench();
    const { body, status } = await dial(bench, { client_state: 'QQ==' });
    const b = bench.emulator.targets.phone(B)!;
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        data: {
          record_type: 'call',
          call_control_id: b.ids.callControlId,
          call_session_id: b.ids.callSessionId,
          is_alive: false,
        },
      },
    });
    bench.clock.advance(200);
    await until(() => bench.gateway.hooks.length === 2);

    expect(bench.gateway.hooks.map((hook) => [hook.type, hook.payload.client_state])).toEqual([
      ['call.initiated', 'QQ=='],
      ['call.answered', 'QQ=='],
    ]);
    expect(bench.gateway.hooks[0]!.payload).toMatchObject({ direction: 'outgoing', from: '+13125550178', to: B });
  });

  it('opens the socket while it rings and starts on the answer', async () => {
    const bench = await stillBench();
    await dial(bench, {
      stream_url: bench.gateway.mediaUrl,
      stream_bidirectional_mode: 'rtp',
      stream_bidirectional_target_legs: 'self',
    });
    await until(() => bench.gateway.sockets[0]?.of('connected').length === 1);
    const socket = bench.gateway.sockets[0]!;
    const b = bench.emulator.targets.phone(B)!;
    socket.send(mediaFrame(ramp(160)));
    await until(() => b.frames.length === 1);
    expect(bench.gateway.of('streaming.started')).toEqual([]);
    bench.clock.advance(200);
    await until(() => socket.of('start').length === 1);
    bench.clock.advance(20);
    await until(() => socket.of('media').length === 1);

    expect(socket.frames.map((frame) => frame.event)).toEqual(['connected', 'start', 'media']);
    expect(b.frames).toMatchObject([{ isHeard: false, note: 'before start' }]);
    expect(bench.gateway.of('streaming.started')).toHaveLength(1);
  });

  it('closes a waiting socket without start or stop when nobody answers', async () => {
    const bench = await stillBench('busy');
    await dial(bench, { stream_url: bench.gateway.mediaUrl });
    await until(() => bench.gateway.sockets[0]?.of('connected').length === 1);
    bench.clock.advance(100);
    await until(() => bench.gateway.sockets[0]!.closeCode === 1005 && bench.gateway.of('call.hangup').length === 1);

    expect(bench.gateway.sockets[0]!.frames.map((frame) => frame.event)).toEqual(['connected']);
    expect(bench.gateway.types()).toEqual(['call.initiated', 'call.hangup']);
  });

  it('gives up after timeout_secs, with no_answer when it is not to be retried', async () => {
    const bench = await stillBench('noAnswer');
    await dial(bench, { timeout_secs: 10 });
    await dial(bench, { timeout_secs: 10, retry_on_timeout: false });
    bench.clock.advance(10_000);

    expect(bench.emulator.targets.phones.map((phone) => phone.hangupCause)).toEqual(['timeout', 'no_answer']);
  });

  it('cancels by hangup while it rings', async () => {
    const bench = await stillBench('noAnswer');
    await dial(bench);
    const b = bench.emulator.targets.phone(B)!;
    await bench.act(b, 'hangup');

    expect(b).toMatchObject({ hangupCause: 'originator_cancel', endedBy: 'gateway' });
  });

  it('joins the session of link_to and bridges by itself when asked to', async () => {
    const bench = await stillBench();
    const a = await bench.answered();
    await dial(bench, { link_to: a.ids.callControlId, bridge_on_answer: true, bridge_intent: true });
    const b = bench.emulator.targets.phone(B)!;
    expect(b).toMatchObject({ from: '+14155550142', ids: { callSessionId: a.ids.callSessionId } });
    bench.clock.advance(200);

    expect([a.isBridged, b.isBridged]).toEqual([true, true]);
  });

  it('lets two answered legs be bridged, the gateway speak to both, and one be kept', async () => {
    const bench = await stillBench();
    const { call: a, socket } = await bench.streaming({}, { stream_bidirectional_target_legs: 'both' });
    await dial(bench, { link_to: a.ids.callControlId });
    const b = bench.emulator.targets.phone(B)!;
    expect(await bench.act(a, 'bridge', { call_control_id: b.ids.callControlId })).toMatchObject({
      status: 422,
      body: { errors: [{ code: '90034' }] },
    });
    expect(await bench.act(a, 'bridge', { call_control_id: 'v3:no' })).toMatchObject({
      status: 422,
      body: { errors: [{ code: '90015' }] },
    });
    bench.clock.advance(200);
    await bench.act(a, 'bridge', { call_control_id: b.ids.callControlId, park_after_unbridge: 'self' });
    await until(() => bench.gateway.of('call.bridged').length === 2);
    expect(
      await bench.act(a, 'bridge', { call_control_id: b.ids.callControlId, prevent_double_bridge: true }),
    ).toMatchObject({ body: { errors: [{ code: '90033' }] } });
    const start = b.sample;
    socket.send(mediaFrame(ramp(160)));
    await until(() => a.frames.length === 1);
    bench.clock.advance(20);

    expect([...b.heardSince(start)]).toEqual(heardRamp(160));
    expect([...a.heardSince(a.sample - 160)]).toEqual(heardRamp(160));
    b.hangup();
    expect(a.state).toBe('answered');
  });
});

describe('a second bridge', () => {
  it('hangs up the partner that was left', async () => {
    const { answered, act, emulator, clock } = await stillBench();
    const [a, c] = [await answered(), await answered()];
    await act(a, 'transfer', { to: B });
    clock.advance(200);
    const b = emulator.targets.phone(B)!;
    expect(await act(c, 'bridge', { call_control_id: a.ids.callControlId })).toMatchObject({ status: 200 });

    expect(b).toMatchObject({ state: 'ended', endedBy: 'partner' });
    expect([a.isBridged, c.isBridged]).toEqual([true, true]);
  });
});

describe('answering machine detection', () => {
  const machine: TargetBehaviour = { answerAfterMs: 0, machine: { greetingMs: 2000 } };
  const silent: TargetBehaviour = { answerAfterMs: 0, machine: { greetingMs: 2000, beep: false } };
  it.each<[string, string, TargetBehaviour, [string, string][]]>([
    ['nothing without a mode', 'disabled', machine, []],
    ['a human', 'detect', { answerAfterMs: 0 }, [['detection.ended', 'human']]],
    ['a machine', 'detect', machine, [['detection.ended', 'machine']]],
    [
      'the beep',
      'greeting_end',
      machine,
      [
        ['detection.ended', 'machine'],
        ['greeting.ended', 'beep_detected'],
      ],
    ],
    [
      'the silence',
      'greeting_end',
      silent,
      [
        ['detection.ended', 'machine'],
        ['greeting.ended', 'ended'],
      ],
    ],
    ['no beep', 'detect_beep', silent, [['detection.ended', 'machine']]],
    [
      'the end of words',
      'detect_words',
      silent,
      [
        ['detection.ended', 'machine'],
        ['greeting.ended', 'not_sure'],
      ],
    ],
    ['a human, premium', 'premium', { answerAfterMs: 0 }, [['premium.detection.ended', 'human_residence']]],
    [
      'a machine, premium',
      'premium',
      'machine',
      [
        ['premium.detection.ended', 'machine'],
        ['premium.greeting.ended', 'beep_detected'],
      ],
    ],
  ])('reports %s in mode %s', async (_name, mode, behaviour, reports) => {
    const { api, emulator, gateway, clock } = await stillBench(behaviour);
    await api('POST', '/calls', {
      connection_id: emulator.connectionId,
      to: B,
      from: '+13125550178',
      answering_machine_detection: mode,
    });
    clock.advance(40_000);
    emulator.targets.phone(B)!.hangup();
    await until(() => gateway.of('call.hangup').length === 1);

    expect(
      emulator.webhooks
        .filter((each) => each.type.startsWith('call.machine'))
        .map((each) => [each.type.slice(13), each.event.payload['result']]),
    ).toEqual(reports);
  });

  it('plays the greeting and the beep', async () => {
    const { api, emulator, gateway, clock } = await stillBench(machine);
    await api('POST', '/calls', {
      connection_id: emulator.connectionId,
      to: B,
      from: '+13125550178',
      stream_url: gateway.mediaUrl,
    });
    clock.advance(0);
    await until(() => gateway.sockets[0]?.of('start').length === 1);
    clock.advance(3000);
    await until(() => gateway.sockets[0]!.of('media').length === 150);

    const isLoud = gateway.sockets[0]!.of('media').map(
      (frame) => !Buffer.from(frame.media.payload, 'base64').every((byte) => byte === 0xff),
    );
    expect(isLoud.filter(Boolean)).toHaveLength(115);
  });
});
