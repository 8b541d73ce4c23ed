import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ZodError } from 'zod';
import { LandlineError, type ErrorCode } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** An RFC 9457 problem document; `code` is one of `docs/errors.md`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  /** Of `request_invalid`: each thing that is wrong. */
  readonly errors?: readonly RequestError[];
}

export interface RequestError {
  /** The member (`metadata.order`), else the part of the request: `body`, `querystring`, `params`. */
  readonly path: string;
  readonly message: string;
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  busy: 409,
  call_active: 409,
  call_not_active: 409,
  call_not_answered: 409,
  call_not_found: 404,
  caller_id_not_allowed: 403,
  content_type_unsupported: 415,
  destination_not_allowed: 403,
  dial_not_configured: 409,
  dial_queue_full: 503,
  gateway_draining: 503,
  gateway_full: 503,
  idempotency_conflict: 409,
  machine: 409,
  media_token_invalid: 401,
  method_not_allowed: 405,
  no_answer: 409,
  not_found: 404,
  number_configured: 409,
  number_not_found: 404,
  not_supported: 501,
  origin_not_allowed: 403,
  provider_failed: 502,
  rate_limited: 429,
  recording_damaged: 500,
  recording_key_missing: 500,
  recording_link_expired: 410,
  recording_link_invalid: 403,
  recording_not_found: 404,
  recording_not_active: 409,
  recording_range_invalid: 416,
  recording_storage_failed: 503,
  rejected: 409,
  request_invalid: 400,
  request_too_large: 413,
  sound_not_found: 404,
  store_unavailable: 503,
  telnyx_command_failed: 502,
  too_many_readers: 503,
  unauthorized: 401,
  webhook_malformed: 400,
  webhook_signature_invalid: 401,
};

export function problemOf(code: ErrorCode, detail: string): Problem {
  const status = STATUS[code] ?? 500;
  return {
    type: `urn:landline:error:${code}`,
    title: code.replaceAll('_', ' '),
    status,
    detail,
    code,
  };
}

/** The one place where errors become HTTP. Unknown ones are logged whole and told as nothing but their code. */
export function errorHandler(log: Log): (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => {
    void send(reply, toProblem(error, request, log));
  };
}

export function send(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 401 && problem.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  if (problem.code === 'store_unavailable') void reply.header('retry-after', '5');
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

/** For a path that is not there, or is there with other methods. */
export function notFoundHandler(routes: {
  methodsOf(path: string): readonly string[];
}): (request: FastifyRequest, reply: FastifyReply) => void {
  return ({ method, url }, reply) => {
    const path = url.split('?')[0] ?? '';
    const methods = routes.methodsOf(path);
    if (methods.length === 0) {
      void send(reply, problemOf('not_found', `there is no ${path} here`));
      return;
    }
    void reply.header('allow', methods.join(', '));
    void send(reply, problemOf('method_not_allowed', `${path} knows no ${method}, but ${methods.join(', ')}`));
  };
}

/** What is not HTTP is answered as far as the socket still takes an answer, and its connection ends. */
export function answerBadRequest(error: Error & { readonly code?: string }, socket: Socket): void {
  if (socket.destroyed || error.code === 'ECONNRESET') return;
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const detail = isLate ? 'the request did not arrive within 10 s' : `this is not an HTTP request: ${error.message}`;
  const problem = JSON.stringify(problemOf('request_invalid', detail));
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(problem)}\r\nconnection: close\r\n\r\n${problem}`,
    );
  }
  socket.destroySoon();
}

function toProblem(error: unknown, request: FastifyRequest, log: Log): Problem {
  if (error instanceof LandlineError && STATUS[error.code] !== undefined) return problemOf(error.code, error.message);
  if (error instanceof ZodError) {
    const whole = 'validationContext' in error ? String(error.validationContext) : 'body';
    const errors = error.issues.map((issue) => ({ path: issue.path.join('.') || whole, message: issue.message }));
    const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    return { ...problemOf('request_invalid', detail), errors };
  }
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 415) return problemOf('content_type_unsupported', 'send JSON with "content-type: application/json"');
  if (status === 413) return problemOf('request_too_large', message);
  if (status >= 400 && status < 500) return problemOf('request_invalid', message);
  log.error({ error: message, method: request.method, route: request.routeOptions.url }, 'request failed');
  return problemOf('internal_error', 'the gateway failed to handle this request; its log says why');
}
