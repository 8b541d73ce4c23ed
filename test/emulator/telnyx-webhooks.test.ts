import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { createBench, until } from './telnyx-gateway.ts';
import type { Hook } from './telnyx-gateway.ts';

/** Node's own Ed25519 over `timestamp|body`, with the 32 raw bytes of the key. */
function isSigned(hook: Hook, publicKey: string): boolean {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
  const signature = Buffer.from(String(hook.headers['telnyx-signature-ed25519']), 'base64');
  return verify(null, Buffer.from(`${String(hook.headers['telnyx-timestamp'])}|${hook.raw}`), key, signature);
}

describe('webhooks', () => {
  it('are signed over the timestamp in seconds and the raw body', async () => {
    const { emulator, gateway, ring } = await createBench();
    ring();
    await until(() => gateway.hooks.length === 1);

    const hook = gateway.hooks[0]!;
    expect(Buffer.from(emulator.publicKey, 'base64')).toHaveLength(32);
    expect(isSigned(hook, emulator.publicKey)).toBe(true);
    expect(isSigned({ ...hook, raw: `${hook.raw} ` }, emulator.publicKey)).toBe(false);
    expect(Math.abs(Number(hook.headers['telnyx-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
    expect(hook.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'telnyx-webhooks' });
  });

  it('have the documented envelope and the fields of an inbound leg', async () => {
    const { emulator, gateway, ring } = await createBench();
    const call = ring({ codec: 'PCMA', offeredCodecs: ['PCMA', 'PCMU', 'G729'], tags: ['support'] });
    await until(() => gateway.hooks.length === 1);

    expect(JSON.parse(gateway.hooks[0]!.raw)).toEqual({
      data: {
        record_type: 'event',
        event_type: 'call.initiated',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
        occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as unknown,
        payload: expect.objectContaining({
          call_control_id: call.ids.callControlId,
          call_leg_id: call.ids.callLegId,
          call_session_id: call.ids.callSessionId,
          connection_id: emulator.connectionId,
          client_state: null,
          from: '+14155550142',
          to: '+13125550178',
          direction: 'incoming',
          state: 'parked',
          offered_codecs: 'PCMA,PCMU,G729',
          tags: ['support'],
        }) as unknown,
      },
      meta: { attempt: 1, delivered_to: gateway.webhookUrl },
    });
    expect(call.ids.callControlId).toMatch(/^v3:[A-Za-z0-9_-]{52}$/);
  });

  it('arrive in the order of what happened, with increasing times', async () => {
    // Everything happens within one millisecond of this clock.
    const { gateway, streaming, act } = await createBench({ clock: new VirtualClock() });
    const { call, socket } = await streaming();
    await act(call, 'streaming_stop');
    call.hangup();
    await until(() => gateway.of('call.hangup').length === 1);

    expect(gateway.types()).toEqual([
      'call.initiated',
      'call.answered',
      'streaming.started',
      'streaming.stopped',
      'call.hangup',
    ]);
    const times = gateway.hooks.map((hook) => hook.occurredAt);
    expect(times).toEqual([...new Set(times)].sort());
    expect(socket.of('stop')).toHaveLength(1);
  });

  it.each([408, 429, 500, 503, 302])(
    'are sent again after %i, with the same id and a higher attempt',
    async (status) => {
      const { emulator, gateway, ring } = await createBench({ webhookRetriesMs: [5, 5, 5] });
      gateway.reply = (hook) => (hook.attempt < 3 ? status : 200);
      ring();
      await until(() => emulator.webhooks.length === 3 && emulator.webhooks[2]!.status === 200);

      expect(gateway.hooks.map((hook) => hook.attempt)).toEqual([1, 2, 3]);
      expect(new Set(gateway.hooks.map((hook) => hook.id)).size).toBe(1);
      expect(gateway.hooks.every((hook) => isSigned(hook, emulator.publicKey))).toBe(true);
      expect(emulator.webhooks.map((each) => each.status)).toEqual([status, status, 200]);
    },
  );

  it.each([400, 401, 403, 404])('are not sent again after %i', async (status) => {
    const { emulator, gateway, ring } = await createBench({ webhookRetriesMs: [1] });
    gateway.reply = (hook) => (hook.type === 'call.initiated' ? status : 200);
    ring().hangup();
    await emulator.waitFor(() => emulator.webhooks[1]?.status === 200);

    expect(emulator.webhooks.map((each) => [each.type, each.status])).toEqual([
      ['call.initiated', status],
      ['call.hangup', 200],
    ]);
  });

  it('are sent again when no answer came in time, and are given up after the last delay', async () => {
    const { emulator, gateway, ring } = await createBench({ webhookTimeoutMs: 20, webhookRetriesMs: [1, 1] });
    gateway.reply = () => undefined;
    ring();

    await emulator.waitFor(() => emulator.webhooks.filter((each) => each.status === 'timeout').length === 3);
    expect(gateway.hooks.map((hook) => hook.attempt)).toEqual([1, 2, 3]);
  });

  it('survive a gateway that is not there', async () => {
    const { emulator, ring } = await createBench({ webhookUrl: 'http://127.0.0.1:1/', webhookRetriesMs: [1] });
    ring();

    await emulator.waitFor(() => emulator.webhooks.length === 2 && emulator.webhooks[1]!.status === 'unreachable');
  });

  it('turn to the failover URL when the primary fails', async () => {
    const { emulator, gateway, ring } = await createBench({ webhookRetriesMs: [] });
    emulator.account.application.webhook_event_failover_url = gateway.failoverUrl;
    gateway.reply = (hook) => (hook.url === '/hook' ? 503 : 200);
    ring();
    await until(() => gateway.hooks.length === 2);

    expect(gateway.hooks.map((hook) => [hook.url, hook.attempt])).toEqual([
      ['/hook', 1],
      ['/failover', 2],
    ]);
    expect(gateway.hooks[1]!.id).toBe(gateway.hooks[0]!.id);
  });

  it('go where commands of the call sent them, with the retries they asked for', async () => {
    const { emulator, gateway, ring, act } = await createBench({ webhookRetriesMs: [] });
    const call = ring();
    await until(() => gateway.hooks.length === 1);
    gateway.reply = (hook) => (hook.type === 'call.hangup' && hook.attempt === 1 ? 500 : 200);
    await act(call, 'answer', {
      webhook_url: gateway.failoverUrl,
      webhook_urls: { 'call.hangup': gateway.webhookUrl },
      webhook_retries_policies: { 'call.hangup': { retries_ms: [1] } },
    });
    call.hangup();
    await until(() => gateway.of('call.hangup').length === 2);

    expect(emulator.webhooks.map((each) => [each.type, new URL(each.url).pathname])).toEqual([
      ['call.initiated', '/hook'],
      ['call.answered', '/failover'],
      ['call.hangup', '/hook'],
      ['call.hangup', '/hook'],
    ]);
  });

  it('carry the client_state of the leg from the command that set it on', async () => {
    const { gateway, ring, act, api } = await createBench();
    const call = ring();
    await act(call, 'answer', { client_state: 'eyJhIjoxfQ==' });
    await api('PUT', `/calls/${call.ids.callControlId}/actions/client_state_update`, { client_state: 'bmV3' });
    call.hangup();
    await until(() => gateway.of('call.hangup').length === 1);

    expect(gateway.hooks.map((hook) => hook.payload.client_state)).toEqual([null, 'eyJhIjoxfQ==', 'bmV3']);
  });

  it('report the cost when the application asks for it', async () => {
    const { emulator, gateway, answered } = await createBench({
      account: { application: { call_cost_in_webhooks: true } },
    });
    const call = await answered();
    call.hangup();
    await until(() => gateway.of('call.cost').length === 1);

    expect(emulator.webhooks.at(-1)!.event.payload).toMatchObject({
      status: 'success',
      billed_duration_secs: 60,
      total_cost: '0.0034',
    });
  });
});

describe('webhook faults', () => {
  it('drop an event', async () => {
    const { emulator, gateway, answered } = await createBench();
    emulator.faults.webhooks.drop('call.answered');
    const call = await answered();
    call.hangup();
    await emulator.waitFor(() => emulator.webhooks[2]?.status === 200);

    expect(gateway.types()).toEqual(['call.initiated', 'call.hangup']);
    expect(emulator.webhooks.map((each) => each.status)).toEqual([200, 'dropped', 200]);
  });

  it('duplicate an event with the same id', async () => {
    const { emulator, gateway, ring } = await createBench();
    emulator.faults.webhooks.duplicate('call.initiated', 4, 1);
    ring().hangup();
    ring().hangup();
    await until(() => gateway.of('call.hangup').length === 2);

    const ids = gateway.of('call.initiated').map((hook) => hook.id);
    expect(ids).toHaveLength(6);
    expect(new Set(ids).size).toBe(2);
    expect(gateway.of('call.initiated').every((hook) => hook.attempt === 1)).toBe(true);
  });

  it('delay an event while later ones pass', async () => {
    const { emulator, gateway, ring } = await createBench();
    emulator.faults.webhooks.delay('call.initiated', 30);
    ring().hangup();
    await until(() => gateway.hooks.length === 2);

    expect(gateway.types()).toEqual(['call.hangup', 'call.initiated']);
  });

  it('turn two events round', async () => {
    const { emulator, gateway, answered } = await createBench();
    emulator.faults.webhooks.reorder('call.initiated', 'call.hangup');
    const call = await answered();
    call.hangup();
    await until(() => gateway.hooks.length === 3);

    expect(gateway.types()).toEqual(['call.answered', 'call.hangup', 'call.initiated']);
  });

  it('sign with the wrong key, or too long ago', async () => {
    const clock = new VirtualClock();
    const { emulator, gateway, ring } = await createBench({ clock });
    emulator.faults.webhooks.wrongSignature('call.initiated');
    emulator.faults.webhooks.staleTimestamp('call.hangup', 301);
    ring().hangup();
    await until(() => gateway.hooks.length === 2);

    const [initiated, hangup] = gateway.hooks;
    expect(isSigned(initiated!, emulator.publicKey)).toBe(false);
    expect(isSigned(hangup!, emulator.publicKey)).toBe(true);
    expect(Number(hangup!.headers['telnyx-timestamp'])).toBe(clock.wall() / 1000 - 301);
  });

  it('end after the number of times asked for, or when cleared', async () => {
    const { emulator, gateway, ring } = await createBench();
    emulator.faults.webhooks.drop('*', 1);
    ring();
    ring();
    await until(() => gateway.hooks.length === 1);
    emulator.faults.webhooks.drop('*');
    emulator.faults.webhooks.clear();
    ring();
    await emulator.waitFor(() => emulator.webhooks[2]?.status === 200);

    expect(emulator.webhooks.map((each) => each.status)).toEqual(['dropped', 200, 200]);
  });
});
