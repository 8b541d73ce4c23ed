import { describe, expect, it } from 'vitest';
import type { Log, LogFields } from '../../src/core/log.ts';
import { EventLog } from '../../src/call/event-log.ts';
import { toolOutcome } from '../../src/call/tool-outcome.ts';
import { percentile } from '../../src/core/percentile.ts';
import { PRIVATE, scriptedCall } from './scripted-call.ts';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

function recording(lines: Line[], bound: LogFields = {}): Log {
  const at = (level: string) => (fields: LogFields, message: string) =>
    void lines.push({ level, message, fields: { ...bound, ...fields } });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => recording(lines, { ...bound, ...more }),
  };
}

function logged(): Line[] {
  const lines: Line[] = [];
  scriptedCall({ log: recording(lines) });
  return lines;
}

/** What the caller and the agent do, in the order of {@link scriptedCall}. */
const MESSAGES = [
  'info call created',
  'info call answered',
  'info call updated',
  'info call updated',
  'info recording started',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn started',
  'info agent interrupted',
  'info turn ended',
  'info turn ended',
  'info turn started',
  'info key received',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'info tool called',
  'info tool ended',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'info tool called',
  'info turn started',
  'info turn ended',
  'info call updated',
  'info transfer started',
  'info transfer ended',
  'info call updated',
  'info tool ended',
  'info turn started',
  'info turn ended',
  'info turn started',
  'info turn ended',
  'warn provider failed',
  'info turn started',
  'info provider recovered',
  'info turn ended',
  'info recording stopped',
  'info call ended',
];

describe('the log of a call', () => {
  it('has one line for each of its events, and nothing else', () => {
    expect(logged().map(({ level, message }) => `${level} ${message}`)).toEqual(MESSAGES);
  });

  it('names the call in every line', () => {
    const ids = new Set(logged().map(({ fields }) => fields['callId']));

    expect([...ids]).toEqual([expect.stringMatching(/^call_[0-9a-f]{32}$/)]);
  });

  it('holds no whole number, no key, no word of anybody, no name the model made up, and no id that commands', () => {
    const text = JSON.stringify(logged());

    expect(PRIVATE.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toMatch(/"digits?":/);
    expect(text).toContain('+1415•••42');
  });

  it('ends with the account of the whole call', () => {
    const last = logged().at(-1);

    expect(last).toEqual({
      level: 'info',
      message: 'call ended',
      fields: {
        callId: expect.any(String) as unknown,
        reason: 'caller_hangup',
        because: 'the other party hung up',
        durationMs: expect.any(Number) as unknown,
        cause: 'normal_clearing',
        sipCode: '200',
        callerTurns: 6,
        agentTurns: 8,
        interruptions: 1,
        toolCalls: 2,
        waitP50Ms: expect.any(Number) as unknown,
        waitP95Ms: expect.any(Number) as unknown,
      },
    });
  });
});

describe('a line about a tool', () => {
  const told = (name: string): unknown => {
    const lines: Line[] = [];
    const log = new EventLog(recording(lines));
    log.tools.offered([{ name: 'look_up', description: '', parameters: {} }]);
    log.tell({ type: 'tool.called', data: { id: '1', name, arguments: '{"card":"4929"}' } });
    return lines[0]?.fields;
  };

  it('names one that the model was offered, and no other', () => {
    expect(told('look_up')).toEqual({ tool: 'look_up' });
    expect(told('charge_4929')).toEqual({ tool: 'unknown' });
  });
});

describe('the outcome of a tool', () => {
  it.each([
    ['{"status":"ok"}', 'ok'],
    ['{"status":"sent"}', 'ok'],
    ['{"rooms":3}', 'ok'],
    ['plain words', 'ok'],
    ['{"status":"error","error":"no such target"}', 'error'],
    ['{"status":"failed","target":"sales"}', 'failed'],
    ['{"status":"cancelled"}', 'cancelled'],
    ['{"status":"ended"}', 'cancelled'],
    ['{"status":"outcome unknown"}', 'unknown'],
    ['{"note":"{\\"status\\":\\"error\\"}"}', 'ok'],
  ])('is read from %s: %s', (result, outcome) => {
    expect(toolOutcome(result)).toBe(outcome);
  });
});

describe('a percentile', () => {
  it.each([
    [[7], 0.5, 7],
    [[1, 2], 0.5, 1],
    [[1, 2, 3], 0.5, 2],
    [[1, 2, 3], 0.95, 3],
    [[1, 2, 3], 0, 1],
  ])('of %j at %d is %d', (sorted, share, value) => {
    expect(percentile(sorted, share)).toBe(value);
  });
});
