/**
 * Every code a user, a log or an API client can meet. `docs/errors.md` explains each; a test holds the two equal.
 * Add a code here and there, with what happened and what to do.
 */
export const ERROR_CODES = [
  'audio_invalid',
  'busy',
  'call_active',
  'call_not_active',
  'call_not_answered',
  'call_not_found',
  'caller_id_not_allowed',
  'config_invalid',
  'content_type_unsupported',
  'data_dir_locked',
  'destination_not_allowed',
  'dial_not_configured',
  'dial_queue_full',
  'gateway_draining',
  'gateway_full',
  'idempotency_conflict',
  'internal_error',
  'journal_invalid',
  'machine',
  'media_token_invalid',
  'method_not_allowed',
  'no_answer',
  'not_found',
  'not_supported',
  'number_configured',
  'number_not_found',
  'origin_not_allowed',
  'provider_failed',
  'provider_missing',
  'rate_limited',
  'recording_damaged',
  'recording_key_missing',
  'recording_link_expired',
  'recording_link_invalid',
  'recording_not_active',
  'recording_not_found',
  'recording_range_invalid',
  'recording_storage_failed',
  'rejected',
  'request_invalid',
  'request_too_large',
  'script_invalid',
  'sound_not_found',
  'store_newer',
  'store_unavailable',
  'telnyx_command_failed',
  'too_many_readers',
  'unauthorized',
  'webhook_failed',
  'webhook_malformed',
  'webhook_signature_invalid',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** The one error class of the project: a closed code, a message a person can act on, the cause kept. */
export class LandlineError extends Error {
  override readonly name = 'LandlineError';
  readonly code: ErrorCode;
  /** Decided where the failure is understood: would the same attempt, later, have a chance? */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The text of anything that was thrown, for logs and failures. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  // `ws` and the Deepgram SDK reject with ErrorEvents, which are not Errors but carry a message.
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
    return thrown.message;
  }
  return String(thrown);
}

/** For the `default` of an exhaustive switch: the compiler refuses a forgotten case. */
export function unreachable(value: never): never {
  throw new LandlineError('internal_error', `unexpected value ${JSON.stringify(value)}`);
}
