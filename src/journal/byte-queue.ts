/** Small pieces are gathered in blocks of this size, so that a queue's memory is its bytes and not its bookkeeping. */
const BLOCK_BYTES = 8 * 1024;

interface Block {
  readonly bytes: Buffer;
  from: number;
  to: number;
}

/** Bytes that wait to be written, oldest first. What is peeked stays until it is dropped, so it can be sent again. */
export class ByteQueue {
  readonly #blocks: Block[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies `bytes`: the caller may use its buffer again. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      let last = this.#blocks.at(-1);
      if (!last || last.to === last.bytes.length) {
        last = { bytes: Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, rest.length)), from: 0, to: 0 };
        this.#blocks.push(last);
      }
      const n = Math.min(rest.length, last.bytes.length - last.to);
      last.bytes.set(rest.subarray(0, n), last.to);
      last.to += n;
      rest = rest.subarray(n);
    }
    this.#length += bytes.length;
  }

  /** A copy of the oldest bytes, at most `limit`, in a buffer of its own that may be transferred to a thread. */
  peek(limit: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(Math.min(limit, this.#length));
    let at = 0;
    for (const block of this.#blocks) {
      if (at === out.length) break;
      const n = Math.min(block.to - block.from, out.length - at);
      out.set(block.bytes.subarray(block.from, block.from + n), at);
      at += n;
    }
    return out;
  }

  /** Forgets the oldest `n` bytes: they are safe. */
  drop(n: number): void {
    this.#length -= n;
    let rest = n;
    while (rest > 0) {
      const first = this.#blocks[0];
      if (!first) break;
      const used = Math.min(rest, first.to - first.from);
      first.from += used;
      rest -= used;
      // A drained block is let go even when it has room, so that an idle call keeps none.
      if (first.from === first.to) this.#blocks.shift();
    }
  }
}
