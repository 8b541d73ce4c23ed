import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { isEmergency, isEmergencyAbroad } from './emergency-numbers.ts';

/** Why something is never dialled, whoever asks. */
export type NeverRule = 'malformed' | 'invalid_number' | 'emergency' | 'premium' | 'satellite' | 'short_code';

/** A target in the one form in which it is compared, kept and dialled, or why it is none. */
export type NormalisedTarget =
  | {
      readonly ok: true;
      /** `+15105550200`, or `sip:user@host` with port and transport where they were given. */
      readonly target: string;
      /** E.164: of the target, or of a SIP user that is a phone number. */
      readonly number: string | undefined;
      /** Of a SIP target, lower case. */
      readonly host: string | undefined;
    }
  | {
      readonly ok: false;
      readonly rule: NeverRule;
      /** Goes on a sentence: `must be …`, `is an emergency number …`. Never quotes the target. */
      readonly why: string;
    };

const EXPECTED = 'must be E.164 like "+15105550200", or a "tel:" or "sip:" URI';
const MAX_LENGTH = 200;
/** What people and RFC 3966 write between digits. */
const SEPARATORS = /[-.() ]/g;
/** Numbers of a PBX's own plan; what is longer is a phone number, and is written as one. */
const LONGEST_EXTENSION = 5;

/**
 * Brings a destination into its one form, and refuses what no call of ours may go to: everything that is not plain ASCII,
 * letters and extensions in numbers, dial prefixes, emergency, premium-rate, satellite and short numbers. What it gives,
 * it gives back unchanged when it is asked again.
 */
export function normaliseTarget(text: string): NormalisedTarget {
  if (text.length > MAX_LENGTH) return refuse('malformed', `must have at most ${MAX_LENGTH} characters`);
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text)) {
    return refuse('malformed', 'must be plain ASCII, without hidden, full-width or control characters around or in it');
  }
  if (/^sips?:/i.test(text)) return readSip(text);
  if (/^tel:/i.test(text)) return readTel(text.slice(4));
  return readNumber(text);
}

function readTel(rest: string): NormalisedTarget {
  if (rest.includes(';')) {
    return refuse(
      'malformed',
      'must be a "tel:" URI without parameters: write the whole number with + and country code',
    );
  }
  return rest.includes(' ') ? refuse('malformed', EXPECTED) : readNumber(rest);
}

/** A phone number as a person or `tel:` writes it. */
function readNumber(text: string): NormalisedTarget {
  const digits = text.replace(SEPARATORS, '');
  if (/^\d+$/.test(digits) && !text.startsWith('(+')) return refuseNational(digits);
  if (!/^\+\d/.test(text) || !/^\+\d+$/.test(digits)) return refuse('malformed', EXPECTED);
  const problem = problemOf(digits);
  return problem ?? { ok: true, target: digits, number: digits, host: undefined };
}

/** Digits without a plus: short, or of one country, and which one is not known. */
function refuseNational(digits: string): NormalisedTarget {
  if (isEmergency(digits)) return emergency();
  if (digits.length <= 6)
    return refuse('short_code', 'is a short number; only whole numbers with + and country code are dialled');
  return refuse('malformed', 'must begin with + and the country code, without 00 or 011 before it');
}

/** `sip:user@host[:port][;transport=…]`, and nothing else that RFC 3261 allows. */
function readSip(text: string): NormalisedTarget {
  if (text.includes('%')) return refuse('malformed', 'must not hide characters behind "%"');
  if (text.includes('?')) return refuse('malformed', 'must not carry SIP headers ("?")');
  const parts = /^(sips?):([^@;:]+)@([^@;:]+)(?::(\d{1,5}))?(?:;transport=(udp|tcp|tls))?$/i.exec(text);
  if (!parts) {
    return refuse('malformed', 'must be "sip:user@host", at most with a port and ";transport=udp", "tcp" or "tls"');
  }
  const [, scheme = '', givenUser = '', givenHost = '', port, transport] = parts;
  const host = givenHost.toLowerCase();
  if (!isHost(host)) return refuse('malformed', 'must have a host name with a dot, or an IPv4 address, behind the "@"');
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) {
    return refuse('malformed', 'must have a port from 1 to 65535');
  }
  const user = readUser(givenUser);
  if (!user.ok) return user;
  const tail = `${port === undefined ? '' : `:${Number(port)}`}${transport === undefined ? '' : `;transport=${transport.toLowerCase()}`}`;
  return { ok: true, target: `${scheme.toLowerCase()}:${user.target}@${host}${tail}`, number: user.number, host };
}

/** A name, an extension of the host's own plan, or a phone number, which is judged like any other. */
function readUser(user: string): NormalisedTarget {
  const named = { ok: true, target: user, number: undefined, host: undefined } as const;
  if (/^[A-Za-z0-9._~-]*[A-Za-z_~][A-Za-z0-9._~-]*$/.test(user)) return named;
  if (user.startsWith('+')) return user.includes(' ') ? refuse('malformed', EXPECTED) : readNumber(user);
  if (!/^\d[\d.()-]*$/.test(user)) {
    return refuse('malformed', 'must have a user of letters, digits, ".", "_", "~" and "-", or a number with +');
  }
  const digits = user.replace(SEPARATORS, '');
  if (isEmergency(digits)) return emergency();
  if (digits.length > LONGEST_EXTENSION) {
    return refuse(
      'malformed',
      `has a user of more than ${LONGEST_EXTENSION} digits: write phone numbers with + and country code`,
    );
  }
  return { ...named, target: digits };
}

function isHost(host: string): boolean {
  const labels = host.split('.');
  if (host.length > 253 || labels.length < 2) return false;
  // A last label of digits makes it an IPv4 address (WHATWG URL), which has one notation here.
  if (/^(\d+|0x[\da-f]*)$/.test(labels.at(-1) ?? '')) {
    return labels.length === 4 && labels.every((label) => /^(0|[1-9]\d{0,2})$/.test(label) && Number(label) <= 255);
  }
  return labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
}

/** What speaks against an international number. @param number `+` and digits. */
function problemOf(number: string): Extract<NormalisedTarget, { ok: false }> | undefined {
  const digits = number.slice(1);
  if (isEmergencyAbroad(digits)) return emergency();
  // Inmarsat, Iridium, Globalstar, Thuraya and the networks of no country.
  if (/^(870|88[123])/.test(digits))
    return refuse('satellite', 'is a satellite or network number, which is never dialled');
  const parsed = parsePhoneNumberFromString(number);
  // `+32 (0)475…` is understood by people and by the library, and is not E.164.
  if (parsed?.number !== number || !parsed.isValid()) {
    return digits.length <= 6
      ? refuse('short_code', 'is a short number; only whole numbers with + and country code are dialled')
      : refuse('invalid_number', 'is no number that its country has in use; write it as +, country code and number');
  }
  if (PREMIUM.has(parsed.getType() ?? '') || /^1\d{3}976/.test(digits)) {
    return refuse('premium', 'is a premium-rate, shared-cost or personal number, which is never dialled');
  }
  return undefined;
}

/** Numbers that earn money for the called, or cost whatever their owner likes. */
const PREMIUM: ReadonlySet<string> = new Set(['PREMIUM_RATE', 'SHARED_COST', 'PERSONAL_NUMBER']);

function emergency(): Extract<NormalisedTarget, { ok: false }> {
  return refuse('emergency', 'is an emergency number, which only a person may dial');
}

function refuse(rule: NeverRule, why: string): Extract<NormalisedTarget, { ok: false }> {
  return { ok: false, rule, why };
}
