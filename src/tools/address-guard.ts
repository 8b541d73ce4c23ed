import { BlockList, isIP } from 'node:net';

/**
 * What an address is to somebody outside: `never` holds cloud metadata and what belongs to one link or to nobody, which no
 * setting opens; `private` can be opened by name and port.
 */
export type AddressKind = 'public' | 'private' | 'never';

const V4_PRIVATE: readonly (readonly [string, number])[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
];
const V4_NEVER: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16], // link-local; the metadata services of most clouds
  ['100.100.100.200', 32], // metadata, Alibaba
  ['168.63.129.16', 32], // metadata and DNS, Azure
  ['192.0.0.0', 24], // IETF; metadata of Oracle at .192
  ['192.0.2.0', 24], // documentation, also the next two
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['192.88.99.0', 24], // 6to4 relays
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];
const V6_PRIVATE: readonly (readonly [string, number])[] = [
  ['::1', 128],
  ['fc00::', 7], // unique local
];
const V6_NEVER: readonly (readonly [string, number])[] = [
  ['fd00:ec2::254', 128], // metadata, AWS
  ['fd20:ce::254', 128], // metadata, Google
  ['fe80::', 10], // link-local
  ['fec0::', 10], // site-local, of old
  ['ff00::', 8], // multicast
];

function listOf(v4: readonly (readonly [string, number])[], v6: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [net, bits] of v4) list.addSubnet(net, bits, 'ipv4');
  for (const [net, bits] of v6) list.addSubnet(net, bits, 'ipv6');
  return list;
}

const NEVER = listOf(V4_NEVER, V6_NEVER);
const PRIVATE = listOf(V4_PRIVATE, V6_PRIVATE);
/** Unicast that is given out; everything outside is special in one way or another. */
const V6_GLOBAL = listOf([], [['2000::', 3]]);
const V6_SPECIAL = listOf(
  [],
  [
    ['2001::', 23], // IETF: Teredo, ORCHID, benchmarks
    ['2001:db8::', 32], // documentation
    ['3fff::', 20], // documentation
    ['5f00::', 16], // segment routing
  ],
);

/** Judges one IP address in its usual text form. What is no address is `never`. */
export function addressKind(address: string): AddressKind {
  const [bare = ''] = address.split('%');
  const family = isIP(bare);
  if (family === 0) return 'never';
  if (family === 4) return NEVER.check(bare) ? 'never' : PRIVATE.check(bare) ? 'private' : 'public';
  const words = wordsOf(bare);
  const inside = embedded(words);
  if (inside !== undefined) return addressKind(inside);
  if (NEVER.check(bare, 'ipv6')) return 'never';
  if (PRIVATE.check(bare, 'ipv6')) return 'private';
  return V6_GLOBAL.check(bare, 'ipv6') && !V6_SPECIAL.check(bare, 'ipv6') ? 'public' : 'never';
}

/** The IPv4 address that an IPv6 address leads to, if it is one of those. */
function embedded(words: readonly number[]): string | undefined {
  const at = (i: number): string => {
    const [high = 0, low = 0] = words.slice(i);
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  };
  const starts = (...prefix: readonly number[]): boolean => prefix.every((word, i) => words[i] === word);
  // Mapped ::ffff:0:0/96, translated ::ffff:0:0:0/96.
  if (starts(0, 0, 0, 0, 0, 0xffff) || starts(0, 0, 0, 0, 0xffff, 0)) return at(6);
  // Compatible ::/96, of old; ::1 and :: are themselves.
  if (starts(0, 0, 0, 0, 0, 0) && (words[6] !== 0 || (words[7] ?? 0) > 1)) return at(6);
  // NAT64 64:ff9b::/96, and 64:ff9b:1::/48 where the address's place is the operator's choice: the usual one.
  if (starts(0x64, 0xff9b, 0, 0, 0, 0) || starts(0x64, 0xff9b, 1)) return at(6);
  // 6to4.
  if (starts(0x2002)) return at(1);
  return undefined;
}

/** The eight 16-bit words of a valid IPv6 address. */
function wordsOf(address: string): readonly number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text = dotted
    ? `${dotted[1] ?? ''}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : address;
  const [head = '', tail] = text.split('::');
  const read = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => parseInt(word, 16)));
  const [first, last] = [read(head), read(tail ?? '')];
  const gap = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...Array<number>(Math.max(0, gap)).fill(0), ...last];
}

/** An entry of `allowPrivate`: host or address, and port, as in a URL. */
export function isAllowed(allow: readonly string[], host: string, address: string, port: number): boolean {
  const forms = [host.toLowerCase(), address.toLowerCase()].map(
    (name) => `${isIP(name) === 6 ? `[${name}]` : name}:${port}`,
  );
  return allow.some((entry) => forms.includes(entry.toLowerCase()));
}

/** Why a connection to this address may not be made; undefined: it may. */
export function addressProblem(
  allow: readonly string[],
  host: string,
  address: string,
  port: number,
): string | undefined {
  const kind = addressKind(address);
  if (kind === 'public') return undefined;
  if (kind === 'private' && isAllowed(allow, host, address, port)) return undefined;
  return kind === 'private'
    ? `${host} is at a private address; to allow it, list "${host}:${port}" in allowPrivate`
    : `${host} is at an address that is never connected to`;
}

/**
 * What speaks against a URL before anything is looked up: only https, or http to a host that is listed in `allow`, without
 * user and password, and if it names an address, one that may be reached.
 */
export function urlProblem(url: URL, allow: readonly string[]): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold a user or password';
  const host = hostOf(url);
  const port = portOf(url);
  if (url.protocol === 'http:' && !isAllowed(allow, host, host, port)) {
    return `must begin with https://; http is for hosts that are listed in allowPrivate, like "${host}:${port}"`;
  }
  return isIP(host) === 0 ? undefined : addressProblem(allow, host, host, port);
}

/** Without the brackets around IPv6 and the dot of the root. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}
