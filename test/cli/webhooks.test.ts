import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { retryWebhook, showWebhooks, testWebhooks } from '../../src/cli/webhooks.ts';
import { systemClock } from '../../src/core/clock.ts';
import { webhookWork } from '../../src/store/follow-ups.ts';
import { createSqlStore } from '../../src/store/sql-store.ts';
import { createSqliteEngine } from '../../src/store/sqlite.ts';
import { verifyWebhook } from '../../src/tools/verify-webhook.ts';
import { receiver, SECRET, type Receiver } from '../records/webhook-receiver.ts';

const demo = {
  stt: { provider: 'deepgram', model: 'flux-general-en' },
  llm: { provider: 'openai', model: 'your-model' },
  tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
};
let cwd = '';
let there: Receiver;
let status = 204;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'landline-webhooks-cli-'));
  there = await receiver((response) => void response.writeHead(status).end());
  status = 204;
});
afterEach(async () => {
  await there.close();
  rmSync(cwd, { recursive: true, force: true });
});

async function landline(
  run: typeof showWebhooks,
  options: Partial<Parameters<typeof showWebhooks>[0]> = {},
): Promise<{ exit: number; out: string }> {
  const webhooks = [{ name: 'crm', url: `${there.url}?key=1`, secretEnv: 'HOOK', allowPrivate: true }];
  writeFileSync(
    join(cwd, 'landline.config.json'),
    JSON.stringify({ agents: { desk: demo }, defaultAgent: 'desk', webhooks }),
  );
  let out = '';
  const env = { DEEPGRAM_API_KEY: 'deepgram-key', OPENAI_API_KEY: 'openai-key', HOOK: SECRET };
  const exit = await run({ limit: '20', ...options }, { out: { write: (text) => (out += text) }, env, cwd });
  return { exit, out };
}

/** One that waits, and one that was given up. */
async function somethingKept(): Promise<void> {
  await landline(showWebhooks);
  const store = createSqlStore(createSqliteEngine(join(cwd, 'data', 'landline.db')), systemClock);
  const at = systemClock.wall();
  const events = ['7', '8'].map((id) => ({ id, callId: 'call_1', type: 'call.answered', at, data: {} }));
  const followUps = { recordings: false, summaryAgents: [], webhooks: [{ name: 'crm', events: 'all' as const }] };
  await store.addWork(webhookWork(followUps, events, at));
  const [head] = await store.dueWork(at + 1000, 1);
  await store.workFailed(head!.id, 'endpoint "crm": it answered 500', undefined);
  await store.close();
}

describe('landline webhooks', () => {
  it('shows endpoints, what waits, and what became of deliveries', async () => {
    await somethingKept();

    const { exit, out } = await landline(showWebhooks);

    expect(exit).toBe(0);
    const at = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    expect(out).toMatch(new RegExp(`^crm  ${there.url}  all events  1 wait, the oldest since ${at}\n`));
    expect(out).toMatch(new RegExp(`\n${at}  webhook:crm:8  call_1  waiting after 0 tries\n`));
    expect(out).toMatch(
      new RegExp(`\n${at}  webhook:crm:7  call_1  given up after 1 tries: endpoint "crm": it answered 500\n$`),
    );
    expect(out).not.toContain('key=1');
  });

  it('sends given-up work again, once', async () => {
    await somethingKept();

    expect(await landline((options, around) => retryWebhook('webhook:crm:7', options, around))).toEqual({
      exit: 0,
      out: 'webhook:crm:7 is sent again by the gateway, within a minute\n',
    });
    const { deliveries } = JSON.parse((await landline(showWebhooks, { json: true })).out) as { deliveries: object[] };
    expect(deliveries.at(-1)).toMatchObject({ key: 'webhook:crm:7', state: 'waiting', attempts: 0 });
    expect((await landline(showWebhooks, { json: true, failed: true })).out).toContain('"deliveries": []');
    for (const key of ['webhook:crm:7', 'summary:call_1']) {
      await expect(landline((options, around) => retryWebhook(key, options, around))).rejects.toThrow(
        `there is no given-up delivery ${key}`,
      );
    }
  });

  it('tests an endpoint with a signed ping', async () => {
    const { exit, out } = await landline((options, around) => testWebhooks('crm', options, around));

    expect({ exit, out }).toEqual({ exit: 0, out: 'ok    crm  it answered 204\n' });
    const [one] = there.received;
    expect(verifyWebhook(one!.headers, one!.body, SECRET)).toMatchObject({ type: 'ping', callId: '', data: {} });
  });

  it('says what an endpoint answered that does not take the ping, exit 1', async () => {
    status = 401;

    expect(await landline((options, around) => testWebhooks(undefined, options, around))).toEqual({
      exit: 1,
      out: 'FAIL  crm  it answered 401\n',
    });
  });

  it('names the endpoint that was probably meant', async () => {
    await expect(landline((options, around) => testWebhooks('crn', options, around))).rejects.toThrow(
      'there is no endpoint "crn" in the config; did you mean "crm"?',
    );
    await expect(landline(showWebhooks, { limit: 'all' })).rejects.toThrow('--limit must be a whole number');
  });
});
