/** The last bytes of caller audio, in one buffer that is used over and over. */
export class EarMemory {
  readonly #ring: Uint8Array;
  #at = 0;
  #length = 0;

  /** @param bytes how much is remembered. */
  constructor(bytes: number) {
    this.#ring = new Uint8Array(bytes);
  }

  push(bytes: Uint8Array): void {
    const size = this.#ring.length;
    const part = bytes.length > size ? bytes.subarray(bytes.length - size) : bytes;
    const fits = Math.min(part.length, size - this.#at);
    this.#ring.set(part.subarray(0, fits), this.#at);
    this.#ring.set(part.subarray(fits), 0);
    this.#at = (this.#at + part.length) % size;
    this.#length = Math.min(size, this.#length + part.length);
  }

  forget(): void {
    this.#length = 0;
  }

  /** What is remembered, oldest first, as a copy. */
  read(): Uint8Array {
    const out = new Uint8Array(this.#length);
    const start = (this.#at - this.#length + this.#ring.length) % this.#ring.length;
    const first = Math.min(this.#length, this.#ring.length - start);
    out.set(this.#ring.subarray(start, start + first), 0);
    out.set(this.#ring.subarray(0, this.#length - first), first);
    return out;
  }
}
