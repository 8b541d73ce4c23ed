import { describe, expect, it } from 'vitest';
import { CallTrace } from '../../../src/server/tracing/call-trace.ts';
import type { SpanRecord } from '../../../src/server/tracing/span.ts';
import { traceIdOf } from '../../../src/server/tracing/trace-book.ts';
import { createWorld, type World, type WorldOptions } from '../../call/harness.ts';
import { PRIVATE, scriptedCall } from '../../call/scripted-call.ts';
import { tree } from './span-tree.ts';

const named = (name: string): never => ({ name }) as never;
const NOON = Date.UTC(2026, 0, 5, 12, 0, 0);

/** The spans of the calls of a world on the virtual clock; span ids are counted. */
function traced(run: (options: WorldOptions) => World): { readonly spans: readonly SpanRecord[]; readonly id: string } {
  const spans: SpanRecord[] = [];
  let count = 0;
  const world = run({
    observe: (callId) =>
      new CallTrace({
        callId,
        providers: { stt: named('ear'), llm: named('brain'), tts: named('mouth') },
        newSpanId: () => String(++count).padStart(16, '0'),
        wall: () => NOON,
        finished: (span) => spans.push(span),
      }),
  });
  return { spans, id: world.finished[0] ?? '' };
}

/** A call that is up and has been greeted; `more` happens, then the caller hangs up. */
function call(more: (world: World) => void, config: Record<string, unknown> = {}): ReturnType<typeof traced> {
  return traced((options) => {
    const world = createWorld(config, options);
    world.webhook('call.initiated');
    world.clock.advance(5);
    world.webhook('call.answered');
    world.connect();
    world.run(2000);
    more(world);
    world.webhook('call.hangup');
    return world;
  });
}

const GREETED = ['call (answered stream_up)', '  telnyx answer ok', '  stt stream'];
const GREETING = ['  turn agent (first_audio)', '    tts utterance (first_audio)'];

describe('the trace of a call', () => {
  it('is one tree: the call, its turns, and what was asked of whom in them', () => {
    expect(tree(traced(scriptedCall).spans)).toEqual([
      ...GREETED,
      ...GREETING,
      '  turn caller',
      '  turn agent (first_audio)',
      '    llm generation stop (first_token)',
      '    tts utterance (first_audio)',
      '  turn caller',
      '  turn agent (first_audio)',
      '    llm generation stop (first_token)',
      '    tts utterance (first_audio)',
      ...['  turn caller', '  turn caller', '  turn caller', '  turn caller'],
      '  turn agent (first_audio)',
      '    llm generation stop (first_token)',
      '    tts utterance (first_audio)',
      '  turn agent (first_audio)',
      '    llm generation tool_calls (first_token)',
      '    llm generation stop (first_token)',
      '    tool unknown error !error',
      '    tts utterance (first_audio)',
      '  turn agent (first_audio)',
      '    llm generation tool_calls (first_token)',
      '    tool transfer_call failed !failed',
      '    tts utterance (first_audio)',
      '  telnyx transfer refused !refused',
      '  transfer sales failed !failed',
      '  stt stream',
      '  turn agent (first_audio)',
      '    llm generation stop (first_token)',
      '    tts utterance (first_audio)',
      '  turn agent (first_audio)',
      '    llm generation stop (first_token)',
      '    tts utterance !dropped',
      '    tts utterance (first_audio)',
    ]);
  });

  it('has one id, which follows from the call’s', () => {
    const { spans, id } = traced(scriptedCall);

    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(id)]));
    expect(traceIdOf(id)).toMatch(/^[0-9a-f]{32}$/);
    expect(traceIdOf(`${id}0`)).not.toBe(traceIdOf(id));
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  });

  it('tells of the whole call at its root, numbers masked', () => {
    const { spans, id } = traced(scriptedCall);
    const root = spans.find(({ parentId }) => parentId === undefined);

    expect(root).toMatchObject({ name: 'call', kind: 'server', error: undefined });
    expect(root?.attributes).toEqual({
      'landline.call.id': id,
      'landline.call.direction': 'inbound',
      'landline.agent': 'reception',
      'landline.call.from': '+1415•••42',
      'landline.call.to': '+1312•••78',
      'landline.call.end_reason': 'caller_hangup',
      'landline.call.duration_ms': expect.any(Number) as unknown,
      'landline.call.hangup_cause': 'normal_clearing',
      'landline.call.sip_code': '200',
    });
  });

  it('holds no number, no key, no word and no name the model made up', () => {
    const text = JSON.stringify(traced(scriptedCall).spans);

    expect(PRIVATE.filter((secret) => text.includes(secret))).toEqual([]);
  });

  it('lies in wall-clock time as the call lay in its own: every span within its parent’s beginning', () => {
    const { spans } = traced(scriptedCall);
    const root = spans.find(({ parentId }) => parentId === undefined);
    const answer = spans.find(({ name }) => name === 'telnyx answer');

    expect(root?.startMs).toBe(NOON);
    expect([answer?.startMs, answer?.endMs]).toEqual([NOON, NOON + 1]);
    expect(spans.filter(({ startMs, endMs }) => startMs < NOON || endMs < startMs)).toEqual([]);
    expect(Math.max(...spans.map(({ endMs }) => endMs))).toBe(root?.endMs);
  });
});

describe('an agent’s turn', () => {
  it('carries its number and its latency by stage', () => {
    const { spans } = call((world) => {
      world.llm.script = () => [
        { type: 'llmDelta', text: 'At nine.' },
        { type: 'llmDone', finish: 'stop', usage: { promptTokens: 7, completionTokens: 2 } },
      ];
      world.stt.emit({ type: 'sttEndOfTurn', text: 'when' });
      world.run(2000);
    });
    const turn = spans.find(({ attributes }) => attributes['landline.turn.number'] === 3);
    const generation = spans.find(({ name }) => name === 'llm generation');

    expect(Object.keys(turn?.attributes ?? {}).sort()).toEqual([
      'landline.latency.end_of_turn_ms',
      'landline.latency.first_audio_ms',
      'landline.latency.first_frame_ms',
      'landline.latency.first_played_ms',
      'landline.latency.first_token_ms',
      'landline.turn.number',
      'landline.turn.role',
    ]);
    expect(generation?.attributes).toEqual({
      'landline.vendor': 'brain',
      'landline.generation': 1,
      'landline.outcome': 'stop',
      'gen_ai.usage.input_tokens': 7,
      'gen_ai.usage.output_tokens': 2,
    });
  });

  it('that nobody heard anything of is told as discarded, with the guess that it was made for', () => {
    const { spans } = call((world) => {
      world.stt.emit({ type: 'sttEagerEndOfTurn', text: 'when do' });
      world.run(100);
      world.stt.emit({ type: 'sttTurnResumed' });
      world.run(100);
    });

    expect(tree(spans)).toEqual([...GREETED, ...GREETING, '  turn agent discarded', '    llm generation aborted']);
  });

  it('whose model fails twice shows both failures', () => {
    const { spans } = call((world) => {
      world.llm.script = () => [
        { type: 'llmFailed', failure: { kind: 'timeout', message: 'my card is', retryable: true } },
      ];
      world.stt.emit({ type: 'sttEndOfTurn', text: 'when' });
      world.run(4000);
    });

    expect(tree(spans)).toEqual([
      ...GREETED,
      ...GREETING,
      '  turn caller',
      '  turn agent (first_audio)',
      '    llm generation !timeout',
      '    llm generation !timeout',
      '    tts utterance (first_audio)',
    ]);
  });
});

describe('a call that breaks', () => {
  it('has an error at its root, and no span is left open', () => {
    const { spans } = call((world) => {
      world.stt.emit({ type: 'sttFailed', failure: { kind: 'auth', message: 'wrong key', retryable: false } });
      world.run(8000);
    });
    const root = spans.find(({ parentId }) => parentId === undefined);

    expect(root?.error).toBe('provider_failure');
    expect(tree(spans)).toContain('  stt stream !auth');
    expect(tree(spans)).toContain('  telnyx hangup ok');
  });
});
