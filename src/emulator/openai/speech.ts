import { encodeL16 } from '../../audio/linear.ts';
import { writeWav } from '../../audio/wav.ts';
import type { BodyFault, Exchange, Refusal } from './exchange.ts';

/** The body of `POST /audio/speech`. */
export interface SpeechRequest {
  readonly model: string;
  readonly input: string;
  readonly voice: string;
  readonly response_format?: string;
  readonly [field: string]: unknown;
}

export interface SpeechReply {
  /** Default 0. */
  readonly firstByteMs?: number;
  /** Between chunks. Default 0: faster than real time. */
  readonly interChunkMs?: number;
  /** Sizes of the chunks, again and again. Default 4799 and 4801, as seen from the real service: odd on purpose. */
  readonly chunkBytes?: readonly [number, ...number[]];
  /** What is in the body: PCM as asked for, or what servers send that do not know `response_format`. Default `pcm`. */
  readonly body?: 'pcm' | 'wav' | 'mp3' | 'empty';
  /** Default `audio/pcm`, also when the body is something else: that is the harder case. */
  readonly contentType?: string;
  readonly fault?: Refusal | BodyFault;
}

/** Makes the sound of a text; 16-bit mono at `sampleRate`. */
export type RenderSpeech = (text: string, sampleRate: number) => { readonly samples: Int16Array };

export const SPEECH_RATE = 24_000;
const MAX_INPUT_CHARS = 4096;

export function refusalOfSpeech(body: unknown): string | undefined {
  const { model, input, voice } = (body ?? {}) as Partial<SpeechRequest>;
  if (typeof model !== 'string' || model === '') return 'you must provide a model parameter';
  if (typeof voice !== 'string' || voice === '') return "Missing required parameter: 'voice'.";
  if (typeof input !== 'string' || input.trim() === '') return "Invalid 'input': string too short.";
  if (input.length > MAX_INPUT_CHARS) return `Invalid 'input': string too long, maximum ${MAX_INPUT_CHARS}.`;
  return undefined;
}

export async function streamSpeech(
  exchange: Exchange,
  request: SpeechRequest,
  reply: SpeechReply,
  render: RenderSpeech,
): Promise<void> {
  const { fault, contentType = 'audio/pcm', chunkBytes = [4799, 4801] } = reply;
  if (fault?.type === 'status' || fault?.type === 'silent' || fault?.type === 'headersOnly') {
    exchange.perform(fault, contentType);
    return;
  }
  if (!(await exchange.pause(reply.firstByteMs ?? 0))) return;
  exchange.res.writeHead(200, { 'content-type': contentType });
  exchange.res.flushHeaders();
  const body = bodyOf(request, reply, render);
  for (let at = 0, n = 0; at < body.length; n++) {
    if (fault?.after === n) {
      if (fault.type === 'drop') exchange.drop();
      return;
    }
    if (n > 0 && !(await exchange.pause(reply.interChunkMs ?? 0))) return;
    const size = chunkBytes[n % chunkBytes.length] as number;
    if (!(await exchange.write(body.subarray(at, at + size)))) return;
    at += size;
  }
  exchange.res.end();
}

function bodyOf(request: SpeechRequest, reply: SpeechReply, render: RenderSpeech): Uint8Array {
  const { samples } = render(request.input, SPEECH_RATE);
  switch (reply.body ?? 'pcm') {
    case 'pcm':
      return encodeL16(samples, 'little');
    case 'wav':
      return writeWav({ sampleRate: SPEECH_RATE, channels: [samples] });
    case 'mp3':
      return mp3Frames(20);
    case 'empty':
      return new Uint8Array(0);
  }
}

/** MPEG-2 Layer III frames of 64 kbit/s at 24 kHz with nothing in them: 192 bytes each. */
function mp3Frames(count: number): Uint8Array {
  const frame = new Uint8Array(192);
  frame.set([0xff, 0xf3, 0x84, 0xc4]);
  const out = new Uint8Array(192 * count);
  for (let n = 0; n < count; n++) out.set(frame, n * 192);
  return out;
}
