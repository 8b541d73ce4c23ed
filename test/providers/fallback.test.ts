import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import { silentLog, type Log, type LogFields } from '../../src/core/log.ts';
import { llmWithFallback, sttWithFallback, ttsWithFallback, type BreakerView } from '../../src/providers/fallback.ts';
import type {
  LlmEvent,
  LlmProvider,
  LlmRequest,
  ProviderFailure,
  SttEvent,
  SttOptions,
  SttProvider,
  SttStream,
  TtsEvent,
  TtsOptions,
  TtsProvider,
  TtsSession,
} from '../../src/providers/ports.ts';

const REQUEST: LlmRequest = { messages: [{ role: 'user', content: 'hello' }], tools: [] };
const STT: SttOptions = { format: { codec: 'PCMU', sampleRate: 8000 }, language: 'en', keyterms: ['Landline'] };
const TTS: TtsOptions = { format: { codec: 'PCMU', sampleRate: 8000 }, language: 'en' };
const DROPPED: ProviderFailure = { kind: 'dropped', message: 'gone', retryable: true };
const REFUSED: ProviderFailure = { kind: 'auth', message: 'wrong key', status: 401, retryable: false };

interface Asked {
  readonly by: string;
  readonly emit: (event: LlmEvent) => void;
}

/** A chain of models that answer only when told to. */
function models(...names: readonly [string, ...string[]]) {
  const clock = new VirtualClock();
  const asked: Asked[] = [];
  const warmed: string[] = [];
  const aborted: string[] = [];
  const model = (name: string): LlmProvider => ({
    name,
    warm: () => void warmed.push(name),
    generate(request, emit) {
      expect(request).toBe(REQUEST);
      asked.push({ by: name, emit });
      return { abort: () => void aborted.push(name) };
    },
  });
  const [first, ...rest] = names;
  const breakers: BreakerView[] = [];
  const onBreaker = (view: BreakerView): void => void breakers.push(view);
  const llm = llmWithFallback([model(first), ...rest.map(model)], { clock, log: silentLog, onBreaker });
  const events: LlmEvent[] = [];
  /** Asks, and gives who was asked. */
  const ask = (): string => {
    llm.generate(REQUEST, (event) => events.push(event));
    return asked.at(-1)!.by;
  };
  const fail = (failure = DROPPED): ProviderFailure => {
    asked.at(-1)!.emit({ type: 'llmFailed', failure });
    const last = events.at(-1)!;
    if (last.type !== 'llmFailed') throw new Error('the failure was not passed on');
    return last.failure;
  };
  const succeed = (): void => asked.at(-1)!.emit({ type: 'llmDone', finish: 'stop' });
  return { clock, llm, breakers, ask, fail, succeed, asked, warmed, aborted, events };
}

describe('a chain of one', () => {
  it('is that provider itself, whatever happens to it', () => {
    const only: LlmProvider = { name: 'only', warm: () => undefined, generate: () => ({ abort: () => undefined }) };

    expect(llmWithFallback([only], { clock: new VirtualClock(), log: silentLog })).toBe(only);
  });
});

describe('a chain of models', () => {
  it('is named after all of them, in order', () => {
    expect(models('a', 'b', 'c').llm.name).toBe('a, else b, else c');
  });

  it('uses the first one as long as it works', () => {
    const { ask, succeed } = models('a', 'b');

    for (let i = 0; i < 3; i++) {
      expect(ask()).toBe('a');
      succeed();
    }
  });

  it('passes everything else through unchanged, and an abort to the one that was asked', () => {
    const { llm, asked, aborted, ask, fail, events } = models('a', 'b');
    ask();
    fail();
    events.length = 0;
    const generation = llm.generate(REQUEST, (event) => events.push(event));
    const answer: readonly LlmEvent[] = [
      { type: 'llmDelta', text: 'Hi' },
      { type: 'llmToolCall', call: { id: '1', name: 'hang_up', arguments: '{}' } },
      { type: 'llmDone', finish: 'tool_calls', usage: { promptTokens: 1, completionTokens: 2 } },
    ];

    for (const event of answer) asked.at(-1)!.emit(event);
    generation.abort();

    expect(events).toEqual(answer);
    expect(aborted).toEqual(['b']);
  });

  it('says whose failure it was and that it is worth another try while another one is in, and changes nothing else of it', () => {
    const { ask, fail } = models('a', 'b');

    ask();
    expect(fail(REFUSED)).toEqual({ ...REFUSED, vendor: 'a', retryable: true });
    expect(ask()).toBe('b');
    expect(fail(REFUSED)).toEqual({ ...REFUSED, vendor: 'b' });
  });

  it('shows how each member stands: closed, open, and half open until it has succeeded', () => {
    const { clock, ask, fail, succeed, breakers } = models('a', 'b');
    const states = (): string[] => breakers[0]!.states().map(({ vendor, state }) => `${vendor} ${state}`);

    expect(breakers).toHaveLength(1);
    expect(states()).toEqual(['a closed', 'b closed']);
    ask();
    fail();
    expect(states()).toEqual(['a open', 'b closed']);
    clock.advance(30_000);
    expect(states()).toEqual(['a half_open', 'b closed']);
    ask();
    succeed();
    expect(states()).toEqual(['a closed', 'b closed']);
  });

  it('tries the first one again after 30 s', () => {
    const { ask, fail, clock } = models('a', 'b');
    ask();
    fail();

    clock.advance(29_999);
    expect(ask()).toBe('b');
    clock.advance(1);
    expect(ask()).toBe('a');
  });

  it('leaves a provider out twice as long each time its new chance fails, at most 5 minutes', () => {
    const { ask, fail, clock } = models('a', 'b');

    for (const outMs of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      expect(ask()).toBe('a');
      fail();
      clock.advance(outMs - 1);
      expect(ask()).toBe('b');
      clock.advance(1);
    }
  });

  it('begins with 30 s again after a success', () => {
    const { ask, fail, succeed, clock } = models('a', 'b');
    ask();
    fail();
    clock.advance(30_000);
    ask();
    fail();
    clock.advance(60_000);
    ask();
    succeed();

    ask();
    fail();

    clock.advance(30_000);
    expect(ask()).toBe('a');
  });

  it('takes many failures of one outage for one', () => {
    const { ask, asked, clock } = models('a', 'b');
    for (let i = 0; i < 50; i++) ask();

    for (const { emit } of asked) emit({ type: 'llmFailed', failure: DROPPED });

    clock.advance(30_000);
    expect(ask()).toBe('a');
  });

  it('learns nothing about an outage from the success of what began before it', () => {
    const { ask, asked } = models('a', 'b');
    ask();
    ask();
    asked[0]!.emit({ type: 'llmFailed', failure: DROPPED });

    asked[1]!.emit({ type: 'llmDone', finish: 'stop' });

    expect(ask()).toBe('b');
  });

  it('counts a late failure of an old generation once the outage is over', () => {
    const { ask, asked, clock } = models('a', 'b');
    ask();
    ask();
    asked[0]!.emit({ type: 'llmFailed', failure: DROPPED });
    clock.advance(30_000);

    asked[1]!.emit({ type: 'llmFailed', failure: DROPPED });

    expect(ask()).toBe('b');
  });

  it('uses the one that failed longest ago when all are out, and takes it back when it works', () => {
    const { ask, fail, succeed, clock } = models('a', 'b', 'c');
    for (const name of ['a', 'b', 'c', 'a', 'b']) {
      expect(ask()).toBe(name);
      fail();
      clock.advance(10);
    }

    expect(ask()).toBe('c');
    succeed();
    expect(ask()).toBe('c');
  });

  it('warms the one that would be asked', () => {
    const { llm, ask, fail, warmed } = models('a', 'b');

    llm.warm();
    ask();
    fail();
    llm.warm();

    expect(warmed).toEqual(['a', 'b']);
  });

  it('needs no timer', () => {
    const { ask, fail, clock } = models('a', 'b');
    ask();
    fail();

    expect(clock.pending).toBe(0);
  });

  it('always asks the first that is not out, in every order of successes, failures and pauses', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constantFrom('succeed', 'fail') }),
      fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 400_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { ask, fail, succeed, clock } = models('a', 'b', 'c');
        const state = new Map(['a', 'b', 'c'].map((name) => [name, { until: -1, failedAt: -1, next: 30_000 }]));
        const isOut = (name: string): boolean => clock.mono() < state.get(name)!.until;

        for (const next of steps) {
          if ('ms' in next) {
            clock.advance(next.ms);
            continue;
          }
          const names = [...state.keys()];
          const oldest = names.toSorted((x, y) => state.get(x)!.failedAt - state.get(y)!.failedAt)[0]!;
          const by = names.find((name) => !isOut(name)) ?? oldest;
          expect(ask()).toBe(by);
          const own = state.get(by)!;
          if (next.type === 'succeed') {
            succeed();
            state.set(by, { ...own, until: -1, next: 30_000 });
          } else {
            const now = clock.mono();
            state.set(by, { until: now + own.next, failedAt: now, next: Math.min(300_000, own.next * 2) });
            expect(fail(REFUSED).retryable).toBe(names.some((name) => name !== by && !isOut(name)));
          }
          // Failures at the same moment have no order that means anything.
          clock.advance(1);
        }
      }),
    );
  });

  it('logs which provider went out and for how long', () => {
    const lines: [LogFields, string][] = [];
    const log: Log = { ...silentLog, warn: (fields, message) => void lines.push([fields, message]) };
    const broken: LlmProvider = {
      name: 'a',
      warm: () => undefined,
      generate(_, emit) {
        emit({ type: 'llmFailed', failure: REFUSED });
        return { abort: () => undefined };
      },
    };

    llmWithFallback([broken, broken], { clock: new VirtualClock(), log }).generate(REQUEST, () => undefined);

    expect(lines).toEqual([[{ provider: 'a', kind: 'auth', outMs: 30_000 }, 'provider is out']]);
  });
});

describe('a chain of recognisers', () => {
  function recognisers() {
    const clock = new VirtualClock();
    const opened: { by: string; options: SttOptions; emit: (event: SttEvent) => void; stream: SttStream }[] = [];
    const recogniser = (name: string, endsTurns: boolean): SttProvider => ({
      name,
      open(options, emit) {
        const nothing = (): void => undefined;
        const stream = { endsTurns, write: nothing, beginUtterance: nothing, finishUtterance: nothing, close: nothing };
        opened.push({ by: name, options, emit, stream });
        return stream;
      },
    });
    const stt = sttWithFallback([recogniser('a', true), recogniser('b', false)], { clock, log: silentLog });
    return { clock, stt, opened };
  }

  it('gives the stream of the one that is used as it is', () => {
    const { stt, opened } = recognisers();
    const events: SttEvent[] = [];

    const first = stt.open(STT, (event) => events.push(event));
    opened[0]!.emit({ type: 'sttPartial', text: 'he' });
    opened[0]!.emit({ type: 'sttFailed', failure: REFUSED });
    const second = stt.open(STT, () => undefined);

    expect(first).toBe(opened[0]!.stream);
    expect(second).toBe(opened[1]!.stream);
    expect(opened.map(({ by, options }) => [by, options])).toEqual([
      ['a', STT],
      ['b', STT],
    ]);
    expect(events).toEqual([
      { type: 'sttPartial', text: 'he' },
      { type: 'sttFailed', failure: { ...REFUSED, vendor: 'a', retryable: true } },
    ]);
  });

  const proofs: readonly (readonly [SttEvent, boolean])[] = [
    [{ type: 'sttOpened' }, false],
    [{ type: 'sttPartial', text: 'a' }, false],
    [{ type: 'sttEndOfTurn', text: 'a' }, true],
    [{ type: 'sttUtterance', utterance: 1, text: '' }, true],
  ];
  it.each(proofs)('after %j the next outage is as short as the first: %s', (event, isProof) => {
    const { clock, stt, opened } = recognisers();
    stt.open(STT, () => undefined);
    opened[0]!.emit({ type: 'sttFailed', failure: DROPPED });
    clock.advance(30_000);
    stt.open(STT, () => undefined);

    opened[1]!.emit(event);
    opened[1]!.emit({ type: 'sttFailed', failure: DROPPED });
    clock.advance(30_000);
    stt.open(STT, () => undefined);

    expect(opened[2]!.by).toBe(isProof ? 'a' : 'b');
  });
});

describe('a chain of voices', () => {
  it('opens the next session at the next voice after a failure, also one outside an utterance', () => {
    const clock = new VirtualClock();
    const opened: { by: string; emit: (event: TtsEvent) => void; session: TtsSession }[] = [];
    const voice = (name: string): TtsProvider => ({
      name,
      open(options, emit) {
        expect(options).toBe(TTS);
        const nothing = (): void => undefined;
        const session = { begin: nothing, text: nothing, end: nothing, cancel: nothing, close: nothing };
        opened.push({ by: name, emit, session });
        return session;
      },
    });
    const tts = ttsWithFallback([voice('a'), voice('b')], { clock, log: silentLog });
    const events: TtsEvent[] = [];

    expect(tts.open(TTS, (event) => events.push(event))).toBe(opened[0]!.session);
    opened[0]!.emit({ type: 'ttsFailed', failure: REFUSED });
    tts.open(TTS, (event) => events.push(event));
    opened[1]!.emit({ type: 'ttsDone', utterance: 1 });
    opened[1]!.emit({ type: 'ttsFailed', utterance: 2, failure: REFUSED });

    expect(opened.map(({ by }) => by)).toEqual(['a', 'b']);
    expect(events).toEqual([
      { type: 'ttsFailed', failure: { ...REFUSED, vendor: 'a', retryable: true } },
      { type: 'ttsDone', utterance: 1 },
      { type: 'ttsFailed', utterance: 2, failure: { ...REFUSED, vendor: 'b' } },
    ]);
  });
});
