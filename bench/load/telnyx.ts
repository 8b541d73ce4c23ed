import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Leg {
  readonly callControlId: string;
  readonly callLegId: string;
  readonly callSessionId: string;
}

/** What the gateway's commands do to a leg. */
export interface TelnyxSink {
  answered(callControlId: string, streamUrl: string): void;
  hungUp(callControlId: string): void;
}

/**
 * As much of Telnyx as a load test needs, and no more (src/emulator/telnyx is the faithful one, and would be the
 * bottleneck): takes every command, signs webhooks, measures how fast they are answered.
 */
export class LoadTelnyx {
  readonly apiKey = 'KEY_bench';
  readonly publicKey: string;
  /** Milliseconds from webhook sent to its 200. */
  readonly replies: number[] = [];
  /** Webhooks answered with anything else. */
  refused = 0;
  readonly #privateKey: KeyObject;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #server: Server;
  #webhookUrl = '';

  constructor(sink: TelnyxSink) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
    this.#privateKey = privateKey;
    this.#server = createServer((message, response) => {
      void readBody(message).then((body) => {
        response.setHeader('content-type', 'application/json').end('{"data":{"result":"ok","is_alive":false}}');
        const [, id = '', action] = /\/calls\/([^/]+)\/actions\/(\w+)$/.exec(message.url ?? '') ?? [];
        if (action === 'answer') sink.answered(id, (JSON.parse(body) as { stream_url: string }).stream_url);
        else if (action === 'hangup') sink.hungUp(id);
      });
    });
  }

  /** API base including `/v2`. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v2`;
  }

  set webhookUrl(url: string) {
    this.#webhookUrl = url;
  }

  webhook(eventType: string, leg: Leg, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const payload = {
      call_control_id: leg.callControlId,
      call_leg_id: leg.callLegId,
      call_session_id: leg.callSessionId,
      connection_id: '2764019283746500001',
      from: '+14155550142',
      to: '+13125550178',
      ...more,
    };
    const occurred_at = new Date().toISOString();
    const data = { record_type: 'event', event_type: eventType, id: randomUUID(), occurred_at, payload };
    return this.#post(JSON.stringify({ data, meta: { attempt: 1 } }));
  }

  #post(body: string): Promise<void> {
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = sign(null, Buffer.from(`${timestamp}|${body}`), this.#privateKey).toString('base64');
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const post = request(this.#webhookUrl, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'telnyx-timestamp': timestamp,
          'telnyx-signature-ed25519': signature,
        },
      });
      post.on('response', (response) => {
        this.replies.push(performance.now() - started);
        if (response.statusCode !== 200) this.refused++;
        response.resume();
        response.on('end', resolve);
      });
      post.on('error', reject);
      post.end(body);
    });
  }
}

async function readBody(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
