import type { FastifyInstance, InjectOptions } from 'fastify';
import { ERROR_CODES, LandlineError, type ErrorCode } from '../core/errors.ts';
import type { CallView, TranscriptTurn } from '../server/call-view.ts';

/** A call as `GET /v1/calls/{id}` shows it. */
export type Call = CallView;

/** Body of `POST /v1/calls`; see the README of the API at `/docs`. */
export interface DialRequest {
  /** E.164, `tel:` or `sip:`. */
  readonly to: string;
  /** Caller id, E.164. Default: TELNYX_FROM_NUMBER. */
  readonly from?: string;
  /** Default: `defaultAgent`. */
  readonly agent?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Pressed after the answer: `0-9 A-D * #`, `w` 0.5 s, `W` 1 s. */
  readonly dtmf?: string;
  /** Comes back when somebody has answered; rejects with `no_answer`, `busy` … when nobody does. */
  readonly waitUntilAnswered?: boolean;
  /** 5 to 600. */
  readonly ringTimeoutSeconds?: number;
  /** 5 to 14400. */
  readonly maxDurationSeconds?: number;
  readonly machineDetection?: boolean | 'detect' | 'greeting_end' | 'premium';
  /** The same key within 24 hours is the same call. */
  readonly idempotencyKey?: string;
}

export interface TransferRequest {
  /** A name of the agent's `transferTargets`, or E.164, `tel:` or `sip:`. */
  readonly to: string;
  /** Default: the target's, else the agent's. */
  readonly mode?: 'blind' | 'attended';
  /** Said to the caller before the call is put through. */
  readonly message?: string;
  /** Attended: what the target is told. */
  readonly announce?: string;
}

/** Filters as of `GET /v1/calls`: exact values, ISO 8601 times, `q` to search what was said, `metadata.<key>`. */
export type CallFilters = Readonly<Record<string, string | number>>;

export interface CallList {
  /** Newest first. */
  readonly calls: readonly Call[];
  /** Give it as filter `cursor` for the next page; null: that was all. */
  readonly nextCursor: string | null;
}

/** `/v1` as methods: the same checks, the same refusals, no key. */
export interface Calls {
  dial(request: DialRequest): Promise<Call>;
  list(filters?: CallFilters): Promise<CallList>;
  get(id: string): Promise<Call>;
  transcript(id: string): Promise<readonly TranscriptTurn[]>;
  /** Stereo WAV: caller left, agent as heard right. */
  recording(id: string): Promise<Buffer>;
  hangup(id: string, reason?: string): Promise<Call>;
  transfer(id: string, request: TransferRequest): Promise<Call>;
  say(id: string, text: string, options?: { readonly interrupt?: boolean }): Promise<Call>;
  /** A sound of the config's `sounds`, by name. */
  play(id: string, file: string): Promise<Call>;
  /** The agent falls silent and only listens. */
  mute(id: string): Promise<Call>;
  unmute(id: string): Promise<Call>;
  /** The caller hears music, and nobody listens. */
  hold(id: string): Promise<Call>;
  resume(id: string): Promise<Call>;
  /** Takes a transfer back that was not answered yet. */
  cancelTransfer(id: string): Promise<Call>;
  /** @param digits `0-9 A-D * #`, `w` 0.5 s, `W` 1 s. */
  sendDtmf(id: string, digits: string): Promise<void>;
}

/** @param open the API inside the process; see `Gateway.inside`. */
export function createCalls(open: () => Promise<FastifyInstance>): Calls {
  const ask = async (method: 'GET' | 'POST', path: string, more: Partial<InjectOptions> = {}): Promise<Buffer> => {
    const app = await open();
    const { statusCode, rawPayload } = await app.inject({ method, url: `/v1/calls${path}`, ...more });
    if (statusCode >= 200 && statusCode < 300) return rawPayload;
    throw refusal(statusCode, rawPayload);
  };
  const json = async <T>(...asked: Parameters<typeof ask>): Promise<T> =>
    JSON.parse((await ask(...asked)).toString('utf8')) as T;
  const of = (id: string, rest = ''): string => `/${encodeURIComponent(id)}${rest}`;
  const act = (id: string, action: string, payload: object): Promise<Call> =>
    json('POST', of(id, `/${action}`), { payload });

  return {
    dial: async ({ idempotencyKey, ...payload }) =>
      json('POST', '', {
        payload,
        ...(idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } }),
      }),
    list: async (filters = {}) => {
      const query = new URLSearchParams(
        Object.entries(filters).map(([key, value]): [string, string] => [key, String(value)]),
      );
      return json('GET', `?${query.toString()}`);
    },
    get: async (id) => json('GET', of(id)),
    transcript: async (id) => (await json<{ turns: TranscriptTurn[] }>('GET', of(id, '/transcript'))).turns,
    recording: async (id) => ask('GET', of(id, '/recording')),
    hangup: async (id, reason) => act(id, 'hangup', reason === undefined ? {} : { reason }),
    transfer: async (id, request) => act(id, 'transfer', request),
    say: async (id, text, options = {}) => act(id, 'say', { text, ...options }),
    play: async (id, file) => act(id, 'play', { file }),
    mute: async (id) => act(id, 'mute', {}),
    unmute: async (id) => act(id, 'unmute', {}),
    hold: async (id) => act(id, 'hold', {}),
    resume: async (id) => act(id, 'resume', {}),
    cancelTransfer: async (id) => act(id, 'transfer/cancel', {}),
    sendDtmf: async (id, digits) => {
      await act(id, 'dtmf', { digits });
    },
  };
}

/** The problem document as the error that it was made of. */
function refusal(status: number, body: Buffer): LandlineError {
  let problem: { readonly code?: unknown; readonly detail?: unknown } = {};
  try {
    problem = JSON.parse(body.toString('utf8')) as typeof problem;
  } catch {
    // Then the status has to do.
  }
  const code = ERROR_CODES.find((known): known is ErrorCode => known === problem.code) ?? 'internal_error';
  const detail = typeof problem.detail === 'string' ? problem.detail : `the gateway answered ${status}`;
  return new LandlineError(code, detail, { cause: problem, retryable: status === 503 || status === 429 });
}
