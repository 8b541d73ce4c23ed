import type { CommandOutcome, LegSearch, TelnyxCommand } from '../../src/telnyx/commands.ts';
import type { TelnyxEvent } from '../../src/telnyx/events.ts';
import { FakePhone, GONE, OK, REFUSED, type World } from './harness.ts';

/** What becomes of one webhook: how often it arrives, and how late. */
export type Post = readonly [times: 0 | 1 | 2, lateMs: number];
/** What becomes of one command: whether it is carried out, and what is answered. */
export type Luck = 'ok' | 'late' | 'refused' | 'lost' | 'answer lost';

interface ExchangeLeg {
  readonly id: string;
  readonly clientState: string | undefined;
  readonly by: 'caller' | 'transfer' | 'dial';
  up: boolean;
  answered: boolean;
  /** Its stream was asked for, or nobody asks for one: there is no other way to it. */
  streamUrl: string | undefined;
  phone: FakePhone | undefined;
  partner: ExchangeLeg | undefined;
  /** The gateway has heard of it, and of its end. */
  told: boolean;
  endTold: boolean;
  hangupsAfterEnd: number;
  chunk: number;
}

const UNKNOWN: CommandOutcome = { ok: false, kind: 'unknown', message: 'no answer' };
const SILENCE = Buffer.alloc(160, 0xff).toString('base64');

/**
 * Telnyx as the truth about a call's legs: the caller's, and those that the gateway has dialled or had dialled. Commands change
 * what is true, people do too, and webhooks tell of it, each with its own luck. Outlives the gateway's process.
 */
export class Exchange {
  readonly legs: ExchangeLeg[] = [];
  readonly violations: string[] = [];
  readonly #posts: readonly Post[];
  readonly #lucks: readonly Luck[];
  readonly #lost: string[] = [];
  #posted = 0;
  #commanded = 0;
  #calm = false;
  #world: World;
  #streams = 0;

  constructor(world: World, posts: readonly Post[], lucks: readonly Luck[]) {
    this.#posts = posts;
    this.#lucks = lucks;
    this.#world = world;
    this.serve(world);
  }

  /** From now on this process is told and obeyed. */
  serve(world: World): void {
    this.#world = world;
    for (const leg of this.legs) leg.phone = undefined;
    world.telnyx.answers = (command, id) => {
      this.#command(world, command, id);
      return undefined;
    };
    world.telnyx.alive = (id) => {
      const leg = this.#leg(id);
      if (leg && !leg.up) leg.endTold = true;
      return { known: true, isAlive: leg?.up ?? false };
    };
    world.telnyx.found = (clientState): LegSearch => {
      const leg = this.legs.find((one) => one.up && one.clientState === clientState);
      if (leg) leg.told = true;
      return { known: true, leg: leg && { ...ids(leg), clientState } };
    };
  }

  /** While `on` nothing is lost, late or refused. */
  calm(on: boolean): void {
    this.#calm = on;
  }

  /** The next webhooks of these types get lost. */
  loseNext(types: readonly TelnyxEvent['type'][]): void {
    this.#lost.push(...types);
  }

  get caller(): ExchangeLeg | undefined {
    return this.legs[0];
  }

  /** The target that was dialled last. */
  get target(): ExchangeLeg | undefined {
    return this.legs.slice(1).at(-1);
  }

  rings(): void {
    this.#add('caller', undefined);
  }

  /** The target picks up. One that Telnyx itself connects is connected then. */
  picksUp(leg: ExchangeLeg | undefined): void {
    if (!leg?.up || leg.answered) return;
    leg.answered = true;
    this.#tell(leg, 'call.answered');
    const { caller } = this;
    if (leg.by === 'transfer' && caller?.up === true) this.#connect(caller, leg);
    else this.#open(leg);
  }

  leaves(leg: ExchangeLeg | undefined, cause = 'normal_clearing'): void {
    if (!leg?.up) return;
    leg.up = false;
    if (leg.phone) this.#drop(leg, leg.phone);
    this.#tell(leg, 'call.hangup', { cause, source: 'caller', sipCode: '200' });
  }

  presses(leg: ExchangeLeg | undefined, digit: string): void {
    if (leg?.up === true && leg.answered) this.#tell(leg, 'call.dtmf.received', { digit });
  }

  isMachine(leg: ExchangeLeg | undefined): void {
    if (leg?.by !== 'dial' || !leg.up || !leg.answered) return;
    this.#tell(leg, 'call.machine.detection.ended', { result: 'machine', premium: false });
  }

  loses(leg: ExchangeLeg | undefined): void {
    if (leg?.phone) this.#drop(leg, leg.phone);
  }

  /** Twenty milliseconds of everybody's silence. */
  breathes(): void {
    for (const leg of this.legs) {
      if (leg.phone?.closed) leg.phone = undefined;
      if (!leg.up || !leg.phone) continue;
      this.#send(leg, {
        event: 'media',
        stream_id: 's',
        media: { track: 'inbound', chunk: String(++leg.chunk), timestamp: '0', payload: SILENCE },
      });
    }
  }

  #add(by: ExchangeLeg['by'], clientState: string | undefined): ExchangeLeg {
    const id = by === 'caller' ? 'caller' : `target-${this.legs.length}`;
    const none = { streamUrl: undefined, phone: undefined, partner: undefined } as const;
    const leg: ExchangeLeg = {
      ...{ id, clientState, by, ...none, up: true, answered: false, told: false, endTold: false },
      ...{ hangupsAfterEnd: 0, chunk: 0 },
    };
    this.legs.push(leg);
    this.#tell(leg, 'call.initiated', by === 'caller' ? {} : { direction: 'outgoing' });
    return leg;
  }

  #leg(id: string): ExchangeLeg | undefined {
    return this.legs.find((leg) => `cc-${leg.id}` === id);
  }

  #connect(a: ExchangeLeg, b: ExchangeLeg): void {
    a.partner = b;
    b.partner = a;
    this.#tell(b, 'call.bridged');
    this.#tell(a, 'call.bridged');
  }

  /** The first webhook of a call always arrives, or there would be none. */
  #tell(leg: ExchangeLeg, type: TelnyxEvent['type'], more: Partial<TelnyxEvent> = {}): void {
    const lost = this.#lost.indexOf(type);
    if (lost >= 0) {
      this.#lost.splice(lost, 1);
      return;
    }
    const isFirst = leg.by === 'caller' && type === 'call.initiated';
    const post = this.#calm || isFirst ? undefined : this.#posts[this.#posted++ % Math.max(1, this.#posts.length)];
    const [times, lateMs] = post ?? [1, 1];
    const world = this.#world;
    for (let n = 0; n < times; n++) {
      world.clock.after(isFirst ? 0 : lateMs * (n + 1), () => {
        // A process that was killed hears nothing; its webhook comes again, to the next one.
        if (type === 'call.hangup') leg.endTold = true;
        leg.told = true;
        this.#world.webhook(type, { ...ids(leg), clientState: leg.clientState, ...more });
      });
    }
  }

  #open(leg: ExchangeLeg): void {
    const token = leg.streamUrl?.split('/').at(-1);
    const ticket = token === undefined ? undefined : this.#world.registry.redeem(token);
    leg.streamUrl = undefined;
    if (!ticket || !leg.up || !leg.answered) return;
    const { session } = ticket;
    const phone: FakePhone = new FakePhone(
      this.#world.clock,
      (text) => session.mediaMessage(ticket.leg, ticket.epoch, Buffer.from(text)),
      (code) => session.mediaClosed(ticket.leg, ticket.epoch, code, ''),
    );
    leg.phone = phone;
    this.#world.phones.push(phone);
    session.mediaOpened(ticket.leg, ticket.epoch, phone);
    session.mediaMessage(
      ticket.leg,
      ticket.epoch,
      Buffer.from(
        JSON.stringify({
          event: 'start',
          sequence_number: '1',
          stream_id: `stream-${++this.#streams}`,
          start: {
            call_control_id: `cc-${leg.id}`,
            media_format: { encoding: 'PCMU', sample_rate: 8000, channels: 1 },
          },
        }),
      ),
    );
    this.#live.set(phone, (message) => session.mediaMessage(ticket.leg, ticket.epoch, message));
    this.#ends.set(phone, () => session.mediaClosed(ticket.leg, ticket.epoch, 1006, ''));
  }

  readonly #live = new Map<FakePhone, (message: Buffer) => void>();
  readonly #ends = new Map<FakePhone, () => void>();

  #send({ phone }: ExchangeLeg, message: object): void {
    if (phone && !phone.closed) this.#live.get(phone)?.(Buffer.from(JSON.stringify(message)));
  }

  #drop(leg: ExchangeLeg, phone: FakePhone): void {
    leg.phone = undefined;
    if (phone.closed) return;
    phone.closed = { code: 1006, reason: '' };
    this.#ends.get(phone)?.();
  }

  #command(world: World, command: TelnyxCommand, id: string): void {
    const sent = world.telnyx.sent.at(-1);
    if (!sent) return;
    const luck = this.#calm ? 'ok' : (this.#lucks[this.#commanded++ % Math.max(1, this.#lucks.length)] ?? 'ok');
    const leg = command.name === 'dial' ? undefined : this.#leg(id);
    this.#judge(command, leg);
    const isDone = luck !== 'refused' && luck !== 'lost';
    // Up to 50 s of attempts of the client stand behind an unknown outcome.
    const afterMs = luck === 'ok' || luck === 'refused' ? 1 : luck === 'late' ? 2_500 : 20_000;
    const outcome = leg?.up === false ? GONE : isDone ? this.#carryOut(command, leg) : REFUSED;
    const unknown = luck === 'lost' || luck === 'answer lost';
    world.clock.after(afterMs, () => {
      if (world !== this.#world) return;
      const told = unknown ? UNKNOWN : outcome;
      // Of a bridge Telnyx does not say which of the two has gone.
      if (!told.ok && told.kind === 'gone' && leg && command.name !== 'bridge') leg.endTold = true;
      if (told.ok && told.leg) {
        const dialled = this.#leg(told.leg.callControlId);
        if (dialled) dialled.told = true;
      }
      sent.done(told);
    });
  }

  /** What the gateway may not ask for any more. */
  #judge(command: TelnyxCommand, leg: ExchangeLeg | undefined): void {
    if (command.name === 'dial') return;
    if (!leg) {
      this.violations.push(`${command.name} to a leg that is not`);
      return;
    }
    if (leg.endTold) {
      if (command.name !== 'hangup') this.violations.push(`${command.name} to ${leg.id} after its end was known`);
      else if (++leg.hangupsAfterEnd > 1) this.violations.push(`a second hangup to ${leg.id} after its end was known`);
    }
    if (command.name === 'bridge' && this.#leg(command.callControlId)?.endTold !== false)
      this.violations.push('a bridge to a leg whose end was known');
  }

  #carryOut(command: TelnyxCommand, leg: ExchangeLeg | undefined): CommandOutcome {
    switch (command.name) {
      case 'answer':
        if (!leg || leg.answered) return OK;
        leg.answered = true;
        leg.streamUrl = command.stream?.url;
        this.#tell(leg, 'call.answered');
        this.#world.clock.after(2, () => this.#open(leg));
        return OK;
      case 'streamingStart':
        if (leg?.answered !== true) return REFUSED;
        leg.streamUrl = command.stream.url;
        this.#world.clock.after(2, () => this.#open(leg));
        return OK;
      case 'streamingStop':
        if (leg?.phone) this.#drop(leg, leg.phone);
        return OK;
      case 'dial': {
        const dialled = this.#add('dial', command.clientState);
        dialled.streamUrl = command.stream?.url;
        return { ok: true, leg: { ...ids(dialled), clientState: command.clientState } };
      }
      case 'transfer':
        this.#add('transfer', command.targetLegClientState);
        return OK;
      case 'bridge': {
        const target = this.#leg(command.callControlId);
        if (!leg || target?.up !== true) return GONE;
        if (leg.partner !== target) this.#connect(leg, target);
        return OK;
      }
      case 'hangup':
      case 'reject':
        this.leaves(leg);
        return OK;
      case 'speak':
        if (leg) this.#tell(leg, 'call.speak.ended', { status: 'completed' });
        return OK;
      default:
        return OK;
    }
  }
}

function ids({ id }: ExchangeLeg): { callControlId: string; callLegId: string; callSessionId: string } {
  return { callControlId: `cc-${id}`, callLegId: `leg-${id}`, callSessionId: 'session-1' };
}
