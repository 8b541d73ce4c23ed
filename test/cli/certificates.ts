import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

/** A certificate with its key, for `https.createServer`. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  readonly name: string;
  readonly privateKey: KeyObject;
}

export interface LeafOptions {
  /** Default `localhost`. */
  readonly host?: string;
  /** Undefined: signed by itself. */
  readonly by?: Authority | undefined;
  /** Days from today; -1 is over since yesterday. Default 1. */
  readonly validDays?: number;
}

/** DER: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...content: readonly Uint8Array[]): Buffer => der(0x30, ...content);
const octets = (...content: readonly Uint8Array[]): Buffer => der(0x04, ...content);
/** An object identifier, its arcs already in base 128. */
const id = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
const TRUE = der(0x01, Buffer.from([0xff]));

const ED25519 = sequence(id(0x2b, 0x65, 0x70));
const COMMON_NAME = id(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = id(0x55, 0x1d, 0x13);
const SUBJECT_ALT_NAME = id(0x55, 0x1d, 0x11);

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
}

/** UTCTime: `261120184000Z`. */
function dayOf(daysFromNow: number): Buffer {
  const iso = new Date(Date.now() + daysFromNow * 86_400_000).toISOString();
  return der(0x17, Buffer.from(`${iso.slice(2, 19).replace(/\D/g, '')}Z`));
}

/** X.509 v3 with Ed25519, the least that TLS wants. Node reads certificates and makes none. */
function issue(options: {
  readonly subject: string;
  readonly by: { readonly name: string; readonly privateKey: KeyObject } | undefined;
  readonly extension: Buffer;
  readonly validDays: number;
}): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { subject, by = { name: subject, privateKey }, extension, validDays } = options;
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ED25519,
    nameOf(by.name),
    sequence(dayOf(-30), dayOf(validDays)),
    nameOf(subject),
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(extension)),
  );
  const whole = sequence(signed, ED25519, der(0x03, Buffer.from([0]), sign(null, signed, by.privateKey)));
  return {
    name: subject,
    privateKey,
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** @param by the authority above; undefined: a root. */
export function createAuthority(name: string, by?: Authority): Authority {
  const extension = sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE)));
  return issue({ subject: name, by, extension, validDays: 2 });
}

export function createCertificate({ host = 'localhost', by, validDays = 1 }: LeafOptions = {}): Certificate {
  const extension = sequence(SUBJECT_ALT_NAME, octets(sequence(der(0x82, Buffer.from(host)))));
  return issue({ subject: host, by, extension, validDays });
}
