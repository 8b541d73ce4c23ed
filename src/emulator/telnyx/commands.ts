import { randomId } from '../../core/ids.ts';
import { refusals } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { Gather } from './gather.ts';
import type { Leg } from './leg.ts';
import type { CommandName } from './schemas.ts';
import type { TargetLegs } from './stream-request.ts';
import { numberOf, stringOf } from './validation.ts';
import type { Body } from './validation.ts';
import { murmur, tone } from './voice.ts';
import { changeRoutes } from './webhook-routes.ts';

/** Commands on a leg that exist, by the name in their path. */
export type ActionName = Exclude<CommandName, 'dial'>;

interface Action {
  /** `alive` commands also work while the leg rings; the others answer 90034 then. */
  readonly needs: 'alive' | 'answered';
  /** Members it adds to `data` of the answer. */
  readonly run: (exchange: Exchange, leg: Leg, body: Body) => Readonly<Record<string, unknown>> | undefined;
}

/** Speech of the synthetic voice: about this fast, in characters per second. */
const SPEECH_RATE = 15;
/** Length of every file that is "played": the emulator downloads nothing. */
const FILE_MS = 2000;

const nothing = undefined;

/** What each command does. A 200 says it was accepted; webhooks tell the rest. */
export const actions: Readonly<Record<ActionName, Action>> = {
  answer: {
    needs: 'alive',
    run(exchange, leg, body) {
      if (leg.direction === 'outgoing') throw refusals.outboundAnswer();
      if (leg.isAnswered) throw refusals.cannot('The call has been answered already.');
      changeRoutes(leg.routes, body);
      exchange.openStream(leg, body, 'answer');
      leg.answer();
      return nothing;
    },
  },
  reject: {
    needs: 'alive',
    run(exchange, leg, body) {
      if (leg.direction === 'outgoing' || leg.isAnswered)
        throw refusals.cannot('Only a ringing inbound call can be rejected.');
      const isBusy = body['cause'] === 'USER_BUSY';
      const [cause, sip] = isBusy ? ['user_busy', '486'] : ['call_rejected', '603'];
      exchange.end(leg, { cause, source: 'callee', sip, by: 'gateway' });
      return nothing;
    },
  },
  hangup: {
    needs: 'alive',
    run(exchange, leg) {
      exchange.hangUp(leg, 'gateway');
      return nothing;
    },
  },
  transfer: {
    needs: 'answered',
    run(exchange, leg, body) {
      changeRoutes(leg.routes, body);
      exchange.transfer(leg, body);
      return nothing;
    },
  },
  bridge: {
    needs: 'answered',
    run(exchange, leg, body) {
      const pointer = '/call_control_id';
      const other = exchange.alive(String(body['call_control_id']), pointer);
      if (other === leg) throw refusals.badCallId(pointer);
      if (!other.isAnswered) throw refusals.notAnswered();
      if (body['prevent_double_bridge'] === true && (leg.partner ?? other.partner)) {
        throw refusals.cannot('One of the calls is bridged already.');
      }
      exchange.bridge(leg, other);
      leg.parkAfterUnbridge = body['park_after_unbridge'] === 'self' || body['hold_after_unbridge'] === true;
      return nothing;
    },
  },
  streaming_start: {
    needs: 'answered',
    run(exchange, leg, body) {
      exchange.openStream(leg, body, 'streaming_start');
      return nothing;
    },
  },
  streaming_stop: {
    needs: 'answered',
    run(_exchange, leg, body) {
      const id = stringOf(body['stream_id']);
      if (leg.stream && (id === undefined || id === leg.stream.id)) leg.stream.stop();
      return nothing;
    },
  },
  speak: {
    needs: 'answered',
    run(_exchange, leg, body) {
      announce(leg, body, murmur(speechMs(body)), 'call.speak', { calling_party_type: 'pstn', speak_id: randomId() });
      return nothing;
    },
  },
  playback_start: {
    needs: 'answered',
    run(_exchange, leg, body) {
      const mediaUrl = stringOf(body['audio_url']);
      const mediaName = stringOf(body['media_name']);
      if (mediaUrl === undefined && mediaName === undefined && stringOf(body['playback_content']) === undefined) {
        throw refusals.missing('/audio_url');
      }
      const media = {
        ...(mediaUrl && { media_url: mediaUrl }),
        ...(mediaName && { media_name: mediaName }),
        overlay: false,
      };
      announce(leg, body, tone([440, 480], FILE_MS, 3000), 'call.playback', media);
      return nothing;
    },
  },
  playback_stop: {
    needs: 'answered',
    run(_exchange, leg, body) {
      leg.announcer.stop(body['stop'] === 'current' ? 'current' : 'all', 'cancelled');
      return nothing;
    },
  },
  send_dtmf: {
    needs: 'answered',
    run(_exchange, leg, body) {
      leg.hearDigits(String(body['digits']), numberOf(body['duration_millis']) ?? 250);
      return nothing;
    },
  },
  gather: {
    needs: 'answered',
    run(_exchange, leg, body) {
      gather(leg, body);
      return nothing;
    },
  },
  gather_using_speak: {
    needs: 'answered',
    run(_exchange, leg, body) {
      announce(leg, body, murmur(speechMs(body)), 'call.speak', { calling_party_type: 'pstn', speak_id: randomId() });
      gather(leg, body);
      return nothing;
    },
  },
  gather_using_audio: {
    needs: 'answered',
    run(_exchange, leg, body) {
      const media = {
        media_url: stringOf(body['audio_url']),
        media_name: stringOf(body['media_name']),
        overlay: false,
      };
      if (media.media_url === undefined && media.media_name === undefined) throw refusals.missing('/audio_url');
      announce(leg, body, tone([440, 480], FILE_MS, 3000), 'call.playback', media);
      gather(leg, body);
      return nothing;
    },
  },
  gather_stop: {
    needs: 'answered',
    run(_exchange, leg) {
      leg.gather?.end('cancelled');
      return nothing;
    },
  },
  record_start: {
    needs: 'answered',
    run(_exchange, leg, body) {
      const recording = leg.startRecording(String(body['channels']), String(body['format']));
      const seconds = numberOf(body['max_length']) ?? 0;
      if (seconds > 0) leg.after(seconds * 1000, () => leg.stopRecording(recording));
      return nothing;
    },
  },
  record_stop: {
    needs: 'answered',
    run(_exchange, leg, body) {
      for (const recording of recordings(leg, body)) leg.stopRecording(recording);
      return nothing;
    },
  },
  record_pause: {
    needs: 'answered',
    run(_exchange, leg, body) {
      for (const recording of recordings(leg, body)) recording.isPaused = true;
      return nothing;
    },
  },
  record_resume: {
    needs: 'answered',
    run(_exchange, leg, body) {
      for (const recording of recordings(leg, body)) recording.isPaused = false;
      return nothing;
    },
  },
  // Its whole effect is the client_state that every command may carry.
  client_state_update: { needs: 'alive', run: () => nothing },
};

function speechMs(body: Body): number {
  return Math.max(300, (String(body['payload']).length * 1000) / SPEECH_RATE);
}

function announce(
  leg: Leg,
  body: Body,
  audio: Int16Array,
  event: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const target = body['target_legs'];
  const targetLegs: TargetLegs = target === 'opposite' || target === 'both' ? target : 'self';
  const stop = body['stop'];
  if (stop === 'current' || stop === 'all') leg.announcer.stop(stop, 'cancelled');
  const isSpeech = event === 'call.speak';
  leg.announcer.play({
    audio,
    loops: body['loop'] === 'infinity' ? Infinity : (numberOf(body['loop']) ?? 1),
    hearers: () => leg.hearers(targetLegs),
    started: () => leg.webhook(`${event}.started`, fields),
    ended(why) {
      // The documented end of speech knows no `cancelled`.
      const status = isSpeech && why === 'cancelled' ? 'completed' : why;
      leg.webhook(`${event}.ended`, { ...fields, status, ...(isSpeech ? {} : { status_detail: '' }) });
    },
  });
}

function gather(leg: Leg, body: Body): void {
  leg.gather?.end('cancelled');
  const options = {
    minimum: numberOf(body['minimum_digits']) ?? 1,
    maximum: numberOf(body['maximum_digits']) ?? 128,
    timeoutMs: numberOf(body['timeout_millis']) ?? 60_000,
    initialTimeoutMs: numberOf(body['initial_timeout_millis']) ?? 5000,
    betweenMs: numberOf(body['inter_digit_timeout_millis']) ?? 5000,
    terminator: stringOf(body['terminating_digit']) ?? '#',
    validDigits: stringOf(body['valid_digits']) ?? '0123456789#*',
  };
  leg.gather = new Gather(
    options,
    (ms, run) => leg.after(ms, run),
    (digits, status) => {
      leg.gather = undefined;
      leg.webhook('call.gather.ended', { from: leg.from, to: leg.to, digits, status });
    },
  );
}

/** The recordings a command means: the named one, else all. None is an error. */
function recordings(leg: Leg, body: Body): Leg['recordings'] {
  const id = stringOf(body['recording_id']);
  const meant = leg.recordings.filter((recording) => id === undefined || recording.id === id);
  if (meant.length === 0) throw refusals.notFound('The recording');
  return meant;
}
