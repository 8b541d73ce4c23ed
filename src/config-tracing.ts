import { got, type Complain } from './config-problems.ts';

/**
 * Where traces are posted, from OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, else
 * `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` behind it. Undefined: no traces. All other `OTEL_…` variables are read
 * by the SDK, and only then.
 */
export function tracesUrl(env: Readonly<Record<string, string | undefined>>, complain: Complain): string | undefined {
  const set = (name: string): string | undefined => env[name]?.trim() || undefined;
  const own = set('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const shared = set('OTEL_EXPORTER_OTLP_ENDPOINT');
  const given = own ?? shared;
  if (given === undefined || set('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  if (set('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol)) {
    const name = own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
    complain(name, 'must be an http(s) address, like http://localhost:4318');
    return undefined;
  }
  const protocolName = set('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL')
    ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
    : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = set(protocolName);
  if (protocol !== undefined && !protocol.startsWith('http/')) {
    complain(protocolName, `must be http/json: traces go over HTTP, usually to port 4318${got(protocol)}`);
    return undefined;
  }
  if (own === undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}
