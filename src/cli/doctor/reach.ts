import { messageOf } from '../../core/errors.ts';

/** Nobody answered: why, in words, and the code of the system or of TLS. */
export interface Silence {
  readonly reason: string;
  readonly code: string | undefined;
}

/** People wait for these answers. */
const TIMEOUT_MS = 8_000;

/** One request, body included. Follows no redirect, never rejects. */
export async function reach(
  url: string,
  init: { method?: 'GET' | 'HEAD'; headers?: Record<string, string> } = {},
): Promise<{ readonly response: Response; readonly body: string } | Silence> {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { response, body: await response.text() };
  } catch (error) {
    return silenceOf(error);
  }
}

/** `fetch failed` says nothing; the reason is the innermost cause. */
function silenceOf(error: unknown): Silence {
  let inner = error;
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause !== undefined; depth++) inner = inner.cause;
  // Every address of a host refused: the message is empty, the first address speaks for all.
  if (inner instanceof AggregateError) inner = inner.errors[0];
  if (inner instanceof Error && inner.name === 'TimeoutError') {
    return { reason: `no answer within ${TIMEOUT_MS / 1000} s`, code: 'ETIMEDOUT' };
  }
  const code = inner instanceof Error && 'code' in inner && typeof inner.code === 'string' ? inner.code : undefined;
  return { reason: messageOf(inner), code };
}
