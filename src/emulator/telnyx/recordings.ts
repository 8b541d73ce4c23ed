import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { randomId } from '../../core/ids.ts';
import type { Scheduler } from './scheduler.ts';

/** How long a link to a recording works, as Telnyx documents it. */
const LINK_MS = 10 * 60_000;
const RATE = 8000;

/** A recording of one leg while it is made: what its person says left, what they hear right. */
export class Recording {
  readonly id: string = randomId();
  readonly channels: string;
  readonly format: string;
  readonly startedAt: string;
  isPaused = false;
  readonly #pieces: Buffer[] = [];

  constructor(channels: string, format: string, startedAt: string) {
    this.channels = channels;
    this.format = format;
    this.startedAt = startedAt;
  }

  /** One more frame of both sides. What passes while it is paused is left out. */
  add(said: Int16Array, heard: Int16Array): void {
    if (this.isPaused) return;
    const isDual = this.channels === 'dual';
    const piece = Buffer.alloc(said.length * (isDual ? 4 : 2));
    for (let n = 0; n < said.length; n++) {
      const [left, right] = [said[n] ?? 0, heard[n] ?? 0];
      if (isDual) {
        piece.writeInt16LE(left, n * 4);
        piece.writeInt16LE(right, n * 4 + 2);
      } else piece.writeInt16LE(Math.max(-32_768, Math.min(32_767, left + right)), n * 2);
    }
    this.#pieces.push(piece);
  }

  /** A PCM WAV of what there is. */
  wav(): Buffer {
    const data = Buffer.concat(this.#pieces);
    const channels = this.channels === 'dual' ? 2 : 1;
    const header = Buffer.alloc(44);
    header.write('RIFF', 0, 'latin1');
    header.writeUInt32LE(36 + data.length, 4);
    header.write('WAVEfmt ', 8, 'latin1');
    header.writeUInt32LE(16, 16);
    header.writeUInt16LE(1, 20);
    header.writeUInt16LE(channels, 22);
    header.writeUInt32LE(RATE, 24);
    header.writeUInt32LE(RATE * channels * 2, 28);
    header.writeUInt16LE(channels * 2, 32);
    header.writeUInt16LE(16, 34);
    header.write('data', 36, 'latin1');
    header.writeUInt32LE(data.length, 40);
    return Buffer.concat([header, data]);
  }
}

interface Saved {
  readonly signature: string;
  readonly until: number;
  /** Undefined for MP3: there is a link, and nothing that could be encoded here behind it. */
  readonly wav: Buffer | undefined;
}

/** Finished recordings behind links that expire, as an object store gives them. */
export class SavedRecordings {
  /** Where the emulator is reached, without a path. */
  origin = '';
  readonly #scheduler: Scheduler;
  readonly #linkMs: number;
  readonly #saved = new Map<string, Saved>();

  constructor(scheduler: Scheduler, linkMs: number = LINK_MS) {
    this.#scheduler = scheduler;
    this.#linkMs = linkMs;
  }

  /** @returns its link. */
  save(recording: Recording): string {
    const name = `${recording.id}.${recording.format}`;
    const signature = randomBytes(16).toString('hex');
    const until = this.#scheduler.now() + this.#linkMs;
    this.#saved.set(name, { signature, until, wav: recording.format === 'wav' ? recording.wav() : undefined });
    return `${this.origin}/recordings/${name}?signature=${signature}`;
  }

  /** Answers a request for a link; false when it is for something else. No API key: the link is the key. */
  serve(method: string, url: string, response: ServerResponse): boolean {
    const { pathname, searchParams } = new URL(url, 'http://emulator');
    const [, folder, name = '', ...rest] = pathname.split('/');
    if (folder !== 'recordings' || rest.length > 0) return false;
    const saved = this.#saved.get(name);
    const refuse = (status: number, code: string): void => {
      const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' }).end(text);
    };
    if (method !== 'GET' && method !== 'HEAD') refuse(405, 'MethodNotAllowed');
    else if (!saved || searchParams.get('signature') !== saved.signature) refuse(403, 'SignatureDoesNotMatch');
    else if (this.#scheduler.now() >= saved.until) refuse(403, 'AccessDenied');
    else if (!saved.wav) refuse(404, 'NoSuchKey');
    else {
      response.writeHead(200, { 'content-type': 'audio/x-wav', 'content-length': saved.wav.length });
      response.end(method === 'HEAD' ? undefined : saved.wav);
    }
    return true;
  }
}
