import { messageOf } from '../core/errors.ts';
import type { ProviderFailure } from './ports.ts';

/** A refused handshake: the server answered with HTTP instead of upgrading. */
export function failureOfStatus(
  doing: string,
  status: number,
  headers: Readonly<Record<string, unknown>>,
): ProviderFailure {
  const why = typeof headers['dg-error'] === 'string' ? `: ${headers['dg-error'].slice(0, 300)}` : '';
  const request =
    typeof headers['dg-request-id'] === 'string' ? ` (request ${headers['dg-request-id'].slice(0, 60)})` : '';
  const message = `${doing} refused with HTTP ${status}${why}${request}`;
  if (status === 401 || status === 403) return { kind: 'auth', message, status, retryable: false };
  if (status === 429) return { kind: 'rate_limited', message, status, retryable: true };
  if (status >= 500) return { kind: 'server', message, status, retryable: true };
  return { kind: 'bad_request', message, status, retryable: false };
}

/**
 * A connection that was open and was closed, not by us. 1011 carries Deepgram's NET-… codes, 1012 and 1013 are restarts
 * and overload; 1002, 1003, 1007, 1008 and 1009 say that what we sent is wrong (DATA-0000) and would be again. Every
 * other code, also 1000 and 1005, only means that the stream is gone while the call goes on.
 */
export function failureOfClose(doing: string, code: number, reason: string): ProviderFailure {
  const message = `${doing} closed by the server with ${code}${reason === '' ? '' : ` ${reason.slice(0, 123)}`}`;
  if (code === 1011 || code === 1012 || code === 1013)
    return { kind: 'server', message, status: code, retryable: true };
  if (code === 1002 || code === 1003 || (code >= 1007 && code <= 1009)) {
    return { kind: 'bad_request', message, status: code, retryable: false };
  }
  return { kind: 'dropped', message, status: code, retryable: true };
}

/** A socket error: before the handshake ended, or a frame that breaks the WebSocket protocol. */
export function failureOfError(doing: string, error: unknown, wasOpen: boolean): ProviderFailure {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  // Node's AggregateError (all addresses of a host failed) has an empty message but the code.
  const why = [code, messageOf(error)].filter((part) => part !== '').join(' ');
  if (!wasOpen) return { kind: 'connect', message: `${doing} cannot connect: ${why}`, retryable: true };
  if (code.startsWith('WS_ERR'))
    return { kind: 'malformed', message: `${doing} broke the protocol: ${why}`, retryable: true };
  return { kind: 'dropped', message: `${doing} lost: ${why}`, retryable: true };
}

/** An `Error` frame. NET-… and INTERNAL… are the server's trouble, everything else is about what we sent. */
export function failureOfErrorFrame(doing: string, frame: Readonly<Record<string, unknown>>): ProviderFailure {
  const code = typeof frame['code'] === 'string' ? frame['code'].slice(0, 60) : 'no code';
  const why = [frame['description'], frame['message']].find((part) => typeof part === 'string');
  const message = `${doing} reported ${code}${why === undefined ? '' : `: ${why.slice(0, 300)}`}`;
  const ours = /^(MESSAGE|DATA|BIG)-|^UNPARSABLE/.test(code);
  return { kind: ours ? 'bad_request' : 'server', message, retryable: !ours };
}
