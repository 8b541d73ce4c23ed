/** A fault ends after so many uses; without a number it stays until `clear()`. */
interface Uses {
  left: number;
}

function usesOf(times: number | undefined): Uses {
  return { left: times ?? Infinity };
}

/** Takes one use of the first that fits. */
function take<T extends Uses>(faults: readonly T[], fits: (fault: T) => boolean): T | undefined {
  const found = faults.find((fault) => fault.left > 0 && fits(fault));
  if (found) found.left -= 1;
  return found;
}

type WebhookFault = Uses & { readonly type: string } & (
    | { readonly do: 'drop' }
    | { readonly do: 'duplicate'; readonly copies: number }
    | { readonly do: 'delay'; readonly ms: number }
    | { readonly do: 'reorder'; readonly after: string }
    | { readonly do: 'wrongSignature' }
    | { readonly do: 'staleTimestamp'; readonly seconds: number }
  );

type WebhookFaultOf<Do extends WebhookFault['do']> = Extract<WebhookFault, { do: Do }>;

/** What goes wrong with webhooks. `type` is an event type or `*`; `times` as in {@link Uses}. */
export class WebhookFaults {
  #faults: WebhookFault[] = [];

  /** The event is never sent. */
  drop(type: string, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'drop' });
  }

  /** The event is sent `copies` more times, with the same `data.id`. */
  duplicate(type: string, copies = 1, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'duplicate', copies });
  }

  /** The event is sent `ms` later; the ones behind it do not wait. */
  delay(type: string, ms: number, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'delay', ms });
  }

  /** The event is held back until one of type `after` was delivered in the same session. */
  reorder(type: string, after: string, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'reorder', after });
  }

  /** The event is signed with a stranger's key. */
  wrongSignature(type: string, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'wrongSignature' });
  }

  /** The event is signed honestly, but `seconds` ago (or ahead, when negative). */
  staleTimestamp(type: string, seconds = 301, times?: number): void {
    this.#faults.push({ ...usesOf(times), type, do: 'staleTimestamp', seconds });
  }

  clear(): void {
    this.#faults = [];
  }

  /** @internal */
  take<Do extends WebhookFault['do']>(type: string, what: Do): WebhookFaultOf<Do> | undefined {
    const found = take(this.#faults, (fault) => fault.do === what && (fault.type === '*' || fault.type === type));
    return found as WebhookFaultOf<Do> | undefined;
  }
}

/** How one API request goes wrong. */
export type ApiFault =
  /** Answered so, not executed. `body` replaces the error document, text is sent as it is (HTML, garbage, 10 MiB). */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly title?: string;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** No answer ever. */
  | { readonly do: 'hang'; readonly executed: boolean }
  /** The connection is reset; `executed` makes it a lost response. */
  | { readonly do: 'reset'; readonly executed: boolean }
  /** Executed at once, answered `ms` later. */
  | { readonly do: 'slow'; readonly ms: number };

/**
 * What goes wrong with API requests. `command` is an action name (`answer`, `transfer`, …), `dial`, `retrieve`
 * (`GET /calls/{id}`), `active_calls`, an account endpoint (`balance`, `whoami`, …), or `*`.
 */
export class ApiFaults {
  #faults: (Uses & { readonly command: string; readonly fault: ApiFault })[] = [];

  /** Answers with an error (or anything) instead of executing. Error code and title default to those of the status. */
  fail(command: string, answer: Omit<Extract<ApiFault, { do: 'answer' }>, 'do'>, times?: number): void {
    this.#add(command, { do: 'answer', ...answer }, times);
  }

  /** HTTP 429 with Telnyx' rate limit headers. */
  rateLimit(command: string, resetSeconds = 1, times?: number): void {
    const headers = {
      'x-ratelimit-limit': '10',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(resetSeconds),
    };
    this.fail(command, { status: 429, code: '10011', title: 'Too many requests', headers }, times);
  }

  hang(command: string, options: { executed?: boolean; times?: number } = {}): void {
    this.#add(command, { do: 'hang', executed: options.executed ?? false }, options.times);
  }

  /** Cuts the connection, by default after the command was executed: the lost response. */
  reset(command: string, options: { executed?: boolean; times?: number } = {}): void {
    this.#add(command, { do: 'reset', executed: options.executed ?? true }, options.times);
  }

  slow(command: string, ms: number, times?: number): void {
    this.#add(command, { do: 'slow', ms }, times);
  }

  clear(): void {
    this.#faults = [];
  }

  /** @internal */
  take(command: string): ApiFault | undefined {
    return take(this.#faults, (entry) => entry.command === '*' || entry.command === command)?.fault;
  }

  #add(command: string, fault: ApiFault, times: number | undefined): void {
    this.#faults.push({ ...usesOf(times), command, fault });
  }
}

/** What goes wrong on the media socket. Fractions are chances per frame, drawn from `seed`. */
export interface MediaFaults {
  readonly seed?: number;
  /** Fraction of media frames that are never sent (their sequence number and chunk are used up). */
  readonly lose?: number;
  /** Fraction sent twice. */
  readonly duplicate?: number;
  /** Fraction sent only after the next one or two frames. */
  readonly reorder?: number;
  /** Frames come up to so much late, in their order. */
  readonly jitterMs?: number;
  /** The TCP connection is reset so long after `start`. */
  readonly dropSocketAfterMs?: number;
  /** Lies in `start.media_format.encoding`. */
  readonly announceCodec?: string;
  /** `start` names this call_control_id instead of the leg's. */
  readonly startForCall?: string;
  /** A second `start` on the same socket so long after the first; `other` gives it another stream_id. */
  readonly secondStart?: { readonly afterMs: number; readonly other?: boolean };
  /** Connected, and then nothing. */
  readonly noStart?: boolean;
  /** Media begins without `start`, which comes after so many frames. */
  readonly startAfterFrames?: number;
  /** A malformed message after every so many media frames. */
  readonly garbageEvery?: number;
  /** Marks come back so much late. */
  readonly lateMarksMs?: number;
  /** Fraction of marks that never come back. */
  readonly loseMarks?: number;
  /** Fraction of marks that come back twice. */
  readonly duplicateMarks?: number;
}

export interface EmulatorFaults {
  readonly webhooks: WebhookFaults;
  readonly api: ApiFaults;
  /** Used by every stream that starts from now on; `placeCall({mediaFaults})` goes before it. */
  media: MediaFaults;
}
