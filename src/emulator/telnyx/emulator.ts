import { generateKeyPairSync, randomInt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import type { Clock } from '../../core/clock.ts';
import { LandlineError, messageOf } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import type { Log } from '../../core/log.ts';
import { createAccount } from './account.ts';
import type { Account, AccountOptions } from './account.ts';
import { createApi } from './api.ts';
import type { ReceivedCommand } from './api.ts';
import { Exchange } from './exchange.ts';
import type { PlaceCallOptions } from './exchange.ts';
import { ApiFaults, WebhookFaults } from './faults.ts';
import type { EmulatorFaults } from './faults.ts';
import type { Leg } from './leg.ts';
import type { EmulatedCall } from './phone.ts';
import { SavedRecordings } from './recordings.ts';
import { Scheduler } from './scheduler.ts';
import type { Targets } from './targets.ts';
import { Waits } from './waits.ts';
import { rawPublicKey, Webhooks } from './webhooks.ts';
import type { WebhookTry } from './webhooks.ts';

export interface TelnyxEmulatorOptions {
  /** Address of the API; 127.0.0.1. */
  readonly host?: string;
  /** 0 (default) picks a free one. */
  readonly port?: number;
  /** The bearer key that is accepted; `KEY_emulator`. */
  readonly apiKey?: string;
  readonly webhookUrl: string;
  readonly failoverUrl?: string;
  /** Ed25519; a fresh pair by default. */
  readonly keyPair?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Id of the Call Control application, decimal. */
  readonly connectionId?: string;
  /** Numbers of the account, E.164. Without any, every number can be called. */
  readonly numbers?: readonly string[];
  readonly clock?: Clock;
  readonly log?: Log;
  /** A webhook not answered so long is sent again; 2000. */
  readonly webhookTimeoutMs?: number;
  /** Delays before each further round of tries. Telnyx publishes neither count nor spacing; 1, 2, 4, 8 s by default. */
  readonly webhookRetriesMs?: readonly number[];
  /**
   * `true` (default): audio for nobody (`target_legs` opposite on a single leg) is dropped, and media under 20 ms is
   * refused with error 100004. `false`: the first is played to the caller, the second padded with silence.
   */
  readonly strict?: boolean;
  /** Settings of the account that differ from a sound one. */
  readonly account?: AccountOptions;
  /** Which reports a key press makes; `both`, as live calls may. */
  readonly dtmf?: 'both' | 'socket' | 'webhook';
  /** Byte order of L16 in both directions; little. */
  readonly l16ByteOrder?: 'little' | 'big';
  /** What a second stream on a call does to the first: replaces it (default) or is refused with 90033. */
  readonly secondStream?: 'replace' | 'refuse';
  /** How long links to recordings work; 10 minutes, as at Telnyx. */
  readonly recordingLinkMs?: number;
  /** See `EmulatedCall.underruns`; 200. */
  readonly underrunWindowMs?: number;
}

export interface TelnyxEmulator {
  /** API base including `/v2`. */
  readonly baseUrl: string;
  /** 32 raw bytes, base64: what `TELNYX_PUBLIC_KEY` is. */
  readonly publicKey: string;
  readonly connectionId: string;
  readonly apiKey: string;
  /** May be changed at any time; webhooks follow `application.webhook_event_url`. */
  readonly account: Account;
  /** A person calls one of our numbers. The call rings at once; await its events. */
  placeCall(options: PlaceCallOptions): EmulatedCall;
  /** Who can be dialled and transferred to, and their phones. */
  readonly targets: Targets;
  /** Every API request, in order of arrival. */
  readonly commands: readonly ReceivedCommand[];
  /** Every try to deliver a webhook, in order. */
  readonly webhooks: readonly WebhookTry[];
  /** All legs that have not ended, dialled and transferred ones included. */
  liveCalls(): EmulatedCall[];
  readonly faults: EmulatorFaults;
  /** Resolves when the predicate holds; rejects after `timeoutMs` (5000) with the latest webhooks and commands. */
  waitFor(holds: () => boolean, timeoutMs?: number): Promise<void>;
  /** Closes the API and every socket at once. Nobody is told: to end calls properly, hang them up before. */
  close(): Promise<void>;
}

/** Starts a Telnyx of one's own: API, webhooks, media sockets, and phones to call with. */
export async function createTelnyxEmulator(options: TelnyxEmulatorOptions): Promise<TelnyxEmulator> {
  const host = options.host ?? '127.0.0.1';
  const apiKey = options.apiKey ?? 'KEY_emulator';
  const connectionId = options.connectionId ?? `27640192837465${String(randomInt(100_000)).padStart(5, '0')}`;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? silentLog;
  const { publicKey, privateKey } = options.keyPair ?? generateKeyPairSync('ed25519');

  const scheduler = new Scheduler(clock, (thrown) => {
    log.error({ error: messageOf(thrown) }, 'emulator task failed');
  });
  const waits = new Waits(scheduler);
  const faults: EmulatorFaults = { webhooks: new WebhookFaults(), api: new ApiFaults(), media: {} };
  const commands: ReceivedCommand[] = [];
  const tries: WebhookTry[] = [];
  const account = createAccount({
    connectionId,
    webhookUrl: options.webhookUrl,
    failoverUrl: options.failoverUrl,
    numbers: options.numbers ?? [],
    settings: options.account ?? {},
  });
  const { application } = account;

  const webhooks = new Webhooks({
    clock,
    scheduler,
    log,
    privateKey,
    application: () => ({
      url: application.webhook_event_url,
      failoverUrl: application.webhook_event_failover_url ?? undefined,
      timeoutMs:
        application.webhook_timeout_secs === null
          ? (options.webhookTimeoutMs ?? 2000)
          : application.webhook_timeout_secs * 1000,
    }),
    retriesMs: options.webhookRetriesMs ?? [1000, 2000, 4000, 8000],
    faults: faults.webhooks,
    tries,
    changed: () => waits.check(),
  });
  const savedRecordings = new SavedRecordings(scheduler, options.recordingLinkMs);
  const exchange = new Exchange({
    scheduler,
    waits,
    account,
    l16ByteOrder: options.l16ByteOrder ?? 'little',
    secondStream: options.secondStream ?? 'replace',
    describe: (leg) => describe(tries, commands, leg),
    leg: {
      scheduler,
      webhooks,
      connectionId,
      userId: account.userId,
      strict: options.strict ?? true,
      underrunWindowMs: options.underrunWindowMs ?? 200,
      mediaFaults: () => faults.media,
      savedRecordings,
      costsInWebhooks: () => application.call_cost_in_webhooks,
      dtmf: options.dtmf ?? 'both',
    },
  });
  const server = createApi({
    scheduler,
    log,
    apiKey,
    account,
    exchange,
    faults: faults.api,
    savedRecordings,
    commands,
    changed: () => waits.check(),
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new LandlineError('internal_error', 'the emulator listens on no port');
  }

  savedRecordings.origin = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
  return {
    baseUrl: `${savedRecordings.origin}/v2`,
    publicKey: rawPublicKey(publicKey),
    connectionId,
    apiKey,
    account,
    placeCall: (call) => exchange.place(call),
    targets: exchange.targets,
    commands,
    webhooks: tries,
    liveCalls: () => exchange.liveCalls(),
    faults,
    waitFor: (holds, timeoutMs = 5000) =>
      waits.until(holds, timeoutMs, () => `${holds.toString()}; ${describe(tries, commands)}`),
    async close() {
      waits.close();
      scheduler.stop();
      webhooks.close();
      exchange.destroy();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** How things stand, for the error of a wait: state, latest webhooks and commands of a leg, or of all. */
function describe(tries: readonly WebhookTry[], commands: readonly ReceivedCommand[], leg?: Leg): string {
  const session = leg?.ids.callSessionId;
  const id = leg?.ids.callControlId;
  const lastTries = tries
    .filter((each) => session === undefined || each.event.payload['call_session_id'] === session)
    .slice(-6)
    .map((each) => `${each.type} ${each.status}`);
  const lastCommands = commands
    .filter((each) => id === undefined || each.call_control_id === id)
    .slice(-6)
    .map((each) => `${each.command} ${each.status}`);
  const state = leg
    ? [`state: ${leg.state}`, `streams: ${leg.streams.length}`, `frames: ${leg.records.frames.length}`]
    : [];
  return [
    ...state,
    `last webhooks: ${lastTries.join(', ') || 'none'}`,
    `last commands: ${lastCommands.join(', ') || 'none'}`,
  ].join('; ');
}
