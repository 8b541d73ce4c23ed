import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { agentOptions } from '../../src/agent/options.ts';
import type { PublishedEvent } from '../../src/call/ports.ts';
import { isoTime, systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import type { ChatReply } from '../../src/emulator/openai/chat.ts';
import type { ChatRequest } from '../../src/emulator/openai/chat-request.ts';
import { createOpenAiEmulator } from '../../src/emulator/openai/openai-emulator.ts';
import { endedPath } from '../../src/journal/layout.ts';
import { createOpenAiLlm } from '../../src/providers/llm/openai.ts';
import { createScriptedLlm } from '../../src/providers/llm/scripted.ts';
import type { LlmProvider } from '../../src/providers/ports.ts';
import { loadScript } from '../../src/providers/script.ts';
import { Summaries } from '../../src/records/summary.ts';
import type { CallRow, Store, TurnRow, Work } from '../../src/store/port.ts';
import { createSqliteEngine } from '../../src/store/sqlite.ts';
import { createSqlStore } from '../../src/store/sql-store.ts';

const NOW = Date.UTC(2026, 0, 5, 9, 0, 0);
const SAID: readonly (readonly [role: 'caller' | 'agent', text: string])[] = [
  ['agent', 'Hotel Astoria, hello.'],
  ['caller', 'A room for two\non Friday please.'],
  ['agent', 'Booked.'],
];
const BOOKING = z.object({ guests: z.number().int().min(1), day: z.string() });
const GOOD = { summary: 'A room was booked.', data: { guests: 2, day: 'Friday' } };

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Desk {
  readonly store: Store;
  readonly events: PublishedEvent[];
  /** One attempt at the summary of `call`. */
  readonly attempt: (attempts?: number, more?: { signal?: AbortSignal; isLast?: boolean }) => Promise<void>;
  readonly summary: () => Promise<CallRow['summary']>;
  readonly stored: () => Promise<readonly { readonly type: string; readonly id: string; readonly data: unknown }[]>;
  readonly webhooks: () => Promise<readonly (readonly [key: string, payload: unknown])[]>;
}

interface DeskOptions {
  readonly llm: LlmProvider;
  readonly agent?: Record<string, unknown>;
  readonly said?: typeof SAID;
  readonly durationMs?: number | null;
  /** Said by the journal; by the store when undefined. */
  readonly journal?: boolean;
  /** Called before the summary is stored; may throw. */
  readonly storing?: () => void;
  readonly store?: Store;
}

async function desk({
  llm,
  agent = { summary: true },
  said = SAID,
  durationMs = 60_000,
  ...options
}: DeskOptions): Promise<Desk> {
  const dataDir = mkdtempSync(join(tmpdir(), 'landline-summary-'));
  cleanUps.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const store = createSqlStore(createSqliteEngine(join(dataDir, 'landline.db')), systemClock);
  cleanUps.push(() => store.close());
  const turns = said.map(([role, text], n): TurnRow => ({
    callId: 'call_1',
    seq: n + 1,
    turn: n + 1,
    role,
    text,
    startMs: n * 1000,
    endMs: n * 1000 + 500,
    interrupted: false,
    latency: null,
  }));
  await store.project({
    call: callRow(durationMs),
    legs: [],
    turns: options.journal === true ? [] : turns,
    events: [],
    actions: [],
    work: [],
    position: { callId: 'call_1', bytes: 1, complete: true },
  });
  if (options.journal === true) writeJournal(dataDir, turns);
  const events: PublishedEvent[] = [];
  let id = 100;
  const summaries = new Summaries({
    store: {
      call: (callId) => store.call(callId),
      turns: (callId) => store.turns(callId),
      events: (query) => store.events(query),
      addSummary: async (callId, summary, event) => {
        options.storing?.();
        await store.addSummary(callId, summary, event);
      },
      addWork: (work) => store.addWork(work),
    },
    clock: { ...systemClock, wall: () => NOW },
    log: silentLog,
    dataDir,
    agents: new Map([['hotel', { config: agentOptions.parse(agent), llm }]]),
    events: { nextId: () => String(++id), publish: (event) => void events.push(event) },
    followUps: { recordings: false, summaryAgents: ['hotel'], webhooks: [{ name: 'crm', events: 'all' }] },
    workAdded: () => undefined,
  });
  return {
    store,
    events,
    attempt: (attempts = 0, { signal = new AbortController().signal, isLast = false } = {}) =>
      summaries.handle(workOf(attempts), { signal, isLast, retryAfter: () => undefined }),
    summary: async () => (await store.call('call_1'))?.summary ?? null,
    stored: async () =>
      (await store.events({ callId: 'call_1', limit: 10 })).map(({ type, id: of, data }) => ({ type, id: of, data })),
    webhooks: async () =>
      (await store.dueWork(Number.MAX_SAFE_INTEGER, 10)).map(({ key, payload }) => [key, payload] as const),
  };
}

function callRow(durationMs: number | null): CallRow {
  return {
    id: 'call_1',
    direction: 'inbound',
    status: 'ended',
    from: '+14155550142',
    to: '+13125550178',
    agent: 'hotel',
    metadata: {},
    createdAt: NOW - 100_000,
    answeredAt: NOW - 90_000,
    endedAt: NOW - 30_000,
    endReason: 'caller_hangup',
    durationMs,
    hangupCause: null,
    sipCode: null,
    hangupText: null,
    callControlId: 'v3:1',
    callLegId: null,
    callSessionId: null,
    usage: null,
    summary: null,
  };
}

function workOf(attempts: number): Work {
  const [key, kind] = ['summary:call_1', 'summary'];
  return {
    id: 1,
    key,
    kind,
    lane: key,
    callId: 'call_1',
    payload: {},
    createdAt: NOW,
    attempts,
    dueAt: NOW,
    error: null,
  };
}

function writeJournal(dataDir: string, turns: readonly TurnRow[]): void {
  const head = {
    ...{ k: 'head', format: 'landline-journal', version: 1, callId: 'call_1', seed: '00' },
    ...{ createdAt: isoTime(NOW), wallMs: NOW, monoMs: 0, software: 'landline test' },
  };
  const records = turns.map(({ turn, role, text, startMs, endMs }, n) => ({
    ...{ k: 'ev', s: n + 1, t: endMs, id: String(NOW * 1000 + n) },
    d: { type: 'turn.ended', data: { turn, role, text, startMs, endMs } },
  }));
  const path = endedPath(dataDir, '2026-01-05', 'call_1');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, [head, ...records].map((record) => `${JSON.stringify(record)}\n`).join(''));
}

interface Model {
  readonly llm: LlmProvider;
  readonly requests: () => ChatRequest[];
}

async function model(chat: readonly [ChatReply, ...ChatReply[]]): Promise<Model> {
  const emulator = await createOpenAiEmulator({ chat });
  cleanUps.push(() => emulator.close());
  const llm = createOpenAiLlm({
    ...{ apiKey: 'sk-secret', baseUrl: emulator.baseUrl, model: 'gpt-test' },
    ...{ clock: systemClock, log: silentLog, maxTokens: 100 },
  });
  return { llm, requests: () => emulator.requests.map(({ body }) => body as ChatRequest) };
}

const reply = (value: unknown): ChatReply => ({ text: [typeof value === 'string' ? value : JSON.stringify(value)] });
const status = (code: number): ChatReply => ({ fault: { type: 'status', status: code } });
const ABOUT = { model: 'openai gpt-test', createdAt: '2026-01-05T09:00:00.000Z' };

describe('the summary of a call', () => {
  it.each([true, false])(
    'is made from what was heard, stored, told and put out for webhooks (journal: %s)',
    async (journal) => {
      const { llm, requests } = await model([reply('  A room was booked. ')]);
      const { attempt, summary, events, stored, webhooks } = await desk({ llm, journal });
      await attempt();

      const made = { status: 'ready', text: 'A room was booked.', ...ABOUT, usage: expect.anything() as unknown };
      expect(await summary()).toEqual(made);
      const event = { type: 'call.summarized', id: '101', callId: 'call_1', at: ABOUT.createdAt, data: made };
      expect(events).toEqual([event]);
      expect(await stored()).toEqual([{ type: 'call.summarized', id: '101', data: made }]);
      expect(await webhooks()).toEqual([['webhook:crm:101', { endpoint: 'crm', event }]]);
      const [asked] = requests();
      expect(asked?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
      expect(asked?.messages[1]?.content).toBe(
        'Agent: Hotel Astoria, hello.\nCaller: A room for two on Friday please.\nAgent: Booked.',
      );
      expect(asked?.['max_completion_tokens']).toBe(2000);
      expect(asked?.['response_format']).toBeUndefined();
    },
  );

  it('has the data that the schema asks for, by a strict structured answer', async () => {
    const { llm, requests } = await model([reply(GOOD)]);
    const { attempt, summary } = await desk({
      llm,
      agent: { summary: { schema: BOOKING, instructions: 'Be brief.' } },
    });
    await attempt();

    expect(await summary()).toMatchObject({ status: 'ready', text: GOOD.summary, data: GOOD.data });
    const [asked] = requests();
    expect(asked?.['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { strict: true, schema: { required: ['summary', 'data'] } },
    });
    expect(asked?.messages[0]?.content).toContain('Be brief.');
  });

  it('takes JSON Schema too, and asks less strictly where the schema leaves something open', async () => {
    const { llm, requests } = await model([reply({ summary: 'Booked.', data: { day: 'Friday' } })]);
    const schema = {
      type: 'object',
      properties: { day: { $ref: '#/$defs/day' } },
      $defs: { day: { enum: ['Friday', 'Monday'] } },
    };
    const { attempt, summary } = await desk({ llm, agent: { summary: { schema } } });
    await attempt();
    expect(await summary()).toMatchObject({ data: { day: 'Friday' } });
    expect(requests()[0]?.['response_format']).toMatchObject({ json_schema: { strict: false } });
  });

  it('asks a server that does not know structured answers by words alone, and reads its fenced JSON', async () => {
    const { llm, requests } = await model([status(400), reply('```json\n' + JSON.stringify(GOOD) + '\n```')]);
    const { attempt, summary } = await desk({ llm, agent: { summary: { schema: BOOKING } } });
    await attempt();
    expect(await summary()).toMatchObject({ status: 'ready', data: GOOD.data });
    expect(requests().map((request) => 'response_format' in request)).toEqual([true, false]);
    expect(requests()[1]?.messages[0]?.content).toContain('"guests"');
  });

  const bad: readonly (readonly [what: string, answer: ChatReply, told: string])[] = [
    ['not JSON', reply('Certainly! Here it is'), 'it is not JSON'],
    ['data that does not fit', reply({ ...GOOD, data: { guests: 0, day: 'Friday' } }), 'data: guests: Too small'],
    ['no text', reply({ data: GOOD.data }), 'summary: must be a text'],
    ['a cut answer', { ...reply(GOOD), finish: 'length' }, 'it was cut before its end'],
  ];
  it.each(bad)('is asked for once more after %s, with what was wrong', async (_, answer, told) => {
    const { llm, requests } = await model([answer, reply(GOOD)]);
    const { attempt, summary } = await desk({ llm, agent: { summary: { schema: BOOKING } } });
    await attempt();
    expect(await summary()).toMatchObject({ status: 'ready', data: GOOD.data });
    expect(requests()).toHaveLength(2);
    expect(requests()[1]?.messages.at(-1)?.content).toContain(told);
    expect(requests()[1]?.messages.at(-2)?.role).toBe('assistant');
    const usage = (await summary())?.['usage'] as { promptTokens: number };
    expect(usage.promptTokens).toBe(
      JSON.stringify(requests()[0]?.messages).length + JSON.stringify(requests()[1]?.messages).length,
    );
  });

  it('that never keeps its form is tried again later, and in the end stored as failed with the reason', async () => {
    const { llm } = await model([reply('no')]);
    const { attempt, summary, events } = await desk({ llm, agent: { summary: { schema: BOOKING } } });
    for (let attempts = 0; attempts < 5; attempts++) {
      await expect(attempt(attempts)).rejects.toMatchObject({ code: 'provider_failed', retryable: true });
    }
    expect([await summary(), events]).toEqual([null, []]);
    await attempt(5);
    const failed = { status: 'failed', reason: expect.stringContaining('it is not JSON') as unknown, ...ABOUT };
    expect(await summary()).toEqual(failed);
    expect(events.map(({ data }) => data)).toEqual([failed]);
  });

  it.each([429, 500, 503, 401])('waits for a model that answers %i', async (code) => {
    const { llm } = await model([status(code), reply('Booked.')]);
    const { attempt, summary } = await desk({ llm });
    await expect(attempt()).rejects.toMatchObject({ retryable: true });
    expect(await summary()).toBeNull();
    await attempt(1);
    expect(await summary()).toMatchObject({ text: 'Booked.' });
  });

  it('is stored as failed when the model refuses it for good, or at the last attempt', async () => {
    const refused = await desk({ llm: (await model([status(404)])).llm });
    await refused.attempt();
    expect(await refused.summary()).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('404') as unknown,
    });
    const last = await desk({ llm: (await model([status(500)])).llm });
    await last.attempt(83, { isLast: true });
    expect(await last.summary()).toMatchObject({ status: 'failed' });
  });

  it('lets go of a model that hangs when the gateway stops', async () => {
    const { llm, requests } = await model([{ fault: { type: 'silent' } }]);
    const { attempt, summary } = await desk({ llm });
    const stop = new AbortController();
    const attempted = attempt(0, { signal: stop.signal });
    await expect.poll(() => requests().length).toBe(1);
    stop.abort();
    await expect(attempted).rejects.toThrow('stopped');
    expect(await summary()).toBeNull();
  });

  const none: readonly (readonly [what: string, options: Partial<DeskOptions>])[] = [
    ['nobody said anything', { said: [] }],
    ['only the agent spoke', { said: [['agent', 'Hello?']] }],
    ['the call was never answered', { durationMs: null }],
    ['the call was too short', { agent: { summary: { minDurationSeconds: 61 } } }],
    ['the agent keeps no transcripts', { agent: { summary: true, transcripts: false } }],
    ['the agent makes none', { agent: { summary: false } }],
    ['the agent says nothing about it', { agent: {} }],
  ];
  it.each(none)('is not made when %s', async (_, options) => {
    const { llm, requests } = await model([reply('Booked.')]);
    const { attempt, summary, events, webhooks } = await desk({ llm, ...options });
    await attempt();
    expect([await summary(), events, await webhooks(), requests()]).toEqual([null, [], [], []]);
  });

  it('is not made of a call that was erased', async () => {
    const { llm, requests } = await model([reply('Booked.')]);
    const { store, attempt, events } = await desk({ llm });
    await store.erase('call_1', 'call');
    await attempt();
    expect([events, requests()]).toEqual([[], []]);
  });

  it('is told nobody, and sent nowhere, when its call is erased while the model writes', async () => {
    let erase = async (): Promise<void> => undefined;
    const llm: LlmProvider = {
      name: 'test',
      warm: () => undefined,
      generate: (_request, on) => {
        void erase().then(() => {
          on({ type: 'llmDelta', text: 'A room was booked.' });
          on({ type: 'llmDone', finish: 'stop' });
        });
        return { abort: () => undefined };
      },
    };
    const { store, attempt, events, webhooks } = await desk({ llm });
    erase = () => store.erase('call_1', 'call');

    await attempt();

    expect([events, await webhooks()]).toEqual([[], []]);
  });

  it('is sent nowhere when its call is erased before it is stored', async () => {
    const hook: { store?: Store } = {};
    const { llm } = await model([reply('A room was booked.')]);
    const { store, attempt, webhooks, summary } = await desk({
      llm,
      storing: () => void hook.store?.erase('call_1', 'transcript'),
    });
    hook.store = store;

    await attempt();

    expect([await summary(), await webhooks()]).toEqual([null, []]);
  });

  it('is told once, also when the store takes it only at the second attempt', async () => {
    const { llm, requests } = await model([reply('Booked.')]);
    let isAway = true;
    const { attempt, events, stored } = await desk({
      llm,
      storing: () => {
        if (isAway) throw new Error('the store is away');
      },
    });
    await expect(attempt()).rejects.toThrow('the store is away');
    isAway = false;
    await attempt(1);
    expect([requests().length, events.map(({ id }) => id), (await stored()).map(({ id }) => id)]).toEqual([
      1,
      ['101'],
      ['101'],
    ]);
  });

  it('that is there already is not made again; what follows from it is made up for', async () => {
    const { llm, requests } = await model([reply('Booked.')]);
    const { store, attempt, events, webhooks } = await desk({ llm });
    const data = { status: 'ready', text: 'Booked.', ...ABOUT };
    // As a process leaves it that is killed between the two.
    await store.addSummary('call_1', data, { id: '7', callId: 'call_1', type: 'call.summarized', at: NOW, data });
    await attempt();
    await attempt();
    expect([requests(), events]).toEqual([[], []]);
    expect((await webhooks()).map(([key]) => key)).toEqual(['webhook:crm:7']);
  });

  it('of a scripted agent needs no model and is always the same', async () => {
    const script = loadScript(new URL('../../fixtures/demo/hotel.yaml', import.meta.url).pathname);
    const schema = z.object({
      guests: z.number().nullable(),
      wish: z.enum(['room', 'table']),
      notes: z.array(z.string()),
    });
    const { attempt, summary } = await desk({ llm: createScriptedLlm({ script }), agent: { summary: { schema } } });
    await attempt();
    expect(await summary()).toEqual({
      status: 'ready',
      text: 'The caller said: "A room for two on Friday please."',
      data: { guests: null, wish: 'room', notes: [] },
      model: 'scripted hotel.yaml',
      createdAt: ABOUT.createdAt,
    });
  });
});

describe('the summary of the config', () => {
  const problems: readonly (readonly [given: unknown, message: string])[] = [
    [{ schema: 5 }, 'cannot be used as a schema: it must be a JSON Schema object or a zod schema'],
    [{ schema: { type: 'bogus' } }, 'cannot be used as a schema: Unsupported type: bogus'],
    [
      { schema: { properties: { a: { $ref: '#' } } } },
      'cannot be used as a schema: "$ref": "#" is not supported; use "$defs"',
    ],
    [{ schema: z.object({ at: z.date() }) }, 'cannot be used as a schema: Date cannot be represented in JSON Schema'],
    [{ minDurationSeconds: -1 }, 'Too small: expected number to be >=0'],
    ['yes', 'Invalid input: expected object, received string'],
  ];
  it.each(problems)('refuses %j: %s', (summary, message) => {
    const result = agentOptions.safeParse({ summary });
    expect(result.error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});
