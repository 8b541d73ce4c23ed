import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordingKey, recordingKeys, readRecordingKeys } from '../../src/records/recording-keys.ts';
import { seal, SEAL_CHUNK, sealedBytes, unseal, type Unsealed } from '../../src/records/sealed-file.ts';

const key = recordingKey(Buffer.alloc(32, 7));
const other = recordingKey(Buffer.alloc(32, 8));
const keys = recordingKeys(key);
const sizes = [0, 1, 100, SEAL_CHUNK - 1, SEAL_CHUNK, SEAL_CHUNK + 1, 3 * SEAL_CHUNK, 3 * SEAL_CHUNK + 77];

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const sealed = (plain: Uint8Array, label = 'call_1', size = 10_000): Promise<Buffer> =>
  collect(seal(chunks(plain, size), { key, label }));

const opened = (file: Buffer, label = 'call_1', known = keys): Promise<Unsealed> =>
  unseal({
    size: file.length,
    read: async (start, end) => chunks(file.subarray(start, end), 4096),
    keys: known,
    label,
  });

async function plainOf(file: Buffer, label = 'call_1', known = keys): Promise<Buffer> {
  const { stream, bytes } = await opened(file, label, known);
  return collect(stream(0, bytes));
}

const refused = { name: 'LandlineError', code: expect.stringMatching(/^recording_(damaged|key_missing)$/) as string };

describe('a sealed recording', () => {
  it.each(sizes)('of %i bytes comes back, and is as long as was said', async (size) => {
    const plain = randomBytes(size);

    const file = await sealed(plain);

    expect(file.length).toBe(sealedBytes(size, 'call_1'));
    expect((await opened(file)).bytes).toBe(size);
    expect((await plainOf(file)).equals(plain)).toBe(true);
  });

  it('holds nothing of the recording in clear, and differs each time', async () => {
    const plain = Buffer.alloc(1000, 'the caller said this ');

    const [first, second] = [await sealed(plain), await sealed(plain)];

    expect(first.includes('caller said')).toBe(false);
    expect(first.equals(second)).toBe(false);
  });

  it('is read in any part with only the pieces it needs', async () => {
    const plain = randomBytes(3 * SEAL_CHUNK + 77);
    const file = await sealed(plain);
    const asked: [number, number][] = [];
    const { stream } = await unseal({
      size: file.length,
      read: async (start, end) => {
        asked.push([start, end]);
        return chunks(file.subarray(start, end), 1000);
      },
      keys,
      label: 'call_1',
    });
    asked.length = 0;

    const part = await collect(stream(SEAL_CHUNK + 5, SEAL_CHUNK + 9));

    expect(part.equals(plain.subarray(SEAL_CHUNK + 5, SEAL_CHUNK + 9))).toBe(true);
    const header = sealedBytes(0, 'call_1') - 16;
    expect(asked).toEqual([[header + SEAL_CHUNK + 16, header + 2 * (SEAL_CHUNK + 16)]]);
  });

  it('gives every range as a slice of the whole', async () => {
    const plain = randomBytes(2 * SEAL_CHUNK + 1000);
    const { stream } = await opened(await sealed(plain));

    await fc.assert(
      fc.asyncProperty(fc.nat(plain.length), fc.nat(plain.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect((await collect(stream(start, end))).equals(plain.subarray(start, end))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('shows any single flipped bit of a small file', async () => {
    const file = await sealed(randomBytes(40));

    for (let at = 0; at < file.length * 8; at++) {
      const bad = Buffer.from(file);
      bad[at >> 3] = bad.readUInt8(at >> 3) ^ (1 << (at & 7));
      await expect(plainOf(bad), `bit ${at}`).rejects.toMatchObject(refused);
    }
  });

  it('shows any single changed byte of a large file', async () => {
    const file = await sealed(randomBytes(2 * SEAL_CHUNK + 50));

    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = Buffer.from(file);
        bad[at] = bad.readUInt8(at) ^ change;
        await expect(plainOf(bad)).rejects.toMatchObject(refused);
      }),
      { numRuns: 100 },
    );
  });

  it('shows every cut, also one between pieces, and everything that was added', async () => {
    const file = await sealed(randomBytes(2 * SEAL_CHUNK));
    const header = sealedBytes(0, 'call_1') - 16;
    const border = header + SEAL_CHUNK + 16;

    for (const length of [0, 10, header, header + 5, header + 16, border - 1, border, border + 16, file.length - 1]) {
      await expect(plainOf(file.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject(refused);
    }
    await expect(plainOf(Buffer.concat([file, Buffer.alloc(1)]))).rejects.toMatchObject(refused);
    await expect(plainOf(Buffer.concat([file, file.subarray(header, border)]))).rejects.toMatchObject(refused);
  });

  it('shows pieces that changed places, and pieces of another file', async () => {
    const plain = randomBytes(3 * SEAL_CHUNK);
    const [file, twin] = [await sealed(plain), await sealed(plain)];
    const header = sealedBytes(0, 'call_1') - 16;
    const piece = (of: Buffer, n: number): Buffer =>
      of.subarray(header + n * (SEAL_CHUNK + 16), header + (n + 1) * (SEAL_CHUNK + 16));
    const swapped = [file.subarray(0, header), piece(file, 1), piece(file, 0), piece(file, 2)];
    const mixed = [file.subarray(0, header), piece(file, 0), piece(twin, 1), piece(file, 2)];

    await expect(plainOf(Buffer.concat(swapped))).rejects.toMatchObject({ code: 'recording_damaged' });
    await expect(plainOf(Buffer.concat(mixed))).rejects.toMatchObject({ code: 'recording_damaged' });
  });

  it('cannot pass for the recording of another call', async () => {
    const file = await sealed(randomBytes(10), 'call_1');

    await expect(plainOf(file, 'call_2')).rejects.toMatchObject({ code: 'recording_damaged' });
  });

  it('is read with an older key, and names the key that is missing', async () => {
    const plain = randomBytes(10);
    const file = await sealed(plain);

    expect((await plainOf(file, 'call_1', recordingKeys(other, [key]))).equals(plain)).toBe(true);
    await expect(plainOf(file, 'call_1', recordingKeys(other))).rejects.toMatchObject({
      code: 'recording_key_missing',
      message: expect.stringContaining(key.id) as string,
    });
  });

  it('can be opened by the program of docs/recordings.md, which shares no code with this', async () => {
    const plain = randomBytes(SEAL_CHUNK + 123);
    const file = await sealed(plain, 'call_x', 5000);
    const { readFileSync } = await import('node:fs');
    const doc = readFileSync(new URL('../../docs/recordings.md', import.meta.url), 'utf8');
    const program = /```js\n(\/\/ unseal\.mjs[\s\S]*?)```/.exec(doc)?.[1] ?? '';

    const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      input: file,
      env: { ...process.env, LANDLINE_RECORDING_KEY: Buffer.from(key.bytes).toString('base64') },
    });

    expect(out.equals(plain)).toBe(true);
  });
});

describe('LANDLINE_RECORDING_KEY', () => {
  const read = (env: Record<string, string>): { ids: (string | undefined)[]; problems: string[] } => {
    const problems: string[] = [];
    const found = readRecordingKeys(env, (where, what) => problems.push(`${where} ${what}`));
    return { ids: [found.current?.id, found.find(other.id)?.id], problems };
  };
  const base64 = Buffer.from(key.bytes).toString('base64');

  it.each([
    ['base64', base64],
    ['base64url', Buffer.from(key.bytes).toString('base64url')],
    ['hex', Buffer.from(key.bytes).toString('hex')],
    ['hex in capitals with space around it', ` ${Buffer.from(key.bytes).toString('hex').toUpperCase()}\n`],
  ])('may be %s', (_, text) => {
    expect(read({ LANDLINE_RECORDING_KEY: text })).toEqual({ ids: [key.id, undefined], problems: [] });
  });

  it('may be unset, and older keys may stand beside it', () => {
    const old = Buffer.from(other.bytes).toString('hex');

    expect(read({})).toEqual({ ids: [undefined, undefined], problems: [] });
    expect(read({ LANDLINE_RECORDING_KEY: base64, LANDLINE_RECORDING_KEY_OLD: `${base64}, ${old},` })).toEqual({
      ids: [key.id, other.id],
      problems: [],
    });
  });

  it.each([
    ['LANDLINE_RECORDING_KEY', randomBytes(16).toString('base64'), '16 bytes'],
    ['LANDLINE_RECORDING_KEY', 'ab'.repeat(31), '46 bytes'],
    ['LANDLINE_RECORDING_KEY_OLD', 'not a key!', 'neither'],
  ])('%s of the wrong kind is refused without being shown', (name, text, what) => {
    const { problems } = read({ [name]: text });

    expect(problems).toEqual([
      `${name} must be 32 bytes in base64 or hex, this is ${what}; make one with: openssl rand -base64 32`,
    ]);
    expect(problems.join()).not.toContain(text);
  });
});
