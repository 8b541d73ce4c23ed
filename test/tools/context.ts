import { silentLog, type Log } from '../../src/core/log.ts';
import type { ToolContext } from '../../src/tools/tool.ts';

/** What a tool gets in the tests: a call from {@link ToolContext.from} that goes on. */
export function toolContext(more: { readonly log?: Log; readonly signal?: AbortSignal } = {}): ToolContext {
  return {
    id: 'call_1',
    agent: 'desk',
    from: '+14155550142',
    to: '+13125550178',
    language: 'en',
    metadata: { room: '4' },
    signal: more.signal ?? new AbortController().signal,
    log: more.log ?? silentLog,
    collectDigits: () => Promise.reject(new Error('nobody is on the line')),
  };
}
