import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, type Clock } from '../../core/clock.ts';
import { checkSignature, type S3Account } from './signature.ts';

/** What goes wrong; for the requests it fits, as often as `times` says (default: until it is removed). */
export interface S3Fault {
  readonly fits?: (request: { readonly method: string; readonly target: string }) => boolean;
  readonly times?: number;
  readonly does:
    /** e.g. 503 `SlowDown`, 403 `AccessDenied`. */
    | { readonly type: 'refuse'; readonly status: number; readonly code: string }
    /** Takes its time before it answers. */
    | { readonly type: 'slow'; readonly ms: number }
    /** The connection is cut after so many bytes of the answer's body, or of the request's for PUT. */
    | { readonly type: 'cut'; readonly afterBytes: number }
    /** 200, and an error in the body: how S3 fails to complete an upload. */
    | { readonly type: 'failComplete' };
}

export interface S3EmulatorOptions {
  readonly bucket?: string;
  readonly account?: Partial<S3Account>;
  readonly clock?: Clock;
  /** Of every part but the last; S3's own is 5 MiB. */
  readonly minPartBytes?: number;
}

export interface StoredObject {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  readonly etag: string;
}

export interface S3Emulator {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly port: number;
  readonly bucket: string;
  readonly account: S3Account;
  readonly objects: ReadonlyMap<string, StoredObject>;
  /** Begun and neither completed nor aborted. */
  readonly uploads: ReadonlyMap<string, unknown>;
  /** `PUT /bucket/key`, in the order they came, refused ones too. */
  readonly requests: readonly string[];
  /** Removes the fault again. */
  fault(fault: S3Fault): () => void;
  close(): Promise<void>;
}

interface Upload {
  readonly key: string;
  readonly contentType: string | undefined;
  readonly parts: Map<number, Buffer>;
}

/** What is wrong with a request, as S3 says it. */
class S3Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * An object store of one bucket in memory: objects, ranges, multipart uploads, presigned addresses. Every request's
 * signature is checked.
 */
export async function createS3Emulator(options: S3EmulatorOptions = {}): Promise<S3Emulator> {
  const { bucket = 'recordings', clock = systemClock, minPartBytes = 5 * 1024 * 1024 } = options;
  const account: S3Account = {
    accessKeyId: 'AKIDEMULATOR00000000',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEMULATORKEY',
    region: 'eu-central-1',
    ...options.account,
  };
  const objects = new Map<string, StoredObject>();
  const uploads = new Map<string, Upload>();
  const requests: string[] = [];
  const faults = new Set<{ readonly fault: S3Fault; left: number }>();

  const takeFault = (method: string, target: string): S3Fault['does'] | undefined => {
    for (const entry of faults) {
      if (entry.fault.fits && !entry.fault.fits({ method, target })) continue;
      entry.left--;
      if (entry.left <= 0) faults.delete(entry);
      return entry.fault.does;
    }
    return undefined;
  };

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const { method = 'GET', url: target = '/' } = req;
    requests.push(`${method} ${target}`);
    const does = takeFault(method, target);
    if (does?.type === 'refuse') throw new S3Problem(does.status, does.code, 'as the emulator was told');
    if (does?.type === 'slow') await new Promise<void>((resolve) => clock.after(does.ms, resolve));
    const cut = does?.type === 'cut' ? does.afterBytes : undefined;
    const body = await readBody(req, cut);
    if (!body) return;
    const verdict = checkSignature({ method, target, headers: req.headers }, account, clock.wall());
    if (!verdict.ok) throw new S3Problem(403, verdict.code, verdict.message);
    if (verdict.payloadHash !== undefined && verdict.payloadHash !== sha256(body)) {
      throw new S3Problem(400, 'XAmzContentSHA256Mismatch', 'the body is not the one that was signed');
    }
    const { key, query } = locate(req.headers.host ?? '', target);
    const uploadId = query.get('uploadId');
    const upload = uploadId === null ? undefined : uploads.get(uploadId);
    if (uploadId !== null && upload?.key !== key) throw new S3Problem(404, 'NoSuchUpload', 'there is no such upload');
    switch (method) {
      case 'PUT': {
        if (req.headers['content-length'] === undefined) {
          throw new S3Problem(411, 'MissingContentLength', 'a PUT must say how long it is');
        }
        const etag = `"${md5(body)}"`;
        if (upload) upload.parts.set(Number(query.get('partNumber')), body);
        else objects.set(key, { bytes: body, contentType: req.headers['content-type'], etag });
        res.writeHead(200, { etag }).end();
        return;
      }
      case 'POST':
        if (query.has('uploads')) {
          const id = `${randomUUID()}&<"`;
          uploads.set(id, { key, contentType: req.headers['content-type'], parts: new Map() });
          xml(
            res,
            200,
            `<InitiateMultipartUploadResult><UploadId>${escapeXml(id)}</UploadId></InitiateMultipartUploadResult>`,
          );
          return;
        }
        if (!upload || uploadId === null) throw new S3Problem(405, 'MethodNotAllowed', 'POST is for uploads');
        if (does?.type === 'failComplete') {
          xml(res, 200, '<Error><Code>InternalError</Code><Message>as the emulator was told</Message></Error>');
          return;
        }
        complete(key, upload, body.toString());
        uploads.delete(uploadId);
        xml(res, 200, `<CompleteMultipartUploadResult><Key>${escapeXml(key)}</Key></CompleteMultipartUploadResult>`);
        return;
      case 'DELETE':
        if (uploadId === null) objects.delete(key);
        else uploads.delete(uploadId);
        res.writeHead(204).end();
        return;
      case 'GET':
      case 'HEAD':
        give(req, res, objects.get(key), query, cut);
        return;
      default:
        throw new S3Problem(405, 'MethodNotAllowed', `${method} is not known here`);
    }
  };

  /** Path-style `/bucket/key`, or virtual-hosted `bucket.host`. */
  const locate = (host: string, target: string): { readonly key: string; readonly query: URLSearchParams } => {
    const url = new URL(target, 'http://emulator');
    const path = decodeURIComponent(url.pathname).slice(1);
    if (host.startsWith(`${bucket}.`)) return { key: path, query: url.searchParams };
    if (!path.startsWith(`${bucket}/`)) throw new S3Problem(404, 'NoSuchBucket', `there is only ${bucket}`);
    return { key: path.slice(bucket.length + 1), query: url.searchParams };
  };

  const complete = (key: string, upload: Upload, body: string): void => {
    const listed = [...body.matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag><\/Part>/g)];
    const parts = listed.map(([, number, tag], i) => {
      const part = upload.parts.get(Number(number));
      if (!part || tag?.replaceAll('&quot;', '') !== md5(part)) {
        throw new S3Problem(400, 'InvalidPart', `part ${number ?? ''} was not uploaded like that`);
      }
      if (Number(number) !== i + 1) throw new S3Problem(400, 'InvalidPartOrder', 'parts must be in order');
      if (i < listed.length - 1 && part.length < minPartBytes) {
        throw new S3Problem(400, 'EntityTooSmall', `part ${number ?? ''} is too small`);
      }
      return part;
    });
    if (parts.length === 0) throw new S3Problem(400, 'MalformedXML', 'no parts are listed');
    const bytes = Buffer.concat(parts);
    objects.set(key, { bytes, contentType: upload.contentType, etag: `"${md5(bytes)}-${parts.length}"` });
  };

  const server: Server = createServer((req, res) => {
    answer(req, res).catch((thrown: unknown) => {
      if (res.headersSent || res.destroyed) return;
      const { status, code, message } =
        thrown instanceof S3Problem ? thrown : new S3Problem(500, 'InternalError', String(thrown));
      // A client that is still sending must be able to read the answer.
      req.resume();
      if (req.method === 'HEAD') res.writeHead(status).end();
      else xml(res, status, `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    bucket,
    account,
    objects,
    uploads,
    requests,
    fault(fault) {
      const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      faults.add(entry);
      return () => void faults.delete(entry);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The whole body; undefined when the connection was cut on purpose. */
async function readBody(req: IncomingMessage, cutAfter: number | undefined): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (req.method === 'PUT' && cutAfter !== undefined && length > cutAfter) {
      req.socket.destroy();
      return undefined;
    }
  }
  return Buffer.concat(chunks);
}

function give(
  req: IncomingMessage,
  res: ServerResponse,
  object: StoredObject | undefined,
  query: URLSearchParams,
  cutAfter: number | undefined,
): void {
  if (!object) throw new S3Problem(404, 'NoSuchKey', 'there is no such object');
  const { bytes, contentType, etag } = object;
  const disposition = query.get('response-content-disposition');
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(disposition === null ? {} : { 'content-disposition': disposition }),
  };
  const match = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
  const start = match ? Number(match[1]) : 0;
  const end = match?.[2] ? Math.min(bytes.length, Number(match[2]) + 1) : bytes.length;
  if (match && start >= bytes.length) throw new S3Problem(416, 'InvalidRange', 'the range is outside');
  const part = bytes.subarray(start, end);
  const range = match ? { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` } : {};
  res.writeHead(match ? 206 : 200, { ...headers, ...range, 'content-length': part.length });
  if (req.method === 'HEAD') res.end();
  else if (cutAfter === undefined) res.end(part);
  else res.write(part.subarray(0, cutAfter), () => req.socket.destroy());
}

function xml(res: ServerResponse, status: number, text: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;
  res.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }).end(body);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
