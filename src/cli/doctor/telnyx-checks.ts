import type { Config } from '../../config.ts';
import type { Clock } from '../../core/clock.ts';
import type { AccountAnswer, AccountApplication, AccountBalance, TelnyxAccount } from '../../telnyx/account.ts';
import { failureOf, notChecked, ok, problem, type Finding } from './finding.ts';
import { applicationOf, askNumbers, numberFindings } from './number-checks.ts';
import { reach } from './reach.ts';

/** Telnyx refuses signatures more than 300 s away; a clock that far off is well on its way. */
const SKEW_S = 30;
const TELNYX = 'https://api.telnyx.com/v2';

/**
 * Everything that can be asked of the Telnyx account, in the order in which one mistake hides the next.
 * @param leadsHere whether the public URL is sound: if not, a webhook URL that differs from it may well be the right one.
 */
export async function telnyxChecks(
  config: Config,
  account: TelnyxAccount,
  clock: Clock,
  leadsHere: boolean,
): Promise<Finding[]> {
  const [key, time] = await Promise.all([account.checkKey(), clockFinding(config, clock)]);
  // Its shape was checked with the config; whose it is, Telnyx does not tell.
  const shape = ok('public key shape', "32 bytes of base64; whether it is this account's shows with the first webhook");
  const findings = [shape, keyFinding(config, key), time];
  if (!key.ok) {
    for (const check of ['application', 'numbers']) findings.push(notChecked(check, 'Telnyx cannot be asked'));
    return findings;
  }
  const numbers = await askNumbers(account, Object.keys(config.numbers));
  const id = config.telnyx.connectionId ?? applicationOf(numbers);
  if (id === undefined) {
    const remedy = 'Copy the id of your Call Control application (Voice, Programmable Voice) into TELNYX_CONNECTION_ID';
    findings.push(problem('application', 'TELNYX_CONNECTION_ID is not set, so it cannot be looked at', remedy));
    findings.push(notChecked('numbers', 'which application they should belong to is not known'));
    return findings;
  }
  const application = await account.application(id);
  if (!application.ok) {
    findings.push(missingApplication(id, application));
    if (application.reason === 'not_found') {
      findings.push(notChecked('numbers', 'there is no application that they could belong to'));
      return findings;
    }
  } else findings.push(...(await applicationFindings(config, account, application.value, leadsHere)));
  findings.push(...numberFindings(account, numbers, id));
  return findings;
}

function keyFinding(config: Config, answer: AccountAnswer<AccountBalance>): Finding {
  const check = 'Telnyx key';
  if (answer.ok) {
    const { available, currency } = answer.value;
    return ok(check, available === undefined ? 'accepted' : `accepted; ${available} ${currency ?? ''} available`);
  }
  const { reason, status, message } = answer;
  if (reason === 'unauthorized') {
    const remedy = 'Create a key in the portal under API Keys (v2) and put it into TELNYX_API_KEY';
    return problem(check, 'Telnyx does not accept TELNYX_API_KEY', remedy);
  }
  // No answer at all, or one that Telnyx does not give; a 429 or 5xx says nothing about the key.
  const isElsewhere = status === undefined || reason === 'not_found';
  if (!isElsewhere) return notChecked(check, message);
  const url = config.telnyx.baseUrl ?? TELNYX;
  return problem(
    check,
    `${url} is not answered by Telnyx: ${message}`,
    'Check network and firewall, or TELNYX_BASE_URL',
  );
}

async function clockFinding(config: Config, clock: Clock): Promise<Finding> {
  const answer = await reach(config.telnyx.baseUrl ?? TELNYX, { method: 'HEAD' });
  if (!('response' in answer)) return notChecked('clock', 'Telnyx cannot be asked what time it is');
  const theirs = Date.parse(answer.response.headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return notChecked('clock', 'Telnyx did not say what time it is');
  const skew = Math.round((clock.wall() - theirs) / 1000);
  if (Math.abs(skew) <= SKEW_S) return ok('clock', `within ${SKEW_S} s of Telnyx'`);
  return problem(
    'clock',
    `this machine is ${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} Telnyx`,
    'Switch on time synchronisation (NTP): webhooks more than 300 s off are refused',
  );
}

function missingApplication(id: string, answer: Extract<AccountAnswer<unknown>, { ok: false }>): Finding {
  if (answer.reason !== 'not_found') return notChecked('application', answer.message);
  return problem(
    'application',
    `there is no Call Control application ${id}`,
    'Take its id from Voice, Programmable Voice in the portal; a SIP connection will not do',
  );
}

async function applicationFindings(
  config: Config,
  account: TelnyxAccount,
  application: AccountApplication,
  leadsHere: boolean,
): Promise<Finding[]> {
  const { id, active, apiVersion } = application;
  const name = `"${application.name ?? id}"`;
  return [
    active === false
      ? problem('application', `${name} is switched off`, 'Switch it on in the portal')
      : ok('application', `${name} exists`),
    webhookFinding(config, account, application, leadsHere),
    apiVersion === '2'
      ? ok('API version', '2')
      : problem('API version', `webhooks come in version ${apiVersion ?? '?'}`, `Set it to 2 in the application`, {
          what: `set the webhook API version of application ${id} to 2 (now ${apiVersion ?? 'unknown'})`,
          apply: async () => failureOf(await account.updateApplication(id, { apiVersion: '2' })),
        }),
    await failoverFinding(config, application),
    await profileFinding(config, account, application),
  ];
}

function webhookFinding(
  config: Config,
  account: TelnyxAccount,
  { id, webhookUrl, failoverUrl }: AccountApplication,
  leadsHere: boolean,
): Finding {
  const check = 'webhook URL';
  const wanted = webhookUrlOf(config);
  if (isSameUrl(webhookUrl, wanted)) return ok(check, wanted);
  if (isSameUrl(failoverUrl, wanted)) return ok(check, `${webhookUrl ?? 'none'}; this gateway is its failover`);
  const detail = `Telnyx calls ${webhookUrl ?? 'nothing'}, this gateway listens at ${wanted}`;
  if (!leadsHere) return notChecked(check, `${detail}: which is right shows when the public URL is`);
  return problem(check, detail, `Set the application's webhook URL to ${wanted}`, {
    what: `set the webhook URL of application ${id} to ${wanted} (now ${webhookUrl ?? 'none'})`,
    apply: async () => failureOf(await account.updateApplication(id, { webhookUrl: wanted })),
  });
}

async function failoverFinding(config: Config, { failoverUrl, webhookUrl }: AccountApplication): Promise<Finding> {
  const check = 'failover URL';
  if (failoverUrl === undefined)
    return ok(check, 'none: calls that begin while this gateway restarts are not answered');
  const remedy = 'Point it at a second gateway, or leave it empty';
  if (isSameUrl(failoverUrl, webhookUrl ?? '')) return problem(check, 'it is the webhook URL itself', remedy);
  if (isSameUrl(failoverUrl, webhookUrlOf(config))) return ok(check, 'this gateway');
  if (!URL.canParse(failoverUrl)) return problem(check, `"${failoverUrl}" is no URL`, remedy);
  // A GET is no webhook, and what stands there need not be a Landline: whatever its answer, it is alive.
  const answer = await reach(failoverUrl);
  if (!('response' in answer)) {
    return problem(check, `${failoverUrl} cannot be reached from here: ${answer.reason}`, remedy);
  }
  const { status } = answer.response;
  return status < 500
    ? ok(check, `${failoverUrl} answers`)
    : problem(check, `${failoverUrl} answers ${status}: nobody is behind it`, remedy);
}

async function profileFinding(
  config: Config,
  account: TelnyxAccount,
  application: AccountApplication,
): Promise<Finding> {
  const check = 'outbound voice profile';
  const id = application.outboundVoiceProfileId;
  const { connectionId, fromNumber } = config.telnyx;
  if (id === undefined) {
    const transfers = Object.values(config.agents).some((agent) => Object.keys(agent.transferTargets).length > 0);
    if (!transfers && connectionId === undefined && fromNumber === undefined) {
      return ok(check, 'none, and this gateway neither dials nor transfers');
    }
    const remedy = 'Assign one in the application under Outbound';
    return problem(check, 'the application has none: Telnyx refuses transfers and outbound calls', remedy);
  }
  const profile = await account.outboundVoiceProfile(id);
  if (!profile.ok && profile.reason === 'not_found') {
    return problem(check, `the application has ${id}, which does not exist`, 'Assign another under Outbound');
  }
  if (!profile.ok) return notChecked(check, profile.message);
  const { name = id, enabled, dailySpendLimit, destinations } = profile.value;
  if (enabled === false) {
    return problem(check, `"${name}" is switched off`, 'Switch it on under Voice, Outbound voice profiles');
  }
  const limit = dailySpendLimit === undefined ? 'no daily spend limit' : `at most ${dailySpendLimit} USD a day`;
  return ok(check, `"${name}": ${limit}; calls to ${destinations.join(', ') || 'no country'}`);
}

function webhookUrlOf(config: Config): string {
  return `${config.publicUrl ?? ''}/webhooks/telnyx`;
}

/** `https://a.example:443/x` is `https://A.example/x`. */
function isSameUrl(url: string | undefined, wanted: string): boolean {
  return url !== undefined && (URL.parse(url)?.href ?? url) === (URL.parse(wanted)?.href ?? wanted);
}
