import type { FastifyInstance } from 'fastify';
import type { Dialer } from '../call/dialer.ts';
import type { Destinations } from '../call/destinations.ts';
import type { NumberTable } from '../call/number-table.ts';
import type { CallRegistry, ReadyAgent } from '../call/registry.ts';
import type { Sounds } from '../call/sounds.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Recordings } from '../records/recordings.ts';
import type { Store } from '../store/port.ts';
import { addActionRoutes } from './action-routes.ts';
import { addAgentRoutes } from './agent-routes.ts';
import { zodValidator } from './api/documented.ts';
import { addApiDoor } from './api/door.ts';
import { IdempotentCalls } from './api/idempotent-calls.ts';
import type { ApiRateLimit } from './api/rate-limit.ts';
import { callActions } from './call-actions.ts';
import type { CallReader } from './call-reader.ts';
import { addCallRoutes } from './call-routes.ts';
import type { EventBus } from './event-bus.ts';
import { eventRoutes, type EventRoutesOptions } from './event-routes.ts';
import { numberRoutes } from './number-routes.ts';
import { addOutboundRoute } from './outbound-route.ts';
import { addHoldRoutes } from './hold-routes.ts';
import { addRecordingControl } from './recording-control.ts';
import { addRecordingRoutes, type RecordingFilesOptions } from './recording-files.ts';
import { addVoiceRoutes } from './voice-routes.ts';

export interface ControlApiOptions {
  readonly clock: Clock;
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly events: EventBus;
  readonly eventStreams: Omit<EventRoutesOptions, 'events' | 'clock' | 'isLive'>;
  readonly reader: CallReader;
  readonly recordings: RecordingFilesOptions['recordings'] & Pick<Recordings, 'secret'>;
  readonly log: Log;
  readonly origin: () => string;
  readonly destinations: Destinations;
  readonly dialer: Pick<Dialer, 'dial' | 'newCallId'>;
  readonly store: Pick<Store, 'claimKey'>;
  readonly numbers: NumberTable;
  readonly sounds: Sounds;
  /** Erasure and export. */
  readonly privacy: (app: FastifyInstance) => Promise<void>;
  /** Every call of an earlier process is ours, or closed. */
  readonly recovered: () => Promise<void>;
  /** Empty: the API is open, which the configuration allows only on a loopback address. */
  readonly apiKeys: readonly string[];
  readonly rateLimit: ApiRateLimit;
  /** Told the status of every answer. */
  readonly observe: (status: number) => void;
}

/** `/v1` (contract section 5): reads from journals and store, acts through the call's door. */
export function controlApi(options: ControlApiOptions): (app: FastifyInstance) => Promise<void> {
  const { registry, agents, events, reader, recordings, log, origin, clock } = options;

  return async (app) => {
    const { apiKeys, rateLimit } = options;
    addApiDoor(app, { apiKeys, secret: recordings.secret, rateLimit, clock });
    app.addHook('onResponse', async (_request, { statusCode }) => options.observe(statusCode));
    app.setValidatorCompiler(zodValidator);
    // A page of another site may post plain text without asking first; JSON it may not.
    app.removeContentTypeParser('text/plain');

    const actions = callActions({ registry, reader, recovered: options.recovered });
    const isLive = async (id: string): Promise<boolean> => {
      if (await actions.find(id)) return true;
      await reader.view(id);
      return false;
    };

    addCallRoutes(app, reader);
    const calls = new IdempotentCalls({
      ...{ store: options.store, clock },
      exists: (id) => reader.has(id),
      newCallId: () => options.dialer.newCallId(),
    });
    addOutboundRoute(app, { dialer: options.dialer, calls, find: actions.find, events, reader, clock });
    addActionRoutes(app, { actions, reader, destinations: options.destinations });
    addVoiceRoutes(app, { actions, sounds: options.sounds });
    addHoldRoutes(app, actions);
    addRecordingControl(app, actions);
    addRecordingRoutes(app, { recordings, clock, log, origin, known: (id) => reader.view(id) });
    eventRoutes({ ...options.eventStreams, events, clock, isLive })(app);
    addAgentRoutes(app, agents);
    await app.register(numberRoutes({ numbers: options.numbers, agents }));
    await app.register(options.privacy);
  };
}
