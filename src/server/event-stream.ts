import type { ServerResponse } from 'node:http';
import type { PublishedEvent } from '../call/ports.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { EventBus } from './event-bus.ts';

/** A comment that keeps proxies from closing a quiet stream, and finds readers that have stopped reading. */
const BEAT_MS = 15_000;

export interface EventStreamOptions {
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
  /** Only this call's events; all when unset. */
  readonly callId?: string | undefined;
  /** The reader has everything up to this id. */
  readonly after: number;
  /** Events with ids above `after` up to `until` that the bus does not remember (any more), by rising id. */
  readonly missed: (after: number, until: number) => AsyncIterable<PublishedEvent>;
  /** Of one call: how it stands with its end. */
  readonly call?: {
    /** It was over before the reader came. */
    readonly isOver: boolean;
    /** Will something follow `call.ended`? */
    readonly awaitsMore: () => Promise<boolean>;
  };
}

/**
 * Server-sent events to one reader, as fast as it reads and no faster: nothing is queued for it. First comes what it missed
 * out of the journals, then it is a position in what the bus remembers. A reader that has stopped reading is cut; it may
 * come back with `Last-Event-ID`. The stream of one call ends when nothing of it can follow.
 */
export function streamEvents(response: ServerResponse, options: EventStreamOptions): void {
  // Gone while it was looked up whether the call lives: its `close` has been, and nothing would ever end this.
  if (response.destroyed) return;
  const { events, clock, log, callId, call } = options;
  /** A partial told before this reader came is over: it is not told again. */
  const cameAt = events.newest;
  let position = options.after;
  let isLive = false;
  let isFull = false;
  let beat: TimerHandle | undefined;
  let goOn: (() => void) | undefined;

  const isWanted = (event: PublishedEvent): boolean =>
    (callId === undefined || event.callId === callId) &&
    (event.type !== 'transcript.partial' || Number(event.id) > cameAt);
  const write = (event: PublishedEvent): void => {
    position = Number(event.id);
    if (isWanted(event)) {
      isFull = !response.write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
  };
  /** The bus has forgotten what this reader would get next. */
  const isLost = (): boolean => isLive && position < events.forgotten;

  const pump = (): void => {
    while (isLive && !isFull && !response.destroyed && !response.writableEnded) {
      if (isLost()) {
        response.destroy();
        return;
      }
      const event = events.after(position);
      if (!event) return;
      write(event);
      if (event.callId === callId) endBehind(event);
    }
  };
  const endBehind = ({ type }: PublishedEvent): void => {
    if (type === 'call.summarized') response.end();
    if (type !== 'call.ended') return;
    void awaitsMore().then((more) => {
      if (!more) response.end();
    });
  };
  /** Who cannot be told waits: a stream that is open too long costs a comment every 15 s. */
  const awaitsMore = (): Promise<boolean> => call?.awaitsMore().catch(() => true) ?? Promise.resolve(true);

  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(': landline events\n\n');
  };
  const tellMissed = async (until: number): Promise<void> => {
    for await (const event of options.missed(position, until)) {
      begin();
      write(event);
      if (isFull) await new Promise<void>((resolve) => (goOn = resolve));
      if (response.destroyed) return;
    }
  };
  const run = async (): Promise<void> => {
    if (call?.isOver === true) {
      const more = await awaitsMore();
      const known = events.newest;
      const before = position;
      await tellMissed(Infinity);
      if (!more || position > known) {
        // To browsers this says: do not come back.
        if (position === before && options.after > 0) response.writeHead(204);
        else begin();
        response.end();
        return;
      }
      position = Math.max(position, known);
    }
    begin();
    while (position < events.forgotten && !response.destroyed) {
      // The bus goes on forgetting while the journals are read.
      const { forgotten } = events;
      await tellMissed(forgotten);
      position = Math.max(position, forgotten);
    }
    isLive = true;
    pump();
  };
  const keepAlive = (): void => {
    beat = clock.after(BEAT_MS, () => {
      if (isFull) response.destroy();
      else if (response.headersSent) isFull = !response.write(':\n\n');
      keepAlive();
    });
  };

  const leave = events.join();
  const unsubscribe = events.subscribe(() => {
    if (isFull && isLost()) response.destroy();
    else pump();
  });
  response.on('drain', () => {
    isFull = false;
    goOn?.();
    pump();
  });
  response.on('close', () => {
    leave();
    unsubscribe();
    beat?.cancel();
    goOn?.();
  });
  keepAlive();
  run().catch((thrown: unknown) => {
    log.warn({ callId, error: messageOf(thrown) }, 'a reader of events was cut: what it missed cannot be read now');
    response.destroy();
  });
}
