import type Telnyx from 'telnyx';
import { LandlineError } from '../core/errors.ts';
import { decodeClientState } from './client-state.ts';
import type { ActiveCall } from './commands.ts';
import { isObject, type JsonObject, objectOf, textOf } from './json-fields.ts';
import { bodyOf } from './sdk.ts';

/** 10,000 calls in pages of 20, many times what one connection may carry. */
const MAX_PAGES = 500;

/**
 * All pages of `GET /connections/{id}/active_calls`; throws what the SDK throws. Telnyx pages this list by cursor (`meta.cursors.after`), while the SDK's types and its automatic paging
 * know page numbers only and would read the first page for ever; so both are followed here, by hand.
 */
export async function listActiveCalls(telnyx: Telnyx, connectionId: string): Promise<readonly ActiveCall[]> {
  const calls = new Map<string, ActiveCall>();
  let query: Record<string, string | number> = {};
  for (let page = 1; page <= MAX_PAGES; page++) {
    const body = objectOf(await bodyOf(telnyx.connections.listActiveCalls(connectionId, {}, { query })));
    const items = body['data'];
    // HTML with status 200 is not an empty list: it would make us believe that no leg is up.
    if (!Array.isArray(items)) throw new LandlineError('telnyx_command_failed', 'the answer is not a list of calls');
    const before = calls.size;
    for (const item of items) {
      if (!isObject(item)) continue;
      const call = readCall(item);
      if (call) calls.set(call.callControlId, call);
    }
    const meta = objectOf(body['meta']);
    const after = textOf(objectOf(meta['cursors'])['after']);
    const pages = meta['total_pages'];
    // A page that brought nothing new is the last one, whatever its cursor says.
    if (calls.size === before) return [...calls.values()];
    if (after !== undefined) query = { 'page[after]': after };
    else if (typeof pages === 'number' && page < pages) query = { 'page[number]': page + 1 };
    else return [...calls.values()];
  }
  throw new LandlineError('telnyx_command_failed', `the list of calls does not end within ${MAX_PAGES} pages`);
}

/** One call as Telnyx lists or makes it. Undefined: it has no id to command it by. */
export function readCall(item: JsonObject): ActiveCall | undefined {
  const callControlId = textOf(item['call_control_id']);
  if (callControlId === undefined) return undefined;
  return {
    callControlId,
    callLegId: textOf(item['call_leg_id']),
    callSessionId: textOf(item['call_session_id']),
    clientState: decodeClientState(item['client_state']),
  };
}
