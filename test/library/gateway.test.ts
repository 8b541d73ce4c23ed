import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/core/log.ts';
import { createGateway, LandlineError, type LandlineEvent, type LandlineGateway } from '../../src/index.ts';
import { until } from '../gateway/world.ts';
import { CALL, dataFolder, hotel } from './hotel.ts';

const { dataDir, remove } = dataFolder();
let gateway: LandlineGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  remove();
});

const create = (more: object = {}): LandlineGateway =>
  createGateway({ config: hotel, env: {}, host: '127.0.0.1', port: 0, dataDir, log: silentLog, ...more });
const codeOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'nothing thrown',
    (thrown: unknown) => (thrown instanceof LandlineError ? thrown.code : thrown),
  );

describe('createGateway', () => {
  it('is a gateway in a program: calls, events, control, end', async () => {
    gateway = create();
    const heard: string[] = [];
    const followed: LandlineEvent[] = [];
    const stop = gateway.on('turn.ended', ({ data }) => heard.push(data.text));
    gateway.on('call.answered', () => {
      throw new Error('a listener of the program is broken');
    });
    const reading = (async () => {
      for await (const event of gateway.events()) followed.push(event);
    })();
    expect(gateway.url).toBe('');

    const url = await gateway.listen();
    expect([url, await gateway.listen(), gateway.url]).toEqual([url, url, url]);
    const phone = gateway.emulator!.placeCall(CALL);
    await until(() => heard.length === 1, 'the greeting');
    const [live] = (await gateway.calls.list({ status: 'active' })).calls;
    const id = live!.id;

    expect(heard).toEqual(['Good day.']);
    expect(await gateway.calls.get(id)).toMatchObject({ id, ...CALL, agent: 'hotel', status: 'active' });
    await gateway.calls.say(id, 'One moment.');
    await until(() => heard.length === 2, 'what was said');
    stop();
    expect(await codeOf(gateway.calls.say(id, ' '))).toBe('request_invalid');
    expect(await codeOf(gateway.calls.get('call_none'))).toBe('call_not_found');
    expect(await codeOf(gateway.calls.transfer(id, { to: '+33970970970112' }))).toBe('destination_not_allowed');
    await gateway.calls.hangup(id, 'enough');
    await until(() => followed.some(({ type }) => type === 'call.ended'), 'the end');

    expect(phone.endedBy).toBeDefined();
    expect((await gateway.calls.transcript(id)).map(({ text }) => text)).toEqual(['Good day.', 'One moment.']);
    expect((await gateway.calls.recording(id)).toString('latin1', 0, 4)).toBe('RIFF');
    expect(await codeOf(gateway.calls.sendDtmf(id, '1'))).toBe('call_not_active');
    expect(heard.length).toBe(2);
    await gateway.close();
    await gateway.close();
    await reading;
    expect(followed[0]?.type).toBe('call.created');
    await expect(fetch(url)).rejects.toThrow();
  }, 30_000);

  it('checks a config in code like a file, with the same words', async () => {
    const agent = { ...hotel.agents['hotel'], greting: 'Hi' };
    gateway = create({ config: { agents: { hotel: agent }, defaultAgent: 'hotle' } });

    const refused = await gateway.listen().catch((thrown: unknown) => thrown);

    expect(refused).toMatchObject({
      code: 'config_invalid',
      message: [
        'agents.hotel.greting is not a known key; did you mean "greeting"?',
        'defaultAgent "hotle" is no agent; did you mean "hotel"?',
      ].join('\n'),
    });
  });

  it('says what to do when it is used before it listens', async () => {
    gateway = create();

    expect(await codeOf(gateway.calls.list())).toBe('request_invalid');
    expect(() => gateway!.app).toThrow('call listen() first');
    await expect(gateway.drain()).rejects.toThrow('call listen() first');
    await gateway.close();
  });
});
