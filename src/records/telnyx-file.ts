import type { Readable } from 'node:stream';
import { request, type Dispatcher } from 'undici';
import { LandlineError, messageOf } from '../core/errors.ts';

export interface FetchTelnyxFileOptions {
  /** Hosts beside Telnyx' and Amazon's that may be asked, also without TLS: the emulator's. */
  readonly trustedOrigins?: readonly string[] | undefined;
  /** Default 1 GiB: four hours of stereo WAV are 460 MB. */
  readonly maxBytes?: number | undefined;
  /** Silence after which the fetch has failed; default 30 s. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly dispatcher?: Dispatcher | undefined;
}

export interface TelnyxFile {
  readonly format: 'wav' | 'mp3';
  readonly contentType: string;
  /** As announced. */
  readonly bytes: number | undefined;
  readonly stream: AsyncIterable<Uint8Array>;
}

const MAX_REDIRECTS = 3;
const MAX_BYTES = 1024 ** 3;
/** Telnyx hands out addresses of its own and presigned ones of Amazon S3, where its recordings lie. */
const HOSTS = /(?:^|\.)(?:telnyx\.com|amazonaws\.com)$/;

/**
 * Fetches a recording that Telnyx made.
 * @throws LandlineError `recording_not_found` when the address is not, or no longer, good (they are for 10 minutes);
 *   `not_supported` for an address that is not Telnyx', or no sound; `telnyx_command_failed` (retryable) otherwise, also out
 *   of the stream.
 */
export async function fetchTelnyxFile(address: string, options: FetchTelnyxFileOptions): Promise<TelnyxFile> {
  const { maxBytes = MAX_BYTES } = options;
  let url = trusted(address, options);
  for (let redirects = 0; ; redirects++) {
    const response = await ask(url, options);
    const { statusCode, headers } = response;
    // Leaving a body before its end is an error to undici; who reads it is told by its own means.
    response.body.on('error', () => undefined);
    if (statusCode >= 300 && statusCode < 400 && headers['location'] !== undefined) {
      await response.body.dump();
      if (redirects === MAX_REDIRECTS) throw failed(`more than ${MAX_REDIRECTS} redirects`);
      url = trusted(new URL(String(headers['location']), url).href, options);
      continue;
    }
    if (statusCode !== 200) {
      await response.body.dump();
      if (statusCode === 403 || statusCode === 404 || statusCode === 410) {
        throw new LandlineError(
          'recording_not_found',
          `Telnyx no longer has the recording at this address (${statusCode})`,
        );
      }
      throw failed(`the answer is ${statusCode}`);
    }
    const type = String(headers['content-type'] ?? '').toLowerCase();
    const format = formatOf(type, url);
    const announced = Number(headers['content-length'] ?? Number.NaN);
    if (!format || announced > maxBytes) {
      response.body.destroy();
      const what = format ? `has ${announced} bytes; ${maxBytes} are the most` : `is "${type}", not WAV or MP3`;
      throw new LandlineError('not_supported', `the recording at Telnyx ${what}`);
    }
    return {
      format,
      contentType: format === 'wav' ? 'audio/wav' : 'audio/mpeg',
      bytes: Number.isFinite(announced) ? announced : undefined,
      stream: bounded(response.body, maxBytes),
    };
  }
}

async function ask(
  url: URL,
  { timeoutMs = 30_000, signal, dispatcher }: FetchTelnyxFileOptions,
): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, {
      method: 'GET',
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      ...(dispatcher ? { dispatcher } : {}),
    });
  } catch (thrown) {
    throw failed(messageOf(thrown), thrown);
  }
}

/** The address, if it is one that Telnyx may give. It is never shown: who has it has the recording. */
function trusted(address: string, { trustedOrigins = [] }: FetchTelnyxFileOptions): URL {
  const url = URL.parse(address);
  if (url && trustedOrigins.includes(url.origin)) return url;
  if (url?.protocol === 'https:' && HOSTS.test(url.hostname)) return url;
  throw new LandlineError(
    'not_supported',
    `a recording is fetched over https from telnyx.com and amazonaws.com only, not from ${url?.origin ?? 'what is no address'}`,
  );
}

function formatOf(type: string, url: URL): 'wav' | 'mp3' | undefined {
  if (/^audio\/(?:x-|vnd\.)?wave?\b/.test(type)) return 'wav';
  if (/^audio\/(?:mpeg|mp3)\b/.test(type)) return 'mp3';
  // S3 says this of everything that was stored without a type.
  if (type !== '' && !type.startsWith('application/octet-stream') && !type.startsWith('binary/octet-stream'))
    return undefined;
  const extension = /\.(wav|mp3)$/i.exec(url.pathname)?.[1]?.toLowerCase();
  return extension === 'wav' || extension === 'mp3' ? extension : undefined;
}

async function* bounded(body: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes)
        throw new LandlineError('not_supported', `the recording at Telnyx is over ${maxBytes} bytes`);
      yield chunk;
    }
  } catch (thrown) {
    if (thrown instanceof LandlineError) throw thrown;
    throw failed(messageOf(thrown), thrown);
  }
}

function failed(what: string, cause?: unknown): LandlineError {
  return new LandlineError('telnyx_command_failed', `a recording could not be fetched from Telnyx: ${what}`, {
    cause,
    retryable: true,
  });
}
