import { Command, CommanderError } from 'commander';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { ExitCode } from './exit-code.ts';
import { VERSION } from './software.ts';

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
    .command('calls [id]')
    .description('list the calls of this data directory, or show one with its transcript')
    .option('-n, --limit <count>', 'how many', '20')
    .option('--json', 'as JSON')
    .action(async (id: string | undefined, options: { limit: string; json?: boolean }) => {
      const { calls } = await import('./calls.ts');
      exit = await calls(id, options);
    });
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
