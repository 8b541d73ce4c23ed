import type { PublishedEvent } from '../../call/ports.ts';

/**
 * Reads `/v1/events` of a gateway and hands on every event.
 * @returns how to stop, or undefined when the gateway does not show its events to us (it wants an API key).
 */
export async function followEvents(
  origin: string,
  apiKey: string | undefined,
  onEvent: (event: PublishedEvent) => void,
): Promise<(() => void) | undefined> {
  const stop = new AbortController();
  const response = await fetch(`${origin}/v1/events`, {
    signal: stop.signal,
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    return undefined;
  }
  void read(response.body, onEvent).catch(() => undefined);
  return () => stop.abort();
}

/** Server-sent events as the gateway writes them: one `data:` line each. */
async function read(body: ReadableStream<Uint8Array>, onEvent: (event: PublishedEvent) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data: ')) onEvent(JSON.parse(line.slice('data: '.length)) as PublishedEvent);
    }
  }
}
