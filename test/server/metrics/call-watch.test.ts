import { describe, expect, it } from 'vitest';
import { Buckets } from '../../../src/core/buckets.ts';
import { Metrics } from '../../../src/server/metrics.ts';
import { PRIVATE, scriptedCall } from '../../call/scripted-call.ts';
import { AT_REST, samples } from './sources.ts';

/** The page after {@link scriptedCall}. */
async function pageAfterCall(): Promise<string> {
  const metrics = new Metrics(AT_REST);
  const named = (name: string): never => ({ name }) as never;
  const providers = { stt: named('ear'), llm: named('brain'), tts: named('mouth') };
  const world = scriptedCall({ observe: () => metrics.observer(providers) });
  const media = world.lastMedia;
  if (media) metrics.callOver(media);
  return metrics.registry.metrics();
}

let once: Promise<string> | undefined;
const page = (): Promise<string> => (once ??= pageAfterCall());

/** Without the series that stand at 0. */
const above0 = (lines: string[]): string[] => lines.filter((line) => !line.endsWith(' 0'));

describe('the metrics of a call', () => {
  it.each([
    ['landline_calls_total', ['landline_calls_total{direction="inbound",agent="reception"} 1']],
    ['landline_calls_ended_total', ['landline_calls_ended_total{reason="caller_hangup"} 1']],
    ['landline_call_duration_seconds_count', ['landline_call_duration_seconds_count 1']],
    ['landline_turns_total', ['landline_turns_total{role="agent"} 8', 'landline_turns_total{role="caller"} 6']],
    ['landline_barge_ins_total', ['landline_barge_ins_total 1']],
    // The cough, and the end of the caller's voice in which the next answer began.
    ['landline_barge_in_false_alarms_total', ['landline_barge_in_false_alarms_total 2']],
    ['landline_transfers_total', ['landline_transfers_total{outcome="failed"} 1']],
    ['landline_dtmf_total', ['landline_dtmf_total{direction="received"} 1']],
    [
      'landline_tool_calls_total',
      [
        'landline_tool_calls_total{tool="unknown",outcome="error"} 1',
        'landline_tool_calls_total{tool="transfer_call",outcome="failed"} 1',
      ],
    ],
    [
      'landline_telnyx_commands_total',
      [
        'landline_telnyx_commands_total{command="answer",outcome="ok"} 1',
        'landline_telnyx_commands_total{command="transfer",outcome="refused"} 1',
      ],
    ],
    [
      'landline_provider_failures_total',
      ['landline_provider_failures_total{provider="tts",vendor="mouth",kind="dropped"} 1'],
    ],
    ['landline_provider_recoveries_total', ['landline_provider_recoveries_total{provider="tts"} 1']],
    ['landline_recordings_total', ['landline_recordings_total 1']],
  ])('%s', async (name, lines) => {
    expect(
      above0(samples(await page(), name)).filter((line) => /^\w+(\{| )/.exec(line)?.[0].slice(0, -1) === name),
    ).toEqual(lines);
  });

  it('tell each stage of an answer', async () => {
    const counts = samples(await page(), 'landline_turn_latency_seconds_count');
    const stages = counts.map((line) => /stage="(\w+)"/.exec(line)?.[1]);

    expect(stages).toEqual(['end_of_turn', 'first_token', 'first_tts_byte', 'first_frame_sent', 'first_audio_played']);
  });

  it('count frames both ways, also when the call is over', async () => {
    const all = await page();
    const [inbound = '', outbound = ''] = samples(all, 'landline_media_frames_total');

    expect(inbound).toMatch(/^landline_media_frames_total\{direction="in"\} [1-9]\d+$/);
    expect(outbound).toMatch(/^landline_media_frames_total\{direction="out"\} [1-9]\d+$/);
  });

  it('hold no number, no key, no word and no name the model made up', async () => {
    const all = await page();

    expect(PRIVATE.filter((secret) => all.includes(secret))).toEqual([]);
    expect(all).not.toMatch(/call_[0-9a-f]{8}/);
  });
});

describe('a histogram that somebody else counts', () => {
  it('is shown in seconds, buckets adding up', async () => {
    const lateness = new Buckets([1, 10, 100]);
    for (const ms of [0.5, 1, 7, 250]) lateness.add(ms);
    const { registry } = new Metrics({ ...AT_REST, lateness });

    expect(samples(await registry.metrics(), 'landline_playout_lateness_seconds')).toEqual([
      'landline_playout_lateness_seconds_bucket{le="0.001"} 2',
      'landline_playout_lateness_seconds_bucket{le="0.01"} 3',
      'landline_playout_lateness_seconds_bucket{le="0.1"} 3',
      'landline_playout_lateness_seconds_bucket{le="+Inf"} 4',
      'landline_playout_lateness_seconds_sum 0.2585',
      'landline_playout_lateness_seconds_count 4',
    ]);
  });
});

describe('the state of a gateway', () => {
  it('is read at every scrape', async () => {
    let out = true;
    const { registry } = new Metrics({
      ...AT_REST,
      isDraining: () => out,
      breakers: () => [{ agent: 'desk', provider: 'stt', vendor: 'ear', state: out ? 'open' : 'closed' }],
      spans: () => ({ exported: 5, dropped: 1, failed: 2, queued: 3 }),
    });
    const states = async (): Promise<string[]> =>
      above0(samples(await registry.metrics(), 'landline_')).filter((line) => /breaker|draining|trace/.test(line));

    expect(await states()).toEqual([
      'landline_provider_breaker_state{agent="desk",provider="stt",vendor="ear",state="open"} 1',
      'landline_draining 1',
      'landline_trace_spans_total{outcome="exported"} 5',
      'landline_trace_spans_total{outcome="dropped"} 1',
      'landline_trace_spans_total{outcome="failed"} 2',
      'landline_trace_queue_spans 3',
    ]);
    out = false;
    expect((await states()).slice(0, 2)).toEqual([
      'landline_provider_breaker_state{agent="desk",provider="stt",vendor="ear",state="closed"} 1',
      'landline_trace_spans_total{outcome="exported"} 5',
    ]);
  });
});
