/** Both reports of one key press arrive within this time of each other. */
const SAME_PRESS_MS = 3000;

/**
 * One key press may be reported twice, on the media socket and by webhook, in either order. Takes each report and says
 * whether it is a new press; every press counts once, also when the same key is pressed again quickly.
 */
export class DigitMerge {
  readonly #unmatched: { readonly source: 'socket' | 'webhook'; readonly digit: string; readonly t: number }[] = [];

  isNew(source: 'socket' | 'webhook', digit: string, t: number): boolean {
    while (this.#unmatched.length > 0 && t - (this.#unmatched[0]?.t ?? t) > SAME_PRESS_MS) this.#unmatched.shift();
    const twin = this.#unmatched.findIndex((other) => other.source !== source && other.digit === digit);
    if (twin >= 0) {
      this.#unmatched.splice(twin, 1);
      return false;
    }
    this.#unmatched.push({ source, digit, t });
    return true;
  }
}
