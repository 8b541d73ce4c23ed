import { priceOptions, type Prices } from '../agent/price-options.ts';
import type { JournalRecord } from '../journal/format.ts';
import { objectOf } from '../telnyx/json-fields.ts';

/** What a call used of its providers, in the units they charge by, and what that cost where the agent has prices. */
export interface CallUsage {
  /** Caller audio that reached a recogniser, seconds. */
  readonly stt: { readonly seconds: number };
  /** Tokens as the model's server counted them; `uncounted`: requests that were stopped, or whose server counts nothing. */
  readonly llm: {
    readonly requests: number;
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly uncounted: number;
  };
  /** Characters given to the voice. */
  readonly tts: { readonly characters: number };
  /** Seconds from answer to end: of each leg, and of all together. */
  readonly carrier: { readonly seconds: number; readonly legs: Readonly<Record<string, number>> };
  /** In `currency`, rounded to a millionth, by the prices of the time of the call; `uncounted` tokens are not in it. */
  readonly cost?: {
    readonly currency: string;
    readonly stt: number;
    readonly llm: number;
    readonly tts: number;
    readonly carrier: number;
    readonly total: number;
  };
}

/** Adds up what one journal says about usage, record by record. */
export class UsageFold {
  #t = 0;
  #earOpen = false;
  #mediaUp = false;
  #sttMs = 0;
  #requests = 0;
  #counted = 0;
  #promptTokens = 0;
  #completionTokens = 0;
  #characters = 0;
  #prices: Prices | undefined;

  add(record: JournalRecord): void {
    if (record.k === 'head') {
      // A takeover: the streams died with their process.
      this.#earOpen = this.#mediaUp = false;
      return;
    }
    const ms = Math.max(0, record.t - this.#t);
    if (this.#earOpen && this.#mediaUp) this.#sttMs += ms;
    this.#t += ms;
    if (record.k === 'in') this.#input(record.d);
    if (record.k === 'fx') this.#effect(record.d);
    if (record.k === 'end') this.#prices = priceOptions.safeParse(record.d['prices']).data;
  }

  /** @param legSeconds seconds from answer to end, by leg. */
  usage(legSeconds: Readonly<Record<string, number>>): CallUsage {
    const used = {
      stt: { seconds: tenth(this.#sttMs / 1000) },
      llm: {
        requests: this.#requests,
        promptTokens: this.#promptTokens,
        completionTokens: this.#completionTokens,
        uncounted: this.#requests - this.#counted,
      },
      tts: { characters: this.#characters },
      carrier: { seconds: tenth(Object.values(legSeconds).reduce((sum, s) => sum + s, 0)), legs: legSeconds },
    };
    return this.#prices ? { ...used, cost: costOf(used, this.#prices) } : used;
  }

  #input(d: Readonly<Record<string, unknown>>): void {
    switch (d['type']) {
      case 'mediaStarted':
        this.#mediaUp = true;
        return;
      case 'mediaStopped':
      case 'mediaClosed':
        this.#mediaUp = false;
        return;
      case 'llm': {
        const event = objectOf(d['event']);
        const usage = objectOf(event['usage']);
        const { promptTokens, completionTokens } = usage;
        if (event['type'] !== 'llmDone' || typeof promptTokens !== 'number' || typeof completionTokens !== 'number')
          return;
        this.#counted += 1;
        this.#promptTokens += promptTokens;
        this.#completionTokens += completionTokens;
        return;
      }
      default:
    }
  }

  #effect(d: Readonly<Record<string, unknown>>): void {
    switch (d['type']) {
      case 'sttOpen':
        this.#earOpen = true;
        return;
      case 'sttClose':
        this.#earOpen = false;
        return;
      case 'llmStart':
        this.#requests += 1;
        return;
      case 'ttsEnd':
      case 'ttsCancel':
      case 'ttsClose':
        if (typeof d['characters'] === 'number') this.#characters += d['characters'];
        return;
      default:
    }
  }
}

function costOf({ stt, llm, tts, carrier }: CallUsage, prices: Prices): NonNullable<CallUsage['cost']> {
  const parts = {
    stt: millionth((stt.seconds / 60) * prices.sttPerMinute),
    llm: millionth(
      (llm.promptTokens * prices.llmPerMillionPromptTokens +
        llm.completionTokens * prices.llmPerMillionCompletionTokens) /
        1e6,
    ),
    tts: millionth((tts.characters * prices.ttsPerMillionCharacters) / 1e6),
    carrier: millionth((carrier.seconds / 60) * prices.carrierPerMinute),
  };
  const total = millionth(parts.stt + parts.llm + parts.tts + parts.carrier);
  return { currency: prices.currency, ...parts, total };
}

function millionth(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}

/** Of seconds: no invoice is finer. */
export function tenth(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
