const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 0x3d;
/** Six-bit value of every byte; a byte outside the alphabet has bits above the six. */
const VALUES = new Uint8Array(256).fill(0xff);
for (let value = 0; value < ALPHABET.length; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

/**
 * Decodes the base64 text in `source[start, end)` into `target`. Strict, because `Buffer.from` never refuses anything:
 * standard alphabet only, whole groups of four, padding only at the end. (Unused bits of the last character may be
 * set, as in Telnyx' own decoder.)
 * @returns the number of bytes written, or -1 when the text is not base64 or does not fit into `target`.
 */
export function decodeBase64(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  const length = end - start;
  if (length === 0) return 0;
  if (length % 4 !== 0) return -1;
  const padding = source[end - 1] !== PADDING ? 0 : source[end - 2] !== PADDING ? 1 : 2;
  const bytes = (length / 4) * 3 - padding;
  if (bytes > target.length) return -1;

  const wholeEnd = padding === 0 ? end : end - 4;
  let seen = 0;
  let out = 0;
  for (let at = start; at < wholeEnd; at += 4) {
    const a = VALUES[source[at] ?? 0] ?? 0;
    const b = VALUES[source[at + 1] ?? 0] ?? 0;
    const c = VALUES[source[at + 2] ?? 0] ?? 0;
    const d = VALUES[source[at + 3] ?? 0] ?? 0;
    seen |= a | b | c | d;
    target[out++] = (a << 2) | (b >> 4);
    target[out++] = (b << 4) | (c >> 2);
    target[out++] = (c << 6) | d;
  }
  if (padding > 0) {
    const a = VALUES[source[wholeEnd] ?? 0] ?? 0;
    const b = VALUES[source[wholeEnd + 1] ?? 0] ?? 0;
    seen |= a | b;
    target[out++] = (a << 2) | (b >> 4);
    if (padding === 1) {
      const c = VALUES[source[wholeEnd + 2] ?? 0] ?? 0;
      seen |= c;
      target[out++] = (b << 4) | (c >> 2);
    }
  }
  return seen > 0x3f ? -1 : out;
}
