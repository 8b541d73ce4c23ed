import { randomUUID } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { WebSocket } from 'ws';
import type { Config } from '../../config.ts';
import { messageOf } from '../../core/errors.ts';
import { BAD_TOKEN, NO_UPGRADE } from '../../server/media-route.ts';
import { notChecked, ok, problem, type Finding } from './finding.ts';
import { reach, type Silence } from './reach.ts';
import { findListener, PROBE_PATH, type Listener } from './stand-in.ts';

const TIMEOUT_MS = 8_000;
const MAX_BODY_CHARS = 4096;

/** What TLS says about a certificate that Telnyx would not take either, and what to do. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'Renew the certificate',
  CERT_NOT_YET_VALID: 'Use a certificate that is valid today, and check the clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Use a certificate for this very name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Let the server send its intermediate certificates too (the "full chain" file)',
};
const ANY_CERTIFICATE = 'Use a certificate of a public authority: Telnyx takes no other';

/** Can the gateway listen, does the public URL lead to it, with a certificate that Telnyx takes, and do upgrades survive the way? */
export async function publicUrlChecks(config: Config): Promise<Finding[]> {
  const listener = await findListener(config, randomUUID());
  try {
    const listening = listenFinding(config, listener);
    const url = await urlFinding(config, listener);
    const isLandline = url.status === 'ok' || (url.status === 'not checked' && listener.who === 'stand-in');
    const upgrading = isLandline
      ? await upgradeFinding(config.publicUrl ?? '')
      : notChecked('WebSocket', 'the public URL does not lead here');
    return [listening, url, upgrading];
  } finally {
    if (listener.who === 'stand-in') listener.close();
  }
}

function listenFinding({ host, port }: Config, listener: Listener): Finding {
  const check = 'listen address';
  switch (listener.who) {
    case 'stand-in':
      return ok(check, `${host}:${port} is free`);
    case 'gateway':
      return ok(check, `the gateway runs at ${host}:${port}`);
    case 'nobody':
      return problem(check, `${host}:${port} cannot be used: ${listener.reason}`, 'Choose another HOST or PORT');
    case 'unknown':
      return notChecked(check, 'PORT is 0: any free one, known when the gateway runs');
  }
}

async function urlFinding(config: Config, listener: Listener): Promise<Finding> {
  const check = 'public URL';
  const { publicUrl } = config;
  if (publicUrl === undefined) {
    return problem(check, 'PUBLIC_URL is not set', 'Set it to the https origin at which Telnyx reaches this gateway');
  }
  if (config.telnyx.baseUrl === undefined && isPrivate(publicUrl)) {
    const remedy = 'Set PUBLIC_URL to an origin on the internet: a proxy, or a tunnel to this machine';
    return problem(check, `${publicUrl} is an address that Telnyx cannot reach`, remedy);
  }
  if (listener.who === 'nobody') return notChecked(check, 'the gateway cannot listen, so nothing can lead to it');
  const answer = await reach(`${publicUrl}${PROBE_PATH}`);
  if (!('response' in answer)) return silenceFinding(publicUrl, answer);
  const { response, body } = answer;
  const safety = publicUrl.startsWith('https:') ? 'with a valid certificate' : 'unencrypted';
  if (listener.who === 'stand-in' && body.includes(listener.nonce))
    return ok(check, `${publicUrl} leads here, ${safety}`);
  if (body.includes(NO_UPGRADE)) {
    if (listener.who !== 'stand-in') return ok(check, `a running gateway answers at ${publicUrl}, ${safety}`);
    return notChecked(
      check,
      `a gateway answers at ${publicUrl}, but not the one of port ${config.port} here: whether it is yours cannot be known`,
    );
  }
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400 && location !== null) {
    const remedy = 'Set PUBLIC_URL to the address behind the redirect: Telnyx follows none';
    return problem(check, `${publicUrl} redirects to ${location}`, remedy);
  }
  if (listener.who === 'unknown') return notChecked(check, `PORT is 0, and no running gateway answers at ${publicUrl}`);
  return problem(
    check,
    `something else answers at ${publicUrl} (HTTP ${response.status})`,
    `Let your proxy or tunnel forward it to port ${config.port} of this machine`,
  );
}

function silenceFinding(publicUrl: string, { reason, code = '' }: Silence): Finding {
  const detail = `${publicUrl} cannot be reached from here: ${reason}`;
  const isCertificate = code in CERTIFICATES || /CERT|VERIFY|ISSUER/.test(code);
  if (isCertificate) return problem('public URL', detail, CERTIFICATES[code] ?? ANY_CERTIFICATE);
  if (code === 'ENOTFOUND') return problem('public URL', detail, 'Correct PUBLIC_URL, or add the name to your DNS');
  return problem('public URL', detail, 'Check that proxy or tunnel runs and that the firewall lets it in');
}

/** Is the host one that only this machine or its own network knows? */
function isPrivate(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.local')) return true;
  return isIP(host) !== 0 && PRIVATE.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
  ['0.0.0.0', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
PRIVATE.addAddress('::1', 'ipv6');
PRIVATE.addSubnet('fc00::', 7, 'ipv6');
PRIVATE.addSubnet('fe80::', 10, 'ipv6');

async function upgradeFinding(publicUrl: string): Promise<Finding> {
  const check = 'WebSocket';
  const answer = await tryUpgrade(`${publicUrl.replace(/^http/, 'ws')}${PROBE_PATH}`);
  if (answer.includes(BAD_TOKEN)) return ok(check, 'upgrades reach the gateway');
  const remedy = 'Let the proxy pass "Upgrade" and "Connection" on (nginx: proxy_http_version 1.1 and both headers)';
  const detail = answer.includes(NO_UPGRADE)
    ? 'something on the way removes the upgrade'
    : `an upgrade does not reach the gateway: ${answer.slice(0, 120)}`;
  return problem(check, detail, remedy);
}

/** @returns what was said to the upgrade: a body, else the status, else the error. */
function tryUpgrade(url: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { handshakeTimeout: TIMEOUT_MS, perMessageDeflate: false });
    const end = (answer: string): void => {
      clearTimeout(deadline);
      resolve(answer);
      socket.terminate();
    };
    const deadline = setTimeout(() => end(`no answer within ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
    socket.on('open', () => end('it was accepted by something else'));
    socket.on('error', (error) => end(messageOf(error)));
    socket.on('unexpected-response', (request, response) => {
      let body = '';
      const finish = (): void => {
        end(body.trim() === '' ? `HTTP ${response.statusCode ?? 0}` : body);
        request.destroy();
      };
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        if (body.length > MAX_BODY_CHARS) finish();
      });
      response.on('end', finish);
      response.on('error', finish);
    });
  });
}
