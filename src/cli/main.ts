import { Command, CommanderError } from 'commander';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { CallOptions } from './call.ts';
import { callsCommands } from './calls/commands.ts';
import type { ExitCode } from './exit-code.ts';
import type { PrivacyOptions } from './privacy.ts';
import { webhooksCommands } from './webhooks/commands.ts';
import { VERSION } from '../library/software.ts';

const CONFIG = [
  '-c, --config <path>',
  'config file (default: LANDLINE_CONFIG, else ./landline.config.{ts,js,json})',
] as const;

/** The command line. @returns the exit code; a server returns when it has been stopped. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  let exit: ExitCode = 0;
  const program = new Command('landline')
    .description('Answers phone calls for AI agents, straight from Telnyx: no SIP stack, no UDP, no Redis.')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('Run "landline --help" for what there is.');
  program.addHelpText(
    'after',
    '\nDocumentation: README.md. Without Telnyx credentials everything runs against an embedded Telnyx emulator.',
  );

  program
    .command('serve')
    .description('run the gateway: live with Telnyx credentials, otherwise against the embedded emulator')
    .option(...CONFIG)
    .option('-p, --port <port>', 'port to listen on (default: PORT, else 8080; 0 picks a free one)')
    .action(async (options: { config?: string; port?: string }) => {
      const { serve } = await import('./serve.ts');
      exit = await serve(options);
    });
  program
    .command('demo')
    .description(
      'a recorded caller phones the hotel agent, all on this machine; writes the recording and a report to out/',
    )
    .option('-o, --out <dir>', 'folder for recording, journal and report', 'out')
    .action(async (options: { out: string }) => {
      const { demo } = await import('./demo.ts');
      exit = await demo(options);
    });
  program
    .command('phone [file]')
    .description('call a gateway that runs in emulator mode, with a WAV file as the voice')
    .option('-g, --gateway <url>', 'the gateway', `http://127.0.0.1:${process.env['PORT'] ?? '8080'}`)
    .option('--to <number>', 'number to call', '+13125550178')
    .option('--press <digits>', 'keys to press after the file')
    .option('-o, --out <file>', 'where to write what the caller heard (WAV)')
    .action(
      async (file: string | undefined, options: { gateway: string; to: string; press?: string; out?: string }) => {
        const { phone } = await import('./phone.ts');
        exit = await phone(file, options);
      },
    );
  program
    .command('call <to>')
    .description('have a running gateway call a number, and show the conversation; Ctrl-C hangs up')
    .option('-g, --gateway <url>', 'the gateway', `http://127.0.0.1:${process.env['PORT'] ?? '8080'}`)
    .option('-a, --agent <name>', 'who talks (default: the agent that answers the caller id)')
    .option('--from <number>', 'caller id, a number of the account (default: TELNYX_FROM_NUMBER)')
    .option(
      '--metadata <key=value>',
      'for record, prompt and tools; may be given again',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .option('--dtmf <digits>', 'keys to press once it is answered; w waits 0.5 s, W 1 s')
    .option('--machine-detection <mode>', 'true, detect, greeting_end or premium')
    .option('--ring-timeout <seconds>', 'how long it rings, 5 to 600 (default: 30)')
    .option('--max-duration <seconds>', "how long it may last (default: the agent's)")
    .option('--wait', 'leave when a person has answered, or will not; the call goes on')
    .option('--json', 'events as JSON lines; with --wait the call, or the problem')
    .addHelpText(
      'after',
      '\nThe key of the API is taken from LANDLINE_API_KEY. Exit codes: 0 talked (with --wait: answered), 3 no answer,\n' +
        '4 busy, 5 rejected, 6 a machine answered, 2 it could not be placed, 1 it went wrong.\n' +
        'In emulator mode +14155550101 answers, …02 is busy, …03 never answers, …04 declines, …05 is a machine, …06 a fax.',
    )
    .action(async (to: string, options: CallOptions) => {
      const { call } = await import('./call.ts');
      exit = await call(to, options);
    });
  callsCommands(program, (code) => (exit = code));
  webhooksCommands(program, (code) => (exit = code));
  program
    .command('migrate')
    .description('bring the database of call records up to date; "serve" does the same at its start')
    .option('--check', 'change nothing; exit code 1 when something is to be applied')
    .action(async (options: { check?: boolean }) => {
      const { migrate } = await import('./migrate.ts');
      exit = await migrate(options);
    });
  const privacy = program.command('privacy').description('export or erase what is kept about a call or a phone number');
  for (const action of ['export', 'erase'] as const) {
    const command = privacy
      .command(action)
      .description(
        action === 'export'
          ? 'everything about these calls as JSON Lines, one line a call'
          : 'take these calls away for good: records, journals, recordings; live ones when they have ended',
      )
      .option('--call <id>', 'one call')
      .option('--number <number>', 'every call that had this number on either side, like +13125550178')
      .option('-g, --gateway <url>', 'the running gateway', `http://127.0.0.1:${process.env['PORT'] ?? '8080'}`);
    if (action === 'erase') command.option('--yes', 'do not ask');
    command.addHelpText('after', '\nThe key of its API is taken from LANDLINE_API_KEY.');
    command.action(async (options: PrivacyOptions) => {
      const { privacyErase, privacyExport } = await import('./privacy.ts');
      exit = await (action === 'erase' ? privacyErase(options) : privacyExport(options));
    });
  }
  program
    .command('doctor')
    .description('check everything a live gateway needs, and say what to do about what is wrong')
    .option(...CONFIG)
    .option('--fix', 'list what would be changed at Telnyx, ask, and change only that')
    .option('--yes', 'with --fix: do not ask')
    .option('--json', 'as JSON')
    .action(async (options: { config?: string; fix?: boolean; yes?: boolean; json?: boolean }) => {
      const { doctor } = await import('./doctor.ts');
      exit = await doctor(options);
    });

  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    process.stderr.write(`landline: ${messageOf(thrown)}\n`);
    return thrown instanceof LandlineError && thrown.code !== 'internal_error' ? 2 : 1;
  }
  return exit;
}
