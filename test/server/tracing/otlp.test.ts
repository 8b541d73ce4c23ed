import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Log } from '../../../src/core/log.ts';
import { silentLog } from '../../../src/core/log.ts';
import { createOtlpTracing } from '../../../src/server/tracing/otlp.ts';
import type { Tracing } from '../../../src/server/tracing/port.ts';
import { traceIdOf } from '../../../src/server/tracing/trace-book.ts';
import { inWorld, until, type GatewayWorld } from '../../gateway/world.ts';
import { tree } from './span-tree.ts';

/** OTLP/HTTP with JSON, as far as we speak it. */
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Pair[];
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Pair {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number; readonly boolValue?: boolean };
}

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface Collector {
  readonly url: string;
  readonly posts: { readonly path: string; readonly type: string | undefined; readonly body: OtlpBody }[];
  readonly spans: () => OtlpSpan[];
}

const servers: Server[] = [];
beforeAll(() => {
  vi.stubEnv('OTEL_SERVICE_NAME', 'front-desk');
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test');
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '500');
});
afterAll(() => {
  vi.unstubAllEnvs();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function collector(
  answer: (response: ServerResponse) => void = (response) => response.writeHead(200).end('{}'),
): Promise<Collector> {
  const posts: Collector['posts'] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { url: path = '', headers } = request;
      posts.push({ path, type: headers['content-type'], body: JSON.parse(body) as OtlpBody });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    posts,
    spans: () =>
      posts.flatMap(({ body }) =>
        body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
  };
}

async function text(request: IncomingMessage): Promise<string> {
  let all = '';
  for await (const part of request) all += String(part);
  return all;
}

function valuesOf(pairs: readonly Pair[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.boolValue ?? '']),
  );
}

function treeOf(spans: readonly OtlpSpan[]): string[] {
  return tree(
    spans.map((span) => ({
      spanId: span.spanId,
      parentId: span.parentSpanId,
      name: span.name,
      startMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
      attributes: valuesOf(span.attributes),
      error: span.status.code === 2 ? (span.status.message ?? '') : undefined,
      events: span.events.map(({ name }) => ({ name, atMs: 0 })),
    })),
  );
}

function tracingTo(url: string, log: Log = silentLog): Tracing {
  return createOtlpTracing({ clock: systemClock, log, software: 'landline 1.2.3', url });
}

async function oneCall(world: GatewayWorld): Promise<string> {
  const call = await world.talk();
  world.test.recognise({ type: 'sttEndOfTurn', text: 'hello' });
  await until(() => world.of('turn.ended', call).length === 3, 'the answer');
  const id = world.idOf(call);
  call.hangup();
  await until(() => world.gateway.registry.sessions.size === 0, 'the end of the call');
  return id;
}

describe.concurrent('a call traced to a collector', () => {
  it('arrives there as one tree under the id that follows from the call’s', async () => {
    const { url, posts, spans } = await collector();
    const tracing = tracingTo(url);
    await inWorld({ gateway: { tracing } }, async (world) => {
      const id = await oneCall(world);
      await tracing.close();

      expect(new Set(posts.map(({ path, type }) => `${path} ${type}`))).toEqual(
        new Set(['/v1/traces application/json']),
      );
      expect(new Set(spans().map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(id)]));
      // Whether Telnyx closes the socket before it says that the call is over is its own affair; and the caller's turn
      // and its answer may begin within one millisecond, so that their order is not told.
      const lines = treeOf(spans()).map((line) => line.replace(' stream_lost', ''));
      expect(lines[0]).toBe('call (answered stream_up)');
      expect(lines.slice(1).sort()).toEqual(
        [
          '  telnyx answer ok',
          '  stt stream',
          '  turn agent (first_audio)',
          '    tts utterance (first_audio)',
          '  turn caller',
          '  turn agent (first_audio)',
          '    llm generation stop (first_token)',
          '    tts utterance (first_audio)',
        ].sort(),
      );
      expect(valuesOf(posts[0]!.body.resourceSpans[0]!.resource.attributes)).toMatchObject({
        'service.name': 'front-desk',
        'service.version': '1.2.3',
        'deployment.environment.name': 'test',
      });
      expect(tracing.counts()).toEqual({ exported: spans().length, dropped: 0, failed: 0, queued: 0 });
      const named = world.logs.filter(({ fields }) => fields['callId'] === id && fields['traceId'] === traceIdOf(id));
      expect(named.map(({ message }) => message)).toEqual(expect.arrayContaining(['call created', 'call ended']));
      const page = (await world.request('/metrics')).text;
      expect(page).toContain(`landline_trace_spans_total{outcome="exported"} ${spans().length}`);
    });
  });
});

describe.concurrent('a call whose collector', () => {
  const mad: readonly (readonly [what: string, answer: (response: ServerResponse) => void])[] = [
    ['refuses', (response) => response.writeHead(400).end('no')],
    ['answers garbage', (response) => response.writeHead(500, { 'content-type': 'x' }).end('\0\u0001<html>')],
    ['hangs up in the middle', (response) => response.destroy()],
    ['never answers', () => undefined],
  ];
  it.each(mad)('%s goes on as if nothing were', async (what, answer) => {
    const warned: string[] = [];
    const log: Log = { ...silentLog, warn: (_fields, message) => void warned.push(message) };
    const { url } = await collector(answer);
    const tracing = tracingTo(url, log);
    await inWorld({ gateway: { tracing } }, async (world) => {
      (await world.talk()).hangup();
      await until(() => world.gateway.registry.sessions.size === 0, 'the end of the call');
      await until(() => tracing.counts().failed > 0, `the failure when it ${what}`);
      await tracing.close();

      expect(world.of('call.ended').map(({ data }) => data.reason)).toEqual(['caller_hangup']);
      expect(warned).toEqual(['traces cannot be delivered; calls go on without them']);
      expect(tracing.counts().exported).toBe(0);
    });
  });
});

describe('the service', () => {
  it('is called landline unless somebody says otherwise', async () => {
    vi.unstubAllEnvs();
    const { url, posts } = await collector();
    const tracing = tracingTo(url);
    tracing.observer('call_1', { stt: { name: '' }, llm: { name: '' }, tts: { name: '' } } as never).ended(5);
    await tracing.close();

    expect(valuesOf(posts[0]!.body.resourceSpans[0]!.resource.attributes)).toEqual({
      'service.name': 'landline',
      'service.version': '1.2.3',
    });
  });
});
