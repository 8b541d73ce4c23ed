/** One file or field of a `multipart/form-data` body. */
export interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly contentType?: string;
  readonly bytes: Buffer;
}

/** @returns what is wrong with the body as text, else its parts. */
export function parseMultipart(contentType: string | undefined, body: Buffer): readonly Part[] | string {
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/iu.exec(contentType ?? '')?.[1];
  if (boundary === undefined) return 'expected multipart/form-data with a boundary';
  const line = Buffer.from(`\r\n--${boundary}`);
  // The first boundary has no line break before it.
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: Part[] = [];
  let at = text.indexOf(line);
  if (at !== 0) return 'the body does not begin with its boundary';
  for (;;) {
    const start = at + line.length;
    if (text.subarray(start, start + 2).equals(Buffer.from('--'))) return parts;
    const end = text.indexOf(line, start);
    const head = text.indexOf('\r\n\r\n', start);
    if (end === -1 || head === -1 || head > end) return 'a part has no end';
    const headers = text.subarray(start, head).toString('utf8');
    const name = /[;\s]name="([^"]*)"/iu.exec(headers)?.[1];
    if (name === undefined) return 'a part has no name';
    const filename = /filename="([^"]*)"/iu.exec(headers)?.[1];
    const type = /^content-type:\s*(\S+)/imu.exec(headers)?.[1];
    parts.push({
      name,
      ...(filename !== undefined && { filename }),
      ...(type !== undefined && { contentType: type }),
      bytes: text.subarray(head + 4, end),
    });
    at = end;
  }
}
