import { refusals } from './errors.ts';
import {
  base64,
  destination,
  dtmf,
  e164,
  flag,
  nameValues,
  oneOf,
  retryPolicies,
  socketUrl,
  text,
  urlMap,
  webUrl,
  whole,
} from './validation.ts';
import type { Check, Schema } from './validation.ts';

/** Codecs Telnyx takes for streams; the emulator can only carry those it can hear. */
const STREAM_CODECS = ['PCMU', 'PCMA', 'G722', 'OPUS', 'AMR-WB', 'L16'];
const CARRIED = ['PCMU', 'PCMA', 'L16', 'default'];

const streamCodec =
  (...also: readonly string[]): Check =>
  (value, pointer) => {
    oneOf(...also, ...STREAM_CODECS)(value, pointer);
    if (typeof value === 'string' && !CARRIED.includes(value)) {
      throw refusals.badValue(pointer, `Valid at Telnyx, but the emulator carries ${CARRIED.join(', ')} only.`);
    }
  };

const samplingRate: Check = (value, pointer) => {
  const rates = [8000, 16000, 22050, 24000, 48000];
  if (typeof value !== 'number') throw refusals.wrongType(pointer, 'an integer');
  if (!rates.includes(value)) throw refusals.badEnum(pointer, rates.map(String));
  if (![8000, 16000, 24000].includes(value)) {
    throw refusals.badValue(pointer, 'Valid at Telnyx, but the emulator carries 8000, 16000 and 24000 only.');
  }
};

const postOnly: Check = (value, pointer) => {
  oneOf('POST', 'GET')(value, pointer);
  if (value === 'GET') throw refusals.badValue(pointer, 'Valid at Telnyx, but the emulator delivers by POST only.');
};

const common = { client_state: base64, command_id: text() };

const webhookRouting = {
  webhook_url: webUrl,
  webhook_url_method: postOnly,
  webhook_urls: urlMap,
  webhook_urls_method: postOnly,
  webhook_retries_policies: retryPolicies,
};

/** What `answer`, `dial` and `streaming_start` share. */
const stream = {
  stream_url: socketUrl,
  stream_track: oneOf('inbound_track', 'outbound_track', 'both_tracks'),
  stream_codec: streamCodec('default'),
  stream_bidirectional_mode: oneOf('mp3', 'rtp'),
  stream_bidirectional_codec: streamCodec(),
  stream_bidirectional_target_legs: oneOf('self', 'opposite', 'both'),
};

const newLeg = {
  timeout_secs: whole(5, 600),
  time_limit_secs: whole(30, 14_400),
  answering_machine_detection: oneOf('disabled', 'premium', 'detect', 'detect_beep', 'detect_words', 'greeting_end'),
  park_after_unbridge: oneOf('self'),
  send_digits_on_answer: dtmf(64),
};

const legs = oneOf('self', 'opposite', 'both');

const gather = {
  minimum_digits: whole(1, 128),
  maximum_digits: whole(1, 128),
  timeout_millis: whole(1, 3_600_000),
  inter_digit_timeout_millis: whole(1, 3_600_000),
  initial_timeout_millis: whole(1, 3_600_000),
  terminating_digit: text(1),
  valid_digits: text(16),
};

const speech = { payload: text(3000), voice: text(), payload_type: oneOf('text', 'ssml'), language: text() };

export type CommandName =
  | 'dial'
  | 'answer'
  | 'reject'
  | 'hangup'
  | 'transfer'
  | 'bridge'
  | 'streaming_start'
  | 'streaming_stop'
  | 'speak'
  | 'playback_start'
  | 'playback_stop'
  | 'send_dtmf'
  | 'gather'
  | 'gather_using_speak'
  | 'gather_using_audio'
  | 'gather_stop'
  | 'record_start'
  | 'record_stop'
  | 'record_pause'
  | 'record_resume'
  | 'client_state_update';

/** Bodies of the commands, with the checks Telnyx documents. Source: Telnyx Call Control v2. */
export const schemas: Readonly<Record<CommandName, Schema>> = {
  dial: {
    required: ['connection_id', 'to', 'from'],
    fields: {
      ...common,
      ...stream,
      ...newLeg,
      ...webhookRouting,
      connection_id: text(),
      from: e164,
      to: (value, pointer) => {
        if (Array.isArray(value) && value.length !== 1)
          throw refusals.badValue(pointer, 'The emulator dials one destination at a time.');
        const first: unknown = Array.isArray(value) ? value[0] : value;
        destination(first, Array.isArray(value) ? `${pointer}/0` : pointer);
      },
      retry_on_timeout: flag,
      stream_auth_token: text(4000),
      stream_bidirectional_sampling_rate: samplingRate,
      link_to: text(),
      bridge_intent: flag,
      bridge_on_answer: flag,
      prevent_double_bridge: flag,
    },
  },
  // No stream_auth_token, sampling rate or custom parameters here: Telnyx types them only for dial and streaming_start.
  answer: { fields: { ...common, ...stream, ...webhookRouting } },
  reject: { required: ['cause'], fields: { ...common, cause: oneOf('CALL_REJECTED', 'USER_BUSY') } },
  hangup: { fields: common },
  transfer: {
    required: ['to'],
    fields: {
      ...common,
      ...newLeg,
      ...webhookRouting,
      to: destination,
      from: e164,
      target_leg_client_state: base64,
    },
  },
  bridge: {
    required: ['call_control_id'],
    fields: {
      ...common,
      call_control_id: text(),
      park_after_unbridge: oneOf('self'),
      hold_after_unbridge: flag,
      prevent_double_bridge: flag,
    },
  },
  streaming_start: {
    required: ['stream_url'],
    fields: {
      ...common,
      ...stream,
      stream_bidirectional_sampling_rate: samplingRate,
      stream_auth_token: text(4000),
      custom_parameters: nameValues,
    },
  },
  streaming_stop: { fields: { ...common, stream_id: text() } },
  speak: {
    required: ['payload', 'voice'],
    fields: { ...common, ...speech, target_legs: legs, stop: oneOf('current', 'all') },
  },
  playback_start: {
    fields: {
      ...common,
      audio_url: webUrl,
      media_name: text(),
      playback_content: base64,
      audio_type: oneOf('mp3', 'wav'),
      loop: (value, pointer) => {
        if (value !== 'infinity') whole(1, 100)(value, pointer);
      },
      target_legs: legs,
      stop: oneOf('current', 'all'),
    },
  },
  playback_stop: { fields: { ...common, stop: oneOf('current', 'all') } },
  send_dtmf: { required: ['digits'], fields: { ...common, digits: dtmf(), duration_millis: whole(100, 500) } },
  gather: { fields: { ...common, ...gather } },
  gather_using_speak: { required: ['payload', 'voice'], fields: { ...common, ...gather, ...speech } },
  gather_using_audio: { fields: { ...common, ...gather, audio_url: webUrl, media_name: text() } },
  gather_stop: { fields: common },
  record_start: {
    required: ['format', 'channels'],
    fields: { ...common, format: oneOf('wav', 'mp3'), channels: oneOf('single', 'dual'), max_length: whole(0, 14_400) },
  },
  record_stop: { fields: { ...common, recording_id: text() } },
  record_pause: { fields: { ...common, recording_id: text() } },
  record_resume: { fields: { ...common, recording_id: text() } },
  client_state_update: { required: ['client_state'], fields: { client_state: base64 } },
};

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(schemas, name);
}
