import type { Command } from 'commander';
import type { CallsOptions } from '../calls.ts';
import type { ExitCode } from '../exit-code.ts';

const MORE = `
Examples:
  landline calls                                   the newest 20
  landline calls --number +14155550142 --after 2026-01-05
  landline calls --csv -n 10000 > calls.csv
  landline calls search "late check-out"           every word, in any order; breakf* finds a beginning
  landline calls show call_7f3a…                   one call: who, when, what was said, how it ended

DATABASE_URL and LANDLINE_DATA_DIR say whose calls they are. It works beside a running gateway and without one.`;

/** `landline calls` (or `calls list`), `landline calls show` and `landline calls search`. */
export function callsCommands(program: Command, done: (exit: ExitCode) => void): void {
  const calls = program
    .command('calls')
    .description(
      'list the calls that were kept; "calls show <id>" tells one, "calls search <words>" finds what was said',
    )
    .argument('[id]', 'the same as "calls show <id>"')
    .addHelpText('after', MORE);
  filters(calls).action(async (id: string | undefined, options: CallsOptions) => {
    const { listCalls, showOne } = await import('../calls.ts');
    done(id === undefined ? await listCalls(options, undefined) : await showOne(id, options));
  });
  filters(calls.command('list').description('the same as "landline calls"')).action(
    async (_options: unknown, command: Command) => {
      const { listCalls } = await import('../calls.ts');
      done(await listCalls(command.optsWithGlobals<CallsOptions>(), undefined));
    },
  );
  calls
    .command('show <id>')
    .description('one call: turns with their times, tools, transfers, and the end in plain words')
    .option('--json', 'as JSON')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { showOne } = await import('../calls.ts');
      done(await showOne(id, command.optsWithGlobals<CallsOptions>()));
    });
  filters(
    calls.command('search <words...>').description('calls in which all of these words were said or summarised'),
  ).action(async (words: readonly string[], _options: unknown, command: Command) => {
    const { listCalls } = await import('../calls.ts');
    done(await listCalls(command.optsWithGlobals<CallsOptions>(), words.join(' ')));
  });
}

function filters(command: Command): Command {
  const collect = (pair: string, before: readonly string[] = []): readonly string[] => [...before, pair];
  return command
    .option('-n, --limit <count>', 'how many', '20')
    .option('--status <status>', 'dialing, ringing, active, transferring, transferred or ended')
    .option('--direction <direction>', 'inbound or outbound')
    .option('--number <number>', 'either side, as E.164')
    .option('--from <number>', 'who called')
    .option('--to <number>', 'who was called')
    .option('--agent <name>', 'which agent')
    .option('--end-reason <reason>', 'e.g. caller_hangup')
    .option('--after <time>', 'begun at or after, ISO 8601 (UTC)')
    .option('--before <time>', 'begun before')
    .option('--metadata <key=value>', 'with this metadata; may be given again', collect)
    .option('--json', 'as JSON')
    .option('--csv', 'as CSV');
}
