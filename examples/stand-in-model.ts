// Stands in for a language model, so that the examples of tools need no key: it uses one tool at the first key that the
// caller presses, and says what came back. A real model decides by itself: llm: { provider: 'openai', model: '…' }.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { AgentInput } from '../src/index.ts';
import { frontDesk } from './front-desk.ts';

/** The front desk with this model; `server` is to be closed in the end. */
export async function deskThatUses(
  tool: string,
  args: Readonly<Record<string, unknown>>,
): Promise<{ readonly desk: AgentInput; readonly server: Server }> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { messages } = JSON.parse(body) as { messages: readonly { role: string; content: string }[] };
      const last = messages.at(-1);
      const call = {
        index: 0,
        id: 'use1',
        type: 'function',
        function: { name: tool, arguments: JSON.stringify(args) },
      };
      const delta = last?.role === 'user' ? { tool_calls: [call] } : { content: last?.content ?? '' };
      const finish_reason = last?.role === 'user' ? 'tool_calls' : 'stop';
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const choice of [{ delta }, { delta: {}, finish_reason }]) {
        response.write(`data: ${JSON.stringify({ choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`);
      }
      response.end('data: [DONE]\n\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  // The embedded recogniser wants a script to listen by; with Deepgram or another one leave the fallback out.
  const llm = { provider: 'openai', model: 'stand-in', baseUrl, fallback: frontDesk.llm } as const;
  return { desk: { ...frontDesk, greeting: 'Press one for free tables.', llm }, server };
}
