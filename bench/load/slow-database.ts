import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What stands between the gateway and its database. */
export interface SlowDatabase {
  readonly url: string;
  /** From now on answers take so much longer, milliseconds; `Infinity`: none comes any more. */
  slow(ms: number): void;
  /** Answers that were held up so far. */
  readonly held: number;
  close(): Promise<void>;
}

/** PostgreSQL says with it that it is ready for a query: from then on an answer is one to a question. */
const READY = 'Z'.charCodeAt(0);

/**
 * A PostgreSQL that takes its time: passes bytes on, the answers late. A new connection is let in at once, as by a
 * server that is there and overloaded.
 */
export async function slowDatabase(databaseUrl: string): Promise<SlowDatabase> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let delayMs = 0;
  let held = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isIn = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
        sockets.delete(socket);
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes: Buffer) => {
      if (!isIn || delayMs === 0) {
        // Its last message: Z, length 5, state.
        isIn ||= bytes.at(-6) === READY;
        client.write(bytes);
        return;
      }
      held += 1;
      if (delayMs !== Infinity) setTimeout(() => client.write(bytes), delayMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    slow: (ms) => {
      delayMs = ms;
      // What hung would hang on: whoever held it up is gone.
      if (ms === 0) for (const socket of sockets) socket.destroy();
    },
    get held() {
      return held;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
