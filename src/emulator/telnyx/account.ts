import { randomId } from '../../core/ids.ts';
import { Refusal, refusals } from './errors.ts';
import { isBody } from './validation.ts';
import type { Body } from './validation.ts';

/** Fields of a Call Control application as `GET /call_control_applications/{id}` shows them. */
export interface CallControlApplication {
  id: string;
  record_type: 'call_control_application';
  application_name: string;
  active: boolean;
  webhook_event_url: string;
  webhook_event_failover_url: string | null;
  webhook_api_version: '1' | '2';
  webhook_timeout_secs: number | null;
  first_command_timeout: boolean;
  first_command_timeout_secs: number;
  dtmf_type: 'RFC 2833' | 'Inband' | 'SIP INFO';
  call_cost_in_webhooks: boolean;
  redact_dtmf_debug_logging: boolean;
  anchorsite_override: string;
  inbound: { channel_limit: number | null; shaken_stir_enabled: boolean };
  outbound: { channel_limit: number | null; outbound_voice_profile_id: string | null };
  tags: string[];
}

export interface PhoneNumber {
  id: string;
  record_type: 'phone_number';
  phone_number: string;
  status: string;
  connection_id: string | null;
  connection_name: string | null;
  phone_number_type: string;
  country_iso_alpha2: string;
  tags: string[];
}

export interface OutboundVoiceProfile {
  id: string;
  record_type: 'outbound_voice_profile';
  name: string;
  enabled: boolean;
  traffic_type: 'conversational';
  service_plan: 'global';
  concurrent_call_limit: number | null;
  daily_spend_limit: string | null;
  daily_spend_limit_enabled: boolean;
  whitelisted_destinations: string[];
}

export interface Balance {
  record_type: 'balance';
  balance: string;
  available_credit: string;
  credit_limit: string;
  currency: string;
}

/** The account behind the key. Everything may be changed while the emulator runs; webhooks follow the application. */
export interface Account {
  readonly application: CallControlApplication;
  readonly phoneNumbers: PhoneNumber[];
  readonly outboundVoiceProfile: OutboundVoiceProfile;
  readonly balance: Balance;
  readonly userId: string;
}

/** Settings that differ from a sound account, to be found by somebody. */
export interface AccountOptions {
  readonly application?: Partial<CallControlApplication>;
  /** By number; `null` takes the number out of the account. */
  readonly phoneNumbers?: Readonly<Record<string, Partial<PhoneNumber> | null>>;
  readonly outboundVoiceProfile?: Partial<OutboundVoiceProfile>;
  readonly balance?: Partial<Balance>;
}

export function createAccount(options: {
  readonly connectionId: string;
  readonly webhookUrl: string;
  readonly failoverUrl: string | undefined;
  readonly numbers: readonly string[];
  readonly settings: AccountOptions;
}): Account {
  const { connectionId, settings } = options;
  const profileId = settings.outboundVoiceProfile?.id ?? '1293384261075731499';
  const application: CallControlApplication = {
    id: connectionId,
    record_type: 'call_control_application',
    application_name: 'emulated application',
    active: true,
    webhook_event_url: options.webhookUrl,
    webhook_event_failover_url: options.failoverUrl ?? null,
    webhook_api_version: '2',
    webhook_timeout_secs: null,
    first_command_timeout: false,
    first_command_timeout_secs: 30,
    dtmf_type: 'RFC 2833',
    call_cost_in_webhooks: false,
    redact_dtmf_debug_logging: true,
    anchorsite_override: 'Latency',
    inbound: { channel_limit: null, shaken_stir_enabled: true },
    outbound: { channel_limit: null, outbound_voice_profile_id: profileId },
    tags: [],
    ...settings.application,
  };
  const overrides = settings.phoneNumbers ?? {};
  const numbers = new Set([...options.numbers, ...Object.keys(overrides)]);
  const phoneNumbers = [...numbers].flatMap((number, index): PhoneNumber[] => {
    const override = overrides[number];
    if (override === null) return [];
    return [
      {
        id: String(1_293_384_261_075_732_000n + BigInt(index)),
        record_type: 'phone_number',
        phone_number: number,
        status: 'active',
        connection_id: connectionId,
        connection_name: application.application_name,
        phone_number_type: 'local',
        country_iso_alpha2: 'US',
        tags: [],
        ...override,
      },
    ];
  });
  return {
    application,
    phoneNumbers,
    outboundVoiceProfile: {
      id: profileId,
      record_type: 'outbound_voice_profile',
      name: 'emulated profile',
      enabled: true,
      traffic_type: 'conversational',
      service_plan: 'global',
      concurrent_call_limit: null,
      daily_spend_limit: null,
      daily_spend_limit_enabled: false,
      whitelisted_destinations: ['US', 'CA'],
      ...settings.outboundVoiceProfile,
    },
    balance: {
      record_type: 'balance',
      balance: '100.00',
      available_credit: '100.00',
      credit_limit: '0.00',
      currency: 'USD',
      ...settings.balance,
    },
    userId: randomId(),
  };
}

/** `name` is how the endpoint is called in the command log and by faults. */
export interface AccountAnswer {
  readonly name: string;
  readonly run: () => unknown;
}

/**
 * The account endpoints a set-up check needs: application, numbers, voice profile, balance, whoami.
 * @returns `undefined` for a path that is none of them.
 */
export function accountEndpoint(
  account: Account,
  method: string,
  path: readonly string[],
  query: URLSearchParams,
  body: () => Body,
): AccountAnswer | undefined {
  const [resource = '', id, ...rest] = path;
  if (rest.length > 0) return undefined;
  const route = `${method} ${resource}${id === undefined ? '' : '/id'}`;
  const { application, outboundVoiceProfile } = account;
  switch (route) {
    case 'GET call_control_applications':
      return { name: 'applications', run: () => page([application], query) };
    case 'GET call_control_applications/id':
      return { name: 'application', run: () => ({ data: known(application, id) }) };
    case 'PATCH call_control_applications/id':
      return { name: 'update_application', run: () => ({ data: patch(known(application, id), body()) }) };
    case 'GET phone_numbers':
      return { name: 'phone_numbers', run: () => page(filtered(account.phoneNumbers, query), query) };
    case 'GET phone_numbers/id':
      return { name: 'phone_number', run: () => ({ data: numberById(account, id) }) };
    case 'PATCH phone_numbers/id':
      return { name: 'update_phone_number', run: () => ({ data: patch(numberById(account, id), body()) }) };
    case 'GET outbound_voice_profiles/id':
      return { name: 'outbound_voice_profile', run: () => ({ data: known(outboundVoiceProfile, id) }) };
    case 'GET balance':
      return { name: 'balance', run: () => ({ data: account.balance }) };
    case 'GET whoami':
      return { name: 'whoami', run: () => ({ data: { record_type: 'whoami', user_id: account.userId } }) };
    default:
      return undefined;
  }
}

function known<T extends { readonly id: string }>(record: T, id: string | undefined): T {
  if (record.id !== id) throw refusals.notFound(`The resource '${id ?? ''}'`);
  return record;
}

function numberById(account: Account, id: string | undefined): PhoneNumber {
  const found = account.phoneNumbers.find((number) => number.id === id || number.phone_number === id);
  if (!found) throw refusals.notFound(`The phone number '${id ?? ''}'`);
  return found;
}

/** Changes only what exists and keeps its kind of value; nested objects are merged. */
function patch<T extends object>(record: T, changes: Body): T {
  for (const [field, value] of Object.entries(changes)) {
    if (!Object.hasOwn(record, field) || field === 'id' || field === 'record_type') continue;
    const before: unknown = Reflect.get(record, field);
    if (isBody(before)) {
      if (!isBody(value)) throw refusals.wrongType(`/${field}`, 'an object');
      Reflect.set(record, field, { ...before, ...value });
      continue;
    }
    const sameKind =
      before === null ||
      value === null ||
      (typeof before === typeof value && Array.isArray(before) === Array.isArray(value));
    if (!sameKind) throw refusals.wrongType(`/${field}`, `like ${JSON.stringify(before)}`);
    Reflect.set(record, field, value);
  }
  return record;
}

function filtered(numbers: readonly PhoneNumber[], query: URLSearchParams): PhoneNumber[] {
  const number = query.get('filter[phone_number]');
  const connection = query.get('filter[connection_id]');
  return numbers.filter(
    (each) =>
      (number === null || each.phone_number.includes(number.replace(/[^\d]/g, ''))) &&
      (connection === null || each.connection_id === connection),
  );
}

/** One page in Telnyx' shape, from `page[number]` (1) and `page[size]` (20, at most 250). */
export function page(records: readonly unknown[], query: URLSearchParams): unknown {
  const number = Number(query.get('page[number]') ?? '1');
  const size = Number(query.get('page[size]') ?? '20');
  if (!Number.isInteger(number) || number < 1 || !Number.isInteger(size) || size < 1 || size > 250) {
    throw new Refusal(400, '10015', 'Bad Request', 'page[number] is from 1, page[size] from 1 to 250.');
  }
  return {
    data: records.slice((number - 1) * size, number * size),
    meta: {
      total_pages: Math.max(1, Math.ceil(records.length / size)),
      total_results: records.length,
      page_number: number,
      page_size: size,
    },
  };
}
