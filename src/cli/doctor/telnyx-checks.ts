import type { Config } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { maskNumber } from '../../core/log.ts';
import type { AccountAnswer, AccountApplication, TelnyxAccount } from '../../telnyx/account.ts';
import { createVerifier } from '../../telnyx/signature.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';

/** Telnyx refuses signatures more than 300 s away; a clock that far off is well on its way. */
const SKEW_S = 30;

/** Everything that can be asked of the Telnyx account, in the order in which one mistake hides the next. */
export async function telnyxChecks(config: Config, account: TelnyxAccount, clock: Clock): Promise<Finding[]> {
  const findings = [checkPublicKey(config, clock)];
  const key = await account.checkKey();
  findings.push(...keyFinding(key));
  findings.push(await checkClock(config, clock));
  if (!key.ok) {
    for (const check of ['application', 'numbers'])
      findings.push(notChecked(check, 'Telnyx cannot be asked with this key'));
    return findings;
  }
  const { connectionId } = config.telnyx;
  if (connectionId === undefined) {
    const remedy = 'Copy the id of your Call Control application (Voice, Programmable Voice) into TELNYX_CONNECTION_ID';
    findings.push(
      problem('application', 'TELNYX_CONNECTION_ID is not set, so nobody can look at the application', remedy),
    );
    findings.push(notChecked('numbers', 'which application they should belong to is not known'));
    return findings;
  }
  findings.push(...(await checkApplication(config, account, connectionId)));
  findings.push(...(await checkNumbers(config, account, connectionId)));
  return findings;
}

function checkPublicKey(config: Config, clock: Clock): Finding {
  try {
    createVerifier(config.telnyx.publicKeys, clock);
    return ok(
      'public key',
      "32 bytes of base64, as the portal shows it; whether it is this account's shows with the first webhook",
    );
  } catch (error) {
    return problem(
      'public key',
      messageOf(error),
      'Copy it from Account settings, Keys & credentials, Public key into TELNYX_PUBLIC_KEY',
    );
  }
}

function keyFinding(
  answer: AccountAnswer<{ readonly available: string | undefined; readonly currency: string | undefined }>,
): Finding[] {
  if (answer.ok) {
    const { available, currency } = answer.value;
    return [
      ok('Telnyx key', available === undefined ? 'accepted' : `accepted; ${available} ${currency ?? ''} available`),
    ];
  }
  if (answer.reason === 'unauthorized') {
    return [
      problem(
        'Telnyx key',
        'Telnyx does not accept TELNYX_API_KEY',
        'Create a key under Account settings, Keys & credentials, API keys (v2)',
      ),
    ];
  }
  return [notChecked('Telnyx key', answer.message)];
}

async function checkClock(config: Config, clock: Clock): Promise<Finding> {
  try {
    const response = await fetch(config.telnyx.baseUrl ?? 'https://api.telnyx.com/v2', {
      method: 'HEAD',
      signal: AbortSignal.timeout(5000),
    });
    const theirs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(theirs)) return notChecked('clock', 'Telnyx did not say what time it is');
    const skew = Math.round((clock.wall() - theirs) / 1000);
    if (Math.abs(skew) <= SKEW_S) return ok('clock', `within ${SKEW_S} s of Telnyx'`);
    return problem(
      'clock',
      `this machine is ${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} Telnyx`,
      'Switch on time synchronisation (NTP): webhooks more than 300 s off are refused',
    );
  } catch (error) {
    return notChecked('clock', `Telnyx cannot be reached: ${messageOf(error)}`);
  }
}

async function checkApplication(config: Config, account: TelnyxAccount, id: string): Promise<Finding[]> {
  const answer = await account.application(id);
  if (!answer.ok) {
    if (answer.reason === 'not_found') {
      return [
        problem(
          'application',
          `there is no Call Control application ${id}`,
          'Take its id from Voice, Programmable Voice in the portal; a SIP connection will not do',
        ),
      ];
    }
    return [notChecked('application', answer.message)];
  }
  const application = answer.value;
  const findings = [
    application.active === false
      ? problem('application', `"${application.name ?? id}" is switched off`, 'Switch it on in the portal')
      : ok('application', `"${application.name ?? id}" exists`),
  ];
  findings.push(webhookFinding(config, account, application));
  findings.push(
    application.apiVersion === '2'
      ? ok('API version', '2')
      : problem(
          'API version',
          `webhooks come in version ${application.apiVersion ?? '?'}`,
          'Set "Webhook API version" of the application to 2',
          {
            what: `set the webhook API version of application ${id} to 2`,
            apply: async () => failureOf(await account.updateApplication(id, { apiVersion: '2' })),
          },
        ),
  );
  findings.push(failoverFinding(application));
  findings.push(await profileFinding(config, account, application));
  return findings;
}

function webhookFinding(config: Config, account: TelnyxAccount, application: AccountApplication): Finding {
  const wanted = `${config.publicUrl ?? ''}/webhooks/telnyx`;
  if (application.webhookUrl === wanted) return ok('webhook URL', wanted);
  return problem(
    'webhook URL',
    `Telnyx calls ${application.webhookUrl ?? 'nothing'}, this gateway listens at ${wanted}`,
    `Set the application's webhook URL to ${wanted}`,
    {
      what: `set the webhook URL of application ${application.id} to ${wanted}`,
      apply: async () => failureOf(await account.updateApplication(application.id, { webhookUrl: wanted })),
    },
  );
}

function failoverFinding(application: AccountApplication): Finding {
  const { failoverUrl, webhookUrl } = application;
  if (failoverUrl === undefined || failoverUrl === '') {
    return ok('failover URL', 'none: new calls that come while this gateway restarts get no answer');
  }
  if (failoverUrl !== webhookUrl) return ok('failover URL', failoverUrl);
  return problem('failover URL', 'it is the webhook URL itself', 'Point it at a second gateway, or leave it empty');
}

async function profileFinding(
  config: Config,
  account: TelnyxAccount,
  application: AccountApplication,
): Promise<Finding> {
  const check = 'outbound voice profile';
  const dials = Object.values(config.agents).some((agent) => Object.keys(agent.transferTargets).length > 0);
  const id = application.outboundVoiceProfileId;
  if (id === undefined || id === '') {
    if (!dials) return ok(check, 'none, and no agent transfers calls');
    return problem(
      check,
      'the application has none, so transfers are refused',
      'Assign one under Outbound in the application',
    );
  }
  const profile = await account.outboundVoiceProfile(id);
  if (!profile.ok) return notChecked(check, profile.message);
  if (profile.value.enabled === false)
    return problem(
      check,
      `"${profile.value.name ?? id}" is switched off`,
      'Switch it on under Voice, Outbound voice profiles',
    );
  const limit = profile.value.dailySpendLimit;
  return ok(
    check,
    `"${profile.value.name ?? id}", ${limit === undefined ? 'without a daily spend limit' : `at most ${limit} USD a day`}`,
  );
}

async function checkNumbers(config: Config, account: TelnyxAccount, connectionId: string): Promise<Finding[]> {
  const numbers = Object.keys(config.numbers);
  if (numbers.length === 0)
    return [notChecked('numbers', 'the config names none; every number of the application goes to defaultAgent')];
  return Promise.all(
    numbers.map(async (number): Promise<Finding> => {
      const check = `number ${maskNumber(number)}`;
      const answer = await account.phoneNumber(number);
      if (!answer.ok) return notChecked(check, answer.message);
      const found = answer.value;
      if (!found) return problem(check, 'this account does not own it', 'Buy or port it, or take it out of "numbers"');
      if (found.status !== undefined && found.status !== 'active') {
        return problem(
          check,
          `its status is "${found.status}"`,
          'Wait until Telnyx has activated it, or ask Telnyx support',
        );
      }
      if (found.connectionId === connectionId) return ok(check, 'bound to the application');
      const bound =
        found.connectionId === undefined ? 'to nothing' : `to "${found.connectionName ?? found.connectionId}"`;
      return problem(
        check,
        `it is bound ${bound}, so its calls never reach this gateway`,
        'Bind it to the Call Control application under Numbers',
        {
          what: `bind ${maskNumber(number)} to application ${connectionId}`,
          apply: async () => failureOf(await account.bindNumber(found.id, connectionId)),
        },
      );
    }),
  );
}

function failureOf(answer: AccountAnswer<unknown>): string | undefined {
  return answer.ok ? undefined : answer.message;
}
