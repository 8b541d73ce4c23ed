import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { guardedAgent } from '../../src/tools/guarded-agent.ts';
import { guardedFetch } from '../../src/tools/mcp-connection.ts';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function asked(body: Buffer, limit: number): Promise<string> {
  server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(body)),
  );
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = guardedAgent({ allowPrivate: [place], maxResponseBytes: limit });
  try {
    return await (await guardedFetch(agent, limit)(`http://${place}/`)).text();
  } finally {
    await agent.destroy();
  }
}

describe('an answer of a tool server', () => {
  it('is read when it is packed', async () => {
    expect(await asked(Buffer.from('{"a":1}'), 1000)).toBe('{"a":1}');
  });

  it('is broken off by what it unpacks to, not by what it weighs on the wire', async () => {
    const bomb = Buffer.alloc(8 * 1024 * 1024);
    expect(gzipSync(bomb).length).toBeLessThan(100_000);
    await expect(asked(bomb, 100_000)).rejects.toThrow('more than 100000 bytes');
  });
});
