import type { EndReason } from './inputs.ts';

/** Why a call ended, for people. */
export const ENDING_WORDS: Readonly<Record<EndReason, string>> = {
  caller_hangup: 'the other party hung up',
  agent_hangup: 'the agent hung up',
  api_hangup: 'ended through the control API',
  transferred: 'handed over, and that conversation has ended',
  no_answer: 'nobody answered',
  busy: 'the line was busy',
  rejected: 'the call was rejected',
  machine: 'an answering machine picked up',
  max_duration: 'the longest allowed duration was reached',
  no_media: 'no audio arrived',
  silence: 'the caller stayed silent',
  provider_failure: 'speech recognition, language model or voice failed',
  drain: 'the gateway was closing',
  crash_recovered: 'the gateway had crashed and could not resume the call',
  limit: 'a limit of the gateway was reached',
  stream_failed: 'the audio stream could not be restored',
  codec_unsupported: 'the audio came in a codec that is not supported',
  error: 'an error inside the gateway',
};
