import type { JournalRecord } from '../journal/format.ts';
import { objectOf } from '../telnyx/json-fields.ts';

/** What a call used of its providers, in the units they charge by. Prices are not known here. */
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
  }

  /** @param legSeconds seconds from answer to end, by leg. */
  usage(legSeconds: Readonly<Record<string, number>>): CallUsage {
    return {
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

/** Of seconds: no invoice is finer. */
export function tenth(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
