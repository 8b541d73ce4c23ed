import type { ServerResponse } from 'node:http';
import type { PublishedEvent } from '../call/ports.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import type { EventBus } from './event-bus.ts';

/** A comment that keeps proxies from closing a quiet stream, and finds readers that have stopped reading. */
const BEAT_MS = 15_000;

export interface EventStreamOptions {
  readonly events: EventBus;
  readonly clock: Clock;
  /** Only this call's events; all when unset. */
  readonly callId?: string | undefined;
  /** The reader has everything up to this id. */
  readonly after: number;
  /** What the bus does not remember (any more), oldest first, and up to which id that is everything. */
  readonly past: readonly PublishedEvent[];
  readonly pastUntil: number;
  /** The call is over: close after `past`. */
  readonly isOver: boolean;
}

/**
 * Server-sent events to one reader, as fast as it reads and no faster: nothing is queued for it, it is a position in
 * what the bus remembers. A reader that stops reading, or falls behind that memory, is cut; it may come back with
 * `Last-Event-ID`.
 */
export function streamEvents(response: ServerResponse, options: EventStreamOptions): void {
  const { events, clock, callId, past, isOver } = options;
  let position = options.after;
  let pastAt = 0;
  let isFull = false;
  let beat: TimerHandle | undefined;

  const isPast = (): boolean => pastAt < past.length || isOver;
  /** The bus has forgotten what this reader would get next. */
  const isLost = (): boolean => !isPast() && Math.max(position, options.pastUntil) < events.forgotten;
  const next = (): PublishedEvent | undefined => {
    if (isPast()) return past[pastAt++];
    position = Math.max(position, options.pastUntil);
    return events.after(position);
  };
  const pump = (): void => {
    while (!isFull && !response.destroyed) {
      if (isLost()) {
        response.destroy();
        return;
      }
      const event = next();
      if (!event) {
        if (isOver) response.end();
        return;
      }
      if (Number(event.id) <= position) continue;
      position = Number(event.id);
      if (callId !== undefined && event.callId !== callId) continue;
      isFull = !response.write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
  };
  const keepAlive = (): void => {
    beat = clock.after(BEAT_MS, () => {
      if (isFull) response.destroy();
      else isFull = !response.write(':\n\n');
      keepAlive();
    });
  };

  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(': landline events\n\n');
  response.on('drain', () => {
    isFull = false;
    pump();
  });
  const unsubscribe = events.subscribe(() => {
    if (isFull && isLost()) response.destroy();
    else pump();
  });
  response.on('close', () => {
    unsubscribe();
    beat?.cancel();
  });
  keepAlive();
  pump();
}
