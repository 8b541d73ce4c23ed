import type { DialogueEffect, DialogueInput } from '../agent/dialogue/inputs.ts';
import type { PlayoutView } from '../agent/dialogue/state.ts';
import type { AudioFormat } from '../audio/format.ts';
import { holdLoop } from '../audio/hold-music.ts';
import type { Log } from '../core/log.ts';
import type { JournalData } from '../journal/format.ts';
import { DigitMerge } from './digits.ts';
import type { CallEffect, CallInput, LegName } from './inputs.ts';
import { MediaLeg, type MediaLegSink } from './media-leg.ts';
import type { CallPorts } from './ports.ts';
import { ProviderDesk, type ProviderEffect } from './provider-desk.ts';
import type { Recorder } from './recorder.ts';
import { followStep, recordingBeep } from './recording-steps.ts';
import type { Sounds } from './sounds.ts';
import type { CallState } from './state.ts';
import { WireOrder } from './wire-order.ts';

/** The session as one of its parties sees it. */
export interface PartyHost {
  /** The call's logical time. */
  t(): number;
  /** Through the door, stamped now: news from outside. */
  enter(run: () => void): void;
  /** Through the door, at the moment that is being handled: what follows from the party's audio. */
  follow(run: () => void): void;
  /** An input of the call or of this party's dialogue; only inside the door. */
  take(input: CallInput | DialogueInput): void;
  /** A key that was pressed, told once; only inside the door. */
  digit(digit: string): void;
  /** Something that came by the media socket and is no input; only inside the door. */
  note(d: JournalData): void;
}

export interface PartyOptions {
  readonly leg: LegName;
  /** Agent audio as it goes onto the wire. */
  readonly outbound: AudioFormat;
  readonly language: string;
  readonly ports: Pick<CallPorts, 'clock' | 'providers' | 'l16ByteOrder' | 'sounds' | 'holdMusic'>;
  readonly recorder: Recorder;
  readonly host: PartyHost;
  readonly log: Log;
}

type PlayEffect = Extract<DialogueEffect, { type: `play${string}` | 'musicStart' | 'musicStop' }>;

/** What a party carries out itself. */
export type PartyEffect = PlayEffect | ProviderEffect | Extract<CallEffect, { type: 'closeMedia' | 'record' }>;

/**
 * One person we talk to: the audio of their leg both ways, its record, and the provider streams of the talk with them. What
 * is to be said and done is decided by the machines; this carries it out.
 */
export class Party {
  readonly leg: LegName;
  readonly media: MediaLeg;
  readonly #host: PartyHost;
  readonly #outbound: AudioFormat;
  readonly #desk: ProviderDesk;
  readonly #sounds: Sounds | undefined;
  readonly #music: Int16Array | undefined;
  readonly #digits = new DigitMerge();
  readonly #log: Log;

  constructor(options: PartyOptions) {
    const { leg, outbound, ports, host, log } = options;
    this.leg = leg;
    this.#host = host;
    this.#outbound = outbound;
    this.#sounds = ports.sounds;
    this.#log = log;
    this.#music = ports.holdMusic;
    const order = outbound.codec === 'L16' ? new WireOrder(ports.l16ByteOrder) : undefined;
    this.media = new MediaLeg(leg, outbound, this.#mediaSink(), options.recorder, order, log);
    this.#desk = new ProviderDesk(ports.providers, {
      clock: ports.clock,
      language: options.language,
      outbound,
      inboundFormat: () => this.media.inboundFormat,
      input: (input) => host.enter(() => host.take(input)),
      audio: (utterance, turn, bytes, first) => host.enter(() => this.#speech(utterance, turn, bytes, first)),
    });
  }

  view(t: number): PlayoutView {
    return this.media.playout.view(t);
  }

  /** Starts one effect at `t`. Its outcome, if it has one, is a later input. */
  run(effect: PartyEffect, t: number): void {
    const { playout } = this.media;
    switch (effect.type) {
      case 'closeMedia':
        this.media.close(effect.code, effect.why);
        return;
      case 'record':
        followStep(this.media.recorder, effect, t);
        return;
      case 'musicStart':
        playout.music(holdLoop(this.#music, this.#outbound), t);
        return;
      case 'musicStop':
        playout.fade(t);
        return;
      case 'playBegin':
        playout.begin(effect.turn);
        return;
      case 'playBeep':
        playout.write(recordingBeep(this.#outbound));
        return;
      case 'playSound': {
        const audio = this.#sounds?.audio(effect.sound, this.#outbound);
        if (audio) playout.write(audio);
        return;
      }
      case 'playRest':
        playout.rest();
        return;
      case 'playEnd':
        playout.end();
        playout.advance(t);
        return;
      case 'playPause':
        playout.pause(t);
        return;
      case 'playResume':
        playout.resume(t, effect.fromByte);
        return;
      case 'playDrop':
        playout.drop(t);
        return;
      default:
        this.#desk.run(effect);
    }
  }

  /** A key press as one of its two sources reports it. */
  key(source: 'socket' | 'webhook', digit: string): void {
    if (this.#digits.isNew(source, digit, this.#host.t())) this.#host.digit(digit);
  }

  /** Provider streams are closed for good. */
  hush(): void {
    this.#desk.close();
  }

  /** Agent audio from the voice, for turn `turn`. */
  #speech(utterance: number, turn: number, bytes: Uint8Array, first: boolean): void {
    const { playout } = this.media;
    const t = this.#host.t();
    if (playout.view(t).turn !== turn) return;
    playout.write(bytes);
    if (first) this.#host.take({ type: 'ttsFirstAudio', utterance });
    playout.advance(this.#host.t());
  }

  #mediaSink(): MediaLegSink {
    const host = this.#host;
    const derived = (input: CallInput | DialogueInput): void => host.follow(() => host.take(input));
    return {
      input: derived,
      digit: (digit) =>
        host.follow(() => {
          host.note({ type: 'digit', digit });
          this.key('socket', digit);
        }),
      played: (turn, by) => derived({ type: 'played', turn, by }),
      markEchoed: (name) =>
        host.follow(() => {
          host.note({ type: 'mark', name });
          this.media.playout.markEchoed(name, host.t());
        }),
      audio: (bytes) => {
        this.#desk.hear(bytes);
        this.media.recorder.caller(bytes, host.t());
      },
      voice: (change, voicedMs, silenceMs) => derived({ type: 'voice', change, voicedMs, silenceMs }),
      mismatch: (announced, heard) => {
        this.#log.warn({ announced, heard }, 'codec mismatch: the audio is not in the announced law');
        host.follow(() => {
          this.media.recorder.format('caller', this.media.inboundFormat);
          this.#desk.reopenEars();
          host.take({ type: 'codecMismatch', leg: this.leg, announced, heard });
        });
      },
    };
  }
}

/** How agent audio goes onto the wire; L16 is turned round behind playout, if it must be. */
export function outboundFormat(declared: CallState['declared']): AudioFormat {
  if (declared === 'L16') return { codec: 'L16', sampleRate: 16000, byteOrder: 'little' };
  return { codec: declared, sampleRate: 8000 };
}
