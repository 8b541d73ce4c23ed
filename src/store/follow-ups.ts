import type { EventRow, NewWork } from './port.ts';
import { isoTime } from '../core/clock.ts';

/** What is to be done outside once a call, or an event of it, is kept. */
export interface FollowUps {
  /** Finish the recording of every ended call that has one. */
  readonly recordings: boolean;
  /** Agents whose ended calls are summed up. */
  readonly summaryAgents: readonly string[];
  /** Endpoints that are told of events, by the name they have in the config. */
  readonly webhooks: readonly { readonly name: string; readonly events: readonly string[] | 'all' }[];
}

export const NO_FOLLOW_UPS: FollowUps = { recordings: false, summaryAgents: [], webhooks: [] };

/**
 * News, and the model's time, only for what happened within this time: a database that was lost and is filled again from
 * years of journals must not tell the world of all of them.
 */
export const NEWS_MS: number = 72 * 3_600_000;

/** What follows from events that are kept now. @param now wall milliseconds. */
export function webhookWork(followUps: FollowUps, events: readonly EventRow[], now: number): NewWork[] {
  return events
    .filter(({ at }) => now - at < NEWS_MS)
    .flatMap((event) =>
      followUps.webhooks
        .filter((endpoint) => endpoint.events === 'all' || endpoint.events.includes(event.type))
        .map(({ name }) => ({
          key: `webhook:${name}:${event.id}`,
          kind: 'webhook',
          lane: `webhook:${name}:${event.callId}`,
          callId: event.callId,
          payload: { endpoint: name, event: publicEvent(event) },
        })),
    );
}

/** What follows from the end of a call. @param now wall milliseconds. */
export function endWork(
  followUps: FollowUps,
  call: { readonly id: string; readonly agent: string; readonly endedAt: number; readonly recorded: boolean },
  now: number,
): NewWork[] {
  const once = (kind: string): NewWork => {
    const key = `${kind}:${call.id}`;
    return { key, kind, lane: key, callId: call.id, payload: {} };
  };
  const isNews = now - call.endedAt < NEWS_MS;
  return [
    ...(followUps.recordings && call.recorded ? [once('recording')] : []),
    ...(isNews && followUps.summaryAgents.includes(call.agent) ? [once('summary')] : []),
  ];
}

/** An event as `/v1/events` tells it. */
export function publicEvent({ id, callId, type, at, data }: EventRow): Readonly<Record<string, unknown>> {
  return { type, data, id, callId, at: isoTime(at) };
}
