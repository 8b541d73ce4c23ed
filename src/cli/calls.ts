import { existsSync } from 'node:fs';
import { parseIsoTime } from '../core/clock.ts';
import { LandlineError } from '../core/errors.ts';
import { callView, transcriptOf } from '../server/call-view.ts';
import { exportLines } from '../server/calls-export.ts';
import { CALL_STATUSES } from '../server/calls-query.ts';
import type { OpenedStore } from '../store/client.ts';
import type { CallPage, CallQuery, CallRow } from '../store/port.ts';
import { recordsPlace, withRecords, type RecordsPlace } from './calls/records.ts';
import { showCall, type CallRecord } from './calls/story.ts';
import { showTable } from './calls/table.ts';
import type { ExitCode } from './exit-code.ts';
import { Screen, type Output } from './screen.ts';

export interface CallsOptions {
  readonly limit: string;
  readonly status?: string;
  readonly direction?: string;
  readonly number?: string;
  readonly from?: string;
  readonly to?: string;
  readonly agent?: string;
  readonly endReason?: string;
  readonly after?: string;
  readonly before?: string;
  readonly metadata?: readonly string[];
  readonly json?: boolean;
  readonly csv?: boolean;
}

/** Where the commands write and what they read; the process, or a test's. */
export interface CallsSurroundings {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
}

const HERE: CallsSurroundings = { out: process.stdout, env: process.env, cwd: process.cwd() };
const PAGE = 200;
const EVENTS = 1_000;

/** `landline calls`, and with `text` `landline calls search`: newest first. */
export async function listCalls(
  options: CallsOptions,
  text: string | undefined,
  { out, env, cwd }: CallsSurroundings = HERE,
): Promise<ExitCode> {
  const limit = wholeNumber('--limit', options.limit);
  const filters = { ...filtersOf(options), ...(text === undefined ? {} : { text }) };
  const place = recordsPlace(env, cwd);
  const calls = isUnused(place) ? [] : await withRecords(place, (store) => newest(store, filters, limit));
  if (options.json)
    out.write(
      `${JSON.stringify(
        calls.map((call) => callView(call)),
        null,
        2,
      )}\n`,
    );
  else if (options.csv) for await (const lines of exportLines('csv', calls, none())) out.write(lines);
  else if (calls.length > 0) showTable(new Screen(out, env), calls);
  else out.write(nothingFound(Object.keys(filters).length > 0, place));
  return 0;
}

/** `landline calls show <id>`: the whole story. */
export async function showOne(
  id: string,
  options: { readonly json?: boolean },
  { out, env, cwd }: CallsSurroundings = HERE,
): Promise<ExitCode> {
  const place = recordsPlace(env, cwd);
  const record = isUnused(place) ? undefined : await withRecords(place, (store) => recordOf(store, id));
  if (!record) {
    throw new LandlineError(
      'call_not_found',
      `there is no call ${JSON.stringify(id)}; "landline calls" lists the ids, "landline calls search" finds what was said`,
    );
  }
  const { call, legs, turns, actions } = record;
  if (options.json) {
    out.write(`${JSON.stringify({ ...callView(call, legs), turns: transcriptOf(turns), actions }, null, 2)}\n`);
  } else showCall(new Screen(out, env), record);
  return 0;
}

async function newest(
  store: OpenedStore,
  filters: Omit<CallQuery, 'limit' | 'cursor'>,
  limit: number,
): Promise<CallRow[]> {
  const calls: CallRow[] = [];
  let cursor: string | null | undefined;
  while (calls.length < limit && cursor !== null) {
    const page: CallPage = await store.listCalls({
      ...filters,
      limit: Math.min(PAGE, limit - calls.length),
      ...(cursor === undefined ? {} : { cursor }),
    });
    calls.push(...page.calls);
    cursor = page.nextCursor;
  }
  return calls;
}

async function recordOf(store: OpenedStore, id: string): Promise<CallRecord | undefined> {
  const call = await store.call(id);
  if (!call) return undefined;
  const [legs, turns, actions, events] = await Promise.all([
    store.legs(id),
    store.turns(id),
    store.actions(id),
    store.events({ callId: id, limit: EVENTS }),
  ]);
  return { call, legs, turns, actions, events };
}

function filtersOf(options: CallsOptions): Omit<CallQuery, 'limit' | 'cursor'> {
  const { status, direction, number, from, to, agent, endReason, after, before, metadata = [] } = options;
  if (status !== undefined && !CALL_STATUSES.some((known) => known === status)) {
    throw new LandlineError('request_invalid', `--status must be one of ${CALL_STATUSES.join(', ')}, got "${status}"`);
  }
  if (direction !== undefined && direction !== 'inbound' && direction !== 'outbound') {
    throw new LandlineError('request_invalid', `--direction must be inbound or outbound, got "${direction}"`);
  }
  const pairs = metadata.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new LandlineError('request_invalid', `--metadata must be key=value, got "${pair}"`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return {
    ...(status === undefined ? {} : { status }),
    ...(direction === undefined ? {} : { direction }),
    ...(number === undefined ? {} : { number }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(agent === undefined ? {} : { agent }),
    ...(endReason === undefined ? {} : { endReason: endReason.replaceAll(' ', '_') }),
    ...(after === undefined ? {} : { after: instant('--after', after) }),
    ...(before === undefined ? {} : { before: instant('--before', before) }),
    ...(pairs.length === 0 ? {} : { metadata: Object.fromEntries(pairs) }),
  };
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new LandlineError('request_invalid', `${option} must be a whole number from 1, got "${text}"`);
}

function instant(option: string, text: string): number {
  const at = parseIsoTime(text);
  if (at !== undefined) return at;
  throw new LandlineError('request_invalid', `${option} must be ISO 8601, like 2026-01-05 (UTC), got "${text}"`);
}

/** A folder in which no gateway ever ran stays as it is. */
function isUnused({ dataDir, databaseUrl }: RecordsPlace): boolean {
  return databaseUrl.startsWith('sqlite:') && !existsSync(databaseUrl.slice(7)) && !existsSync(dataDir);
}

function nothingFound(isFiltered: boolean, { dataDir, databaseUrl }: RecordsPlace): string {
  if (isFiltered) return 'no call fits; "landline calls" lists the newest\n';
  const where = databaseUrl.startsWith('sqlite:') ? dataDir : 'this database';
  return `no calls yet in ${where}\nrun "landline serve" and call it, or "landline demo" for a call without a phone\n`;
}

async function* none(): AsyncGenerator<readonly CallRow[]> {
  // What is listed is all there is.
}
