import type Telnyx from 'telnyx';
import { isObject, type JsonObject, objectOf, textOf } from './json-fields.ts';
import { bodyOf, createSdk, readFailure } from './sdk.ts';

/** How a question to the account ended. Like command outcomes: values, not exceptions. */
export type AccountAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /**
       * `unauthorized`: 401, the key is wrong. `forbidden`: 403, the key may not see this. `not_found`: 404.
       * `refused`: any other definite no. `unreachable`: no answer, 429, 5xx or an answer that is not Telnyx'.
       */
      readonly reason: 'unauthorized' | 'forbidden' | 'not_found' | 'refused' | 'unreachable';
      readonly status?: number;
      readonly code?: string;
      readonly message: string;
    };

export interface AccountBalance {
  /** Money as text, e.g. `12.50`; undefined when the key may not see it. */
  readonly available: string | undefined;
  readonly currency: string | undefined;
}

/** A Call Control application ("connection"). */
export interface AccountApplication {
  readonly id: string;
  readonly name: string | undefined;
  readonly active: boolean | undefined;
  readonly webhookUrl: string | undefined;
  readonly failoverUrl: string | undefined;
  /** `1` is what Telnyx assumes for applications made by API; Landline needs `2`. */
  readonly apiVersion: '1' | '2' | undefined;
  readonly outboundVoiceProfileId: string | undefined;
  /** Hang up inbound calls nobody commands. */
  readonly firstCommandTimeout: boolean | undefined;
  readonly firstCommandTimeoutSecs: number | undefined;
}

export interface AccountNumber {
  readonly id: string;
  /** E.164. */
  readonly number: string;
  /** `active` when it can be called. */
  readonly status: string | undefined;
  readonly connectionId: string | undefined;
  readonly connectionName: string | undefined;
}

export interface AccountVoiceProfile {
  readonly id: string;
  readonly name: string | undefined;
  readonly enabled: boolean | undefined;
  /** US dollars a day as text; undefined when there is none or it is switched off. */
  readonly dailySpendLimit: string | undefined;
  /** ISO 3166 alpha-2. */
  readonly destinations: readonly string[];
}

export interface ApplicationChange {
  readonly webhookUrl?: string;
  readonly failoverUrl?: string;
  readonly apiVersion?: '2';
}

/** What `landline doctor` asks and, with `--fix`, changes. Methods never reject. */
export interface TelnyxAccount {
  /** Is the API key good? */
  checkKey(): Promise<AccountAnswer<AccountBalance>>;
  application(connectionId: string): Promise<AccountAnswer<AccountApplication>>;
  /** All numbers of the account. */
  phoneNumbers(): Promise<AccountAnswer<readonly AccountNumber[]>>;
  /** `undefined` when the account does not own that number. */
  phoneNumber(e164: string): Promise<AccountAnswer<AccountNumber | undefined>>;
  outboundVoiceProfile(id: string): Promise<AccountAnswer<AccountVoiceProfile>>;
  /** Changes what is given, keeps the rest. */
  updateApplication(id: string, change: ApplicationChange): Promise<AccountAnswer<AccountApplication>>;
  /** Routes a number to an application. */
  bindNumber(numberId: string, connectionId: string): Promise<AccountAnswer<AccountNumber>>;
  close(): void;
}

export interface TelnyxAccountOptions {
  readonly apiKey: string;
  /** API base including `/v2`; Telnyx by default. */
  readonly baseUrl?: string | undefined;
  /** For tests. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** People wait for these answers, no caller does. */
const REQUEST_MS = 10_000;
const PAGE_SIZE = 250;
const MAX_PAGES = 400;

/** @throws LandlineError `config_invalid` for an unusable key or address. */
export function createTelnyxAccount(options: TelnyxAccountOptions): TelnyxAccount {
  const { telnyx, http } = createSdk({ ...options, timeoutMs: REQUEST_MS });

  const applicationData = async (id: string): Promise<JsonObject> =>
    dataOf(await bodyOf(telnyx.callControlApplications.retrieve(id)));

  return {
    async checkKey() {
      const answer = await ask(async () => dataOf(await bodyOf(telnyx.balance.retrieve())));
      // A key that may not see the balance is a good key.
      if (!answer.ok && answer.reason === 'forbidden') {
        return { ok: true, value: { available: undefined, currency: undefined } };
      }
      if (!answer.ok) return answer;
      const { available_credit, balance, currency } = answer.value;
      return {
        ok: true,
        value: { available: textOf(available_credit) ?? textOf(balance), currency: textOf(currency) },
      };
    },

    application: (connectionId) => ask(async () => readApplication(await applicationData(connectionId))),

    phoneNumbers: () => ask(() => listNumbers(telnyx, {})),

    phoneNumber: (e164) =>
      ask(async () => {
        // The filter matches parts of numbers and takes digits only.
        const found = await listNumbers(telnyx, { filter: { phone_number: e164.replace(/[^0-9]/g, '') } });
        return found.find(({ number }) => number === e164);
      }),

    outboundVoiceProfile: (id) =>
      ask(async () => readVoiceProfile(dataOf(await bodyOf(telnyx.outboundVoiceProfiles.retrieve(id))))),

    updateApplication: (id, change) =>
      ask(async () => {
        // Name and URL are required in every update, so the present ones are sent back.
        const present = await applicationData(id);
        const name = textOf(present['application_name']);
        const url = change.webhookUrl ?? textOf(present['webhook_event_url']);
        if (name === undefined || url === undefined)
          throw new NotTelnyx('the application has no name or no webhook URL');
        const body = {
          application_name: name,
          webhook_event_url: url,
          ...(change.apiVersion === undefined ? {} : { webhook_api_version: change.apiVersion }),
          ...(change.failoverUrl === undefined ? {} : { webhook_event_failover_url: change.failoverUrl }),
        };
        return readApplication(dataOf(await bodyOf(telnyx.callControlApplications.update(id, body))));
      }),

    bindNumber: (numberId, connectionId) =>
      ask(async () =>
        readNumber(dataOf(await bodyOf(telnyx.phoneNumbers.update(numberId, { connection_id: connectionId })))),
      ),

    close: () => http.close(),
  };
}

/** A 2xx whose body is not what Telnyx answers: something else (a proxy, a login page) stands at that address. */
class NotTelnyx extends Error {}

async function ask<T>(question: () => Promise<T>): Promise<AccountAnswer<T>> {
  try {
    return { ok: true, value: await question() };
  } catch (thrown) {
    if (thrown instanceof NotTelnyx) return { ok: false, reason: 'unreachable', message: thrown.message };
    const { status, code, message, unsendable } = readFailure(thrown);
    return {
      ok: false,
      reason: unsendable ? 'refused' : reasonOf(status),
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { code }),
      message: code === undefined ? message : `${message} (Telnyx ${code})`,
    };
  }
}

function reasonOf(status: number | undefined): 'unauthorized' | 'forbidden' | 'not_found' | 'refused' | 'unreachable' {
  switch (status) {
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'not_found';
    default:
      return status === undefined || status < 400 || status === 408 || status === 429 || status >= 500
        ? 'unreachable'
        : 'refused';
  }
}

function dataOf(body: unknown): JsonObject {
  const data = objectOf(body)['data'];
  if (!isObject(data)) throw new NotTelnyx('the answer is not one of the Telnyx API; check TELNYX_BASE_URL');
  return data;
}

function idOf(data: JsonObject): string {
  const id = textOf(data['id']);
  if (id === undefined) throw new NotTelnyx('the answer of Telnyx has no id');
  return id;
}

/** Page by page; the SDK's automatic paging would take any body without numbers of pages for an endless list. */
async function listNumbers(
  telnyx: Telnyx,
  query: { filter?: { phone_number: string } },
): Promise<readonly AccountNumber[]> {
  const numbers: AccountNumber[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const paged = { ...query, 'page[number]': page, 'page[size]': PAGE_SIZE };
    const body = objectOf(await bodyOf(telnyx.phoneNumbers.list(paged)));
    const items = body['data'];
    if (!Array.isArray(items)) throw new NotTelnyx('the answer is not a list of numbers; check TELNYX_BASE_URL');
    numbers.push(...items.filter(isObject).map(readNumber));
    const pages = objectOf(body['meta'])['total_pages'];
    if (items.length === 0 || typeof pages !== 'number' || page >= pages) break;
  }
  return numbers;
}

function readApplication(data: JsonObject): AccountApplication {
  const version = textOf(data['webhook_api_version']);
  return {
    id: idOf(data),
    name: textOf(data['application_name']),
    active: booleanOf(data['active']),
    webhookUrl: textOf(data['webhook_event_url']),
    failoverUrl: textOf(data['webhook_event_failover_url']),
    apiVersion: version === '1' || version === '2' ? version : undefined,
    outboundVoiceProfileId: textOf(objectOf(data['outbound'])['outbound_voice_profile_id']),
    firstCommandTimeout: booleanOf(data['first_command_timeout']),
    firstCommandTimeoutSecs: numberOf(data['first_command_timeout_secs']),
  };
}

function readNumber(data: JsonObject): AccountNumber {
  return {
    id: idOf(data),
    number: textOf(data['phone_number']) ?? '',
    status: textOf(data['status']),
    connectionId: textOf(data['connection_id']),
    connectionName: textOf(data['connection_name']),
  };
}

function readVoiceProfile(data: JsonObject): AccountVoiceProfile {
  const destinations = data['whitelisted_destinations'];
  return {
    id: idOf(data),
    name: textOf(data['name']),
    enabled: booleanOf(data['enabled']),
    dailySpendLimit: data['daily_spend_limit_enabled'] === false ? undefined : textOf(data['daily_spend_limit']),
    destinations: Array.isArray(destinations) ? destinations.filter((code) => typeof code === 'string') : [],
  };
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
