import { request, type IncomingMessage } from 'node:http';
import { until } from './world.ts';

export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A reader of server-sent events. */
export interface SseReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly events: readonly SseEvent[];
  readonly isClosed: () => boolean;
  /** Stops and starts taking bytes off the socket. */
  pause(): void;
  resume(): void;
  close(): void;
}

export function readEvents(url: string, headers: Record<string, string> = {}): Promise<SseReader> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, agent: false }, (response) => {
      const events: SseEvent[] = [];
      let text = '';
      let isClosed = false;
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
          if (field('id') === '') continue;
          const data = JSON.parse(field('data')) as Record<string, unknown>;
          events.push({ id: field('id'), event: field('event'), data });
        }
      });
      response.on('close', () => (isClosed = true));
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        events,
        isClosed: () => isClosed,
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        close: () => void asked.destroy(),
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

export async function untilEvent(reader: SseReader, type: string): Promise<void> {
  await until(() => reader.events.some(({ event }) => event === type), `the event ${type} on the stream`);
}
