import { LandlineError } from '../../core/errors.ts';
import { maskNumber } from '../../core/log.ts';
import type { Account } from './account.ts';
import { detectMachine, greet } from './answering-machine.ts';
import { formatOf } from './codec.ts';
import { refusals } from './errors.ts';
import type { MediaFaults } from './faults.ts';
import { Leg } from './leg.ts';
import type { EndedBy, Hangup, LegEnvironment, LegOptions } from './leg.ts';
import { Phone } from './phone.ts';
import type { EmulatedCall } from './phone.ts';
import type { Scheduler } from './scheduler.ts';
import { streamRequest } from './stream-request.ts';
import { Targets } from './targets.ts';
import { numberOf, stringOf } from './validation.ts';
import type { Body } from './validation.ts';
import type { Waits } from './waits.ts';
import { routesOf } from './webhook-routes.ts';

/** Telnyx keeps the data of a call so long after its end. */
const KEEP_MS = 10 * 60 * 1000;
/** A called phone says busy or no after so long. */
const REFUSE_MS = 100;
const ANSWER_MS = 200;

export interface PlaceCallOptions {
  readonly from: string;
  /** A number of the account, E.164. */
  readonly to: string;
  /** Codec of the leg: PCMU (default), PCMA, or L16 at 16 kHz. */
  readonly codec?: 'PCMU' | 'PCMA' | 'L16';
  /** `offered_codecs` of `call.initiated`, in order; the leg's codec by default. */
  readonly offeredCodecs?: readonly string[];
  /** Lies in `start.media_format.encoding`. */
  readonly announceCodec?: string;
  /** `false`: the stream carries the leg's codec whatever `stream_codec` asked for. */
  readonly transcode?: boolean;
  /** The caller gives up after ringing so long; 60 s by default. */
  readonly ringMs?: number;
  readonly callerIdName?: string;
  readonly tags?: readonly string[];
  /** Level of the noise between utterances, dBFS (live calls: about -35); digital silence by default. */
  readonly backgroundDb?: number;
  /** `false` forgets audio after 2 s and frame payloads at once, for long runs. */
  readonly keepsAudio?: boolean;
  /** Added over `faults.media` for the streams of this call. */
  readonly mediaFaults?: MediaFaults;
}

export interface ExchangeEnvironment {
  readonly scheduler: Scheduler;
  readonly waits: Waits;
  readonly leg: LegEnvironment;
  readonly account: Account;
  readonly l16ByteOrder: 'little' | 'big';
  readonly secondStream: 'replace' | 'refuse';
  /** For the text of a `waitFor` that timed out. */
  readonly describe: (leg: Leg) => string;
}

/** Who is connected to whom: places, dials, transfers, bridges and ends legs. */
export class Exchange {
  readonly targets: Targets = new Targets();
  readonly #env: ExchangeEnvironment;
  /** Alive legs, and ended ones for ten minutes. */
  readonly #legs = new Map<string, Leg>();
  readonly #phones = new Map<Leg, Phone>();

  constructor(env: ExchangeEnvironment) {
    this.#env = env;
  }

  /** A person calls one of our numbers. */
  place(options: PlaceCallOptions): EmulatedCall {
    const { application, phoneNumbers } = this.#env.account;
    const number = phoneNumbers.find((each) => each.phone_number === options.to);
    if (phoneNumbers.length > 0 && number?.connection_id !== application.id) {
      throw new LandlineError(
        'request_invalid',
        `${maskNumber(options.to)} is not routed to application ${application.id}: add it to the emulator's numbers`,
      );
    }
    const codec = options.codec ?? 'PCMU';
    const offered = options.offeredCodecs ?? [codec];
    const leg = this.#add({
      direction: 'incoming',
      from: options.from,
      to: options.to,
      callSessionId: undefined,
      format: formatOf(codec, 16000, this.#env.l16ByteOrder),
      clientState: null,
      tags: options.tags ?? [],
      routes: routesOf({}),
      backgroundDb: options.backgroundDb,
      keepsAudio: options.keepsAudio ?? true,
      transcode: options.transcode ?? true,
      mediaFaults: {
        ...options.mediaFaults,
        ...(options.announceCodec === undefined ? {} : { announceCodec: options.announceCodec }),
      },
    });
    leg.webhook('call.initiated', {
      from: leg.from,
      to: leg.to,
      direction: 'incoming',
      state: 'parked',
      start_time: leg.startTime,
      caller_id_name: options.callerIdName ?? leg.from,
      calling_party_type: 'pstn',
      from_sip_uri: `${leg.from}@198.51.100.20:5060`,
      to_sip_uri: `${leg.to}@sip.example.net:5060`,
      offered_codecs: offered.join(','),
      connection_codecs: 'PCMU,PCMA',
      shaken_stir_attestation: 'A',
      shaken_stir_validated: true,
      custom_headers: [],
      sip_headers: [],
      tags: leg.tags,
    });
    leg.after(options.ringMs ?? 60_000, () => {
      if (leg.state === 'ringing') this.hangUpPhone(leg);
    });
    return this.#phoneOf(leg);
  }

  /** The leg a command names. @throws Refusal 90015 for ids nobody knows, 90018 when it has ended. */
  alive(callControlId: string, pointer?: string): Leg {
    const leg = this.#legs.get(callControlId);
    if (!leg) throw refusals.badCallId(pointer);
    if (leg.state === 'ended') throw refusals.ended();
    return leg;
  }

  /** The leg, also after its end, as long as Telnyx would know it. */
  find(callControlId: string): Leg | undefined {
    return this.#legs.get(callControlId);
  }

  live(): Leg[] {
    return [...this.#legs.values()].filter((leg) => leg.state !== 'ended');
  }

  liveCalls(): EmulatedCall[] {
    return this.live().map((leg) => this.#phoneOf(leg));
  }

  dial(body: Body): Leg {
    const { account } = this.#env;
    if (body['connection_id'] !== account.application.id) throw refusals.badConnection();
    if (account.application.outbound.outbound_voice_profile_id === null) throw refusals.noVoiceProfile();
    const linkTo = stringOf(body['link_to']);
    const linked = linkTo === undefined ? undefined : this.alive(linkTo, '/link_to');
    if (!linked) {
      for (const needy of ['bridge_intent', 'bridge_on_answer', 'park_after_unbridge']) {
        if (body[needy] !== undefined && body[needy] !== false) throw refusals.missing('/link_to');
      }
    }
    const to = Array.isArray(body['to']) ? String(body['to'][0]) : String(body['to']);
    const leg = this.#call({
      body,
      to,
      from: body['bridge_intent'] === true && linked ? linked.from : String(body['from']),
      callSessionId: linked?.ids.callSessionId,
      clientState: stringOf(body['client_state']) ?? null,
      state: undefined,
      answered: (answered) => {
        if (body['bridge_on_answer'] !== true || linked?.state !== 'answered') return;
        if (body['prevent_double_bridge'] === true && linked.partner) this.hangUp(answered, 'gateway');
        else this.bridge(answered, linked);
      },
    });
    leg.parkAfterUnbridge = body['park_after_unbridge'] === 'self';
    return leg;
  }

  /** Dials leg B for A and bridges them when B answers. A stays as it is when B cannot be reached. */
  transfer(leg: Leg, body: Body): void {
    const target = this.#call({
      body,
      to: String(body['to']),
      from: stringOf(body['from']) ?? leg.to,
      callSessionId: leg.ids.callSessionId,
      clientState: stringOf(body['target_leg_client_state']) ?? null,
      state: 'bridging',
      answered: (answered) => {
        leg.parkAfterUnbridge = body['park_after_unbridge'] === 'self';
        this.bridge(answered, leg);
      },
    });
    leg.dialling.add(target);
  }

  /** Joins two answered legs; each leaves the one it was bridged to. `call.bridged` of `first` comes first. */
  bridge(first: Leg, second: Leg): void {
    this.#leave(first);
    this.#leave(second);
    first.partner = second;
    second.partner = first;
    for (const leg of [first, second]) {
      leg.webhook('call.bridged', { from: leg.from, to: leg.to });
      leg.note('bridged');
    }
  }

  /** The person on the leg hangs up, or gives up while it rings. */
  hangUpPhone(leg: Leg): void {
    const isCaller = leg.direction === 'incoming';
    const answered = leg.state === 'answered';
    if (isCaller) {
      const [cause, sip] = answered ? ['normal_clearing', '200'] : ['originator_cancel', '487'];
      this.end(leg, { cause, source: 'caller', sip, by: 'phone' });
    } else {
      const [cause, sip] = answered ? ['normal_clearing', '200'] : ['call_rejected', '603'];
      this.end(leg, { cause, source: 'callee', sip, by: 'phone' });
    }
  }

  /** Telnyx hangs up for us: by command, or because the other leg went. */
  hangUp(leg: Leg, by: EndedBy): void {
    const source = leg.direction === 'incoming' ? 'callee' : 'caller';
    if (leg.state === 'answered') this.end(leg, { cause: 'normal_clearing', source, sip: '200', by });
    else if (leg.direction === 'incoming') this.end(leg, { cause: 'call_rejected', source, sip: '603', by });
    else this.end(leg, { cause: 'originator_cancel', source, sip: '487', by });
  }

  /** Ends a leg and, as the rules of bridges and transfers want it, the ones that hang on it. */
  end(leg: Leg, hangup: Hangup): void {
    if (leg.state === 'ended') return;
    leg.end(hangup);
    for (const target of leg.dialling) if (target.state === 'ringing') this.hangUp(target, 'partner');
    this.#leave(leg);
    this.#env.scheduler.after(KEEP_MS, () => {
      leg.destroy();
      this.#legs.delete(leg.ids.callControlId);
      this.#phones.delete(leg);
    });
  }

  /** Opens a media stream; a second one replaces the first, or is refused. */
  openStream(leg: Leg, body: Body, command: 'answer' | 'dial' | 'streaming_start'): void {
    const request = streamRequest(body, command, this.#env.l16ByteOrder);
    if (!request) return;
    if (leg.stream) {
      if (this.#env.secondStream === 'refuse') throw refusals.cannot('The call has a bidirectional stream already.');
      leg.stream.stop();
    }
    leg.openStream(request);
  }

  /** Closes all sockets; nobody is told. */
  destroy(): void {
    for (const leg of this.#legs.values()) leg.destroy();
  }

  #call(options: {
    readonly body: Body;
    readonly to: string;
    readonly from: string;
    readonly callSessionId: string | undefined;
    readonly clientState: string | null;
    readonly state: 'bridging' | undefined;
    readonly answered: (leg: Leg) => void;
  }): Leg {
    const { body } = options;
    const [to = '', ...extension] = options.to.split(',');
    const behaviour = this.targets.behaviour(to);
    const leg = this.#add({
      direction: 'outgoing',
      from: options.from,
      to,
      callSessionId: options.callSessionId,
      format: formatOf((typeof behaviour === 'object' && behaviour.codec) || 'PCMU', 16000, this.#env.l16ByteOrder),
      clientState: options.clientState,
      tags: [],
      routes: routesOf(body),
      backgroundDb: undefined,
      keepsAudio: true,
      transcode: true,
      mediaFaults: undefined,
    });
    leg.webhook('call.initiated', {
      from: leg.from,
      to: leg.to,
      direction: 'outgoing',
      ...(options.state === undefined ? {} : { state: options.state }),
      start_time: leg.startTime,
    });
    // A dialled leg's socket opens while it rings; a transferred one has no stream.
    if (options.state === undefined) this.openStream(leg, body, 'dial');

    const cancel = body['retry_on_timeout'] === false ? 'no_answer' : 'timeout';
    leg.after((numberOf(body['timeout_secs']) ?? 30) * 1000, () => {
      if (leg.state === 'ringing') this.end(leg, { cause: cancel, source: 'caller', sip: '487', by: 'network' });
    });
    const refuse = (cause: string, sip: string, by: EndedBy): void => {
      leg.after(REFUSE_MS, () => this.end(leg, { cause, source: 'callee', sip, by }));
    };
    if (behaviour === 'busy') refuse('user_busy', '486', 'phone');
    else if (behaviour === 'reject') refuse('call_rejected', '603', 'phone');
    else if (behaviour === 'notFound') refuse('not_found', '404', 'network');
    else if (behaviour !== 'noAnswer') {
      leg.after(behaviour.answerAfterMs ?? ANSWER_MS, () => {
        leg.answer();
        const { machine, thenHangupAfterMs } = behaviour;
        const greetingMs = machine ? greet(leg, machine) : undefined;
        detectMachine(leg, stringOf(body['answering_machine_detection']) ?? 'disabled', machine, greetingMs);
        const digits = stringOf(body['send_digits_on_answer']) ?? (extension.join(',') || undefined);
        if (digits !== undefined) leg.hearDigits(digits, 250);
        if (thenHangupAfterMs !== undefined) leg.after(thenHangupAfterMs, () => this.hangUpPhone(leg));
        leg.after((numberOf(body['time_limit_secs']) ?? 14_400) * 1000, () => {
          this.end(leg, { cause: 'time_limit', source: 'unknown', sip: 'unspecified', by: 'network' });
        });
        options.answered(leg);
      });
    }
    const phone = this.#phoneOf(leg);
    this.targets.phones.push(phone);
    if (typeof behaviour === 'object') behaviour.phone?.(phone);
    return leg;
  }

  /** Takes a leg out of its bridge. The one left behind goes, too, unless it is to be parked. */
  #leave(leg: Leg): void {
    const partner = leg.partner;
    if (!partner) return;
    leg.partner = undefined;
    partner.partner = undefined;
    if (partner.parkAfterUnbridge) partner.note('unbridged');
    else this.hangUp(partner, 'partner');
  }

  #add(options: LegOptions): Leg {
    const leg = new Leg(options, this.#env.leg);
    this.#legs.set(leg.ids.callControlId, leg);
    return leg;
  }

  #phoneOf(leg: Leg): Phone {
    let phone = this.#phones.get(leg);
    if (!phone) {
      phone = new Phone(leg, {
        waits: this.#env.waits,
        hangUp: () => this.hangUpPhone(leg),
        describe: () => this.#env.describe(leg),
      });
      this.#phones.set(leg, phone);
    }
    return phone;
  }
}
