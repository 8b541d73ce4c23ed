import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { SOCKET_LIMITS } from '../../src/server/media-route.ts';
import { serveParent, usage } from './child.ts';

/*
 * The floor of every comparison: `ws` alone, each message sent back as it came. Same limits as the gateway's sockets.
 */
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...SOCKET_LIMITS });
server.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data as Buffer, { binary: false }));
  socket.on('error', () => socket.terminate());
});
const listening = new Promise<void>((resolve) => server.on('listening', resolve));

const handlers = {
  url: async (): Promise<string> => {
    await listening;
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  },
  usage: (collect: boolean) => usage(collect),
};
export type EchoProcess = typeof handlers;

serveParent(handlers);
