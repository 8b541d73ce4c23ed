import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import { renderVoice } from '../voice.ts';
import { isRawEncoding, bytesOfMs, encodeSamples, type WireFormat } from './wire-audio.ts';
import type { SpeakBehaviour } from './speaker.ts';

/** What is wrong with a request, in words; undefined when nothing is. */
export function restProblem(query: URLSearchParams, body: unknown): string | undefined {
  const encoding = query.get('encoding') ?? 'linear16';
  const container = query.get('container') ?? 'wav';
  if (!isRawEncoding(encoding)) return `the emulator speaks raw encodings only, not ${encoding}`;
  if (container !== 'wav' && container !== 'none') return `container ${container} is not supported for ${encoding}`;
  if (typeof body !== 'object' || body === null || !('text' in body) || typeof body.text !== 'string') {
    return 'the body must be {"text": "…"}';
  }
  return body.text.trim() === '' ? 'the text is empty' : undefined;
}

/** `POST /v1/speak`: the voice of a checked request, in chunks, as WAV unless `container=none`. */
export function speakRest(
  query: URLSearchParams,
  text: string,
  response: ServerResponse,
  behaviour: SpeakBehaviour,
  clock: Clock,
): void {
  const stated = query.get('encoding') ?? 'linear16';
  const encoding = isRawEncoding(stated) ? stated : 'linear16';
  const sampleRate = Number(query.get('sample_rate') ?? (encoding === 'linear16' ? 24000 : 8000));
  const format: WireFormat = { encoding, sampleRate };
  const raw = Buffer.from(encodeSamples(format, renderVoice(text, sampleRate).samples));
  const isWav = query.get('container') !== 'none';
  const bytes = isWav ? Buffer.concat([wavHeader(format), raw]) : raw;
  const contentType = isWav ? 'audio/wav' : `audio/${{ mulaw: 'mulaw', alaw: 'alaw', linear16: 'l16' }[encoding]}`;
  response.writeHead(200, { 'content-type': contentType, 'dg-char-count': String(text.length) });
  const send = (from: number): void => {
    if (response.destroyed) return;
    const chunk = bytes.subarray(from, from + 3001);
    response.write(chunk);
    const next = from + chunk.length;
    if (next >= bytes.length) response.end();
    else clock.after(chunk.length / bytesOfMs(format, 1) / behaviour.speed, () => send(next));
  };
  clock.after(behaviour.firstByteMs, () => send(0));
}

/** RIFF header of a stream whose length is not known: the sizes are the largest possible, as Deepgram writes them. */
function wavHeader(format: WireFormat): Buffer {
  const header = Buffer.alloc(44);
  const bytesPerSample = format.encoding === 'linear16' ? 2 : 1;
  header.write('RIFF', 0);
  header.writeUInt32LE(0xffffffff, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE({ linear16: 1, alaw: 6, mulaw: 7 }[format.encoding], 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(format.sampleRate, 24);
  header.writeUInt32LE(format.sampleRate * bytesPerSample, 28);
  header.writeUInt16LE(bytesPerSample, 32);
  header.writeUInt16LE(8 * bytesPerSample, 34);
  header.write('data', 36);
  header.writeUInt32LE(0xffffffff, 40);
  return header;
}
