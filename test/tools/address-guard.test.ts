import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressKind, addressProblem, urlProblem } from '../../src/tools/address-guard.ts';

/** Where no tool's URL may lead without being asked; hosts as people and attackers write them. */
const HOSTILE: readonly string[] = [
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '0x7f000001',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '127.255.255.254',
  ],
  ...['0.0.0.0', '0', '0x0', '10.0.0.1', '10.255.255.255', '0xa000001', '167772161', '012.0.0.1', '172.16.0.1'],
  ...['172.31.255.255', '192.168.0.1', '192.168.257', '3232235521', '169.254.169.254', '0xa9fea9fe', '2852039166'],
  ...['169.254.170.2', '0251.0376.0251.0376', '100.64.0.1', '100.127.255.255', '100.100.100.200', '168.63.129.16'],
  ...['192.0.0.192', '192.0.2.1', '198.18.0.1', '198.19.255.255', '198.51.100.7', '203.0.113.9', '192.88.99.1'],
  ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255', '１２７.0.0.1', '127。0。0。1'],
  ...['[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]'],
  ...['[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b::169.254.169.254]', '[64:ff9b:1::a00:1]'],
  ...['[2002:7f00:1::]', '[2002:a9fe:a9fe::1]', '[2002:c0a8:1::]', '[fe80::1]', '[febf::1]', '[fec0::1]', '[fc00::1]'],
  ...['[fd00::1]', '[fd00:ec2::254]', '[fd20:ce::254]', '[ff02::1]', '[ff0e::1]', '[2001::1]', '[2001:db8::1]'],
  ...['[100::1]', '[3fff::1]', '[4000::1]', '[5f00::1]', '[::2]', '[2001:10::1]'],
];

describe('the guard', () => {
  it('knows more than sixty ways to where it does not let tools go', () => {
    expect(new Set(HOSTILE).size).toBeGreaterThanOrEqual(60);
  });

  it.each(HOSTILE)('refuses https://%s/', (host) => {
    const url = new URL(`https://${host}/`);

    expect(urlProblem(url, [])).toMatch(/address/);
  });

  it.each([
    ...['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'data:text/plain,x', 'javascript:1'],
    ...['gopher://example.com/', 'ws://example.com/', 'https://user:secret@example.com/', 'https://user@example.com/'],
  ])('refuses %s', (url) => {
    expect(urlProblem(new URL(url), [])).toMatch(/^must /);
  });

  it.each(['https://example.com/', 'https://8.8.8.8/', 'https://[2606:4700::1111]/x', 'https://[64:ff9b::8.8.8.8]/'])(
    'lets %s pass',
    (url) => {
      expect(urlProblem(new URL(url), [])).toBeUndefined();
    },
  );

  it.each([
    ['http://10.0.0.5:8080/x', '10.0.0.5:8080'],
    ['https://[fd00::5]/', '[fd00::5]:443'],
    ['http://localhost:9000/', 'LOCALHOST:9000'],
    ['http://localhost.:9000/', 'localhost:9000'],
  ])('lets %s pass where %s is listed, and at no other port', (url, entry) => {
    expect(urlProblem(new URL(url), [entry])).toBeUndefined();
    expect(urlProblem(new URL(url), [entry.replace(/\d+$/, '1')])).toBeDefined();
  });

  it.each(['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', 'fe80::1', '::ffff:169.254.169.254'])(
    'never lets %s pass, listed or not',
    (address) => {
      expect(addressProblem([`${address}:80`, `[${address}]:80`], address, address, 80)).toContain('never');
    },
  );

  it('judges by the address, whatever the name', () => {
    expect(addressProblem([], 'tools.example.com', '93.184.215.14', 443)).toBeUndefined();
    expect(addressProblem([], 'tools.example.com', '10.0.0.5', 443)).toContain(
      '"tools.example.com:443" in allowPrivate',
    );
    expect(addressProblem(['tools.example.com:443'], 'tools.example.com', '10.0.0.5', 443)).toBeUndefined();
    expect(addressProblem(['10.0.0.5:443'], 'tools.example.com', '10.0.0.5', 443)).toBeUndefined();
    expect(addressProblem(['10.0.0.6:443'], 'tools.example.com', '10.0.0.5', 443)).toBeDefined();
  });

  it('lets no IPv6 form of an IPv4 address be more than that address', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '::ffff:0:', '64:ff9b::'), (v4, prefix) => {
        expect(addressKind(`${prefix}${v4}`)).toBe(addressKind(v4));
      }),
    );
  });

  it('takes what is no address for one that is never connected to', () => {
    for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', 'fe80::1%eth0', ':::'])
      expect(addressKind(text)).toBe('never');
  });
});
