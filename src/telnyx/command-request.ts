import type Telnyx from 'telnyx';
import { unreachable } from '../core/errors.ts';
import { readCall } from './active-calls.ts';
import { encodeClientState } from './client-state.ts';
import type { ActiveCall, StreamRequest, TelnyxCommand } from './commands.ts';
import { objectOf } from './json-fields.ts';
import { bodyOf } from './sdk.ts';

/**
 * One attempt of one command; resolves on 2xx, for a `dial` with what it made. The only place where commands get their wire
 * names (Call Control v2).
 * @param connectionId the application that dials.
 */
export async function requestCommand(
  telnyx: Telnyx,
  id: string,
  commandId: string,
  command: TelnyxCommand,
  signal: AbortSignal,
  connectionId: string | undefined,
): Promise<ActiveCall | undefined> {
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
      return undefined;
    }
    case 'dial': {
      const { stream } = command;
      const body = {
        connection_id: connectionId ?? '',
        to: command.to,
        from: command.from,
        timeout_secs: command.timeoutSecs,
        time_limit_secs: command.timeLimitSecs,
        ...(stream ? { ...streamFields(stream), ...samplingRate(stream), send_silence_when_idle: true } : {}),
        ...(command.linkTo === undefined ? {} : { link_to: command.linkTo }),
        ...(command.machineDetection === undefined ? {} : { answering_machine_detection: command.machineDetection }),
        ...(command.sendDigits === undefined ? {} : { send_digits_on_answer: command.sendDigits }),
        client_state: encodeClientState(command.clientState),
        command_id,
      };
      return readCall(objectOf(objectOf(await bodyOf(telnyx.calls.dial(body, { signal })))['data']));
    }
    case 'streamingStart': {
      const body = {
        ...streamFields(command.stream),
        ...samplingRate(command.stream),
        client_state: encodeClientState(command.clientState),
        command_id,
      };
      await actions.startStreaming(id, body, { signal }).asResponse();
      return undefined;
    }
    case 'streamingStop':
      await actions.stopStreaming(id, { command_id }, { signal }).asResponse();
      return undefined;
    case 'bridge': {
      // Never `park_after_unbridge`, as with a transfer. In the body the other leg is `call_control_id`.
      const body = { call_control_id_to_bridge_with: command.callControlId, command_id };
      await actions.bridge(id, body, { signal }).asResponse();
      return undefined;
    }
    case 'reject':
      await actions.reject(id, { cause: command.cause, command_id }, { signal }).asResponse();
      return undefined;
    case 'hangup':
      await actions.hangup(id, { command_id }, { signal }).asResponse();
      return undefined;
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
      return undefined;
    }
    case 'speak': {
      // The SDK lists the languages of today; which ones there are is for Telnyx to say.
      const language = command.language as NonNullable<Telnyx.Calls.ActionSpeakParams['language']>;
      const body = { payload: command.payload, voice: command.voice, language, command_id };
      await actions.speak(id, body, { signal }).asResponse();
      return undefined;
    }
    case 'sendDtmf':
      await actions.sendDtmf(id, { digits: command.digits, command_id }, { signal }).asResponse();
      return undefined;
    case 'recordStart': {
      // The file is told after the call, maybe to another process: what it belongs to comes along.
      const client_state = encodeClientState(command.clientState);
      const body = { format: 'wav', channels: 'dual', client_state, command_id } as const;
      await actions.startRecording(id, body, { signal }).asResponse();
      return undefined;
    }
    case 'recordStop':
      await actions.stopRecording(id, { command_id }, { signal }).asResponse();
      return undefined;
    case 'recordPause':
      await actions.pauseRecording(id, { command_id }, { signal }).asResponse();
      return undefined;
    case 'recordResume':
      await actions.resumeRecording(id, { command_id }, { signal }).asResponse();
      return undefined;
    default:
      return unreachable(command);
  }
}

/** With L16 the default of 8000 gives the wrong pitch; G.711 has no other rate. */
function samplingRate({ codec, sampleRate }: StreamRequest) {
  return codec === 'L16' ? ({ stream_bidirectional_sampling_rate: sampleRate } as const) : {};
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
