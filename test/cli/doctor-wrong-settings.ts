import { join } from 'node:path';
import type { OpenAiEmulatorOptions } from '../../src/emulator/openai/openai-emulator.ts';
import { NUMBER, type DoctorWorld } from './doctor-world.ts';

const DEAD = 'http://127.0.0.1:9999';
const DAY_MS = 86_400_000;
/** A name that no resolver is asked about: its first label is longer than labels can be. */
const NO_SUCH_NAME = `${'n'.repeat(64)}.example`;

const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

/** One wrong setting, and the one finding that the doctor must have for it. */
export interface WrongSetting {
  readonly what: string;
  readonly make: (world: DoctorWorld) => void | Promise<void>;
  readonly openai?: OpenAiEmulatorOptions;
  readonly check: string;
  readonly detail: RegExp;
  readonly remedy: RegExp;
  /** What `--fix` would do; undefined: nothing. */
  readonly fix?: RegExp;
}

export const WRONG_SETTINGS: readonly WrongSetting[] = [
  {
    what: 'an unknown key in the config',
    make: ({ config }) => {
      config['defaultagent'] = 'reception';
    },
    check: 'config',
    detail: /^defaultagent is not a known key; did you mean "defaultAgent"\?$/,
    remedy: /Correct defaultagent/,
  },
  {
    what: 'a config file that is not there',
    make: ({ env, cwd }) => {
      env['LANDLINE_CONFIG'] = join(cwd, 'none.json');
    },
    check: 'config',
    detail: /names a file that does not exist/,
    remedy: /Correct LANDLINE_CONFIG/,
  },
  {
    what: 'no Telnyx key',
    make: ({ env }) => {
      delete env['TELNYX_API_KEY'];
    },
    check: 'Telnyx key',
    detail: /TELNYX_API_KEY is not set/,
    remedy: /Set it/,
  },
  {
    what: 'a wrong Telnyx key',
    make: ({ env }) => {
      env['TELNYX_API_KEY'] = 'KEY_of_somebody_else';
    },
    check: 'Telnyx key',
    detail: /does not accept TELNYX_API_KEY/,
    remedy: /Create a key in the portal/,
  },
  {
    what: 'a Telnyx API that is not there',
    make: ({ env }) => {
      env['TELNYX_BASE_URL'] = `${DEAD}/v2`;
    },
    check: 'Telnyx key',
    detail: /9999\/v2 is not answered by Telnyx: .*ECONNREFUSED/,
    remedy: /TELNYX_BASE_URL/,
  },
  {
    what: 'a Telnyx API that is something else',
    make: async (world) => {
      world.env['TELNYX_BASE_URL'] = `${await world.front({ answer: (_, response) => response.end('<html>') })}/v2`;
    },
    check: 'Telnyx key',
    detail: /is not answered by Telnyx/,
    remedy: /TELNYX_BASE_URL/,
  },
  {
    what: 'no public key',
    make: ({ env }) => {
      delete env['TELNYX_PUBLIC_KEY'];
    },
    check: 'public key shape',
    detail: /TELNYX_PUBLIC_KEY is missing/,
    remedy: /Correct TELNYX_PUBLIC_KEY/,
  },
  {
    what: 'a public key that is an API key',
    make: ({ env }) => {
      env['TELNYX_PUBLIC_KEY'] = 'KEY0123456789_abcdef';
    },
    check: 'public key shape',
    detail: /is a Telnyx API key, not the public key/,
    remedy: /Correct TELNYX_PUBLIC_KEY/,
  },
  {
    what: 'no Deepgram key',
    make: ({ env }) => {
      delete env['DEEPGRAM_API_KEY'];
    },
    check: 'Deepgram key',
    detail: /^DEEPGRAM_API_KEY is not set$/,
    remedy: /environment variable DEEPGRAM_API_KEY/,
  },
  {
    what: 'a wrong Deepgram key',
    make: ({ env }) => {
      env['DEEPGRAM_API_KEY'] = 'another';
    },
    check: 'Deepgram key',
    detail: /does not accept DEEPGRAM_API_KEY/,
    remedy: /Create a key/,
  },
  {
    what: 'a Deepgram key with a line break inside',
    make: ({ env }) => {
      env['DEEPGRAM_API_KEY'] = 'first\nsecond';
    },
    check: 'Deepgram key',
    detail: /^DEEPGRAM_API_KEY has characters no key has$/,
    remedy: /Copy it again/,
  },
  {
    what: 'a Deepgram server that is not there',
    make: ({ env }) => {
      env['DEEPGRAM_BASE_URL'] = DEAD;
    },
    check: 'Deepgram key',
    detail: /cannot be reached: .*ECONNREFUSED/,
    remedy: /DEEPGRAM_BASE_URL/,
  },
  {
    what: 'a wrong OpenAI key',
    make: ({ env }) => {
      env['OPENAI_API_KEY'] = 'another';
    },
    check: 'OpenAI key',
    detail: /does not accept OPENAI_API_KEY/,
    remedy: /Create a key/,
  },
  {
    what: 'a local model server that is not there',
    make: ({ env, agent }) => {
      delete env['OPENAI_API_KEY'];
      agent['llm'] = { provider: 'openai', model: 'llama3.2', baseUrl: `${DEAD}/v1` };
    },
    check: `server ${DEAD}/v1`,
    detail: /cannot be reached: .*ECONNREFUSED/,
    remedy: /start the server/,
  },
  {
    what: 'a model that the server does not have',
    make: ({ agent }) => {
      agent['llm'] = { provider: 'openai', model: 'gpt-tset' };
    },
    check: 'OpenAI key',
    detail: /has no model gpt-tset$/,
    remedy: /^Use another, such as gpt-test$/,
  },
  {
    what: 'a model that is switched off in a month',
    openai: { models: [{ id: 'gpt-test', shutdownDate: inDays(30) }] },
    make: () => undefined,
    check: 'OpenAI key',
    detail: new RegExp(`switches off gpt-test on ${inDays(30)}`),
    remedy: /newer model/,
  },
  {
    what: 'a clock that is five minutes ahead',
    make: (world) => {
      world.skewMs = 300_000;
    },
    check: 'clock',
    detail: /^this machine is (299|300|301) s ahead of Telnyx$/,
    remedy: /NTP/,
  },
  {
    what: 'a clock that is five minutes behind',
    make: ({ telnyx }) => {
      const headers = { date: new Date(Date.now() + 300_000).toUTCString() };
      telnyx.faults.api.fail('unknown', { status: 404, headers });
    },
    check: 'clock',
    detail: /^this machine is (299|300|301) s behind Telnyx$/,
    remedy: /NTP/,
  },
  {
    what: 'no connection id while no number tells it',
    make: ({ env, config }) => {
      delete env['TELNYX_CONNECTION_ID'];
      delete config['numbers'];
    },
    check: 'application',
    detail: /TELNYX_CONNECTION_ID is not set/,
    remedy: /Copy the id/,
  },
  {
    what: 'the id of no application',
    make: ({ env }) => {
      env['TELNYX_CONNECTION_ID'] = '99';
    },
    check: 'application',
    detail: /there is no Call Control application 99/,
    remedy: /a SIP connection will not do/,
  },
  {
    what: 'an application that is switched off',
    make: ({ telnyx }) => {
      telnyx.account.application.active = false;
    },
    check: 'application',
    detail: /"emulated application" is switched off/,
    remedy: /Switch it on/,
  },
  {
    what: 'a webhook URL that is not ours',
    make: ({ telnyx }) => {
      telnyx.account.application.webhook_event_url = 'https://old.example/webhooks/telnyx';
    },
    check: 'webhook URL',
    detail: /^Telnyx calls https:\/\/old\.example\/webhooks\/telnyx, this gateway listens at http/,
    remedy: /Set the application's webhook URL to http:\/\/127\.0\.0\.1:\d+\/webhooks\/telnyx/,
    fix: /set the webhook URL of application \d+ to http.*\(now https:\/\/old\.example\/webhooks\/telnyx\)/,
  },
  {
    what: 'API version 1',
    make: ({ telnyx }) => {
      telnyx.account.application.webhook_api_version = '1';
    },
    check: 'API version',
    detail: /webhooks come in version 1/,
    remedy: /Set it to 2/,
    fix: /set the webhook API version of application \d+ to 2 \(now 1\)/,
  },
  {
    what: 'a failover URL that is the webhook URL',
    make: ({ telnyx }) => {
      telnyx.account.application.webhook_event_failover_url = telnyx.account.application.webhook_event_url;
    },
    check: 'failover URL',
    detail: /it is the webhook URL itself/,
    remedy: /second gateway/,
  },
  {
    what: 'a failover URL where nobody is',
    make: ({ telnyx }) => {
      telnyx.account.application.webhook_event_failover_url = `${DEAD}/webhooks/telnyx`;
    },
    check: 'failover URL',
    detail: /cannot be reached from here: .*ECONNREFUSED/,
    remedy: /second gateway/,
  },
  {
    what: 'a failover URL whose gateway is gone',
    make: async (world) => {
      const origin = await world.front({ answer: (_, response) => response.writeHead(502).end() });
      world.telnyx.account.application.webhook_event_failover_url = `${origin}/webhooks/telnyx`;
    },
    check: 'failover URL',
    detail: /answers 502: nobody is behind it/,
    remedy: /second gateway/,
  },
  {
    what: 'no outbound voice profile',
    make: ({ telnyx }) => {
      telnyx.account.application.outbound.outbound_voice_profile_id = null;
    },
    check: 'outbound voice profile',
    detail: /refuses transfers and outbound calls/,
    remedy: /Assign one/,
  },
  {
    what: 'an outbound voice profile that does not exist',
    make: ({ telnyx }) => {
      telnyx.account.application.outbound.outbound_voice_profile_id = '77';
    },
    check: 'outbound voice profile',
    detail: /the application has 77, which does not exist/,
    remedy: /Assign another/,
  },
  {
    what: 'an outbound voice profile that is switched off',
    make: ({ telnyx }) => {
      telnyx.account.outboundVoiceProfile.enabled = false;
    },
    check: 'outbound voice profile',
    detail: /"emulated profile" is switched off/,
    remedy: /Switch it on/,
  },
  {
    what: 'a number of somebody else',
    make: ({ telnyx }) => void telnyx.account.phoneNumbers.splice(0),
    check: `number ${NUMBER}`,
    detail: /does not own it/,
    remedy: /Buy or port it/,
  },
  {
    what: 'a number that is not active yet',
    make: ({ telnyx }) => {
      telnyx.account.phoneNumbers[0]!.status = 'port-pending';
    },
    check: `number ${NUMBER}`,
    detail: /its status is "port-pending"/,
    remedy: /Wait/,
  },
  {
    what: 'a number bound to a SIP connection',
    make: ({ telnyx }) =>
      void Object.assign(telnyx.account.phoneNumbers[0]!, { connection_id: '5', connection_name: 'old PBX' }),
    check: `number ${NUMBER}`,
    detail: /bound to "old PBX", so its calls never reach this gateway/,
    remedy: /Bind it to the Call Control application/,
    fix: /bind number \+13125550178 to application \d+ \(now "old PBX"\)/,
  },
  {
    what: 'a number bound to nothing',
    make: ({ telnyx }) => void Object.assign(telnyx.account.phoneNumbers[0]!, { connection_id: null }),
    check: `number ${NUMBER}`,
    detail: /bound to nothing/,
    remedy: /Bind it/,
    fix: /bind number \+13125550178 to application \d+ \(now nothing\)/,
  },
  {
    what: 'numbers that lead to a SIP connection, without a connection id',
    make: ({ env, telnyx }) => {
      delete env['TELNYX_CONNECTION_ID'];
      Object.assign(telnyx.account.phoneNumbers[0]!, { connection_id: '5' });
    },
    check: 'application',
    detail: /there is no Call Control application 5/,
    remedy: /a SIP connection will not do/,
  },
  {
    what: 'no public URL',
    make: ({ env }) => {
      delete env['PUBLIC_URL'];
    },
    check: 'public URL',
    detail: /PUBLIC_URL is missing/,
    remedy: /Correct PUBLIC_URL/,
  },
  {
    what: 'a public URL with a path',
    make: ({ env }) => {
      env['PUBLIC_URL'] = 'https://example.com/gateway';
    },
    check: 'public URL',
    detail: /must be an http\(s\) origin without a path/,
    remedy: /Correct PUBLIC_URL/,
  },
  {
    what: 'a public URL whose name does not exist',
    make: (world) => world.lead(`https://${NO_SUCH_NAME}`),
    check: 'public URL',
    detail: /cannot be reached from here: getaddrinfo ENOTFOUND/,
    remedy: /your DNS/,
  },
  {
    what: 'a public URL that nobody listens at',
    make: (world) => world.lead(DEAD),
    check: 'public URL',
    detail: /cannot be reached from here: .*ECONNREFUSED/,
    remedy: /proxy or tunnel runs/,
  },
  {
    what: 'a public URL that only the config knows',
    make: ({ env }) => {
      env['PUBLIC_URL'] = DEAD;
    },
    check: 'public URL',
    detail: /cannot be reached from here/,
    remedy: /proxy or tunnel runs/,
  },
  {
    what: 'something else at the public URL, healthy as it is',
    make: async (world) => world.lead(await world.front({ answer: (_, response) => response.end('{"status":"ok"}') })),
    check: 'public URL',
    detail: /something else answers at http:\/\/127\.0\.0\.1:\d+ \(HTTP 200\)/,
    remedy: /forward it to port \d+/,
  },
  {
    what: 'a public URL that redirects',
    make: async (world) => {
      const headers = { location: 'https://www.example.com/' };
      world.lead(await world.front({ answer: (_, response) => response.writeHead(301, headers).end() }));
    },
    check: 'public URL',
    detail: /redirects to https:\/\/www\.example\.com\//,
    remedy: /behind the redirect/,
  },
  {
    what: 'a proxy that does not pass upgrades on',
    make: async (world) => world.lead(await world.front({ upgrades: false })),
    check: 'WebSocket',
    detail: /something on the way removes the upgrade/,
    remedy: /Upgrade/,
  },
  {
    what: 'a proxy that answers upgrades itself',
    make: async (world) => {
      const origin = await world.front({
        upgrades: false,
        answer: (incoming, response) => {
          if (incoming.headers.upgrade) response.writeHead(400).end();
          else
            void fetch(`http://127.0.0.1:${world.port}${incoming.url ?? ''}`).then(async (answer) => {
              response.writeHead(answer.status).end(await answer.text());
            });
        },
      });
      world.lead(origin);
    },
    check: 'WebSocket',
    detail: /does not reach the gateway: HTTP 400/,
    remedy: /Upgrade/,
  },
  {
    what: 'a port that another program has',
    make: (world) => world.occupy((_, response) => response.end('{"status":"ok"}')),
    check: 'listen address',
    detail: /cannot be used: another program has that port/,
    remedy: /another HOST or PORT/,
  },
  {
    what: 'an address that is not this machine’s',
    make: ({ env }) => void Object.assign(env, { HOST: '192.0.2.1', LANDLINE_API_KEY: 'control-key' }),
    check: 'listen address',
    detail: /192\.0\.2\.1:\d+ cannot be used: EADDRNOTAVAIL/,
    remedy: /another HOST or PORT/,
  },
];
