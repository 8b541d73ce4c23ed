import type Telnyx from 'telnyx';
import { unreachable } from '../core/errors.ts';
import { encodeClientState } from './client-state.ts';
import type { StreamRequest, TelnyxCommand } from './commands.ts';

/**
 * One attempt of one command; resolves on 2xx. The only place where commands get their wire names (Call Control v2).
 */
export async function requestCommand(
  telnyx: Telnyx,
  id: string,
  commandId: string,
  command: TelnyxCommand,
  signal: AbortSignal,
): Promise<void> {
  const { actions } = telnyx.calls;
  const command_id = commandId;
  // `asResponse` leaves the body unread: a 2xx counts whatever it carries.
  switch (command.name) {
    case 'answer': {
      // Sampling rate and auth token do not exist here; L16 beyond 8 kHz needs streaming_start.
      const body = {
        ...(command.stream ? { ...streamFields(command.stream), send_silence_when_idle: true } : {}),
        client_state: encodeClientState(command.clientState),
        command_id,
      };
      await actions.answer(id, body, { signal }).asResponse();
      return;
    }
    case 'streamingStart': {
      const { codec, sampleRate } = command.stream;
      const body = {
        ...streamFields(command.stream),
        // With L16 the default of 8000 gives the wrong pitch; G.711 has no other rate.
        ...(codec === 'L16' ? { stream_bidirectional_sampling_rate: sampleRate } : {}),
        client_state: encodeClientState(command.clientState),
        command_id,
      };
      await actions.startStreaming(id, body, { signal }).asResponse();
      return;
    }
    case 'streamingStop':
      await actions.stopStreaming(id, { command_id }, { signal }).asResponse();
      return;
    case 'reject':
      await actions.reject(id, { cause: command.cause, command_id }, { signal }).asResponse();
      return;
    case 'hangup':
      await actions.hangup(id, { command_id }, { signal }).asResponse();
      return;
    case 'transfer': {
      // Never `park_after_unbridge`: the caller's leg must end with the talk, not wait for an agent that is gone.
      const body = {
        to: command.to,
        ...(command.from === undefined ? {} : { from: command.from }),
        timeout_secs: command.timeoutSecs,
        time_limit_secs: command.timeLimitSecs,
        target_leg_client_state: encodeClientState(command.targetLegClientState),
        command_id,
      };
      await actions.transfer(id, body, { signal }).asResponse();
      return;
    }
    case 'speak': {
      // The SDK lists the languages of today; which ones there are is for Telnyx to say.
      const language = command.language as NonNullable<Telnyx.Calls.ActionSpeakParams['language']>;
      const body = { payload: command.payload, voice: command.voice, language, command_id };
      await actions.speak(id, body, { signal }).asResponse();
      return;
    }
    case 'sendDtmf':
      await actions.sendDtmf(id, { digits: command.digits, command_id }, { signal }).asResponse();
      return;
    case 'recordStart': {
      // The file is told after the call, maybe to another process: what it belongs to comes along.
      const client_state = encodeClientState(command.clientState);
      const body = { format: 'wav', channels: 'dual', client_state, command_id } as const;
      await actions.startRecording(id, body, { signal }).asResponse();
      return;
    }
    case 'recordStop':
      await actions.stopRecording(id, { command_id }, { signal }).asResponse();
      return;
    case 'recordPause':
      await actions.pauseRecording(id, { command_id }, { signal }).asResponse();
      return;
    case 'recordResume':
      await actions.resumeRecording(id, { command_id }, { signal }).asResponse();
      return;
    default:
      unreachable(command);
  }
}

function streamFields(stream: StreamRequest) {
  return {
    stream_url: stream.url,
    // Only the caller: with both tracks the agent would hear itself.
    stream_track: 'inbound_track',
    stream_codec: stream.codec,
    // The defaults, `mp3` and `opposite`, leave the caller of an unbridged leg in silence.
    stream_bidirectional_mode: 'rtp',
    stream_bidirectional_codec: stream.codec,
    stream_bidirectional_target_legs: 'self',
  } as const;
}
