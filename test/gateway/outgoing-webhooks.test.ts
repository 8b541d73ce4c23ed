import { afterEach, describe, expect, it } from 'vitest';
import { verifyWebhook } from '../../src/index.ts';
import { endpoint, isGenuine, receiver, SECRET, type Receiver } from '../records/webhook-receiver.ts';
import { inWorld, until } from './world.ts';

let there: Receiver | undefined;
afterEach(async () => {
  await there?.close();
});

describe('the outgoing webhooks of a gateway', () => {
  it('tell an endpoint every kept event of a call, in order, also what was told while it was down', async () => {
    let isUp = false;
    there = await receiver((response) => void response.writeHead(isUp ? 204 : 500).end());
    const { received, url } = there;
    const gateway = {
      followUps: { recordings: false, summaryAgents: [], webhooks: [{ name: 'crm', events: 'all' as const }] },
      webhooks: { endpoints: [endpoint('crm', url)], env: { HOOK: SECRET } },
    };
    await inWorld({ gateway }, async (world) => {
      const call = await world.talk();
      await until(() => received.length > 0, 'the first try');
      const ready = await world.request('/readyz');
      expect(ready.status).toBe(200);
      isUp = true;
      call.hangup();
      const accepted = (): typeof received =>
        received.filter(({ event }, at) => received.findLastIndex((other) => other.event.id === event.id) === at);
      await until(() => received.some(({ event }) => event.type === 'call.ended'), 'the end', 20_000);

      // The journal's times are the call's clock, a millisecond apart from the bus at most.
      const told = accepted().map(({ body }) => ({ ...(JSON.parse(body) as object), at: '' }));
      const happened = world.events.filter(({ type }) => type !== 'transcript.partial');
      expect(told).toEqual(happened.map((event) => ({ ...event, at: '' })));
      for (const one of accepted()) {
        expect(await isGenuine(one, SECRET)).toBe(true);
        expect(verifyWebhook(one.headers, one.body, SECRET)).toEqual(JSON.parse(one.body));
      }
      const metrics = (await world.request('/metrics')).text;
      expect(metrics).toMatch(/landline_webhook_deliveries_total\{endpoint="crm",outcome="retry"\} [1-9]/);
      expect(metrics).toMatch(/landline_webhook_queue\{endpoint="crm"\} \d/);
      expect(metrics).toMatch(/landline_webhook_oldest_seconds\{endpoint="crm"\} \d/);
    });
  }, 40_000);
});
