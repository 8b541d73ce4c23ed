import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fastify, { type FastifyInstance } from 'fastify';
import { DialQueue } from '../call/dial-queue.ts';
import { Dialer } from '../call/dialer.ts';
import { defaultOutbound, type OutboundOptions } from '../call/outbound-options.ts';
import { observers } from '../call/observer.ts';
import type { PublishedEvent } from '../call/ports.ts';
import type { DestinationOptions } from '../call/destination-options.ts';
import { CallRegistry, type ReadyAgent } from '../call/registry.ts';
import type { AgentProviders, CallPorts } from '../call/ports.ts';
import type { CallOptions, Routing } from '../call/routing.ts';
import { NO_SOUNDS, type Sounds } from '../call/sounds.ts';
import { Wheel } from '../call/wheel.ts';
import { isoTime, type Clock } from '../core/clock.ts';
import { LandlineError, messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { createRedactor, type RedactionOptions } from '../core/redaction.ts';
import { redactingLog } from '../core/redacting-log.ts';
import { JOURNAL_FORMAT, JOURNAL_VERSION } from '../journal/format.ts';
import { lockDataDir, type DataDirLock } from '../journal/lock.ts';
import { createJournalWriter } from '../journal/writer.ts';
import { openStore } from '../store/client.ts';
import { NO_FOLLOW_UPS, type FollowUps } from '../store/follow-ups.ts';
import { createTelnyxApi } from '../telnyx/client.ts';
import type { TelnyxApi } from '../telnyx/commands.ts';
import type { Tool } from '../tools/tool.ts';
import { createReplayMemory } from '../telnyx/replay-memory.ts';
import { createVerifier } from '../telnyx/signature.ts';
import { createAfterCall, summaryAgents } from './after-call.ts';
import { addDocsPage } from './api/docs-page.ts';
import { KnownRoutes } from './api/known-routes.ts';
import { DEFAULT_API_RATE_LIMIT, type ApiRateLimit } from './api/rate-limit.ts';
import { CallReader } from './call-reader.ts';
import { controlApi } from './control-api.ts';
import { localOrigin, loopbackOnly } from './embedding.ts';
import { EventBus } from './event-bus.ts';
import { createGates } from './gates.ts';
import { mediaRoute, websocketSupport } from './media-route.ts';
import { Metrics } from './metrics.ts';
import { createPrivacy } from './privacy.ts';
import type { RetentionOptions } from '../records/retention-options.ts';
import { MissedEvents } from './missed-events.ts';
import type { ProviderBreaker } from '../providers/create.ts';
import type { LlmProvider } from '../providers/ports.ts';
import type { Tracing } from './tracing/port.ts';
import { Webhooks, type WebhooksSetup } from '../records/webhooks.ts';
import { createRecordings, type Recordings, type RecordingsSetup } from '../records/recordings.ts';
import { addOperationsRoutes } from './operations-routes.ts';
import { answerBadRequest, errorHandler, notFoundHandler } from './problem.ts';
import { recordingLinks } from './recording-files.ts';
import { RecordingSaved } from './recording-saved.ts';
import { Takeover } from './takeover.ts';
import { webhookRoute } from './webhook-route.ts';

export interface GatewayAgent extends ReadyAgent {
  readonly providers: AgentProviders;
  /** The operator's own tools, as the next call gets them. */
  readonly tools?: (() => readonly Tool[]) | undefined;
  /** See `AfterCallAgent`. */
  readonly summaryLlm?: LlmProvider | undefined;
  /** What its callers hear on hold, mono at 8 kHz; the built-in music when left out. */
  readonly holdMusic?: Int16Array | undefined;
}

export interface GatewayOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly software: string;
  readonly host: string;
  readonly port: number;
  /** Origin that Telnyx reaches, e.g. `https://voice.example.com`; the listening address when unset (emulator). */
  readonly publicUrl?: string | undefined;
  readonly telnyx: {
    readonly apiKey: string;
    readonly publicKeys: readonly string[];
    readonly baseUrl?: string | undefined;
    readonly connectionId?: string | undefined;
    /** E.164: our own, so never a destination. */
    readonly fromNumber?: string | undefined;
  };
  readonly agents: ReadonlyMap<string, GatewayAgent>;
  readonly routing: Routing;
  readonly maxConcurrentCalls: number;
  /** Where calls may go and what they may cost; the config's defaults when unset. */
  readonly destinations?: DestinationOptions | undefined;
  /** How calls out are let go; the config's defaults when unset. */
  readonly outbound?: OutboundOptions | undefined;
  /** Default: G.711. */
  readonly media?: CallOptions['media'];
  readonly apiKeys: readonly string[];
  /** What each of them may do. */
  readonly apiRateLimit?: ApiRateLimit | undefined;
  readonly dataDir: string;
  /** `postgres://…`, or `sqlite:` and a path. Default: `landline.db` in the data directory. */
  readonly databaseUrl?: string | undefined;
  /** What is done outside once calls are kept. Default: nothing. */
  readonly followUps?: FollowUps | undefined;
  /** What is masked before it is written down, shown or logged; card numbers when left out. */
  readonly redaction?: RedactionOptions | undefined;
  /** What may be played to callers; nothing when left out. */
  readonly sounds?: Sounds | undefined;
  /** Keys of vendors: covered wherever one would be written or shown. Telnyx' and our own are known. */
  readonly secrets?: readonly string[] | undefined;
  /** How long each kind of data is kept; for ever when left out. */
  readonly retention?: RetentionOptions | undefined;
  /** What becomes of recordings after their calls; by default WAV files in the data directory. */
  readonly recordings?: RecordingsSetup | undefined;
  /** See `MediaRouteOptions.pingMs`. */
  readonly mediaPingMs?: number | undefined;
  /** Tool servers that cannot be used now, for `/readyz`. */
  readonly toolFailures?: (() => readonly { readonly server: string; readonly why: string }[]) | undefined;
  /** How the providers with stand-ins stand, for the metrics. */
  readonly breakers?: (() => readonly ProviderBreaker[]) | undefined;
  /** Where traces of calls go; the gateway does not close it. */
  readonly tracing?: Tracing | undefined;
  /** Who is told of events outside; `followUps` says of which. Default: nobody. */
  readonly webhooks?: WebhooksSetup | undefined;
  /** A server of somebody else to live in, below its prefix; it is theirs to start and to close. Default: an own one. */
  readonly within?: FastifyInstance | undefined;
  /** Told where it is reached, with the prefix, as soon as it is. */
  readonly listening?: ((origin: string) => void) | undefined;
  /** Adds routes of the embedding program before the server listens. */
  readonly extend?: (app: FastifyInstance) => Promise<void>;
}

export interface Gateway {
  readonly app: FastifyInstance;
  readonly registry: CallRegistry;
  /** Places calls. */
  readonly dialer: Dialer;
  readonly events: EventBus;
  /** Its keeper holds the outbox' handlers for recordings. */
  readonly recordings: Recordings;
  /** The port it listens on; 0 while a server of somebody else does not. */
  readonly port: number;
  /** Origin that webhooks and sockets reach, with the prefix inside a server of somebody else. */
  readonly origin: string;
  /** `/v1` for the program itself: no socket, no key, never listens. Ask it with `inject`. */
  readonly inside: () => Promise<FastifyInstance>;
  /** Resolves when every call of an earlier process was taken over or closed. */
  readonly recovered: Promise<void>;
  /** No new calls; resolves when the live ones have ended, by themselves until `timeoutMs`, then with a goodbye. */
  drain(timeoutMs: number): Promise<void>;
  /** Ends every call at once, waits at most 5 s for Telnyx to confirm, and closes everything. */
  stop(): Promise<void>;
}

/** Longest a goodbye takes: the machine's own guard hangs up after 20 s, Telnyx gets some more. */
const GOODBYE_MS = 25_000;
const LAST_HANGUPS_MS = 5_000;
const DISK_START_MS = 2_000;
/** A reader waits so long for the disk; then it gets what is there. */
const DISK_PATIENCE_MS = 500;
/** A store that is not there must not hold up the start. */
const STORE_START_MS = 2_000;

/** Starts a gateway: locks the data directory, listens, and takes over what an earlier process left. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock, log, dataDir } = options;
  const verifier = createVerifier(options.telnyx.publicKeys, clock);
  const lock = lockDataDir(dataDir, clock);
  try {
    return await start(options, verifier, lock);
  } catch (thrown) {
    lock.release();
    log.debug({ error: messageOf(thrown) }, 'start failed');
    throw thrown;
  }
}

async function start(
  options: GatewayOptions,
  verifier: ReturnType<typeof createVerifier>,
  lock: DataDirLock,
): Promise<Gateway> {
  const { clock, dataDir, agents, media = { codec: 'g711', l16ByteOrder: 'auto' } } = options;
  const secrets = [options.telnyx.apiKey, ...options.apiKeys, ...(options.secrets ?? [])];
  const redactor = createRedactor(options.redaction, secrets);
  const log = redactingLog(options.log, redactor);
  const telnyx = createTelnyxApi({ ...options.telnyx, clock, log });
  const journal = createJournalWriter({ dataDir, clock, log });
  const events = new EventBus(clock, log);
  const followUps = { ...(options.followUps ?? NO_FOLLOW_UPS), summaryAgents: summaryAgents(agents) };
  // Comes up by itself and is never waited for on a call's way: calls are in their journals, records follow.
  const store = openStore({
    databaseUrl: options.databaseUrl ?? `sqlite:${join(dataDir, 'landline.db')}`,
    clock,
    log,
    projector: { dataDir, followUps },
    onWork: () => {
      afterCall.worker.wake();
      webhooks.wake();
    },
  });
  const wheel = new Wheel(clock);
  const prefix = options.within?.prefix ?? '';
  let origin = options.publicUrl === undefined ? '' : `${options.publicUrl}${prefix}`;
  /** Told whenever a call has ended or lives on without us. */
  const waiting = new Set<() => void>();
  const fewer = (): void => {
    for (const look of waiting) look();
  };

  const gates = createGates({
    clock,
    log,
    routing: options.routing,
    agents,
    destinations: options.destinations,
    telnyx: options.telnyx,
    store,
    refused: (rule) => metrics.gates.refused(rule),
  });
  const registry: CallRegistry = new CallRegistry({
    clock,
    log,
    telnyx,
    routing: gates.routing,
    agents,
    maxConcurrentCalls: options.maxConcurrentCalls,
    rejected: (reason) => metrics.gates.rejected(reason),
    codec: media.codec,
    open: (callId, seed, agent) => openCall(callId, seed, agent),
  });
  const dials = new DialQueue(clock, options.outbound ?? defaultOutbound, (ms) => metrics.outbound.waited(ms));
  const dialer = new Dialer({
    ...{ registry, agents, routing: gates.routing, destinations: gates.destinations, queue: dials },
    telnyx: options.telnyx,
    ownsNumber: (number) => gates.ownsNumber(number),
    configured: Object.keys(options.routing.numbers),
  });
  const metrics = new Metrics({
    software: options.software,
    sessions: () => registry.sessions.values(),
    maxConcurrentCalls: options.maxConcurrentCalls,
    isDraining: () => registry.draining,
    journal: () => journal.state(),
    store: () => store.state(),
    lateness: wheel.lateness,
    eventReaders: () => events.readers,
    breakers: options.breakers ?? (() => []),
    spans: () => options.tracing?.counts(),
  });
  metrics.outbound.watch(() => dials.state);
  events.subscribe((event) => {
    if (event.type === 'call.updated') fewer();
    // A partial is told and never kept; a summary is in the store already.
    if (event.type !== 'transcript.partial' && event.type !== 'call.summarized') store.touched(event.callId, event.id);
  });

  const recordings = createRecordings(options.recordings ?? {}, {
    ...{ dataDir, clock, log },
    settled: () => journal.flush(),
    trustedOrigins: options.telnyx.baseUrl === undefined ? [] : [new URL(options.telnyx.baseUrl).origin],
    observe: (source, outcome, bytes) => metrics.recordings.attempt(source, outcome, bytes),
  });
  metrics.recordings.watch(() => recordings.keeper.state());

  const privacy = createPrivacy({
    ...{ dataDir, store, recordings, registry, events, clock, log },
    retention: options.retention,
    observe: (kind, removed, failed) => metrics.privacy.expired(kind, removed, failed),
    journaled: () => patiently(clock, DISK_PATIENCE_MS, journal.flush()),
    wake: () => afterCall.worker.wake(),
  });

  const webhooks = new Webhooks({
    ...(options.webhooks ?? { endpoints: [], env: {} }),
    ...{ store, clock, log, software: options.software },
    observe: (endpoint, outcome) => metrics.endpoints.attempt(endpoint, outcome),
  });
  metrics.endpoints.watch(() => webhooks.state());

  const afterCall = createAfterCall({
    webhooks,
    ...{ store, clock, log, dataDir, agents, events, followUps },
    handlers: { ...recordings.keeper.handlers, ...privacy.erasure.handlers },
    observe: ({ kind }, outcome) => metrics.outbox.attempt(kind, outcome),
  });
  metrics.outbox.watch(() => afterCall.worker.state());

  const openCall = (callId: string, seed: string, agent: string): CallPorts => {
    const providers = agents.get(agent)?.providers ?? [...agents.values()][0]?.providers;
    if (!providers) throw new LandlineError('internal_error', 'a gateway needs at least one agent');
    journal.open(callId, {
      k: 'head',
      format: JOURNAL_FORMAT,
      version: JOURNAL_VERSION,
      callId,
      seed,
      createdAt: isoTime(clock.wall()),
      wallMs: clock.wall(),
      monoMs: clock.mono(),
      software: options.software,
    });
    const { tracing } = options;
    const seal = recordings.sealer(callId);
    const callLog = tracing ? log.child({ traceId: tracing.traceIdOf(callId) }) : log;
    return {
      clock,
      wheel,
      log: callLog,
      redactor,
      observer: observers(
        [metrics.observer(providers), ...(tracing ? [tracing.observer(callId, providers)] : [])],
        callLog.child({ callId }),
      ),
      telnyx,
      providers,
      tools: agents.get(agent)?.tools?.() ?? [],
      l16ByteOrder: media.l16ByteOrder,
      sounds: options.sounds,
      holdMusic: agents.get(agent)?.holdMusic,
      journal: {
        append: (record, onWritten) => journal.append(callId, record, onWritten),
        track: (record) => journal.track(callId, seal(record)),
        close: (end) => journal.close(callId, end, () => store.touched(callId)),
      },
      dials,
      destinations: gates.destinations,
      expectMedia: (token, leg, epoch) => {
        const session = registry.sessions.get(callId);
        if (session) registry.expectMedia(token, { session, leg, epoch });
        return `${origin.replace(/^http/, 'ws')}/media/${token}`;
      },
      eventId: () => events.nextId(),
      publish: (event: PublishedEvent) => events.publish(event),
      journalBehind: () => metrics.journalBehind(),
      finished: () => {
        const session = registry.sessions.get(callId);
        if (session) {
          metrics.callOver(session.media);
          registry.forget(session);
        }
        gates.destinations.forget(callId);
        fewer();
      },
    };
  };

  const { within } = options;
  const app =
    within ??
    fastify({
      logger: false,
      bodyLimit: 1024 * 1024,
      // Half-sent requests would live 90 s by default.
      requestTimeout: 10_000,
      http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000 },
      forceCloseConnections: true,
      // URLs that no route can be looked up for, and bytes that are not HTTP, never reach the error handler.
      frameworkErrors: errorHandler(log),
      clientErrorHandler: answerBadRequest,
    });
  app.setErrorHandler(errorHandler(log));
  const version = options.software.replace(/^\S+ /, '');
  const routes = new KnownRoutes();
  routes.watch(app);
  // At the root of a server of somebody else it would be theirs.
  if (!within || prefix !== '') {
    app.setNotFoundHandler(notFoundHandler(routes));
  }
  await websocketSupport(app);
  const takeover = await Takeover.read({
    log,
    dataDir,
    wall: () => clock.wall(),
    archive: (callId) => journal.archive(callId, () => store.touched(callId)),
  });
  events.startAfter(takeover.lastEventId);
  const settled = (): Promise<void> => patiently(clock, DISK_PATIENCE_MS, journal.flush());
  const missed = new MissedEvents({ dataDir, log, store, settled });
  const memory = createReplayMemory();
  for (const id of takeover.webhookIds) memory.seen(id, clock.mono());
  let recovered = Promise.resolve();
  const recordingSaved = new RecordingSaved({
    ...{ registry, dataDir, store, clock, log },
    wake: () => afterCall.worker.wake(),
  });
  await app.register(webhookRoute({ registry, takeover, recordingSaved, verifier, memory, clock, log, metrics }));
  await app.register(mediaRoute({ registry, clock, log, metrics, pingMs: options.mediaPingMs }));
  const api = (apiKeys: readonly string[]): ReturnType<typeof controlApi> =>
    controlApi({
      clock,
      registry,
      agents,
      events,
      eventStreams: { missed, log, awaitsSummary: (callId) => afterCall.summaries.expects(callId) },
      reader: new CallReader({ clock, registry, journal, dataDir, store }),
      apiKeys,
      rateLimit: options.apiRateLimit ?? DEFAULT_API_RATE_LIMIT,
      observe: (status) => metrics.api.answered(status),
      destinations: gates.destinations,
      dialer,
      store,
      numbers: gates.numbers,
      sounds: options.sounds ?? NO_SOUNDS,
      privacy: privacy.routes,
      recovered: () => recovered,
      recordings,
      log,
      origin: () => origin,
    });
  await app.register(async (scope) => {
    if (within && options.apiKeys.length === 0) loopbackOnly(scope);
    await scope.register(api(options.apiKeys));
  });
  await app.register(recordingLinks({ recordings, clock, log }));
  addOperationsRoutes(app, {
    isPublic: options.apiKeys.length > 0,
    metrics,
    version,
    readiness: () => {
      const failed = journal.state().failed;
      const { pending } = gates.numbers;
      const unkept = recordings.keeper.state().failed;
      const storeFailed = store.state().failed;
      return {
        reasons: [
          ...(registry.draining ? ['draining'] : []),
          ...(registry.full ? ['full'] : []),
          ...(failed === undefined ? [] : [`journal: ${failed}`]),
        ],
        // Calls are taken all the same.
        degraded: [
          ...(storeFailed === undefined ? [] : [`store: ${storeFailed}`]),
          ...(pending === undefined ? [] : [`numbers set by API are not known yet: ${pending}`]),
          ...(unkept === undefined ? [] : [`recordings wait to be stored: ${unkept}`]),
          ...(options.toolFailures?.() ?? []).map(({ server, why }) => `tool server ${server} is away: ${why}`),
          ...webhooks
            .state()
            .flatMap(({ name, failing }) => (failing === undefined ? [] : [`webhooks to ${name} fail: ${failing}`])),
        ],
      };
    },
  });
  addDocsPage(app, routes, version);

  await options.extend?.(app);

  /** See {@link Gateway.inside}; made when somebody asks. */
  let local: Promise<FastifyInstance> | undefined;
  const release = async (): Promise<void> => {
    // What still lives (a bridged pair, a hangup that Telnyx did not confirm) is the next process' to take over.
    for (const session of registry.sessions.values()) session.leave();
    wheel.stop();
    telnyx.close();
    // A server closes only when its last connection has; upgraded ones are not closed with the others.
    if (!within) for (const socket of app.websocketServer.clients) socket.terminate();
    if (!within) await app.close();
    await local?.then((inside) => inside.close());
    await gates.close();
    await privacy.stop();
    await afterCall.worker.stop();
    await webhooks.stop();
    await journal.stop();
    await recordings.close();
    // Every journal has its last line now: what the store still lacks goes in, as far as the database answers.
    await store.close();
    lock.release();
  };
  // A webhook's 200 waits for its journal line, 50 ms at most: the first one's must not go before it either.
  await patiently(clock, DISK_START_MS, journal.started());
  await patiently(clock, STORE_START_MS, gates.numbers.load());
  const begin = (): void => {
    privacy.start();
    afterCall.worker.start();
    webhooks.start();
    if (origin === '') origin = `${localOrigin(app.server) ?? ''}${prefix}`;
    options.listening?.(origin);
    recovered = takeover
      .run({ telnyx, registry, agents, codec: media.codec, open: openCall })
      .then(() => reportStrangers(options, registry, telnyx));
  };
  const emptied = async (ms: number): Promise<boolean> => {
    if (countActive(registry) === 0) return true;
    return new Promise<boolean>((resolve) => {
      const timer = clock.after(ms, () => end(false));
      const look = (): void => {
        if (countActive(registry) === 0) end(true);
      };
      const end = (isEmpty: boolean): void => {
        timer.cancel();
        waiting.delete(look);
        resolve(isEmpty);
      };
      waiting.add(look);
    });
  };
  const postAll = (now: boolean): void => {
    for (const session of [...registry.sessions.values()]) session.post({ type: 'drain', now });
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      registry.drain();
      postAll(true);
      await emptied(LAST_HANGUPS_MS);
      await release();
    })();
    return stopping;
  };
  if (within) {
    within.addHook('onListen', async () => begin());
    within.addHook('preClose', stop);
  } else {
    try {
      await app.listen({ host: options.host, port: options.port });
    } catch (thrown) {
      await release();
      throw thrown;
    }
    begin();
  }
  return {
    app,
    registry,
    dialer,
    events,
    recordings,
    get port() {
      return (app.server.address() as AddressInfo | null)?.port ?? 0;
    },
    get origin() {
      return origin;
    },
    get recovered() {
      return recovered;
    },
    inside: () => {
      local ??= (async () => {
        const inside = fastify({ logger: false });
        inside.setErrorHandler(errorHandler(log));
        await inside.register(api([]));
        return inside;
      })();
      return local;
    },
    drain: async (timeoutMs) => {
      registry.drain();
      dials.close();
      log.info({ calls: registry.sessions.size, timeoutMs }, 'draining: no new calls');
      if (await emptied(timeoutMs)) return;
      log.info({ calls: registry.sessions.size }, 'drain timeout: saying goodbye');
      postAll(false);
      await emptied(GOODBYE_MS);
    },
    stop,
  };
}

/** Resolves with the promise, or without it after `ms`. */
function patiently(clock: Clock, ms: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const patience = clock.after(ms, resolve);
    void promise.then(() => {
      patience.cancel();
      resolve();
    });
  });
}

/** Calls we still answer for: a bridged pair lives on without us. */
function countActive(registry: CallRegistry): number {
  return [...registry.sessions.values()].filter((session) => session.talkingLeg?.phase !== 'bridged').length;
}

/** Legs that Telnyx has up for us and no journal here explains: said, not touched, they may be another gateway's. */
async function reportStrangers(options: GatewayOptions, registry: CallRegistry, telnyx: TelnyxApi): Promise<void> {
  const connection = options.telnyx.connectionId;
  if (connection === undefined) return;
  const active = (await telnyx.activeCalls(connection)) ?? [];
  const known = new Set(
    [...registry.sessions.values()].flatMap((session) =>
      Object.values(session.state.legs).map((leg) => leg.callControlId),
    ),
  );
  const strangers = active.filter((call) => !known.has(call.callControlId));
  if (strangers.length > 0) {
    options.log.warn({ calls: strangers.length }, 'calls are up on this connection that no journal here knows');
  }
}
