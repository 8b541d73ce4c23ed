import { createByteOrderDetector, type ByteOrder, type ByteOrderDetector } from '../audio/linear.ts';

/**
 * Which way round L16 bytes are on one leg's wire. Telnyx does not document it and reports contradict each other, so it can
 * be said or listened for; inside the gateway L16 is always little-endian.
 */
export class WireOrder {
  #order: ByteOrder;
  #detector: ByteOrderDetector | undefined;

  /** @param order `auto`: little-endian until the caller's sound says otherwise. */
  constructor(order: ByteOrder | 'auto') {
    this.#order = order === 'auto' ? 'little' : order;
    this.#detector = order === 'auto' ? createByteOrderDetector() : undefined;
  }

  get order(): ByteOrder {
    return this.#order;
  }

  /** Bytes from the wire, whole samples -> little-endian. A fresh array where they had to be turned. */
  read(bytes: Uint8Array): Uint8Array {
    const found = this.#detector?.push(bytes);
    if (found !== undefined) {
      this.#order = found;
      this.#detector = undefined;
    }
    return this.write(bytes);
  }

  /** Little-endian bytes -> as they go onto the wire. */
  write(bytes: Uint8Array): Uint8Array {
    return this.#order === 'little' ? bytes : Buffer.from(bytes).swap16();
  }
}
