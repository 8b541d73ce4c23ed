import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { createBench, until } from './telnyx-gateway.ts';

const error = (code: string, pointer?: string): object => ({
  errors: [expect.objectContaining({ code, ...(pointer === undefined ? {} : { source: { pointer } }) })],
});

describe('API', () => {
  it('wants the key', async () => {
    const { api, emulator } = await createBench({ apiKey: 'KEY_right' });

    expect(await api('GET', '/balance', undefined, 'KEY_wrong')).toMatchObject({ status: 401, body: error('10009') });
    expect(await api('GET', '/balance')).toMatchObject({ status: 200, body: { data: { currency: 'USD' } } });
    expect(emulator.commands.map((each) => [each.command, each.status])).toEqual([
      ['balance', 401],
      ['balance', 200],
    ]);
  });

  it.each([
    ['GET', '/nothing'],
    ['GET', '/calls'],
    ['POST', '/calls/x/actions/fly'],
    ['GET', '/calls/x/actions/answer'],
    ['POST', '/calls/x/actions/client_state_update'],
    ['POST', '/calls/x/actions/dial'],
    ['DELETE', '/balance'],
  ])('has no route %s %s', async (method, path) => {
    const { api } = await createBench();
    expect(await api(method, path, method === 'POST' ? {} : undefined)).toMatchObject({
      status: 404,
      body: error('10005'),
    });
  });

  it('refuses a body that is not a JSON object', async () => {
    const { emulator } = await createBench();
    const headers = { authorization: `Bearer ${emulator.apiKey}` };
    for (const body of ['{"to":', '[]', 'null', '"x"', `{"a":"${'x'.repeat(1024 * 1024)}"}`]) {
      const response = await fetch(`${emulator.baseUrl}/calls`, { method: 'POST', headers, body });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject(error('10015'));
    }
  });

  it('answers accepted commands with the result ok', async () => {
    const { act, ring } = await createBench();
    expect(await act(ring(), 'answer')).toEqual({
      status: 200,
      body: { data: { result: 'ok' } },
      headers: expect.anything() as unknown,
    });
  });

  it.each([
    ['answer', { stream_url: 'https://x.example' }, '10015', '/stream_url'],
    ['answer', { stream_url: 'wss://x.example/#a' }, '10015', '/stream_url'],
    ['answer', { stream_track: 'inbound' }, '10032', '/stream_track'],
    ['answer', { stream_codec: 'pcmu' }, '10032', '/stream_codec'],
    ['answer', { stream_bidirectional_codec: 'pcmu' }, '10032', '/stream_bidirectional_codec'],
    ['answer', { stream_bidirectional_codec: 'OPUS' }, '10015', '/stream_bidirectional_codec'],
    ['answer', { stream_bidirectional_mode: 'RTP' }, '10032', '/stream_bidirectional_mode'],
    ['answer', { stream_bidirectional_target_legs: 'me' }, '10032', '/stream_bidirectional_target_legs'],
    ['answer', { client_state: 'not base64!' }, '10026', '/client_state'],
    ['answer', { command_id: 17 }, '10026', '/command_id'],
    ['answer', { webhook_url: 'ftp://x' }, '10015', '/webhook_url'],
    ['answer', { webhook_url_method: 'GET' }, '10015', '/webhook_url_method'],
    [
      'answer',
      { webhook_retries_policies: { 'call.hangup': { retries_ms: [1, 2, 3, 4, 5, 6] } } },
      '10033',
      '/webhook_retries_policies/call.hangup/retries_ms',
    ],
    [
      'answer',
      { webhook_retries_policies: { 'call.hangup': { retries_ms: [60_001] } } },
      '10033',
      '/webhook_retries_policies/call.hangup/retries_ms',
    ],
    ['reject', {}, '10004', '/cause'],
    ['reject', { cause: 'BUSY' }, '10032', '/cause'],
    ['transfer', {}, '10004', '/to'],
    ['transfer', { to: '5105550200' }, '10016', '/to'],
    ['transfer', { to: 'sip:desk' }, '10016', '/to'],
    ['transfer', { to: '+15105550200,12x' }, '90014', '/to'],
    ['transfer', { to: '+15105550200', from: '123' }, '10016', '/from'],
    ['transfer', { to: '+15105550200', timeout_secs: 4 }, '10033', '/timeout_secs'],
    ['transfer', { to: '+15105550200', timeout_secs: 7.5 }, '10026', '/timeout_secs'],
    ['transfer', { to: '+15105550200', time_limit_secs: 14_401 }, '10033', '/time_limit_secs'],
    ['transfer', { to: '+15105550200', park_after_unbridge: 'both' }, '10032', '/park_after_unbridge'],
    ['bridge', {}, '10004', '/call_control_id'],
    ['streaming_start', {}, '10004', '/stream_url'],
    [
      'streaming_start',
      { stream_url: 'wss://x.example', stream_auth_token: 'x'.repeat(4001) },
      '10033',
      '/stream_auth_token',
    ],
    [
      'streaming_start',
      { stream_url: 'wss://x.example', stream_bidirectional_sampling_rate: 44_100 },
      '10032',
      '/stream_bidirectional_sampling_rate',
    ],
    [
      'streaming_start',
      { stream_url: 'wss://x.example', stream_bidirectional_sampling_rate: 48_000 },
      '10015',
      '/stream_bidirectional_sampling_rate',
    ],
    [
      'streaming_start',
      { stream_url: 'wss://x.example', custom_parameters: { a: 'b' } },
      '10026',
      '/custom_parameters',
    ],
    ['speak', { voice: 'Telnyx.KokoroTTS.af' }, '10004', '/payload'],
    ['speak', { payload: 'hello' }, '10004', '/voice'],
    ['speak', { payload: 'x'.repeat(3001), voice: 'v' }, '10033', '/payload'],
    ['playback_start', { loop: 0, audio_url: 'https://x.example/a.mp3' }, '10033', '/loop'],
    ['send_dtmf', {}, '10004', '/digits'],
    ['send_dtmf', { digits: '12x' }, '90014', '/digits'],
    ['send_dtmf', { digits: '1', duration_millis: 99 }, '10033', '/duration_millis'],
    ['gather', { maximum_digits: 129 }, '10033', '/maximum_digits'],
    ['record_start', { format: 'wav' }, '10004', '/channels'],
    ['record_start', { format: 'ogg', channels: 'dual' }, '10032', '/format'],
  ])('%s %j is refused with %s at %s', async (name, body, code, pointer) => {
    const { act, ring, emulator } = await createBench();
    const call = ring();
    expect(await act(call, name, body)).toMatchObject({ status: 422, body: error(code, pointer) });
    expect(emulator.liveCalls().map((live) => live.state)).toEqual(['ringing']);
  });

  it.each([
    [{}, '10004', '/connection_id'],
    [{ connection_id: 'own', to: '+15105550200' }, '10004', '/from'],
    [{ connection_id: '1', to: '+15105550200', from: '+13125550178' }, '10015', '/connection_id'],
    [{ connection_id: 'own', to: '15105550200', from: '+13125550178' }, '10016', '/to'],
    [{ connection_id: 'own', to: ['15105550200'], from: '+13125550178' }, '10016', '/to/0'],
    [{ connection_id: 'own', to: [], from: '+13125550178' }, '10015', '/to'],
    [{ connection_id: 'own', to: '+15105550200', from: '+13125550178', bridge_on_answer: true }, '10004', '/link_to'],
    [{ connection_id: 'own', to: '+15105550200', from: '+13125550178', link_to: 'v3:other' }, '90015', '/link_to'],
    [
      { connection_id: 'own', to: '+15105550200', from: '+13125550178', answering_machine_detection: 'yes' },
      '10032',
      '/answering_machine_detection',
    ],
  ])('dial %j is refused with %s at %s', async (body, code, pointer) => {
    const { api, emulator } = await createBench({ connectionId: 'own' });
    expect(await api('POST', '/calls', body)).toMatchObject({ status: 422, body: error(code, pointer) });
    expect(emulator.liveCalls()).toEqual([]);
  });

  it('refuses to dial without an outbound voice profile', async () => {
    const outbound = { channel_limit: null, outbound_voice_profile_id: null };
    const { api, emulator } = await createBench({ account: { application: { outbound } } });
    const body = { connection_id: emulator.connectionId, to: '+15105550200', from: '+13125550178' };
    expect(await api('POST', '/calls', body)).toMatchObject({ status: 403, body: error('D38') });
  });

  it.each([
    'transfer',
    'bridge',
    'streaming_start',
    'streaming_stop',
    'speak',
    'playback_start',
    'playback_stop',
    'send_dtmf',
    'gather',
    'gather_stop',
    'record_start',
    'record_stop',
  ])('%s before the answer is 90034, after the end 90018, for a stranger 90015', async (name) => {
    const { act, ring } = await createBench();
    const call = ring();
    const body = {
      to: '+15105550200',
      call_control_id: call.ids.callControlId,
      stream_url: 'ws://x.example',
      payload: 'x',
      voice: 'v',
      audio_url: 'https://x.example/a.mp3',
      digits: '1',
      format: 'wav',
      channels: 'dual',
    };
    expect(await act(call, name, body)).toMatchObject({ status: 422, body: error('90034') });
    call.hangup();
    expect(await act(call, name, body)).toMatchObject({ status: 422, body: error('90018') });
    const stranger = { ...call, ids: { ...call.ids, callControlId: 'v3:stranger' } };
    expect(await act(stranger, name, body)).toMatchObject({ status: 422, body: error('90015') });
  });

  it('refuses a second answer, a late reject, and the answer of an outbound leg', async () => {
    const { act, answered, api, emulator } = await createBench();
    emulator.targets.set('+15105550200', 'noAnswer');
    const call = await answered();

    expect(await act(call, 'answer')).toMatchObject({ status: 422, body: error('90033') });
    expect(await act(call, 'reject', { cause: 'USER_BUSY' })).toMatchObject({ status: 422, body: error('90033') });
    await api('POST', '/calls', { connection_id: emulator.connectionId, to: '+15105550200', from: '+13125550178' });
    expect(await act(emulator.targets.phones[0]!, 'answer')).toMatchObject({ status: 422, body: error('90102') });
  });

  it.each([
    ['hangup before the answer', false, 'hangup', {}, 'call_rejected', 'callee', '603'],
    ['hangup after it', true, 'hangup', {}, 'normal_clearing', 'callee', '200'],
    ['reject busy', false, 'reject', { cause: 'USER_BUSY' }, 'user_busy', 'callee', '486'],
    ['reject', false, 'reject', { cause: 'CALL_REJECTED' }, 'call_rejected', 'callee', '603'],
  ])('%s ends the call with its cause', async (_name, isAnswered, command, body, cause, source, sip) => {
    const { act, answered, ring, emulator } = await createBench();
    const call = isAnswered ? await answered() : ring();
    expect(await act(call, command, body)).toMatchObject({ status: 200 });

    expect(call).toMatchObject({ state: 'ended', endedBy: 'gateway', hangupCause: cause });
    await emulator.waitFor(() => emulator.webhooks.at(-1)?.type === 'call.hangup');
    expect(emulator.webhooks.at(-1)!.event.payload).toMatchObject({
      hangup_cause: cause,
      hangup_source: source,
      sip_hangup_cause: sip,
      state: 'hangup',
    });
    expect(emulator.liveCalls()).toEqual([]);
  });

  it('changes nothing by a command it refuses', async () => {
    const { act, answered } = await createBench();
    const call = await answered();
    expect(await act(call, 'answer', { client_state: 'AAAA' })).toMatchObject({ status: 422 });

    expect(call.clientState).toBeNull();
  });

  it('lists fields that had no effect', async () => {
    const { act, ring, emulator } = await createBench();
    await act(ring(), 'answer', {
      stream_auth_token: 'x',
      stream_bidirectional_target_leg: 'self',
      client_state: 'AAAA',
    });

    expect(emulator.commands[0]!.ignored_fields).toEqual(['stream_auth_token', 'stream_bidirectional_target_leg']);
  });

  it('keeps a call readable for ten minutes after its end, and no longer', async () => {
    const clock = new VirtualClock();
    const { act, answered, api } = await createBench({ clock });
    const call = await answered();
    const path = `/calls/${encodeURIComponent(call.ids.callControlId)}`;
    clock.advance(5500);
    expect(await api('GET', path)).toMatchObject({
      status: 200,
      body: { data: { record_type: 'call', is_alive: true, call_duration: 5, call_leg_id: call.ids.callLegId } },
    });
    call.hangup();
    clock.advance(599_999);
    expect(await api('GET', path)).toMatchObject({
      status: 200,
      body: { data: { is_alive: false, end_time: expect.any(String) as unknown } },
    });
    expect(await act(call, 'hangup')).toMatchObject({ body: error('90018') });
    clock.advance(1);
    expect(await api('GET', path)).toMatchObject({ status: 404, body: error('10005') });
    expect(await act(call, 'hangup')).toMatchObject({ body: error('90015') });
  });

  it('lists the active calls of the connection, page by page', async () => {
    const { api, emulator, ring } = await createBench();
    const calls = [ring(), ring(), ring(), ring(), ring()];
    calls[0]!.hangup();
    const list = (query: string): Promise<{ status: number; body: unknown }> =>
      api('GET', `/connections/${emulator.connectionId}/active_calls${query}`);
    const entry = (index: number): object => ({
      record_type: 'call',
      call_control_id: calls[index]!.ids.callControlId,
    });

    expect(await list('')).toMatchObject({
      body: { data: [entry(1), entry(2), entry(3), entry(4)], meta: { total_pages: 1, total_results: 4 } },
    });
    expect(await list('?page[number]=2&page[size]=3')).toMatchObject({
      body: { data: [entry(4)], meta: { page_number: 2, total_pages: 2 } },
    });
    expect(await list('?page[size]=0')).toMatchObject({ status: 400 });
    expect(await api('GET', '/connections/123/active_calls')).toMatchObject({ status: 404 });
  });
});

describe('command ids', () => {
  it('make a repeat harmless for 60 seconds, within one call', async () => {
    const clock = new VirtualClock();
    const { act, answered, emulator } = await createBench({ clock });
    const [call, other] = [await answered(), await answered()];
    const body = { payload: 'hello', voice: 'v', command_id: 'c1' };
    const spoken = (): number => emulator.webhooks.filter((each) => each.type === 'call.speak.started').length;
    await act(call, 'speak', body);
    await emulator.waitFor(() => spoken() === 1);

    clock.advance(59_999);
    expect(await act(call, 'speak', body)).toMatchObject({ status: 200, body: { data: { result: 'ok' } } });
    await act(other, 'speak', body);
    await until(() => spoken() === 2);
    clock.advance(1);
    await act(call, 'speak', body);
    await until(() => spoken() === 3);

    expect(emulator.commands.filter((each) => each.command === 'speak').map((each) => each.duplicate)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  it('are not used up by a command that was refused', async () => {
    const { act, ring, emulator } = await createBench();
    const call = ring();
    expect(await act(call, 'speak', { payload: 'x', voice: 'v', command_id: 'c1' })).toMatchObject({ status: 422 });
    expect(await act(call, 'answer', { command_id: 'c1' })).toMatchObject({ status: 200 });
    expect(emulator.commands.at(-1)!.duplicate).toBe(false);
  });

  it('keep a dial from being made twice when its answer was lost', async () => {
    const { api, emulator } = await createBench();
    emulator.faults.api.reset('dial', { times: 1 });
    const body = { connection_id: emulator.connectionId, to: '+15105550200', from: '+13125550178', command_id: 'd1' };

    await expect(api('POST', '/calls', body)).rejects.toThrow();
    expect(await api('POST', '/calls', body)).toMatchObject({ status: 200, body: { data: { result: 'ok' } } });

    expect(emulator.targets.phones).toHaveLength(1);
    expect(emulator.commands.map((each) => [each.command_id, each.status, each.duplicate])).toEqual([
      ['d1', 'none', false],
      ['d1', 200, true],
    ]);
  });
});

describe('API faults', () => {
  it('answer with any status, code and body instead of executing', async () => {
    const { act, ring, emulator } = await createBench();
    const { faults } = emulator;
    const call = ring();
    faults.api.fail('answer', { status: 503 }, 1);
    expect(await act(call, 'answer')).toMatchObject({ status: 503, body: error('10007') });
    faults.api.fail('answer', { status: 422, code: '90018', title: 'Call has already ended' }, 1);
    expect(await act(call, 'answer')).toMatchObject({ status: 422, body: error('90018') });
    faults.api.fail('*', { status: 200, body: '<html>' }, 1);
    await expect(act(call, 'answer')).rejects.toThrow(/JSON/);
    expect(call.state).toBe('ringing');
    expect(await act(call, 'answer')).toMatchObject({ status: 200 });
  });

  it('limit the rate with headers', async () => {
    const { api, emulator } = await createBench();
    emulator.faults.api.rateLimit('balance', 3, 1);
    const { status, body, headers } = await api('GET', '/balance');

    expect({ status, body }).toMatchObject({ status: 429, body: error('10011') });
    expect(headers.get('x-ratelimit-reset')).toBe('3');
  });

  it('reset the connection before or after the command was executed', async () => {
    const { act, ring, emulator } = await createBench();
    const [before, after] = [ring(), ring()];
    emulator.faults.api.reset('answer', { executed: false, times: 1 });
    await expect(act(before, 'answer')).rejects.toThrow();
    emulator.faults.api.reset('answer', { times: 1 });
    await expect(act(after, 'answer')).rejects.toThrow();

    expect([before.state, after.state]).toEqual(['ringing', 'answered']);
  });

  it('hang, and answer late what was executed at once', async () => {
    const clock = new VirtualClock();
    const { act, ring, emulator } = await createBench({ clock });
    const [hanging, slow] = [ring(), ring()];
    emulator.faults.api.hang('answer', { times: 1 });
    const never = act(hanging, 'answer').then(
      () => 'answered',
      () => 'cut',
    );
    await until(() => emulator.commands[0]?.status === 'none');
    emulator.faults.api.slow('answer', 500, 1);
    const late = act(slow, 'answer');
    await until(() => slow.state === 'answered');
    expect(emulator.commands[1]!.status).toBe('pending');
    clock.advance(500);

    expect(await late).toMatchObject({ status: 200 });
    await emulator.close();
    expect(await never).toBe('cut');
    expect(hanging.state).toBe('ringing');
  });
});

describe('account', () => {
  it('shows and changes the application, and webhooks follow', async () => {
    const { api, emulator, gateway, ring } = await createBench({ webhookUrl: 'http://127.0.0.1:1/' });
    const path = `/call_control_applications/${emulator.connectionId}`;
    expect(await api('GET', path)).toMatchObject({
      body: { data: { webhook_event_url: 'http://127.0.0.1:1/', webhook_api_version: '2' } },
    });
    expect(
      await api('PATCH', path, { webhook_event_url: gateway.webhookUrl, outbound: { channel_limit: 3 }, unknown: 1 }),
    ).toMatchObject({
      status: 200,
      body: {
        data: {
          webhook_event_url: gateway.webhookUrl,
          outbound: { channel_limit: 3, outbound_voice_profile_id: expect.any(String) as unknown },
        },
      },
    });
    ring();

    await until(() => gateway.of('call.initiated').length === 1);
    expect(await api('PATCH', path, { active: 'yes' })).toMatchObject({ status: 422, body: error('10026', '/active') });
    expect(await api('GET', '/call_control_applications/1')).toMatchObject({ status: 404 });
  });

  it('finds numbers and binds them', async () => {
    const { api, emulator, ring } = await createBench({
      numbers: ['+13125550178', '+13125550179'],
      account: {
        phoneNumbers: { '+13125550179': { connection_id: '99' }, '+13125550180': { status: 'purchase-pending' } },
      },
    });
    const query = `?filter[phone_number]=${encodeURIComponent('+13125550179')}`;
    expect(await api('GET', '/phone_numbers')).toMatchObject({ body: { meta: { total_results: 3 } } });
    expect(await api('GET', `/phone_numbers${query}`)).toMatchObject({
      body: { data: [{ phone_number: '+13125550179', connection_id: '99', status: 'active' }] },
    });
    expect(() => ring({ to: '+13125550179' })).toThrow('not routed to application');
    const { id } = emulator.account.phoneNumbers[1]!;
    expect(await api('PATCH', `/phone_numbers/${id}`, { connection_id: emulator.connectionId })).toMatchObject({
      status: 200,
    });
    expect(ring({ to: '+13125550179' }).state).toBe('ringing');
    expect(await api('GET', '/phone_numbers/17')).toMatchObject({ status: 404 });
  });

  it('shows voice profile, balance and owner, right or wrong as set', async () => {
    const { api, emulator } = await createBench({
      account: {
        outboundVoiceProfile: { enabled: false, whitelisted_destinations: [] },
        balance: { balance: '-1.00' },
      },
    });
    const { id } = emulator.account.outboundVoiceProfile;

    expect(await api('GET', `/outbound_voice_profiles/${id}`)).toMatchObject({
      body: { data: { enabled: false, whitelisted_destinations: [] } },
    });
    expect(await api('GET', '/outbound_voice_profiles/1')).toMatchObject({ status: 404 });
    expect(await api('GET', '/balance')).toMatchObject({ body: { data: { balance: '-1.00' } } });
    expect(await api('GET', '/whoami')).toMatchObject({ body: { data: { user_id: emulator.account.userId } } });
  });
});
