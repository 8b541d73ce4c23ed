import { join } from 'node:path';
import { foldFacts } from '../call/facts.ts';
import { LandlineError } from '../core/errors.ts';
import { findJournal, listEnded, listLive, readJournal } from '../journal/reader.ts';
import { callView, transcriptOf, type CallView } from '../server/call-view.ts';
import type { ExitCode } from './exit-code.ts';

export interface CallsOptions {
  readonly limit: string;
  readonly json?: boolean;
}

/** `landline calls [id]`: reads the journals; works while a gateway runs and after it is gone. */
export async function calls(id: string | undefined, options: CallsOptions): Promise<ExitCode> {
  const dataDir = process.env['LANDLINE_DATA_DIR'] ?? join(process.cwd(), 'data');
  if (id !== undefined) return show(dataDir, id, options);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new LandlineError('request_invalid', `--limit must be a whole number from 1, got "${options.limit}"`);
  const files = [...(await listLive(dataDir)), ...(await listEnded(dataDir, { limit }))];
  const views: CallView[] = [];
  for (const { path } of files) views.push(callView(await readJournal(path)));
  views.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (options.json) print(JSON.stringify(views.slice(0, limit), null, 2));
  else if (views.length === 0) print(`no calls in ${dataDir}`);
  else for (const view of views.slice(0, limit)) print(line(view));
  return 0;
}

async function show(dataDir: string, id: string, options: CallsOptions): Promise<ExitCode> {
  const path = await findJournal(dataDir, id);
  if (path === undefined) throw new LandlineError('call_not_found', `there is no call ${id} in ${dataDir}`);
  const journal = await readJournal(path);
  const facts = foldFacts(journal.records);
  const view = callView(journal, facts);
  const turns = transcriptOf(facts);
  if (options.json) {
    print(JSON.stringify({ ...view, turns }, null, 2));
    return 0;
  }
  print(line(view));
  for (const turn of turns) {
    print(
      `  ${(turn.startMs / 1000).toFixed(1).padStart(6)} s  ${turn.role.padEnd(6)}  ${turn.text}${turn.interrupted ? ' (interrupted)' : ''}`,
    );
  }
  return 0;
}

function line(view: CallView): string {
  const duration = view.durationMs === null ? '' : ` ${(view.durationMs / 1000).toFixed(0)} s`;
  return `${view.createdAt}  ${view.id}  ${view.from} -> ${view.to}  ${view.agent}  ${view.status}${view.endReason === null ? '' : ` (${view.endReason})`}${duration}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
