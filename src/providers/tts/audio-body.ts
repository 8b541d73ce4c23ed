/** What can be said about the body of a synthesis answer from its first bytes. */
export type BodyVerdict =
  | { readonly is: 'pcm' }
  /** More bytes are needed. */
  | { readonly is: 'unclear' }
  /** Not bare PCM: played as such it would be noise. */
  | { readonly is: 'foreign'; readonly name: string };

const MAGIC: readonly (readonly [string, string])[] = [
  ['RIFF', 'WAV'],
  ['ID3', 'MP3'],
  ['OggS', 'Ogg'],
  ['fLaC', 'FLAC'],
  ['{"', 'JSON'],
];
const LONGEST_MAGIC = 4;

/** MPEG Layer III bit rates by index, kbit/s: version 1, then versions 2 and 2.5. */
const KBITS_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBITS_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MPEG_1_RATES = [44_100, 48_000, 32_000];

/**
 * Tells bare 16-bit PCM from the containers that servers send when they do not know `response_format: pcm`.
 * @param head the body so far. @param isWhole nothing more will come.
 */
export function inspectAudioBody(head: Uint8Array, isWhole: boolean): BodyVerdict {
  const start = Buffer.from(head.subarray(0, LONGEST_MAGIC)).toString('latin1');
  if (start.length < LONGEST_MAGIC && !isWhole) return { is: 'unclear' };
  const magic = MAGIC.find(([bytes]) => start.startsWith(bytes));
  if (magic) return { is: 'foreign', name: magic[1] };
  // A sample may look like an MP3 frame header; only a second header at the end of that frame proves it.
  const frameBytes = mp3FrameBytes(head, 0);
  if (frameBytes === undefined) return { is: 'pcm' };
  if (head.length < frameBytes + 4 && !isWhole) return { is: 'unclear' };
  return mp3FrameBytes(head, frameBytes) === undefined ? { is: 'pcm' } : { is: 'foreign', name: 'MP3' };
}

/** The name of what a `content-type` promises, if it is certainly not bare PCM. */
export function foreignContentType(contentType: string | null): string | undefined {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const isForeign =
    /^(text\/|application\/(json|problem)|audio\/(mpeg|mp3|ogg|opus|aac|mp4|flac|webm|wave?$|x-wav$|vnd\.wave))/u;
  return isForeign.test(type) ? type : undefined;
}

/** Length of the Layer III frame whose header is at `at`; undefined when there is none. */
function mp3FrameBytes(bytes: Uint8Array, at: number): number | undefined {
  const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3);
  // Eleven ones, any version but the reserved one, Layer III.
  if (a !== 0xff || (b & 0xe0) !== 0xe0 || (b & 0x18) === 0x08 || (b & 0x06) !== 0x02) return undefined;
  const version = (b >> 3) & 0x03;
  const kbits = (version === 3 ? KBITS_1 : KBITS_2)[c >> 4];
  const rate = MPEG_1_RATES[(c >> 2) & 0x03];
  if (!kbits || !rate) return undefined;
  const divided = version === 3 ? rate : version === 2 ? rate / 2 : rate / 4;
  return Math.floor(((version === 3 ? 144_000 : 72_000) * kbits) / divided) + ((c >> 1) & 1);
}
