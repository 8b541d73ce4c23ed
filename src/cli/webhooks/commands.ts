import type { Command } from 'commander';
import type { ExitCode } from '../exit-code.ts';
import type { WebhooksCliOptions } from '../webhooks.ts';

const MORE = `
Examples:
  landline webhooks                                endpoints, and the newest 20 deliveries
  landline webhooks --failed                       only what was given up
  landline webhooks --retry webhook:crm:1767603600000000
  landline webhooks test crm                       sends a signed ping, shows the answer

It works beside a running gateway and without one; what is sent again is sent by the gateway, within a minute.`;

/** `landline webhooks` and `landline webhooks test`. */
export function webhooksCommands(program: Command, done: (exit: ExitCode) => void): void {
  const webhooks = program
    .command('webhooks')
    .description('who is told of events, what waits and what failed; send given-up events again, test an endpoint')
    .option('-c, --config <path>', 'config file (default: LANDLINE_CONFIG, else ./landline.config.{ts,js,json})')
    .option('-n, --limit <count>', 'how many deliveries', '20')
    .option('--failed', 'only deliveries that were given up')
    .option('--retry <key>', 'send this given-up delivery again')
    .option('--json', 'as JSON')
    .addHelpText('after', MORE)
    .action(async (options: WebhooksCliOptions) => {
      const { showWebhooks, retryWebhook } = await import('../webhooks.ts');
      done(options.retry === undefined ? await showWebhooks(options) : await retryWebhook(options.retry, options));
    });
  webhooks
    .command('test [endpoint]')
    .description('send a signed ping to one endpoint, or to all; exit code 1 when one does not take it')
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { testWebhooks } = await import('../webhooks.ts');
      done(await testWebhooks(name, command.optsWithGlobals<WebhooksCliOptions>()));
    });
}
